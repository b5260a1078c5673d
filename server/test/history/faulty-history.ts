/** A history store whose calls go wrong: they do nothing and fail, are applied and fail all the same, or come late. */
import type { HistoryStore } from "../../src/ports/history-store.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import type { Random } from "../support/seed.ts";

type Written = "beginStream" | "append" | "noteGap";

export class FaultyHistory {
  readonly #store: HistoryStore;
  readonly #random: Random;
  /** Part of the calls that go wrong. */
  faults: number;
  /** The store is away: no call is applied. */
  isAway = false;

  constructor(store: HistoryStore, random: Random, faults: number) {
    this.#store = store;
    this.#random = random;
    this.faults = faults;
  }

  /** The same store, with faults in what writes. */
  get store(): HistoryStore {
    const faulty = {
      beginStream: (...args: unknown[]) => this.#call("beginStream", args),
      append: (...args: unknown[]) => this.#call("append", args),
      noteGap: (...args: unknown[]) => this.#call("noteGap", args),
    };
    return Object.assign(Object.create(this.#store), faulty) as HistoryStore;
  }

  async #call(name: Written, args: unknown[]): Promise<void> {
    if (this.isAway) throw new SwapstatsError("storage_failed", "the history store is away", { retryable: true });
    const isFaulty = this.#random.chance(this.faults);
    const fate = isFaulty ? this.#random.pick(["fail", "fail_after", "late"] as const) : "good";
    if (fate === "fail") throw new SwapstatsError("storage_failed", "it failed", { retryable: true });
    if (fate === "late") for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
    await (this.#store[name] as (...args: unknown[]) => Promise<void>)(...args);
    if (fate === "fail_after") throw new SwapstatsError("storage_failed", "it timed out", { retryable: true });
  }
}
