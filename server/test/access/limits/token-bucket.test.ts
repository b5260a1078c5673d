import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBucket } from "../../../src/access/limits/token-bucket.ts";
import { propertyOptions } from "../../support/seed.ts";
import { NaiveBucket } from "./naive-bucket.ts";

const steps = fc.array(fc.tuple(fc.nat(3_000), fc.integer({ min: 1, max: 70 })), { maxLength: 200 });
const policies = fc.record({
  name: fc.constant("by_ip"),
  burst: fc.integer({ min: 1, max: 60 }),
  intervalMs: fc.integer({ min: 1, max: 1_000 }),
});

test("a bucket admits what the naive model admits, waits as long, and holds as much", (t) => {
  fc.assert(
    fc.property(policies, steps, fc.nat(2 ** 40), (policy, sequence, startMs) => {
      const bucket = new TokenBucket();
      const naive = new NaiveBucket(policy);
      let elapsedMs = 0;
      for (const [pauseMs, units] of sequence) {
        elapsedMs += pauseMs;
        const nowMs = startMs + elapsedMs;
        const waitMs = bucket.waitMs(policy, units, nowMs);
        assert.ok(Math.abs(waitMs - naive.take(units, elapsedMs)) < 1e-3, `${waitMs}`);
        if (waitMs === 0) bucket.take(policy, units, nowMs);
        assert.equal(bucket.left(policy, nowMs), naive.left(elapsedMs));
      }
    }),
    propertyOptions(t, 300),
  );
});

test("a burst passes at once, and then one unit after each interval", () => {
  const policy = { name: "by_ip", burst: 60, intervalMs: 1_000 / 20 };
  const bucket = new TokenBucket();
  const nowMs = 123_456.789;
  for (let i = 60; i > 0; i -= 1) {
    assert.equal(bucket.left(policy, nowMs), i);
    assert.equal(bucket.waitMs(policy, 1, nowMs), 0);
    bucket.take(policy, 1, nowMs);
  }
  assert.equal(bucket.left(policy, nowMs), 0);
  assert.ok(Math.abs(bucket.waitMs(policy, 1, nowMs) - 50) < 1e-6);
  assert.equal(bucket.waitMs(policy, 1, nowMs + 50), 0);
  assert.ok(Math.abs(bucket.fullInMs(nowMs) - 3_000) < 1e-6);
});

test("a cost beyond the burst needs a full bucket, and empties it", () => {
  const policy = { name: "by_ip", burst: 10, intervalMs: 100 };
  const bucket = new TokenBucket();
  assert.equal(bucket.waitMs(policy, 500, 0), 0);
  bucket.take(policy, 500, 0);
  assert.equal(bucket.waitMs(policy, 500, 0), 1_000);
  assert.equal(bucket.waitMs(policy, 500, 1_000), 0);
});
