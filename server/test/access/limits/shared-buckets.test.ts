import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { startRedis } from "../../../../scripts/servers/redis.ts";
import { LEASE_MS, portionOf } from "../../../src/access/limits/lease.ts";
import type { BucketPolicy } from "../../../src/access/limits/policies.ts";
import { SharedBuckets } from "../../../src/access/limits/shared-buckets.ts";
import { requires } from "../../support/requires.ts";
import { propertyOptions } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { Clock, ClockedLeases } from "./clocked-leases.ts";
import { NaiveBucket } from "./naive-bucket.ts";

/** How far a grant may reach into the future; see lease-script.ts. */
const AHEAD_MS = 500;
const KEY = "{ip:192.0.2.1}:requests";
const BY_IP: BucketPolicy = { name: "by_ip", burst: 60, intervalMs: 50 };

function sharedBuckets(store: ClockedLeases, clock: Clock): SharedBuckets {
  const onStore = (error: Error | undefined): void => assert.ifError(error);
  return new SharedBuckets({
    store,
    onFailure: "closed",
    events: { onStore, onCall: () => {} },
    steadyMs: () => clock.nowMs,
  });
}

requires("shared buckets on Redis", { servers: ["redis"] }, () => {
  test("the script grants what the naive model has, and tells the wait", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const clock = new Clock();
    const store = new ClockedLeases(server.port, clock);
    t.after(() => store.close());
    const policies = fc.record({
      name: fc.constant("x"),
      burst: fc.integer({ min: 1, max: 60 }),
      intervalMs: fc.integer({ min: 1, max: 3_000 }),
    });
    const steps = fc.array(fc.tuple(fc.nat(30_000), fc.integer({ min: 1, max: 60 })), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(policies, steps, async (policy, sequence) => {
        await store.forgetAll();
        const naive = new NaiveBucket(policy, AHEAD_MS);
        let elapsedMs = 0;
        for (const [pauseMs, wanted] of sequence) {
          elapsedMs += pauseMs;
          clock.nowMs += pauseMs;
          const units = Math.min(wanted, policy.burst);
          const ask = { key: KEY, policy, unitsMin: units, unitsMax: units, unitsBack: 0 };
          const [grant] = await store.ask([ask]);
          const waitMs = naive.take(units, elapsedMs);
          assert.equal(grant?.units, waitMs === 0 ? units : 0);
          // The wait is until the units can be used, not until they can be leased.
          if (waitMs > 0) assert.ok(Math.abs(grant.waitMs - waitMs - AHEAD_MS) < 0.01, `${grant.waitMs}`);
        }
      }),
      propertyOptions(t, 30),
    );
  });

  test("any number of instances hand out at most the burst, the refill, and what was leased before", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const policies = fc.record({
      name: fc.constant("x"),
      burst: fc.integer({ min: 1, max: 300 }),
      intervalMs: fc.integer({ min: 1, max: 2_000 }),
    });
    const step = fc.record({
      pauseMs: fc.oneof(fc.nat(20), fc.nat(5_000)),
      instance: fc.nat(2),
      units: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 })),
      count: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(policies, fc.array(step, { minLength: 1, maxLength: 60 }), async (policy, sequence) => {
        const clock = new Clock();
        const stores = [0, 1, 2].map(() => new ClockedLeases(server.port, clock));
        try {
          await stores[0]?.forgetAll();
          const instances = stores.map((store) => sharedBuckets(store, clock));
          const startMs = clock.nowMs;
          const taken: { atMs: number; units: number }[] = [];
          for (const { pauseMs, instance, units, count } of sequence) {
            clock.nowMs += pauseMs;
            const outcomes = Array.from({ length: count }, () =>
              instances[instance]?.take([{ key: KEY, policy, units }], clock.nowMs),
            );
            for (const outcome of await Promise.all(outcomes)) {
              if (outcome?.kind === "taken") taken.push({ atMs: clock.nowMs, units: Math.min(units, policy.burst) });
            }
          }
          assertBound(policy, taken, startMs, 0);
          // From any later instant on, three instances may use what they had leased in the two seconds before.
          const leased = 3 * (portionOf(policy) + 20 * 40);
          for (const { atMs } of taken) assertBound(policy, taken, atMs, leased);
        } finally {
          for (const store of stores) store.close();
        }
      }),
      propertyOptions(t, 25),
    );
  });

  function assertBound(
    { burst, intervalMs }: BucketPolicy,
    taken: readonly { atMs: number; units: number }[],
    fromMs: number,
    leased: number,
  ): void {
    let sum = 0;
    for (const { atMs, units } of taken) {
      if (atMs < fromMs) continue;
      sum += units;
      const most = burst + (atMs - fromMs) / intervalMs + leased;
      assert.ok(sum <= most + 1e-6, `${sum} units within ${atMs - fromMs} ms, and at most ${most} are there`);
    }
  }

  test("at most one request in ten asks Redis, below the limit and far above it", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    // Every 20 to 1,000 requests a second, of which 20 are allowed.
    for (const [everyMs, isAllAdmitted] of [
      [51, true],
      [50, true],
      [25, false],
      [1, false],
    ] as const) {
      const clock = new Clock();
      const store = new ClockedLeases(server.port, clock);
      t.after(() => store.close());
      const buckets = sharedBuckets(store, clock);
      await store.forgetAll();
      let admitted = 0;
      const requests = 2_000;
      for (let i = 0; i < requests; i += 1) {
        clock.nowMs += everyMs;
        const outcome = await buckets.take([{ key: KEY, policy: BY_IP, units: 1 }], clock.nowMs);
        if (outcome.kind === "taken") admitted += 1;
      }
      const allowed = isAllAdmitted ? requests : Math.floor(60 + (requests * everyMs) / 50);
      assert.ok(
        admitted <= allowed && admitted >= allowed - portionOf(BY_IP),
        `${admitted} of ${allowed} at ${everyMs} ms`,
      );
      assert.ok(store.calls * 10 <= requests + 10, `${store.calls} calls for ${requests} requests at ${everyMs} ms`);
    }
  });

  test("units of a lease that nobody used come back: a slow sender keeps its whole rate", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const clock = new Clock();
    const store = new ClockedLeases(server.port, clock);
    t.after(() => store.close());
    const buckets = sharedBuckets(store, clock);
    const policy: BucketPolicy = { name: "x", burst: 60, intervalMs: 1_000 };
    for (let i = 0; i < 500; i += 1) {
      clock.nowMs += LEASE_MS + 500;
      const { kind } = await buckets.take([{ key: KEY, policy, units: 1 }], clock.nowMs);
      assert.equal(kind, "taken", `request ${i}`);
    }
  });

  test("requests at the same time ask in one call, for several buckets too", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const clock = new Clock();
    const store = new ClockedLeases(server.port, clock);
    t.after(() => store.close());
    const buckets = sharedBuckets(store, clock);
    const other = { ...BY_IP, name: "by_jwt", burst: 200 };
    const outcomes = Array.from({ length: 90 }, () =>
      buckets.take(
        [
          { key: KEY, policy: BY_IP, units: 1 },
          { key: "{token:a}:requests", policy: other, units: 1 },
        ],
        clock.nowMs,
      ),
    );
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "taken").length, 60);
    assert.equal(kinds.filter((kind) => kind === "refused").length, 30);
    assert.ok(store.calls <= 2, `${store.calls} calls`);
  });

  test("one sender at its limit takes nothing from another, and two instances share a full load", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const clock = new Clock();
    const stores = [0, 1].map(() => new ClockedLeases(server.port, clock));
    t.after(() => {
      for (const store of stores) store.close();
    });
    const instances = stores.map((store) => sharedBuckets(store, clock));
    const admitted = [0, 0];
    let quiet = 0;
    for (let i = 0; i < 4_000; i += 1) {
      clock.nowMs += 5;
      for (const [at, instance] of instances.entries()) {
        const { kind } = await instance.take([{ key: KEY, policy: BY_IP, units: 1 }], clock.nowMs);
        if (kind === "taken") admitted[at] = (admitted[at] as number) + 1;
      }
      if (i % 20 !== 0) continue;
      const { kind } = await (instances[0] as SharedBuckets).take(
        [{ key: "{ip:192.0.2.9}:requests", policy: BY_IP, units: 1 }],
        clock.nowMs,
      );
      if (kind === "taken") quiet += 1;
    }
    assert.equal(quiet, 200);
    const [one = 0, two = 0] = admitted;
    assert.ok(one + two <= 60 + 20_000 / 50 && one + two >= 400, `${one} and ${two}`);
    assert.ok(Math.min(one, two) / (one + two) > 0.3, `${one} and ${two}`);
  });

  test("a clock of Redis that jumps empties a bucket at worst, and it is full after its usual time", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    for (const jumpMs of [-3_600_000, 3_600_000]) {
      const clock = new Clock();
      const store = new ClockedLeases(server.port, clock);
      t.after(() => store.close());
      await store.forgetAll();
      const buckets = sharedBuckets(store, clock);
      const take = async (): Promise<boolean> =>
        (await buckets.take([{ key: KEY, policy: BY_IP, units: 1 }], clock.nowMs)).kind === "taken";
      for (let i = 0; i < 30; i += 1) assert.ok(await take());
      clock.redisAheadMs += jumpMs;
      clock.nowMs += LEASE_MS;
      // The first look at the bucket after the jump.
      await take();
      // The longest wait: the whole burst, half a second ahead, and the lease.
      clock.nowMs += 60 * 50 + 500 + LEASE_MS;
      for (let i = 0; i < 60; i += 1) assert.ok(await take(), `${jumpMs} ms: unit ${i}`);
    }
  });
});
