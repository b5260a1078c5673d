/** Decides whether a sender may do more, and what a response says about it. */
import type { RateLimitConfig } from "../../config/build/rate-limit.ts";
import type { RedisConfig } from "../../config/build/stores.ts";
import type { Identity } from "../identity.ts";
import type { RateLimitState } from "../rate-limit-state.ts";
import type { Buckets, Demand, Outcome } from "./buckets.ts";
import { MemoryBuckets } from "./memory-buckets.ts";
import { type BucketPolicy, type LimitKind, type Policies, policiesOf } from "./policies.ts";
import { RedisLeases } from "./redis-leases.ts";
import { senderKey } from "./sender-key.ts";
import { SharedBuckets, type StoreEvents } from "./shared-buckets.ts";
import type { TokenBucket } from "./token-bucket.ts";

export type LimitVerdict = {
  /** `limited`: too much was asked for. `away`: Redis does not respond, and `rate_limit.on_failure` is `closed`. */
  readonly kind: "admitted" | "limited" | "away";
  /** Name of the limit that refused. */
  readonly policy: string | undefined;
  /** Seconds after which it is worth to come again; 0 if admitted. */
  readonly retryAfterSeconds: number;
  /** Undefined: no limit applies. */
  readonly state: RateLimitState | undefined;
};

const UNLIMITED: LimitVerdict = { kind: "admitted", policy: undefined, retryAfterSeconds: 0, state: undefined };
const RETRY_WHEN_AWAY_SECONDS = 1;

type LimiterOptions = {
  readonly buckets: Buckets;
  readonly byJwt: Policies | undefined;
  readonly byIp: Policies | undefined;
  readonly ipOf: RateLimitConfig["ipOf"];
  /** Milliseconds of a monotonic clock. */
  readonly steadyMs: () => number;
};

export class RateLimiter {
  readonly #options: LimiterOptions;
  /** What a request of one unit needs. */
  readonly #single = new WeakMap<Identity, Readonly<Record<LimitKind, readonly [Demand]>>>();
  readonly #policyTexts = new Map<BucketPolicy, string>();

  constructor(options: LimiterOptions) {
    this.#options = options;
  }

  /** Takes units of the sender, from all buckets that apply or from none. At once unless the buckets are in Redis and must be asked. */
  take(identity: Identity, kind: LimitKind, units: number): LimitVerdict | Promise<LimitVerdict> {
    const { byJwt, byIp, ipOf } = this.#options;
    const isAnonymous = identity.subject === undefined;
    const bySubject = byJwt === undefined || isAnonymous ? undefined : this.#singleOf(identity, byJwt)[kind];
    if (byIp === undefined || (!isAnonymous && ipOf === "anonymous")) {
      return bySubject === undefined ? UNLIMITED : this.#take(units === 1 ? bySubject : [{ ...bySubject[0], units }]);
    }
    const byAddress = { key: keyOf(addressKey(identity.address), kind), policy: byIp[kind], units };
    return this.#take(bySubject === undefined ? [byAddress] : [{ ...bySubject[0], units }, byAddress]);
  }

  /** The same for an address alone: attempts with credentials that are not valid. */
  takeOfAddress(address: string, kind: LimitKind, units: number): LimitVerdict | Promise<LimitVerdict> {
    const { byIp } = this.#options;
    if (byIp === undefined) return UNLIMITED;
    return this.#take([{ key: keyOf(addressKey(address), kind), policy: byIp[kind], units }]);
  }

  close(): void {
    this.#options.buckets.close();
  }

