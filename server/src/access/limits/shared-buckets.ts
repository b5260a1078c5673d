/**
 * Buckets that all instances share, in Redis. This instance leases units in portions, and hands them out without asking (lease.ts). Requests that
 * need a lease at the same time ask together, in one call.
 *
 *   near ---a call fails---> away       for a pause, doubled with each failure up to its limit
 *   away ---the pause is over---> near  the next request asks again
 *
 * While Redis is away no request waits for it. Then `rate_limit.on_failure` decides.
 */
import type { RateLimitConfig } from "../../config/build/rate-limit.ts";
import type { Buckets, Demand, Outcome } from "./buckets.ts";
import { type Grant, Lease, portionOf } from "./lease.ts";
import { MemoryBuckets } from "./memory-buckets.ts";
import type { BucketPolicy } from "./policies.ts";
import { RecentMap } from "./recent-map.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What a lease is asked for. */
export type LeaseAsk = {
  readonly key: string;
  readonly policy: BucketPolicy;
  readonly unitsMin: number;
  readonly unitsMax: number;
  readonly unitsBack: number;
};

export type LeaseStore = {
  /** Resolves to one grant for each, in the same order. Rejects when the store does not respond in time. */
  ask(asks: readonly LeaseAsk[]): Promise<readonly Grant[]>;
  close(): void;
};

export type StoreEvents = {
  /** Called when the store goes away (with the error), and when it is back. */
  readonly onStore: (error: Error | undefined) => void;
  /** Called for each call of the store. */
  readonly onCall: (result: "answered" | "failed") => void;
};

type SharedBucketsOptions = {
  readonly store: LeaseStore;
  readonly onFailure: RateLimitConfig["onFailure"];
  readonly events: StoreEvents;
  readonly steadyMs: () => number;
};

type Asking = { readonly lease: Lease; readonly policy: BucketPolicy; unitsMin: number; unitsSum: number };

const LEASES_MAX = 50_000;
/** A request that found its units taken by others this often is refused. */
const ROUNDS_MAX = 6;
const PAUSE_FIRST_MS = 250;
const PAUSE_MAX_MS = 5_000;
/** Leases that one call asks for. */
const ASKS_MAX = 100;

export class SharedBuckets implements Buckets {
  readonly #options: SharedBucketsOptions;
  readonly #leases: RecentMap<Lease>;
  /** For `on_failure: local`. */
  readonly #own = new MemoryBuckets();
  /** By key; asked for with the next call. */
  #asking = new Map<string, Asking>();
  /** Set until the call is made. */
  #gathering: Promise<void> | undefined;
  /** Set while a call is running. */
  #calling: Promise<void> | undefined;
  #awayUntilMs = Number.NEGATIVE_INFINITY;
  #pauseMs = PAUSE_FIRST_MS;
  #isAway = false;

  constructor(options: SharedBucketsOptions) {
    this.#options = options;
    this.#leases = new RecentMap(LEASES_MAX);
  }

  take(demands: readonly Demand[], nowMs: number): Outcome | Promise<Outcome> {
    if (nowMs < this.#awayUntilMs) return this.#takeWhileAway(demands, nowMs);
    return this.#takeLeased(demands, nowMs) ?? this.#askAndTake(demands, nowMs);
  }

  close(): void {
    this.#options.store.close();
    this.#own.close();
  }

  /** Returns undefined when the store must be asked. */
  #takeLeased(demands: readonly Demand[], nowMs: number): Outcome | undefined {
    const leases: Lease[] = [];
    const buckets: TokenBucket[] = [];
    let waitMs = 0;
    let mustAsk = false;
    for (const { key, policy, units } of demands) {
      const lease = this.#leaseOf(key);
      leases.push(lease);
      buckets.push(lease.bucket);
      const wait = lease.waitMs(policy, units, nowMs);
      if (wait === undefined) mustAsk = true;
      else if (wait > waitMs) waitMs = wait;
    }
    if (waitMs > 0) return { kind: "refused", waitMs, buckets };
    if (mustAsk) return undefined;
    for (let i = 0; i < leases.length; i += 1) {
      const { policy, units } = demands[i] as Demand;
      (leases[i] as Lease).take(policy, units, nowMs);
    }
    return { kind: "taken", waitMs: 0, buckets };
  }

