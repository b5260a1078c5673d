/** Bounds the requests that read the history, so that they do not hurt live ones: how many run, how many wait, and for how long. */
import { SwapstatsError } from "../../shared/errors.ts";
import { ProblemError, problemOf } from "../problems.ts";

type LaneLimits = { readonly runningMax: number; readonly waitingMax: number; readonly timeoutMs: number };

const HISTORY_LANE: LaneLimits = { runningMax: 8, waitingMax: 128, timeoutMs: 25_000 };

export class HistoryLane {
  readonly #limits: LaneLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: LaneLimits = HISTORY_LANE) {
    this.#limits = limits;
  }

  /**
   * Runs the work when it is its turn. Rejects with ProblemError: `overloaded` beyond the limits, `unavailable` after the timeout and where the store
   * cannot be read. Work that has timed out keeps its place until it ends.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { waitingMax, runningMax, timeoutMs } = this.#limits;
    if (this.#running >= runningMax && this.#waiting.length >= waitingMax) {
      throw new ProblemError(
        "overloaded",
        `${waitingMax} requests to the history wait already; try again in a moment.`,
      );
    }
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const tooSlow = `The history did not respond within ${timeoutMs / 1_000} s. Ask for a shorter range, or try again.`;
    const timer = setTimeout(() => reject(new ProblemError("unavailable", tooSlow)), timeoutMs).unref();
    try {
      return await Promise.race([this.#inTurn(work), timeout]);
    } catch (error) {
      throw historyProblem(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limits.runningMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      // The place goes to the next one.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

function historyProblem(error: unknown): ProblemError {
  if (error instanceof SwapstatsError && error.code === "storage_failed") {
    return new ProblemError("unavailable", `The history cannot be read now: ${error.message}`, {}, error);
  }
  return problemOf(error);
}
