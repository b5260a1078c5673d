/** Limits work to a share of the thread's time. Short work always fits; after long work the next has to wait until the share has made up for it. */

export class WorkShare {
  readonly #burstMs: number;
  readonly #share: number;
  readonly #nowMs: () => number;
  #leftMs: number;
  #lastMs: number;

  /** At most `burstMs` of work at once, and then the `share` of the time (0 to 1). `nowMs` is monotonic. */
  constructor(burstMs: number, share: number, nowMs: () => number) {
    this.#burstMs = burstMs;
    this.#share = share;
    this.#nowMs = nowMs;
    this.#leftMs = burstMs;
    this.#lastMs = nowMs();
  }

  /** Does the work and returns its result. Returns undefined, and does nothing, while earlier work has used up the share. */
  run<T>(work: () => T): T | undefined {
    const startMs = this.#nowMs();
    this.#leftMs = Math.min(this.#burstMs, this.#leftMs + (startMs - this.#lastMs) * this.#share);
    this.#lastMs = startMs;
    if (this.#leftMs <= 0) return undefined;
    const result = work();
    this.#leftMs -= this.#nowMs() - startMs;
    return result;
  }
}
