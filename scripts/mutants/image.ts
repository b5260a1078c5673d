/** Breakages of the memory image: copy-on-write, free lists, leaks, the index, the wheel, and what a restore takes over. */
import type { Mutant } from "./mutant.ts";

/** Without `own` a snapshot in progress shows what was written after it began. */
const unowned = (file: string, search: string, replacement: string, of: string): Mutant => ({
  file,
  search,
  replacement,
  what: `a snapshot shows later writes to ${of}`,
  first: "snapshots",
});

/** The same where no stream of the suites makes such a write the first one to its page since the snapshot began. */
const neverFirst = (...parts: Parameters<typeof unowned>): Mutant => ({
  ...unowned(...parts),
  survives: "pages of 16 KiB are saved whole, and a write just before this one has always saved its page already",
});

const copyOnWrite: readonly Mutant[] = [
  neverFirst(
    "buckets/hot-buckets.ts",
    "    heap.own(bucket, HOT_BUCKET_UNITS);\n    heap.own(active, ACTIVE_UNITS);\n    u32[2 * active + HOT_COUNTING] += 1;",
    "    heap.own(active, ACTIVE_UNITS);\n    u32[2 * active + HOT_COUNTING] += 1;",
    "buckets that a swap is added to",
  ),
  unowned("swaps/records.ts", "    this.#heap.own(ref + (FLAGS >>> 3), 1);\n", "", "flags of records"),
  unowned(
    "swaps/records.ts",
    "    this.#heap.own(ref, 1);\n    this.#heap.u32[2 * ref + NEXT] = next;",
    "    this.#heap.u32[2 * ref + NEXT] = next;",
    "links of records",
  ),
  unowned(
    "swaps/inclusions.ts",
    "    heap.own(group, HEADER_UNITS + INCLUSION_UNITS * u32[2 * group + CAPACITY]);\n",
    "",
    "groups of inclusions",
  ),
  unowned(
    "memory/strings.ts",
    "    this.#heap.own(ref, 1);\n    this.#heap.u32[2 * ref + REFERENCES] += 1;",
    "    this.#heap.u32[2 * ref + REFERENCES] += 1;",
    "reference counts that grow",
  ),
  unowned(
    "memory/strings.ts",
    "    heap.own(ref, 1);\n    heap.u32[2 * ref + REFERENCES] -= 1;",
    "    heap.u32[2 * ref + REFERENCES] -= 1;",
    "reference counts that fall",
  ),
  neverFirst(
    "traders/trader-table.ts",
    "    this.#heap.own(slot >>> 1, 2);\n    const at = slot",
    "    const at = slot",
    "times of settled wallets",
  ),
  unowned(
    "traders/trader-sketch.ts",
    "    const { u8, u32 } = heap;\n    heap.own(group, (ENTRIES + size * u32[2 * group + CAPACITY] + 7) >>> 3);\n",
    "    const { u8, u32 } = heap;\n",
    "sketches",
  ),
  unowned("buckets/cold-blob.ts", "    heap.own(target, HEADER_UNITS);\n", "", "headers of blobs"),
  unowned("buckets/cold-blob.ts", "    heap.own(from >>> 1, (words + 2) >>> 1);\n", "", "rows of blobs"),
  unowned(
    "memory/hash-index.ts",
    "    this.#heap.own(segment + HEADER_UNITS + ENTRY_UNITS * slot, ENTRY_UNITS);\n    u32[table + ENTRY_WORDS * slot + HASH] = hash;",
    "    u32[table + ENTRY_WORDS * slot + HASH] = hash;",
    "places of the index",
  ),
  unowned(
    "memory/hash-index.ts",
    "      heap.own(segment + HEADER_UNITS + ENTRY_UNITS * hole, ENTRY_UNITS);\n      u32[table + ENTRY_WORDS * hole + HASH] = u32[table + ENTRY_WORDS * slot + HASH];",
    "      u32[table + ENTRY_WORDS * hole + HASH] = u32[table + ENTRY_WORDS * slot + HASH];",
    "entries that move up in the index",
  ),
  unowned("tokens.ts", "    this.#heap.own(at, 1);\n", "", "a token's counters"),
  unowned("tokens.ts", "    heap.own(head + (SYMBOL_NEXT >>> 1), 1);\n", "", "lists of tokens of one symbol"),
  unowned(
    "memory/labels.ts",
    "    heap.own(active, ACTIVE_UNITS);\n    heap.u32[2 * active + LABELS] = labels;",
    "    heap.u32[2 * active + LABELS] = labels;",
    "which labels a token has",
  ),
  unowned(
    "chains.ts",
    "    heap.own(row, ROW_UNITS);\n    heap.own(at >>> 1, 1);\n    heap.u32[2 * row + WHEEL_NEXT] = next;",
    "    heap.u32[2 * row + WHEEL_NEXT] = next;",
    "the wheel",
  ),
  unowned(
    "memory/heap.ts",
    "    this.own(BREAK, HEADER_UNITS);\n    this.own(ref, units);\n    this.f64[IN_USE] -= units;",
    "    this.own(BREAK, HEADER_UNITS);\n    this.f64[IN_USE] -= units;",
    "what is freed",
  ),
];

