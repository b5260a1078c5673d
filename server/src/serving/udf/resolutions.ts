/** Resolutions of charting front ends (`1S`, `5`, `60`, `1D`), and the intervals of candles that fill them. */
import type { CandleInterval } from "@swapstats/protocol/limits.ts";

const RESOLUTIONS = {
  "1S": "1s",
  "5S": "5s",
  "15S": "15s",
  "1": "1m",
  "5": "5m",
  "15": "15m",
  "30": "30m",
  "60": "1h",
  "240": "4h",
  "1D": "1d",
} as const satisfies Record<string, CandleInterval>;

type Resolution = keyof typeof RESOLUTIONS;

/** Seconds without `S`, minutes without a letter, and days; the front ends also write a single day as `D`. */
const resolutions = ["1S", "5S", "15S", "1", "5", "15", "30", "60", "240", "1D"] as const satisfies Resolution[];

/** Returns the resolutions that these intervals fill, shortest first. */
export function servedResolutions(intervals: readonly CandleInterval[]): readonly Resolution[] {
  return resolutions.filter((name) => intervals.includes(RESOLUTIONS[name]));
}

/** Returns the interval of a resolution; undefined if there is no such resolution. */
export function intervalOf(resolution: string): CandleInterval | undefined {
  const name = resolution === "D" ? "1D" : resolution;
  return Object.hasOwn(RESOLUTIONS, name) ? RESOLUTIONS[name as Resolution] : undefined;
}
