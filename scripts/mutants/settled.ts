/** Breakages of the stream of settled swaps: its count, its rows, the unsettled swaps of a span, and the bound of marks. */
import type { Mutant } from "./mutant.ts";

const settled = (file: string, search: string, replacement: string, what: string): Mutant => ({
  file,
  search,
  replacement,
  what,
  first: file.startsWith("reads/") ? "reads/unsettled-query" : "settled-swaps",
});

export const settledMutants: readonly Mutant[] = [
  settled("upkeep.ts", "    this.#p.settledCount += counting.length;\n", "", "settled swaps are not counted"),
  settled(
    "upkeep.ts",
    "if ((records.flags(record) & FLAG_COUNTS) !== 0) counting.push(record);",
    "if ((records.flags(record) & 4) === 0) counting.push(record);",
    "a removed swap settles as one that counts",
  ),
  settled(
    "upkeep.ts",
    "    if (this.watch !== undefined) this.watch.settled(token, counting);\n",
    "    if (this.watch !== undefined) this.watch.settled(token, counting.slice(1));\n",
    "the last swap of a bucket gets no row",
  ),
  settled(
    "engine-state.ts",
    "this.settledCount = header?.settledCount ?? 0;",
    "this.settledCount = 0;",
    "a restored state numbers its swaps from 0",
  ),
  settled("engine-state.ts", "this.stream = header?.stream;", "", "a restored state has lost its stream"),
  settled(
    "reads/unsettled-query.ts",
    "if ((records.flags(record) & FLAG_COUNTS) === 0) continue;",
    "",
    "a removed swap is among the unsettled ones",
  ),
  settled(
    "reads/unsettled-query.ts",
    "if (timeMs >= fromMs && timeMs < toMs) found.push(record);",
    "if (timeMs >= fromMs && timeMs <= toMs) found.push(record);",
    "a span of unsettled swaps holds its end",
  ),
  settled(
    "reads/unsettled-query.ts",
    "hotList.startMs(bucket) >= fromMs && hotList.endMs(bucket) <= toMs",
    "hotList.startMs(bucket) >= fromMs",
    "sums of unsettled swaps take the whole bucket at the end of a span",
  ),
  settled(
    "reads/unsettled-query.ts",
    "if (open === 0 || order.compare(record, open, chain.id) < 0) {",
    "if (open === 0) {",
    "the open of a part of a bucket is that of the last arrival",
  ),
  {
    ...settled(
      "reads/unsettled-query.ts",
      "for (const token of tokens.index.valuesOf(part)) before = Math.min(before, this.#firstUnsettledMs(token));",
      "",
      "buckets that wait do not hold the bound back",
    ),
    first: "settled-swaps",
  },
  {
    ...settled(
      "reads/unsettled-query.ts",
      "let before = Math.min(...chains.list.map((chain) => chain.highMs - chain.horizonMs));",
      "let before = Number.MAX_SAFE_INTEGER;",
      "swaps that come later do not hold the bound back",
    ),
    first: "settled-swaps",
  },
];
