/** The spread of measured values, and what may have caused it. */
import { availableParallelism, loadavg } from "node:os";

/** Returns the value below which this share of the values lies, between two of them by their distance. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (at - Math.floor(at)) * (above - below);
}

/** What else the machine did, in a few words: with more load than processors, times by the clock mean nothing. */
export function machineLoad(): string {
  return `load average ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} processors`;
}