const leaks: readonly Mutant[] = [
  {
    file: "memory/heap.ts",
    search: "      this.own(free, units);\n      this.f64[free] = 0;\n      return free;",
    replacement: "      this.own(free, units);\n      return free;",
    what: "allocations from a free list are not zeroed",
    first: "memory/heap",
  },
  {
    file: "memory/heap.ts",
    search: "    this.f64.fill(0, ref, ref + units);\n",
    replacement: "",
    what: "freed memory keeps its bytes",
  },
  {
    file: "memory/hash-index.ts",
    search: "const between = hole <= slot ? home > hole && home <= slot : home > hole || home <= slot;",
    replacement: "const between = home > hole && home <= slot;",
    what: "a removal that wraps around the end of the index moves entries before their place",
  },
  {
    file: "memory/hash-index.ts",
    search: "    else if (capacity > 64 && u32[2 * segment + COUNT] < capacity * 0.25) this",
    replacement: "    else if (capacity < 0) this",
    what: "an index that was large never shrinks",
    first: "memory",
  },
  {
    file: "memory/hash-index.ts",
    search: "    heap.free(old, tableBytes(oldCapacity));\n    return segment;",
    replacement: "    return segment;",
    what: "an index that grows leaks its old table",
    first: "memory",
  },
  {
    file: "memory/strings.ts",
    search: "    this.release(near);\n",
    replacement: "",
    what: "hashes of blocks leak",
    first: "memory",
  },
  {
    file: "memory/strings.ts",
    search: "    this.retain(ref);\n    this.#heap.own(slotWord >>> 1, 1);",
    replacement: "    this.#heap.own(slotWord >>> 1, 1);",
    what: "a recent block hash is not retained",
    first: "memory",
  },
  {
    file: "swaps/records.ts",
    search: "      if (hasOwnSymbol) strings.release(symbol);\n",
    replacement: "",
    what: "symbols beyond a token's labels leak",
    first: "memory",
  },
  {
    file: "swaps/records.ts",
    search: "    strings.release(who);\n",
    replacement: "",
    what: "names of wallets leak",
    first: "memory",
  },
  {
    file: "swaps/inclusions.ts",
    search: "    this.#freeGroup(entry & ~GROUP_BIT);\n",
    replacement: "",
    what: "groups of inclusions leak",
    first: "memory",
  },
  {
    file: "memory/labels.ts",
    search:
      "    for (let i = 0; i < heap.u32[2 * labels + COUNT]; i++) this.#strings.release(heap.u32[2 * labels + REFS + i]);\n",
    replacement: "",
    what: "labels of a retired token leak",
    first: "memory",
  },
  {
    file: "memory/labels.ts",
    search: "    for (let i = 0; i < count; i++) u32[2 * labels + REFS + i] = u32[2 * old + REFS + i];\n",
    replacement: "",
    what: "labels are lost when a token gets more of them",
    first: "reads",
  },
  {
    file: "upkeep.ts",
    search: "      for (const record of counting) records.free(record);\n",
    replacement: "",
    what: "settled records that are not among the newest leak",
    first: "memory",
  },
  {
    file: "upkeep.ts",
    search: "    this.#dropRecent(active, 0);\n",
    replacement: "",
    what: "the newest swaps of a retired token leak",
    first: "memory",
  },
  {
    file: "upkeep.ts",
    search: "    traders.free(active);\n",
    replacement: "",
    what: "the traders of a retired token leak",
    first: "memory",
  },
  {
    file: "upkeep.ts",
    search: "    hotList.freeRing(active);\n",
    replacement: "",
    what: "the ring of a retired token leaks",
    first: "memory",
  },
];

