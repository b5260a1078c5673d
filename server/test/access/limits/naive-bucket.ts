/** The naive model of a token bucket: a level that grows by one for each millisecond, in exact integers. */
import type { BucketPolicy } from "../../../src/access/limits/policies.ts";

export class NaiveBucket {
  readonly #fullLevel: number;
  readonly #intervalMs: number;
  #level: number;
  #atMs = 0;

  /** The interval is a whole number of milliseconds. `aheadMs`: what may be taken before it is there. */
  constructor({ burst, intervalMs }: BucketPolicy, aheadMs = 0) {
    this.#fullLevel = burst * intervalMs + aheadMs;
    this.#intervalMs = intervalMs;
    this.#level = this.#fullLevel;
  }

  /** Returns the time until so many units are available, and takes them if it is 0. */
  take(units: number, nowMs: number): number {
    this.#advance(nowMs);
    const level = Math.min(units * this.#intervalMs, this.#fullLevel);
    if (level > this.#level) return level - this.#level;
    this.#level -= level;
    return 0;
  }

  left(nowMs: number): number {
    this.#advance(nowMs);
    return Math.floor(this.#level / this.#intervalMs);
  }

  #advance(nowMs: number): void {
    this.#level = Math.min(this.#fullLevel, this.#level + nowMs - this.#atMs);
    this.#atMs = nowMs;
  }
}
