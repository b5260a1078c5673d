/** Breakages of what is one and the same (swaps, inclusions, contents) and of the two orders: of swaps, of inclusions. */
import type { Mutant } from "./mutant.ts";

export const identityMutants: readonly Mutant[] = [
  {
    file: "swaps/record-order.ts",
    search: "    if (va.logIndex !== vb.logIndex) return va.logIndex - vb.logIndex;\n",
    replacement: "",
    what: "swaps of one time and block are not in the order of their log indexes",
  },
  {
    file: "swaps/record-order.ts",
    search: "return compareBytes(this.#idA, 0, aEnd, this.#idB, 0, bEnd);",
    replacement: "return aEnd - bEnd;",
    what: "swaps alike in time, block and log index are in the order of arrival",
  },
  {
    file: "swaps/record-order.ts",
    search:
      "if (byTime !== 0) return byTime;\n    const va = this.#records.read(a, this.#a);\n    const vb = this.#records.read(b, this.#b);\n    const byBlock = Math.max(va.blockNumber, 0) - Math.max(vb.blockNumber, 0);",
    replacement:
      "if (byTime !== 0) return byTime;\n    const va = this.#records.read(a, this.#a);\n    const vb = this.#records.read(b, this.#b);\n    const byBlock = va.blockNumber - vb.blockNumber;",
    what: "a swap without a block comes before one of block 0",
  },
  {
    file: "swaps/record-order.ts",
    search: "    if (va.revision !== vb.revision) return va.revision - vb.revision;\n",
    replacement: "",
    what: "a higher revision is not the greater inclusion",
  },
  {
    file: "swaps/record-order.ts",
    search: "      ha === 0 ? 0 : s.byteStart(ha),\n      ha === 0 ? 0 : s.byteEnd(ha),\n",
    replacement: "      0,\n      0,\n",
    what: "of inclusions that differ only in the block's hash the first is the greatest",
  },
  {
    file: "swaps/record-matcher.ts",
    search: "event.blockNumber, 0) &&\n        this.#records.timeMs(ref) === event.eventTimeMs",
    replacement: "event.blockNumber, 0)",
    what: "inclusions without a hash are one if they share a block",
  },
  {
    file: "swaps/record-matcher.ts",
    search: "if (hasId || view.idStart !== view.idEnd) {",
    replacement: "if (hasId && view.idStart !== view.idEnd) {",
    what: "a given event id in the form of a default one is another swap",
  },
  {
    file: "swaps/swap-identity.ts",
    search: "const canonical = digits > 0 &&",
    replacement: "const canonical = digits > 10 &&",
    what: "a given event id in the form of a default one has another hash",
  },
  {
    file: "swaps/swap-identity.ts",
    search: "const canonical = digits > 0 && (digits === 1 || bytes[colon + 1] !== 48) &&",
    replacement: "const canonical = digits > 0 &&",
    what: "an event id with a needless zero in its log index has the hash of another swap",
    survives: "equal hashes only lead two swaps to one place of the index, where their ids are compared",
  },
  {
    file: "swaps/record-matcher.ts",
    search: "      view.usdMicro === event.usdMicro &&\n",
    replacement: "",
    what: "a copy with other dollars is no conflict",
  },
  {
    file: "swaps/record-matcher.ts",
    search: "      same(view.pool, event.poolStart, event.poolEnd) &&\n",
    replacement: "",
    what: "a copy with another pool is no conflict",
  },
  {
    file: "swaps/record-matcher.ts",
    search: "      this.#records.timeMs(ref) === event.eventTimeMs &&\n      same(",
    replacement: "      same(",
    what: "a copy with another time is no conflict",
  },
  {
    file: "swaps/records.ts",
    search: "    return label === LABEL_OWN ? this.read(ref).symbol : this.#labels.ref(this.#activeOf(ref), label);",
    replacement: "    return label === LABEL_OWN ? 0 : this.#labels.ref(this.#activeOf(ref), label);",
    what: "symbols beyond a token's labels are lost",
  },
  {
    file: "swaps/record-writer.ts",
    search: "    if (pool === LABEL_OWN) this.#putVarint(strings.intern(bytes, event.poolStart, event.poolEnd));\n",
    replacement:
      "    if (pool === LABEL_OWN) this.#putVarint(strings.intern(bytes, event.symbolStart, event.symbolEnd));\n",
    what: "pools beyond a token's labels are symbols",
  },
  {
    file: "swaps/inclusions.ts",
    search: "      if (a !== 0) last = Math.max(last, this.#records.timeMs(a));\n",
    replacement: "      if (a !== 0 && r === 0) last = Math.max(last, this.#records.timeMs(a));\n",
    what: "a removal's earlier time shortens a swap's life",
  },
  {
    file: "swaps/inclusions.ts",
    search: "      if (this.#matcher.sameInclusion(a !== 0 ? a : this.removal(entry, i), event)) return i;",
    replacement: "      if (a !== 0 && this.#matcher.sameInclusion(a, event)) return i;",
    what: "a swap is not the one whose removal came before it",
  },
  {
    file: "applier.ts",
    search: "      if (tokens.isKnown(token)) tokens.countRemoved(token);\n",
    replacement: "      tokens.countRemoved(token);\n",
    what: "a token's removals are counted before it is known",
  },
  {
    file: "applier.ts",
    search:
      "    if (token !== 0 && this.#state.tokens.isKnown(token)) {\n      this.#state.tokens.countUnresolved(token);",
    replacement: "    if (token !== 0) {\n      this.#state.tokens.countUnresolved(token);",
    what: "a token's unresolved removals are counted before it is known",
  },
  {
    file: "applier.ts",
    search: "= Math.max(0, chain.highMs - chain.horizonMs);",
    replacement: "= 0;",
    what: "a retired token reports its newest swaps as if it had kept all",
  },
  {
    file: "partition-engine.ts",
    search: "return !this.#windows.hasTrades(active, openMs, Number.POSITIVE_INFINITY);",
    replacement: "return !this.#windows.hasTrades(active, openMs, asOfMs);",
    what: "a token all of whose swaps wait for the as-of is retired",
  },
  {
    file: "tokens.ts",
    search: "    if (this.#heap.f64[row + LAST_RECORD_MS] >= timeMs) return;\n",
    replacement: "",
    what: "a token retires by the last event that arrived, not by the latest one",
  },
  {
    file: "tokens.ts",
    search: "      if (rows.length === hitsMax) break;\n",
    replacement: "",
    what: "a look-up by symbol returns all of its tokens, however many",
  },
  {
    file: "memory/bytes.ts",
    search: "  return aLength - bLength;\n",
    replacement: "  return 0;\n",
    what: "an id that is the beginning of another one is equal to it",
  },
  {
    file: "memory/bytes.ts",
    search: "  for (; p < end; p++, q++) {\n    if (a.getUint8(p) !== b.getUint8(q)) return false;\n  }\n",
    replacement: "",
    what: "strings that differ in their last bytes are one",
  },
  {
    file: "memory/bytes.ts",
    search: "    if (a.getInt32(p, true) !== b.getInt32(q, true)) return false;\n",
    replacement: "",
    what: "strings that differ before their last bytes are one",
  },
  {
    file: "memory/byte-view.ts",
    search: "    if (bytes !== this.#bytes) this.#look(bytes);\n",
    replacement: "    if (this.#bytes.length === 0) this.#look(bytes);\n",
    what: "texts of a second buffer are compared in the first",
  },
  {
    file: "memory/bytes.ts",
    search: "((bytes[i + 1] & 0x3f) << 6) | (bytes[i + 2] & 0x3f));\n      i += 3;",
    replacement: "((bytes[i + 1] & 0x3f) << 5) | (bytes[i + 2] & 0x3f));\n      i += 3;",
    what: "characters of three bytes are served as others",
    first: "reads",
  },
  {
    file: "memory/bytes.ts",
    search: "((b & 0x07) << 18) |",
    replacement: "((b & 0x07) << 17) |",
    what: "characters of four bytes are served as others",
    first: "reads",
  },
  {
    file: "memory/bytes.ts",
    search: "else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 0x3f),",
    replacement: "else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 0x1f),",
    what: "a token with characters of four bytes is not found",
    first: "reads",
  },
  {
    file: "applier.ts",
    search: "if (timeMs < holderMs || (timeMs === holderMs && order.compare(record, holder, chain.id) < 0)) return;",
    replacement: "if (timeMs < holderMs) return;",
    what: "of two swaps of one time the one that came last names the symbol",
  },
  {
    file: "applier.ts",
    search: "    heap.f64[active + SYMBOL_MS] = holder === 0 ? 0 : records.timeMs(holder);\n",
    replacement: "",
    what: "after a removal the symbol waits for a swap later than the removed one",
  },
];