  /** Remembered with the identity, whose requests share one object. */
  #singleOf(identity: Identity, policies: Policies): Readonly<Record<LimitKind, readonly [Demand]>> {
    let single = this.#single.get(identity);
    if (single === undefined) {
      const sender = senderKey(identity);
      const of = (kind: LimitKind): readonly [Demand] => [
        { key: keyOf(sender, kind), policy: policies[kind], units: 1 },
      ];
      single = {
        ...{ requests: of("requests"), connects: of("connects") },
        ...{ messages: of("messages"), subscriptions: of("subscriptions") },
      };
      this.#single.set(identity, single);
    }
    return single;
  }

  #take(demands: readonly Demand[]): LimitVerdict | Promise<LimitVerdict> {
    const nowMs = this.#options.steadyMs();
    const outcome = this.#options.buckets.take(demands, nowMs);
    if (!(outcome instanceof Promise)) return this.#verdict(demands, outcome, nowMs);
    return outcome.then((one) => this.#verdict(demands, one, this.#options.steadyMs()));
  }

  #verdict(demands: readonly Demand[], { kind, waitMs, buckets }: Outcome, nowMs: number): LimitVerdict {
    const state = this.#stateOf(demands, buckets, nowMs);
    if (kind === "taken") return { kind: "admitted", policy: undefined, retryAfterSeconds: 0, state };
    const slowest = demands.find(({ policy, units }, i) => (buckets[i]?.waitMs(policy, units, nowMs) ?? 0) > 0);
    const policy = (slowest ?? (demands[0] as Demand)).policy.name;
    if (kind === "away") return { kind: "away", policy, retryAfterSeconds: RETRY_WHEN_AWAY_SECONDS, state };
    return { kind: "limited", policy, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)), state };
  }

  /** Returns the fields by draft-ietf-httpapi-ratelimit-headers-10: quota and its window, what is left, and the time until the quota is whole. */
  #stateOf(demands: readonly Demand[], buckets: readonly TokenBucket[], nowMs: number): RateLimitState | undefined {
    if (buckets.length === 0) return undefined;
    let policies = "";
    let limits = "";
    for (let i = 0; i < buckets.length; i += 1) {
      const bucket = buckets[i] as TokenBucket;
      const { policy } = demands[i] as Demand;
      const separator = i === 0 ? "" : ", ";
      policies += separator + this.#policyText(policy);
      const seconds = Math.ceil(bucket.fullInMs(nowMs) / 1_000);
      limits += `${separator}"${policy.name}";r=${bucket.left(policy, nowMs)};t=${seconds}`;
    }
    return { policy: policies, limit: limits };
  }

  #policyText(policy: BucketPolicy): string {
    let text = this.#policyTexts.get(policy);
    if (text === undefined) {
      const { name, burst, intervalMs } = policy;
      text = `"${name}";q=${burst};w=${Math.max(1, Math.ceil((burst * intervalMs) / 1_000))}`;
      this.#policyTexts.set(policy, text);
    }
    return text;
  }
}

const keyOf = (sender: string, kind: LimitKind): string => `{${sender}}:${kind}`;

const addressKey = (address: string): string => `ip:${address}`;

type LimiterSetup = {
  readonly config: RateLimitConfig;
  /** Undefined: buckets are in memory. */
  readonly redis: RedisConfig | undefined;
  readonly events: StoreEvents;
  readonly steadyMs?: () => number;
  /** Time limit of a call to Redis, for tests on busy machines. */
  readonly askTimeoutMs?: number;
};

/** Returns undefined when no limit is configured. Throws `bad_config` when a file of the TLS settings of Redis cannot be read. */
export function openRateLimiter({
  config,
  redis,
  events,
  steadyMs,
  askTimeoutMs,
}: LimiterSetup): RateLimiter | undefined {
  const { ipOf, onFailure } = config;
  const byJwt = policiesOf("by_jwt", config.byJwt);
  const byIp = policiesOf("by_ip", config.byIp);
  if (byJwt === undefined && byIp === undefined) return undefined;
  const clock = steadyMs ?? (() => performance.now());
  const buckets =
    redis === undefined
      ? new MemoryBuckets()
      : new SharedBuckets({ store: new RedisLeases(redis, askTimeoutMs), onFailure, events, steadyMs: clock });
  return new RateLimiter({ buckets, byJwt, byIp, ipOf, steadyMs: clock });
}
