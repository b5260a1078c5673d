/** Intervals of candles that a service with given windows can serve: those that a whole number of its buckets fills. */
import { type CandleInterval, candleIntervals } from "@swapstats/protocol/limits.ts";
import { ProblemError } from "./problems.ts";

const ALL = Object.keys(candleIntervals) as CandleInterval[];

export class ServedIntervals {
  readonly #stepsMs: readonly number[];
  /** Ascending. */
  readonly names: readonly CandleInterval[];

  /** @param stepsMs bucket steps of the configured windows */
  constructor(stepsMs: readonly number[]) {
    this.#stepsMs = [...new Set(stepsMs)].sort((a, b) => a - b);
    this.names = ALL.filter((name) => this.#reach(name) > 0);
  }

  /** Throws ProblemError `invalid_parameters`, with the list of intervals, for an interval that no bucket in memory fills. */
  check(interval: CandleInterval): void {
    if (this.names.includes(interval)) return;
    const list = this.names.length === 0 ? "none" : this.names.join(", ");
    const message =
      `is ${interval}, and the finest step of this service's windows is ${(this.#stepsMs[0] as number) / 1_000} s: ` +
      `candles of that length cannot be told; there are ${list}`;
    throw new ProblemError("invalid_parameters", `interval ${message}`, {
      errors: [{ in: "query", name: "interval", message }],
    });
  }

  /** Returns the intervals that reach further back than this one, because coarser steps, which are kept longer, fill them. */
  longerThan(interval: CandleInterval): readonly CandleInterval[] {
    const reach = this.#reach(interval);
    return this.names.filter((name) => this.#reach(name) > reach);
  }

  /** Returns how many steps, from the finest on, fill the interval. Coarser steps are kept longer. */
  #reach(interval: CandleInterval): number {
    const at = this.#stepsMs.findIndex((stepMs) => candleIntervals[interval] % stepMs !== 0);
    return at === -1 ? this.#stepsMs.length : at;
  }
}