  async #askAndTake(demands: readonly Demand[], nowMs: number): Promise<Outcome> {
    const { steadyMs } = this.#options;
    let now = nowMs;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await this.#ask(demands, now);
      now = steadyMs();
      if (now < this.#awayUntilMs) return this.#takeWhileAway(demands, now);
      const outcome = this.#takeLeased(demands, now);
      if (outcome !== undefined) return outcome;
    }
    const waitMs = Math.max(...demands.map(({ policy }) => policy.intervalMs));
    return { kind: "refused", waitMs, buckets: demands.map(({ key }) => this.#leaseOf(key).bucket) };
  }

  /** Asks for the leases that lack units. Resolves when the store has answered, or has not. */
  #ask(demands: readonly Demand[], nowMs: number): Promise<void> {
    // The answer that is on its way may have what is needed.
    if (this.#calling !== undefined) return this.#calling;
    for (const { key, policy, units } of demands) {
      const lease = this.#leaseOf(key);
      if (lease.waitMs(policy, units, nowMs) !== undefined) continue;
      const capped = Math.min(units, policy.burst);
      const asking = this.#asking.get(key);
      if (asking === undefined) this.#asking.set(key, { lease, policy, unitsMin: capped, unitsSum: capped });
      else {
        asking.unitsMin = Math.min(asking.unitsMin, capped);
        asking.unitsSum = Math.min(asking.unitsSum + capped, policy.burst);
      }
    }
    this.#gathering ??= this.#callSoon();
    return this.#gathering;
  }

  /** Requests of the same turn ask together. */
  async #callSoon(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#gathering = undefined;
    this.#calling = this.#call().finally(() => {
      this.#calling = undefined;
    });
    return this.#calling;
  }

  async #call(): Promise<void> {
    const { store, steadyMs, events } = this.#options;
    const askings = [...this.#asking].slice(0, ASKS_MAX);
    for (const [key] of askings) this.#asking.delete(key);
    const askedAtMs = steadyMs();
    const asks = askings.map(([key, { lease, policy, unitsMin, unitsSum }]): LeaseAsk => {
      const unitsMax = unitsSum + portionOf(policy) - 1;
      return { key, policy, unitsMin, unitsMax, unitsBack: lease.giveBack(policy, askedAtMs) };
    });
    try {
      const grants = await store.ask(asks);
      const nowMs = steadyMs();
      for (const [i, [, { lease, unitsMin }]] of askings.entries()) {
        lease.grant(grants[i] as Grant, unitsMin, askedAtMs, nowMs);
      }
      this.#pauseMs = PAUSE_FIRST_MS;
      events.onCall("answered");
      if (this.#isAway) events.onStore(undefined);
      this.#isAway = false;
    } catch (error) {
      this.#asking.clear();
      this.#awayUntilMs = steadyMs() + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS);
      events.onCall("failed");
      if (!this.#isAway) events.onStore(error as Error);
      this.#isAway = true;
    }
  }

  #takeWhileAway(demands: readonly Demand[], nowMs: number): Outcome {
    const { onFailure } = this.#options;
    if (onFailure === "open") return { kind: "taken", waitMs: 0, buckets: [] };
    if (onFailure === "closed") return { kind: "away", waitMs: 0, buckets: [] };
    for (const { key, policy } of demands) {
      // What was taken from the shared bucket, as far as this instance knows, is not there to be taken again.
      const lease = this.#leases.get(key);
      if (lease !== undefined) this.#own.bucketOf(key).raise(lease.fullAtMs(policy));
    }
    return this.#own.take(demands, nowMs);
  }

  #leaseOf(key: string): Lease {
    let lease = this.#leases.get(key);
    if (lease === undefined) {
      lease = new Lease();
      this.#leases.set(key, lease);
    }
    return lease;
  }
}
