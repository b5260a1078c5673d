/** Limits with buckets in the real Redis: two instances, and a Redis that is killed, slow, silent, or restarted empty. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startRedis, startRedisCluster } from "../../../../scripts/servers/redis.ts";
import type { Identity } from "../../../src/access/identity.ts";
import { type LimitVerdict, openRateLimiter, type RateLimiter } from "../../../src/access/limits/rate-limiter.ts";
import type { RateLimitConfig, SenderLimits } from "../../../src/config/build/rate-limit.ts";
import type { RedisServer } from "../../../src/config/build/stores.ts";
import { clusterSettings, redisSettings } from "../../stores/backends.ts";
import { requires } from "../../support/requires.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { tempDir } from "../../support/tmp.ts";

const BURST = 100;
const REFILL_PER_SEC = 1;
const LIMIT = { refillPerSec: REFILL_PER_SEC, burst: BURST };
const BY_IP: SenderLimits = { requests: LIMIT, connects: LIMIT, messages: LIMIT, subscriptions: LIMIT };

type Instance = { readonly limiter: RateLimiter; readonly seen: ("away" | "near")[] };

function openInstance(
  t: TestContext,
  server: RedisServer,
  more: { onFailure?: RateLimitConfig["onFailure"]; askTimeoutMs?: number } = {},
): Instance {
  const seen: ("away" | "near")[] = [];
  // Generous, because the machine may be busy.
  const { onFailure = "local", askTimeoutMs = 10_000 } = more;
  const limiter = openRateLimiter({
    config: { byJwt: BY_IP, byIp: BY_IP, ipOf: "all", trustedProxies: [], onFailure },
    redis: { server, prefix: "test:" },
    askTimeoutMs,
    events: { onStore: (error) => seen.push(error === undefined ? "near" : "away"), onCall: () => {} },
  }) as RateLimiter;
  t.after(() => limiter.close());
  return { limiter, seen };
}

function sender(address: string, subject?: string): Identity {
  const kind = subject === undefined ? "anonymous" : "token";
  return { kind, subject, scopes: new Set(), expiresAtMs: undefined, credentialId: undefined, address };
}

const take = async ({ limiter }: Instance, who: Identity): Promise<LimitVerdict> => limiter.take(who, "requests", 1);

/** Returns the numbers of admitted requests until each instance has refused, and the most that may have been. */
async function exhaust(instances: readonly Instance[], who: Identity): Promise<{ admitted: number; most: number }> {
  const startMs = performance.now();
  let admitted = 0;
  const open = new Set(instances);
  while (open.size > 0) {
    for (const instance of open) {
      const { kind } = await take(instance, who);
      assert.notEqual(kind, "away");
      if (kind === "admitted") admitted += 1;
      else open.delete(instance);
    }
  }
  return { admitted, most: BURST + ((performance.now() - startMs) / 1_000) * REFILL_PER_SEC };
}

async function untilSeen({ seen, ...instance }: Instance, what: "away" | "near", who: Identity): Promise<void> {
  while (seen.at(-1) !== what) {
    await take({ seen, ...instance }, who);
    await pause(20);
  }
}

