/** Sets of sequences as ranges that are ascending and apart. */
import type { SequenceRange } from "../../../ports/history-store.ts";

/** Returns the parts of the range that the set does not hold. */
export function missingIn(held: readonly SequenceRange[], { from, to }: SequenceRange): SequenceRange[] {
  const missing: SequenceRange[] = [];
  let next = from;
  for (const range of held) {
    if (range.to <= next) continue;
    if (range.from >= to) break;
    if (next < range.from) missing.push({ from: next, to: range.from });
    next = range.to;
  }
  if (next < to) missing.push({ from: next, to });
  return missing;
}

/** Returns the set with the range. */
export function withRange(held: readonly SequenceRange[], range: SequenceRange): SequenceRange[] {
  const sorted = [...held, range].sort((a, b) => a.from - b.from);
  const merged: SequenceRange[] = [];
  for (const { from, to } of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to)
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, to) };
    else if (from < to) merged.push({ from, to });
  }
  return merged;
}
