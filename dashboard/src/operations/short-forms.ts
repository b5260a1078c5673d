/** Short forms of rates and of lists of numbers. */
import { formatCount, NO_VALUE } from "../format/figures.ts";

/** A rate: `1,240`, `12.4`, `0.31`, `0`. */
export function formatRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return NO_VALUE;
  if (perSecond === 0 || perSecond >= 99.95) return formatCount(Math.round(perSecond));
  if (perSecond >= 9.995) return perSecond.toFixed(1);
  return perSecond < 0.005 ? "<0.01" : perSecond.toFixed(2);
}

/** Returns numbers in short: `0–3, 7`. */
export function rangesOf(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const number of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.length === 0
    ? "none"
    : ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(", ");
}
