/** The newest changes of what counts of a token, in the order of the log, while the token's swaps are followed. */
import { requestLimits } from "@swapstats/protocol/limits.ts";

/** Changes that are kept. A listener that is further behind is told how many it missed. */
export const JOURNAL_ITEMS = requestLimits.swapsMax;

export class SwapJournal {
  /** The number at which it began. Nothing is known of the changes up to it. */
  readonly from: number;
  /** Monotonic; when it was last read. */
  usedMs: number;
  #seq: number;
  readonly #items: string[] = [];

  constructor(from: number, nowMs: number) {
    this.from = from;
    this.#seq = from;
    this.usedMs = nowMs;
  }

  /** The number of the newest change. Numbers grow by one with each. */
  get seq(): number {
    return this.#seq;
  }

  add(item: string): void {
    this.#seq += 1;
    this.#items.push(item);
    if (this.#items.length > JOURNAL_ITEMS) this.#items.shift();
  }

  /** Returns the changes behind a number, as far as they are kept. */
  behind(seq: number): readonly string[] {
    const count = Math.min(this.#seq - seq, this.#items.length);
    return count <= 0 ? [] : this.#items.slice(-count);
  }
}
