/** Where buckets are kept: in this process, or in Redis for all instances together. */
import type { BucketPolicy } from "./policies.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** Units that a request needs of one bucket. */
export type Demand = { readonly key: string; readonly policy: BucketPolicy; readonly units: number };

export type Outcome = {
  /** `away`: the store does not respond, and the request is refused for that. */
  readonly kind: "taken" | "refused" | "away";
  /** Time after which all units are available; 0 unless `refused`. */
  readonly waitMs: number;
  /** The bucket of each demand, with its state now. Empty if it is not known. */
  readonly buckets: readonly TokenBucket[];
};

export type Buckets = {
  /** Takes what all demands need, or nothing. `nowMs`: milliseconds of a monotonic clock. Never rejects. */
  take(demands: readonly Demand[], nowMs: number): Outcome | Promise<Outcome>;
  close(): void;
};