const wheel: readonly Mutant[] = [
  {
    file: "upkeep.ts",
    search: "head === 0 ? cold.nextDueMs(active) : this.#nextMs(active, head, chain)",
    replacement: "cold.nextDueMs(active)",
    what: "a token with fresh swaps is visited only when packed buckets are due",
    first: "memory",
  },
  {
    file: "buckets/cold-store.ts",
    search: "      due = Math.min(due, Math.ceil",
    replacement: "      due = Math.max(due, Math.ceil",
    what: "packed buckets are due only after a full turn of the wheel",
    first: "memory",
  },
  {
    file: "chains.ts",
    search: "      heap.u32[2 * next + WHEEL_PREVIOUS] = previous;\n",
    replacement: "",
    what: "a token that leaves the wheel takes others with it",
    first: "memory",
  },
  {
    file: "chains.ts",
    search: "    if (slot >= 0 && slot <= Math.floor(settlesMs / WHEEL_GRAIN_MS) + 1) return;\n",
    replacement: "    if (slot >= 0) return;\n",
    what: "a token with fresh swaps waits for its packed buckets",
    first: "memory",
  },
];

const restoring: readonly Mutant[] = [
  {
    file: "engine-state.ts",
    search: '    this.hotList.count = t["hotBuckets"] ?? 0;\n',
    replacement: "",
    what: "a restore forgets how many buckets there are",
    first: "snapshots",
  },
  {
    file: "engine-state.ts",
    search: "    this.seenSinceMs = header?.seenSinceMs ?? undefined;\n",
    replacement: "",
    what: "a restore forgets seen_since",
    first: "snapshots",
  },
  {
    file: "snapshot.ts",
    search: `    \`chains=\${chains}\`,\n`,
    replacement: "",
    what: "a snapshot of other limits of a chain is accepted",
    first: "snapshots",
  },
  {
    file: "snapshot.ts",
    search: `    \`skew=\${config.maxSkewMs}\`,\n`,
    replacement: "",
    what: "a snapshot of another max_skew is accepted",
    first: "snapshots",
  },
  {
    file: "snapshot.ts",
    search: `    \`exact_traders=\${config.exactTraders}\`,\n`,
    replacement: "",
    what: "a snapshot of another cap of exact traders is accepted",
    first: "snapshots",
  },
  {
    file: "snapshot.ts",
    search: "  if (header.format !== IMAGE_FORMAT) {",
    replacement: "  if (header.format > IMAGE_FORMAT) {",
    what: "a snapshot of an older layout is accepted",
    first: "snapshots",
  },
  {
    file: "memory/heap.ts",
    search: '    if (this.imageBytes !== imageBytes) throw new RangeError("the image does not fit its own header");\n',
    replacement: "",
    what: "an image cut to the length in its header is accepted",
    first: "snapshots",
  },
];

export const imageMutants: readonly Mutant[] = [...copyOnWrite, ...leaks, ...wheel, ...restoring];
