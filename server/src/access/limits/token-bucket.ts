/**
 * A token bucket in one number: the instant at which it would be full if nothing more were taken. Taking n units moves the instant by n
 * intervals. This is the generic cell rate algorithm (ITU-T I.371, annex A), which admits exactly what a counter with a refill admits, and needs no
 * timer and no rounding of parts of a unit.
 *
 * Instants are milliseconds of a clock that never goes back.
 */
import type { BucketPolicy } from "./policies.ts";

/** Sums of times are inexact in the last places. A thousandth of a microsecond admits nothing that matters. */
const ROUNDING_MS = 1e-6;

export class TokenBucket {
  #fullAtMs = Number.NEGATIVE_INFINITY;

  /** Sets the instant at which it is full, as a store told it. */
  setFullAt(fullAtMs: number): void {
    this.#fullAtMs = fullAtMs;
  }

  /** Takes whatever another view of the same bucket has taken beyond this one. */
  raise(fullAtMs: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, fullAtMs);
  }

  get fullAtMs(): number {
    return this.#fullAtMs;
  }

  /** Returns how long `units` are not available, in milliseconds; 0: they are. A cost beyond the burst needs a full bucket. */
  waitMs({ burst, intervalMs }: BucketPolicy, units: number, nowMs: number): number {
    const waitMs = this.#debtMs(nowMs) - (burst - Math.min(units, burst)) * intervalMs;
    return waitMs > ROUNDING_MS ? waitMs : 0;
  }

  /** Takes units that are available. */
  take({ burst, intervalMs }: BucketPolicy, units: number, nowMs: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + Math.min(units, burst) * intervalMs;
  }

  /** Returns the whole units that are available. */
  left({ burst, intervalMs }: BucketPolicy, nowMs: number): number {
    return Math.max(0, Math.floor(burst - (this.#debtMs(nowMs) - ROUNDING_MS) / intervalMs));
  }

  /** Returns the time until it is full. */
  fullInMs(nowMs: number): number {
    return this.#debtMs(nowMs);
  }

  #debtMs(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - nowMs);
  }
}
