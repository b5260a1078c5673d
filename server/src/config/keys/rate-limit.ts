/** Keys of the rate limits. The values of keys that are not set are in build/rate-limit.ts. */
import { key, ofPart, type Section } from "../key.ts";
import { choice, integer } from "./kinds.ts";

/** From one unit in a thousand seconds. */
const REFILL = { type: "number", min: 0.001, max: 1_000_000 } as const;
const BURST = integer(1, 1_000_000);

const BY_JWT = {
  requests: {
    refillPerSec: key(
      "rate_limit.by_jwt.refill_per_sec",
      REFILL,
      "",
      "Units for requests of one subject of a token, or of one API key, that come back each second. Not set: 50.",
    ),
    burst: key(
      "rate_limit.by_jwt.burst",
      BURST,
      "",
      "Units for requests of one subject of a token, or of one API key, at once, after a time without any. Not set: 200.",
    ),
  },
  connects: {
    refillPerSec: key(
      "rate_limit.by_jwt.connects.refill_per_sec",
      REFILL,
      "",
      "WebSocket connections and streams of one subject of a token, or of one API key, that come back each second. Not set: 1.",
    ),
    burst: key(
      "rate_limit.by_jwt.connects.burst",
      BURST,
      "",
      "WebSocket connections and streams of one subject of a token, or of one API key, at once, after a time without any. Not set: 30.",
    ),
  },
  messages: {
    refillPerSec: key(
      "rate_limit.by_jwt.messages.refill_per_sec",
      REFILL,
      "",
      "WebSocket messages that do not subscribe, of one subject of a token, or of one API key, that come back each second. Not set: 20.",
    ),
    burst: key(
      "rate_limit.by_jwt.messages.burst",
      BURST,
      "",
      "WebSocket messages that do not subscribe, of one subject of a token, or of one API key, at once, after a time without any. Not set: 200.",
    ),
  },
  subscriptions: {
    refillPerSec: key(
      "rate_limit.by_jwt.subscriptions.refill_per_sec",
      REFILL,
      "",
      "Subscriptions to channels of one subject of a token, or of one API key, that come back each second. Not set: 50.",
    ),
    burst: key(
      "rate_limit.by_jwt.subscriptions.burst",
      BURST,
      "",
      "Subscriptions to channels of one subject of a token, or of one API key, at once, after a time without any. Not set: 1000.",
    ),
  },
} satisfies Section;

const BY_IP = {
  requests: {
    refillPerSec: key(
      "rate_limit.by_ip.refill_per_sec",
      REFILL,
      "",
      "Units for requests of one address that come back each second. Not set: 20.",
    ),
    burst: key(
      "rate_limit.by_ip.burst",
      BURST,
      "",
      "Units for requests of one address at once, after a time without any. Not set: 60.",
    ),
  },
  connects: {
    refillPerSec: key(
      "rate_limit.by_ip.connects.refill_per_sec",
      REFILL,
      "",
      "WebSocket connections and streams of one address that come back each second. Not set: 1.",
    ),
    burst: key(
      "rate_limit.by_ip.connects.burst",
      BURST,
      "",
      "WebSocket connections and streams of one address at once, after a time without any. Not set: 30.",
    ),
  },
  messages: {
    refillPerSec: key(
      "rate_limit.by_ip.messages.refill_per_sec",
      REFILL,
      "",
      "WebSocket messages that do not subscribe, of one address that come back each second. Not set: 20.",
    ),
    burst: key(
      "rate_limit.by_ip.messages.burst",
      BURST,
      "",
      "WebSocket messages that do not subscribe, of one address at once, after a time without any. Not set: 200.",
    ),
  },
  subscriptions: {
    refillPerSec: key(
      "rate_limit.by_ip.subscriptions.refill_per_sec",
      REFILL,
      "",
      "Subscriptions to channels of one address that come back each second. Not set: 50.",
    ),
    burst: key(
      "rate_limit.by_ip.subscriptions.burst",
      BURST,
      "",
      "Subscriptions to channels of one address at once, after a time without any. Not set: 500.",
    ),
  },
} satisfies Section;

export const RATE_LIMIT = ofPart("api", {
  byJwt: ofPart("credentials", BY_JWT),
  byIp: BY_IP,
  ipOf: key(
    "rate_limit.by_ip.senders",
    choice(["anonymous", "all"]),
    "anonymous",
    "Whose requests count for their address. `anonymous`: those without a token or API key. `all`: every request, also if its subject has a limit.",
  ),
  trustedProxies: key(
    "rate_limit.trusted_proxies",
    { type: "subnets", countMax: 64 },
    "",
    "Addresses of proxies, such as `10.0.0.5` or `10.0.0.0/8`, whose `X-Forwarded-For` names the client. Empty: none; the address of the connection counts. See [addresses](rate-limits.md#addresses).",
  ),
  onFailure: key(
    "rate_limit.on_failure",
    choice(["local", "open", "closed"]),
    "local",
    "What limits do while Redis does not respond. `local`: each instance limits by itself. `open`: nothing is limited. `closed`: requests with a limit get 503.",
  ),
}) satisfies Section;
