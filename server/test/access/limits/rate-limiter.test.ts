import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Identity } from "../../../src/access/identity.ts";
import { type LimitVerdict, openRateLimiter, type RateLimiter } from "../../../src/access/limits/rate-limiter.ts";
import type { RateLimitConfig, SenderLimits } from "../../../src/config/build/rate-limit.ts";

const limit = (refillPerSec: number, burst: number) => ({ refillPerSec, burst });
const BY_JWT: SenderLimits = {
  requests: limit(50, 200),
  connects: limit(1, 3),
  messages: limit(20, 4),
  subscriptions: limit(50, 5),
};
const BY_IP: SenderLimits = { ...BY_JWT, requests: limit(20, 60) };
const OFF: RateLimitConfig = {
  byJwt: undefined,
  byIp: undefined,
  ipOf: "anonymous",
  trustedProxies: [],
  onFailure: "local",
};

const none = (): void => assert.fail("there is no Redis");
const NO_REDIS = { onStore: none, onCall: none };

function identity(subject: string | undefined, address = "192.0.2.1", kind: "token" | "key" = "token"): Identity {
  return {
    kind: subject === undefined ? "anonymous" : kind,
    subject,
    scopes: new Set(),
    expiresAtMs: undefined,
    credentialId: undefined,
    address,
  };
}

function open(config: Partial<RateLimitConfig>, clock = { nowMs: 0 }): RateLimiter {
  const limiter = openRateLimiter({
    ...{ config: { ...OFF, ...config }, redis: undefined, events: NO_REDIS, steadyMs: () => clock.nowMs },
  });
  return limiter as RateLimiter;
}

/** In memory every verdict comes at once. */
function take(limiter: RateLimiter, sender: Identity, units = 1, kind: keyof SenderLimits = "requests"): LimitVerdict {
  const verdict = limiter.take(sender, kind, units);
  assert.ok(!(verdict instanceof Promise));
  return verdict;
}

/** Returns how many single units are admitted in a row. */
function admittedOf(limiter: RateLimiter, sender: Identity, kind: keyof SenderLimits = "requests"): number {
  for (let i = 0; i < 1_000; i += 1) if (take(limiter, sender, 1, kind).kind !== "admitted") return i;
  return 1_000;
}

describe("who is limited", () => {
  test("nothing is configured: there is no limiter", () => {
    assert.equal(openRateLimiter({ config: OFF, redis: undefined, events: NO_REDIS }), undefined);
  });

  test("subjects of tokens and names of keys have buckets of their own, wherever they come from", () => {
    const limiter = open({ byJwt: BY_JWT, byIp: BY_IP });
    assert.equal(admittedOf(limiter, identity("ada")), 200);
    assert.equal(admittedOf(limiter, identity("ada", "198.51.100.9")), 0);
    assert.equal(admittedOf(limiter, identity("bob")), 200);
    assert.equal(admittedOf(limiter, identity("ada", "192.0.2.1", "key")), 200, "a key with the name of a subject");
  });

  test("senders without credentials count by address, and do not touch those with credentials", () => {
    const limiter = open({ byJwt: BY_JWT, byIp: BY_IP });
    assert.equal(admittedOf(limiter, identity(undefined)), 60);
    assert.equal(admittedOf(limiter, identity(undefined, "2001:db8::/64")), 60);
    assert.equal(take(limiter, identity("ada")).kind, "admitted");
  });

  test("with senders: all an address counts for everyone, and a refusal takes nothing from the subject", () => {
    const limiter = open({ byJwt: BY_JWT, byIp: BY_IP, ipOf: "all" });
    assert.equal(admittedOf(limiter, identity("ada")), 60);
    const refused = take(limiter, identity("ada"));
    assert.deepEqual([refused.kind, refused.policy], ["limited", "by_ip"]);
    assert.equal(admittedOf(limiter, identity("ada", "198.51.100.9")), 60, "of the 140 that are left");
  });

  test("one class alone leaves the others without a limit", () => {
    assert.equal(admittedOf(open({ byJwt: BY_JWT }), identity(undefined)), 1_000);
    assert.equal(admittedOf(open({ byIp: BY_IP }), identity("ada")), 1_000);
    assert.equal(take(open({ byIp: BY_IP }), identity("ada")).state, undefined);
  });

  test("connects, messages and subscriptions have buckets of their own", () => {
    const limiter = open({ byJwt: BY_JWT });
    for (const [kind, burst] of [
      ["connects", 3],
      ["messages", 4],
      ["subscriptions", 5],
      ["requests", 200],
    ] as const) {
      assert.equal(admittedOf(limiter, identity("ada"), kind), burst, kind);
      assert.equal(take(limiter, identity("ada"), 1, kind).policy, kind === "requests" ? "by_jwt" : `by_jwt_${kind}`);
    }
  });

  test("long subjects are told apart, and subjects with braces or colons as well", () => {
    const limiter = open({ byJwt: BY_JWT });
    const subjects = ["x".repeat(100), "x".repeat(101), "x".repeat(102), "a}:requests", "a", "{a", "a:b"];
    for (const subject of subjects) assert.equal(admittedOf(limiter, identity(subject)), 200, subject);
  });
});

describe("what a response says", () => {
  test("policy, what is left, and when it is whole again", () => {
    const clock = { nowMs: 0 };
    const limiter = open({ byIp: BY_IP }, clock);
    const first = take(limiter, identity(undefined));
    assert.deepEqual(first.state, { policy: '"by_ip";q=60;w=3', limit: '"by_ip";r=59;t=1' });
    assert.deepEqual(take(limiter, identity(undefined), 39).state?.limit, '"by_ip";r=20;t=2');
    clock.nowMs += 60_000;
    assert.deepEqual(take(limiter, identity(undefined)).state?.limit, '"by_ip";r=59;t=1');
  });

  test("a refusal says when to come again, in whole seconds of at least one", () => {
    const clock = { nowMs: 0 };
    const limiter = open({ byIp: BY_IP }, clock);
    assert.equal(take(limiter, identity(undefined), 60).kind, "admitted");
    const refused = take(limiter, identity(undefined));
    assert.deepEqual([refused.kind, refused.retryAfterSeconds], ["limited", 1]);
    assert.equal(refused.state?.limit, '"by_ip";r=0;t=3');
    const { retryAfterSeconds } = take(limiter, identity(undefined), 50);
    assert.equal(retryAfterSeconds, 3);
    clock.nowMs += retryAfterSeconds * 1_000;
    assert.equal(take(limiter, identity(undefined), 50).kind, "admitted");
  });

  test("several limits stand beside each other", () => {
    const limiter = open({ byJwt: BY_JWT, byIp: BY_IP, ipOf: "all" });
    assert.deepEqual(take(limiter, identity("ada")).state, {
      policy: '"by_jwt";q=200;w=4, "by_ip";q=60;w=3',
      limit: '"by_jwt";r=199;t=1, "by_ip";r=59;t=1',
    });
  });
});
