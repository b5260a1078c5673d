/**
 * Units of a shared bucket that this instance may hand out by itself. A lease is a span of the shared bucket's own time line: n units in a row,
 * each with the instant from which it may be used. Spans of different leases do not overlap. Therefore all instances together hand out
 * no more than the one bucket would, but for units that were leased before and are used later.
 */
import type { BucketPolicy } from "./policies.ts";
import { TokenBucket } from "./token-bucket.ts";

/** A lease can be used for this long. Units that are left then return to the shared bucket with the next request for a lease. */
export const LEASE_MS = 2_000;
/** Units that a lease may hold beyond those of the request that asked for it. */
const PORTION_MIN = 10;
const PORTION_MAX = 1_000;

/** Returns the further units of a lease: a twentieth of the burst, at least ten, and never more than half of the burst. */
export function portionOf({ burst }: BucketPolicy): number {
  const wanted = Math.min(PORTION_MAX, Math.max(PORTION_MIN, Math.floor(burst / 20)));
  return Math.min(wanted, Math.ceil(burst / 2));
}

/** What the store answered. */
export type Grant = {
  readonly units: number;
  /** When the shared bucket was full before the grant, counted from the answer. */
  readonly fullInMs: number;
  /** Time until the units that were asked for are available; 0 if they are granted. */
  readonly waitMs: number;
};

export class Lease {
  /** The shared bucket as this lease sees it. */
  readonly bucket = new TokenBucket();
  #units = 0;
  #askedAtMs = 0;
  #endsAtMs = 0;
  #refusedUnits = Number.POSITIVE_INFINITY;
  #refusedUntilMs = 0;

  /** Returns how long `units` are not available, in milliseconds; 0: they are. Undefined: the store must be asked. */
  waitMs(policy: BucketPolicy, units: number, nowMs: number): number | undefined {
    const capped = Math.min(units, policy.burst);
    if (capped >= this.#refusedUnits && nowMs < this.#refusedUntilMs) return this.#refusedUntilMs - nowMs;
    if (capped > this.#units || nowMs >= this.#endsAtMs) return undefined;
    return this.bucket.waitMs(policy, capped, nowMs);
  }

  /** Takes units that are available. */
  take(policy: BucketPolicy, units: number, nowMs: number): void {
    this.#units -= Math.min(units, policy.burst);
    this.bucket.take(policy, units, nowMs);
  }

  /**
   * Returns the units that the shared bucket gets back, and holds none from now on. Since the grant the shared bucket was refilled, perhaps to the
   * brim; what came back in that time must not come back twice.
   */
  giveBack({ intervalMs }: BucketPolicy, nowMs: number): number {
    const units = Math.max(0, this.#units - (nowMs - this.#askedAtMs) / intervalMs);
    this.#units = 0;
    return units;
  }

  /** Takes over what the store granted to a request of `askedAtMs` for at least `unitsMin`. */
  grant({ units, fullInMs, waitMs }: Grant, unitsMin: number, askedAtMs: number, nowMs: number): void {
    this.bucket.setFullAt(nowMs + fullInMs);
    this.#units = units;
    this.#askedAtMs = askedAtMs;
    this.#endsAtMs = askedAtMs + LEASE_MS;
    this.#refusedUnits = units > 0 ? Number.POSITIVE_INFINITY : unitsMin;
    this.#refusedUntilMs = nowMs + waitMs;
  }

  /** When the shared bucket is full, as far as this instance knows. */
  fullAtMs({ intervalMs }: BucketPolicy): number {
    return this.bucket.fullAtMs + this.#units * intervalMs;
  }
}
