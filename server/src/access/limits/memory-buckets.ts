/** Buckets in memory. Their number is bounded: a sender who was not seen for the longest time is forgotten, and then has a full bucket again. */
import type { Buckets, Demand, Outcome } from "./buckets.ts";
import { RecentMap } from "./recent-map.ts";
import { TokenBucket } from "./token-bucket.ts";

/** About 20 MB with keys of usual length. */
const BUCKETS_MAX = 100_000;

export class MemoryBuckets implements Buckets {
  readonly #buckets: RecentMap<TokenBucket>;

  constructor(bucketsMax = BUCKETS_MAX) {
    this.#buckets = new RecentMap(bucketsMax);
  }

  get size(): number {
    return this.#buckets.size;
  }

  take(demands: readonly Demand[], nowMs: number): Outcome {
    const buckets: TokenBucket[] = [];
    let waitMs = 0;
    for (const { key, policy, units } of demands) {
      const bucket = this.bucketOf(key);
      buckets.push(bucket);
      waitMs = Math.max(waitMs, bucket.waitMs(policy, units, nowMs));
    }
    if (waitMs > 0) return { kind: "refused", waitMs, buckets };
    for (let i = 0; i < buckets.length; i += 1) {
      const { policy, units } = demands[i] as Demand;
      (buckets[i] as TokenBucket).take(policy, units, nowMs);
    }
    return { kind: "taken", waitMs: 0, buckets };
  }

  bucketOf(key: string): TokenBucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = new TokenBucket();
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  close(): void {
    this.#buckets.clear();
  }
}
