/** The rate limits in the configuration. A class of senders has limits if any of its keys is given. */
import type { TableValues } from "../keys.ts";

type RateLimitValues = TableValues["rateLimit"];

/** What a bucket allows. */
type BucketLimit = { readonly refillPerSec: number; readonly burst: number };

/** By what is counted. */
export type SenderLimits = Readonly<Record<"requests" | "connects" | "messages" | "subscriptions", BucketLimit>>;

const limit = (refillPerSec: number, burst: number): BucketLimit => ({ refillPerSec, burst });

/** Values of keys that are not set although others of their class are. */
export const RATE_LIMIT_DEFAULTS: Readonly<Record<"byJwt" | "byIp", SenderLimits>> = {
  byJwt: {
    requests: limit(50, 200),
    connects: limit(1, 30),
    messages: limit(20, 200),
    subscriptions: limit(50, 1_000),
  },
  byIp: { requests: limit(20, 60), connects: limit(1, 30), messages: limit(20, 200), subscriptions: limit(50, 500) },
};

export type RateLimitConfig = {
  /** Undefined: subjects of tokens and keys have no limits. */
  readonly byJwt: SenderLimits | undefined;
  /** Undefined: addresses have no limits. */
  readonly byIp: SenderLimits | undefined;
} & Pick<RateLimitValues, "ipOf" | "trustedProxies" | "onFailure">;

export function buildRateLimit({ byJwt, byIp, ipOf, trustedProxies, onFailure }: RateLimitValues): RateLimitConfig {
  return {
    ...{ byJwt: limitsOf(byJwt, RATE_LIMIT_DEFAULTS.byJwt), byIp: limitsOf(byIp, RATE_LIMIT_DEFAULTS.byIp) },
    ...{ ipOf, trustedProxies, onFailure },
  };
}

function limitsOf(given: RateLimitValues["byJwt"], defaults: SenderLimits): SenderLimits | undefined {
  if (!isGiven(given)) return undefined;
  const of = (kind: keyof SenderLimits): BucketLimit =>
    limit(given[kind].refillPerSec ?? defaults[kind].refillPerSec, given[kind].burst ?? defaults[kind].burst);
  return {
    ...{ requests: of("requests"), connects: of("connects") },
    ...{ messages: of("messages"), subscriptions: of("subscriptions") },
  };
}

/** Whether a class of senders has limits. */
const isGiven = (values: RateLimitValues["byJwt"]): boolean =>
  Object.values(values).some(({ refillPerSec, burst }) => refillPerSec !== undefined || burst !== undefined);

export const hasLimits = ({ byJwt, byIp }: Pick<RateLimitValues, "byJwt" | "byIp">): boolean =>
  isGiven(byJwt) || isGiven(byIp);
