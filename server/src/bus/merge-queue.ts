/**
 * Merges rankings of several workers on the main thread: puts their rows in one order and compares them with the rows that were sent last. Rankings are
 * merged one after the other, in the order in which they asked. After each turn the queue rests for a multiple of the time that the turn took. However
 * many rankings are open, merging takes a bounded part of the thread that also answers requests. A newer update replaces one that waits, and
 * rankings are updated less often.
 */

/** A turn of merging ends after about this time. */
export const MERGE_TURN_MS = 5;
/** Pause after a turn, as a multiple of its duration. */
export const MERGE_REST_FACTOR = 3;

export class MergeQueue {
  readonly #nowMs: () => number;
  readonly #waiting = new Set<() => void>();
  #isScheduled = false;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Calls `merge` once, in a later turn of the event loop. A ranking that waits already keeps its place. */
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
