/**
 * The merging of rankings of several threads, which is work of the main thread: the rows of each thread are read from JSON, put in one order,
 * and compared with what was sent last. It is done one ranking after the other, in the order in which they asked, and after each turn the
 * queue rests for a multiple of the time that it took. So however many rankings are open, merging takes a bounded part of the thread that
 * also answers requests; what comes meanwhile replaces what waits, and rankings are updated less often.
 */

/** A turn of merging ends after about this time. */
export const MERGE_TURN_MS = 5;
/** The queue rests for so many times what a turn took. */
export const MERGE_REST_FACTOR = 3;

export class MergeQueue {
  readonly #nowMs: () => number;
  readonly #waiting = new Set<() => void>();
  #isScheduled = false;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Calls `merge` once, in a later turn of the event loop; one that waits already waits where it is. */
  add(merge: () => void): void {
    this.#waiting.add(merge);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  delete(merge: () => void): void {
    this.#waiting.delete(merge);
  }

  readonly #turn = (): void => {
    const startMs = this.#nowMs();
    let tookMs = 0;
    for (const merge of this.#waiting) {
      this.#waiting.delete(merge);
      merge();
      tookMs = this.#nowMs() - startMs;
      if (tookMs >= MERGE_TURN_MS) break;
    }
    const restMs = tookMs * MERGE_REST_FACTOR;
    if (restMs >= 1) setTimeout(this.#afterRest, restMs);
    else this.#afterRest();
  };

  readonly #afterRest = (): void => {
    this.#isScheduled = this.#waiting.size > 0;
    if (this.#isScheduled) setImmediate(this.#turn);
  };
}
