/** The time of a session that is due: it begins in the past, and runs faster or slower than the real time. */

/** Real time that counts at most between two looks. After a stall the clock goes on where it was, and does not leap. */
const STALL_MAX_MS = 1_000;

export class ReplayClock {
  readonly #speed: number;
  readonly #monotonicMs: () => number;
  #dueMs: number;
  #seenMs: number;

  /** It stands still until `start`. */
  constructor(atMs: number, speed: number, monotonicMs: () => number) {
    this.#dueMs = atMs;
    this.#speed = speed;
    this.#monotonicMs = monotonicMs;
    this.#seenMs = monotonicMs();
  }

  start(): void {
    this.#seenMs = this.#monotonicMs();
  }

  /** Returns the time that is due now, in whole milliseconds. */
  now(): number {
    const nowMs = this.#monotonicMs();
    this.#dueMs += Math.min(nowMs - this.#seenMs, STALL_MAX_MS) * this.#speed;
    this.#seenMs = nowMs;
    return Math.floor(this.#dueMs);
  }

  /** Returns the real time until a time is due. */
  waitMs(timeMs: number): number {
    return Math.max(0, (timeMs - this.#dueMs) / this.#speed);
  }
}
