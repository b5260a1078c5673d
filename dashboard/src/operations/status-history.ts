/** Counters of the last ten minutes, and their rates. A sum that went back, or that no sample knows, has no rate. */
import type { Status } from "@swapstats/client";

export const SPAN_MS = 600_000;
/** Samples that are kept: those of ten minutes, at one in two seconds, and some in reserve. */
export const SAMPLES_MAX = 400;
/** The present rate is taken over this span. */
const RATE_OVER_MS = 10_000;

export type Counter = "accepted" | "applied" | "duplicates" | "late" | "removed" | "quarantined" | "dead_letters";

export type Sample = {
  /** The clock of this page. */
  readonly atMs: number;
  /** The clock of the instance that responded, which measures the time between two of its samples exactly. */
  readonly instance: string;
  readonly serverMs: number | undefined;
  readonly sums: Readonly<Record<Counter, number>>;
  /** Records that are stored and not yet in the state. */
  readonly lag: number;
};

export type Point = { readonly atMs: number; readonly value: number | undefined };

export function sampleOf({ instance, time, counters, partitions }: Status, atMs: number): Sample {
  const { accepted, applied, duplicates, late, removed, quarantined, dead_letters } = counters;
  const deadLetters = Object.values(dead_letters).reduce((sum, count) => sum + count, 0);
  return {
    atMs,
    instance,
    serverMs: time,
    sums: { accepted, applied, duplicates, late, removed, quarantined, dead_letters: deadLetters },
    lag: partitions.reduce((sum, { lag }) => sum + lag, 0),
  };
}

/** Returns the samples with a newer one, without those that are too old or too many. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const kept = samples.filter(({ atMs }) => atMs > sample.atMs - SPAN_MS && atMs < sample.atMs);
  return [...kept.slice(1 - SAMPLES_MAX), sample];
}

function elapsedMs(from: Sample, to: Sample): number {
  const isSame = from.instance === to.instance && from.serverMs !== undefined && to.serverMs !== undefined;
  const byServer = isSame ? (to.serverMs as number) - (from.serverMs as number) : 0;
  // The clock of the instance may have been set back.
  return byServer > 0 ? byServer : to.atMs - from.atMs;
}

/** Returns the growth of a sum per second between two samples. Undefined if the sum is smaller than before. That happens when an instance does not answer, or when a state was dropped. */
function rateBetween(from: Sample, to: Sample, counter: Counter): number | undefined {
  const more = to.sums[counter] - from.sums[counter];
  const ms = elapsedMs(from, to);
  return more < 0 || ms <= 0 ? undefined : (more / ms) * 1_000;
}

/** Returns the rate up to each sample but the first. */
export function ratesOf(samples: readonly Sample[], counter: Counter): readonly Point[] {
  return samples.slice(1).map((sample, i) => ({
    atMs: sample.atMs,
    value: rateBetween(samples[i] as Sample, sample, counter),
  }));
}

export const lagsOf = (samples: readonly Sample[]): readonly Point[] =>
  samples.map(({ atMs, lag }) => ({ atMs, value: lag }));

/** Returns the present rate. Undefined with less than two samples. */
export function rateNow(samples: readonly Sample[], counter: Counter): number | undefined {
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  const first = samples.find(({ atMs }) => atMs >= last.atMs - RATE_OVER_MS) as Sample;
  const from = first === last ? samples.at(-2) : first;
  return from === undefined ? undefined : rateBetween(from, last, counter);
}
