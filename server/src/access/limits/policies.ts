/** What a limit allows: one policy for each class of senders and each kind of request. */
import type { SenderLimits } from "../../config/build/rate-limit.ts";

/** What a limit counts. Each kind has buckets of its own. */
export type LimitKind = keyof SenderLimits;

/** A token bucket: it holds `burst` units when it is full, and one unit comes back each `intervalMs`. */
export type BucketPolicy = {
  /** Name in the header fields, metrics and logs, such as `by_jwt` or `by_ip_connects`. */
  readonly name: string;
  readonly burst: number;
  readonly intervalMs: number;
};

export type Policies = Readonly<Record<LimitKind, BucketPolicy>>;

/** Returns the policies of a class of senders; undefined: it has no limits. */
export function policiesOf(name: "by_jwt" | "by_ip", limits: SenderLimits | undefined): Policies | undefined {
  if (limits === undefined) return undefined;
  const policy = (kind: LimitKind): BucketPolicy => {
    const { refillPerSec, burst } = limits[kind];
    return { name: kind === "requests" ? name : `${name}_${kind}`, burst, intervalMs: 1_000 / refillPerSec };
  };
  return {
    requests: policy("requests"),
    connects: policy("connects"),
    messages: policy("messages"),
    subscriptions: policy("subscriptions"),
  };
}
