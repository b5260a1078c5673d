/** Opens the gate of a service: credentials and scopes, then rate limits and the audit log. */
import { AuditLog } from "../access/audit-log.ts";
import type { Identities } from "../access/identity/identities.ts";
import { addressReader } from "../access/limits/client-address.ts";
import { openRateLimiter } from "../access/limits/rate-limiter.ts";
import type { Config } from "../config/config.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import { createGate } from "./create-gate.ts";
import { type Gate, OPEN_GATE } from "./gate.ts";
import { limitedGate } from "./limited-gate.ts";

type OpenGateOptions = {
  readonly config: Pick<Config, "security" | "rateLimit" | "stores" | "logging">;
  readonly identities: Identities;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "addLimited" | "addLimitCall">;
};

export type OpenedGate = { readonly gate: Gate; readonly close: () => void };

/** Throws `bad_config` when a file of the TLS settings of Redis cannot be read. */
export function openGate({ config, identities, logger, metrics }: OpenGateOptions): OpenedGate {
  const { security, rateLimit, stores, logging } = config;
  const limiter = openRateLimiter({
    config: rateLimit,
    redis: stores.redis,
    events: {
      onStore: (err) => {
        const { onFailure } = rateLimit;
        if (err === undefined) logger.info("rate limits are shared by Redis again");
        else logger.warn({ err, on_failure: onFailure }, "rate limits cannot reach Redis");
      },
      onCall: (result) => metrics.addLimitCall(result),
    },
  });
  const inner = createGate(security, identities, addressReader(rateLimit.trustedProxies));
  if (security.mode === "open" && !identities.isUsed && limiter === undefined) {
    // Nobody can be told apart, refused or limited, and requests cost nothing here. A token that is shown later is refused all the same.
    return { gate: { ...OPEN_GATE, addressOf: inner.addressOf, renew: inner.renew }, close: () => {} };
  }
  const audit = logging.audit ? new AuditLog(logger) : undefined;
  const onLimited = (policy: string): void => metrics.addLimited(policy);
  const gate = limitedGate(inner, { limiter, audit, onLimited });
  return {
    gate,
    close: () => {
      limiter?.close();
      audit?.close();
    },
  };
}