requires("rate limits in Redis", { servers: ["redis"] }, () => {
  test("two instances share one budget", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const instances = [0, 1].map(() => openInstance(t, redisSettings([server])));
    const { admitted, most } = await exhaust(instances, sender("192.0.2.1"));
    assert.ok(admitted >= BURST && admitted <= most, `${admitted} admitted, ${most} allowed`);
    // The keys are those that the documentation names, and vanish when their buckets are full.
    assert.equal(await server.command("keys", "*"), "test:limit:{ip:192.0.2.1}:requests");
    const ttlMs = Number(await server.command("pttl", "test:limit:{ip:192.0.2.1}:requests"));
    assert.ok(ttlMs > 0 && ttlMs <= BURST * 1_000 + 1_000, `${ttlMs}`);
  });

  test("the two buckets of a request are asked for in one call, and on a Cluster on their own nodes", async (t) => {
    const single = await startRedis({ folder: tempDir(t, "redis") });
    t.after(single.stop);
    const one = openInstance(t, redisSettings([single]));
    assert.equal((await take(one, sender("192.0.2.1", "ada"))).kind, "admitted");
    const stats = await single.command("info", "commandstats");
    assert.match(stats, /cmdstat_evalsha:calls=1,|cmdstat_eval:calls=1,/);
    const cluster = await startRedisCluster({ folder: tempDir(t, "cluster") });
    t.after(cluster.stop);
    const instances = [0, 1].map(() => openInstance(t, clusterSettings(cluster)));
    for (const who of [sender("192.0.2.1", "ada"), sender("192.0.2.2", "bob")]) {
      const { admitted, most } = await exhaust(instances, who);
      assert.ok(admitted >= BURST && admitted <= most, `${admitted} admitted, ${most} allowed`);
    }
  });

  test("killed: each instance limits by itself and goes on from what it knew; restarted empty: all share again", async (t) => {
    const folder = tempDir(t, "redis");
    const server = await startRedis({ folder });
    const instances = [0, 1].map(() => openInstance(t, redisSettings([server])));
    const [one, two] = instances as [Instance, Instance];
    const who = sender("192.0.2.1");
    await exhaust([one], who);
    await server.kill();
    // A sender that was seen before has no second burst, and a new one has one burst at each instance.
    await untilSeen(one, "away", sender("192.0.2.7"));
    assert.equal((await take(one, who)).kind, "limited");
    assert.equal(one.limiter.take(who, "requests", 1) instanceof Promise, false, "nobody waits for Redis");
    await untilSeen(two, "away", sender("192.0.2.7"));
    const other = sender("192.0.2.2");
    for (const instance of instances) {
      const { admitted, most } = await exhaust([instance], other);
      assert.ok(admitted >= BURST && admitted <= most, `${admitted} admitted, ${most} allowed`);
    }
    const again = await startRedis({ folder, port: server.port });
    t.after(again.stop);
    for (const instance of instances) await untilSeen(instance, "near", sender("192.0.2.8"));
    const { admitted, most } = await exhaust(instances, sender("192.0.2.3"));
    assert.ok(admitted >= BURST && admitted <= most, `${admitted} admitted, ${most} allowed`);
    assert.deepEqual(one.seen, ["away", "near"]);
  });

  test("away with on_failure open: nothing is limited; with closed: nothing passes", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    const open = openInstance(t, redisSettings([server]), { onFailure: "open" });
    const closed = openInstance(t, redisSettings([server]), { onFailure: "closed" });
    const who = sender("192.0.2.1");
    for (const instance of [open, closed]) assert.equal((await take(instance, who)).kind, "admitted");
    await server.kill();
    for (const instance of [open, closed]) await untilSeen(instance, "away", sender("192.0.2.7"));
    for (let i = 0; i < 3 * BURST; i += 1) assert.equal((await take(open, who)).kind, "admitted");
    const refused = await take(closed, who);
    assert.deepEqual([refused.kind, refused.retryAfterSeconds], ["away", 1]);
  });

  test("slow: requests wait for it and share one budget; silent: they go on without it", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const proxy = await TcpProxy.start(server.port);
    t.after(() => proxy.close());
    const settings = redisSettings([{ host: "127.0.0.1", port: proxy.port }]);
    const instances = [0, 1].map(() => openInstance(t, settings));
    proxy.mode = { delayMs: 10 };
    const { admitted, most } = await exhaust(instances, sender("192.0.2.1"));
    assert.ok(admitted >= BURST && admitted <= most, `${admitted} admitted, ${most} allowed`);
    proxy.mode = "silent";
    const one = openInstance(t, settings, { askTimeoutMs: 100 });
    assert.equal((await take(one, sender("192.0.2.2"))).kind, "admitted");
    assert.deepEqual(one.seen, ["away"]);
    proxy.mode = "open";
    await untilSeen(one, "near", sender("192.0.2.3"));
  });

  test("a user with only the permissions of docs/rate-limits.md suffices", async (t) => {
    const lines = [
      "user few on >secret ~test:* resetchannels -@all +@read +@write +@scripting +@connection +info +time",
    ];
    const server = await startRedis({ folder: tempDir(t, "redis"), lines });
    t.after(server.stop);
    const instance = openInstance(t, redisSettings([server], { user: { name: "few", password: "secret" } }), {
      onFailure: "closed",
    });
    assert.equal((await take(instance, sender("192.0.2.1"))).kind, "admitted");
  });
});
