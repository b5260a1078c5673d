/**
 * A histogram of plain numbers. It is cheap enough for hot paths, and its numbers can be posted between threads. prom-client's own costs a
 * microsecond and two allocations for each observation, because it looks up its labels each time.
 */

/** A histogram as it is posted between threads. Histograms with the same bounds can be added up. */
export type HistogramNumbers = {
  /** Upper edges, inclusive, ascending. */
  readonly bounds: readonly number[];
  /** Observations in each bucket, not cumulative; the last is above all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
};

/** Bounds in seconds for durations of micro- to milliseconds. */
export const SHORT_SECONDS = [
  0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
] as const;
/** Bounds in seconds for durations that a person may wait for. */
export const LONG_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

export class PlainHistogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#bounds.length && value > (this.#bounds[i] as number)) i += 1;
    this.#counts[i] = (this.#counts[i] as number) + 1;
    this.#sum += value;
  }

  numbers(): HistogramNumbers {
    return { bounds: this.#bounds, counts: Array.from(this.#counts), sum: this.#sum };
  }
}

/** Returns the sum of histograms with the same bounds; undefined for an empty list. */
export function addHistograms(all: readonly HistogramNumbers[]): HistogramNumbers | undefined {
  const [first] = all;
  if (first === undefined) return undefined;
  return {
    bounds: first.bounds,
    counts: first.counts.map((_, i) => all.reduce((sum, one) => sum + (one.counts[i] ?? 0), 0)),
    sum: all.reduce((sum, one) => sum + one.sum, 0),
  };
}
