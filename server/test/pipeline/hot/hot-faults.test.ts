import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { freePort } from "../../../../scripts/servers/ports.ts";
import { waitFor } from "../../../../scripts/servers/process.ts";
import { startRedis, startRedisCluster, startRedisSentinels } from "../../../../scripts/servers/redis.ts";
import type { RedisServer } from "../../../src/config/build/stores.ts";
import { clusterSettings, redisSettings, sentinelSettings } from "../../stores/backends.ts";
import { requires } from "../../support/requires.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { tempDir } from "../../support/tmp.ts";
import { START_MS } from "../workers/fed-worker.ts";
import { HotHost, HotReader, PREFIX } from "./hot-harness.ts";

const TOKENS = 50;
const AWAY = /The newest figures are not being written to Redis, where they grow old: Cannot write the newest figures/;

/** A writer with tokens that are all in Redis. */
async function written(t: TestContext, redis: RedisServer, limitMs: number): Promise<[HotHost, HotReader]> {
  const hot = new HotHost(t, redis, { limitMs });
  const reader = new HotReader(t, redis);
  hot.host.feed(...Array.from({ length: TOKENS }, (_, i) => ({ token: `0x${i}`, event_time: START_MS })));
  await reader.allWritten(hot);
  await reader.assertSame(hot);
  return [hot, reader];
}

requires("figures in Redis while it fails", { servers: ["redis"] }, () => {
  test("all figures are written again to a server that is killed and comes back empty", async (t) => {
    const folder = tempDir(t, "redis");
    const port = await freePort();
    const first = await startRedis({ folder, port });
    const [hot, reader] = await written(t, redisSettings([first]), 10_000);
    first.kill();
    await first.exited;
    await waitFor("the circuit opens", async () => hot.circuit.state === "open");
    assert.match(hot.writer.problem ?? "", AWAY);
    const failuresBefore = hot.writer.metrics(0).failures;
    assert.ok(failuresBefore >= 3);
    hot.host.feed({ token: "0x7", event_time: START_MS });
    const second = await startRedis({ folder, port });
    t.after(second.stop);
    await reader.allWritten(hot);
    await reader.assertSame(hot);
    assert.equal(await second.command("dbsize"), String(TOKENS + 1));
    assert.equal(hot.writer.problem, undefined);
    assert.equal(hot.circuit.state, "closed");
  });

  test("all figures are written again to a server that was emptied between two successful batches", async (t) => {
    const folder = tempDir(t, "redis");
    const port = await freePort();
    const first = await startRedis({ folder, port });
    const [hot, reader] = await written(t, redisSettings([first]), 10_000);
    // Nothing is asked of the server while it is away.
    const stoodStillMs = performance.now();
    hot.monotonicMs = () => stoodStillMs;
    let batches = -1;
    await waitFor("the writer rests", async () => {
      const isResting = hot.store.underWay === 0 && hot.store.batches.length === batches;
      batches = hot.store.batches.length;
      return isResting;
    });
    first.kill();
    await first.exited;
    const second = await startRedis({ folder, port });
    t.after(second.stop);
    assert.equal(hot.store.batches.length, batches);
    hot.monotonicMs = () => performance.now();
    await reader.allWritten(hot);
    await reader.assertSame(hot);
  });

  test("a server that never responds delays neither swaps nor requests, and memory stays bounded", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const proxy = await TcpProxy.start(server.port);
    t.after(async () => proxy.close());
    const through = redisSettings([{ host: "127.0.0.1", port: proxy.port }]);
    const [hot] = await written(t, through, 300);
    const reader = new HotReader(t, redisSettings([server]));
    proxy.mode = "silent";
    const batchesBefore = hot.store.batches.length;
    let rounds = 0;
    await waitFor("the circuit opens", async () => {
      rounds += 1;
      hot.host.nowMs += 10;
      hot.host.feed(...Array.from({ length: TOKENS }, (_, i) => ({ token: `0x${i}`, event_time: hot.host.nowMs })));
      const { trades } = JSON.parse(`{${hot.answer("1:0x7").body}}`).windows["1h"];
      assert.equal(trades, rounds + 1);
      return hot.circuit.state === "open";
    });
    assert.match(hot.writer.problem ?? "", AWAY);
    assert.ok(rounds > 3);
    const tried = hot.store.batches.slice(batchesBefore);
    assert.ok(tried.length < 20 && tried.every((batch) => batch.length <= TOKENS), `${tried.length} batches`);
    assert.equal(hot.store.underWayMax, 1);
    proxy.mode = "open";
    await reader.allWritten(hot);
    await reader.assertSame(hot);
    assert.equal((await reader.stats("1:0x7")).windows["1h"].trades, rounds + 1);
  });

  test("repeating a batch that was written without a response changes nothing", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const proxy = await TcpProxy.start(server.port);
    t.after(async () => proxy.close());
    const [hot] = await written(t, redisSettings([{ host: "127.0.0.1", port: proxy.port }]), 300);
    const reader = new HotReader(t, redisSettings([server]));
    proxy.mode = { noAnswersFrom: "stats:1:0x7" };
    hot.host.feed({ token: "0x7", event_time: START_MS });
    await waitFor("the new figures are there", async () => (await reader.stats("1:0x7")).windows["1h"].trades === 2);
    await waitFor("the writer does not know", async () => hot.writer.problem !== undefined);
    proxy.mode = "open";
    await reader.allWritten(hot);
    await reader.assertSame(hot);
  });

  test("a full server is reported, and is written to again when it has space", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const [hot, reader] = await written(t, redisSettings([server]), 10_000);
    await server.command("config", "set", "maxmemory", "1");
    hot.host.feed({ token: "0x7", event_time: START_MS });
    await waitFor("the circuit opens", async () => hot.circuit.state === "open");
    assert.match(hot.writer.problem ?? "", /OOM/);
    await server.command("config", "set", "maxmemory", "0");
    await reader.allWritten(hot);
    await reader.assertSame(hot);
  });

  test("a key that cannot be written does not prevent other writes", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const [hot, reader] = await written(t, redisSettings([server]), 10_000);
    await server.command("del", `${PREFIX}stats:1:0x3`);
    await server.command("lpush", `${PREFIX}stats:1:0x3`, "of somebody else");
    hot.host.feed(...[3, 7, 8].map((i) => ({ token: `0x${i}`, event_time: START_MS })));
    for (const i of [7, 8]) {
      await waitFor("it is there", async () => (await reader.stats(`1:0x${i}`)).windows["1h"].trades === 2);
    }
    await waitFor("it is told of", async () => /WRONGTYPE/.test(hot.writer.problem ?? ""));
    await server.command("del", `${PREFIX}stats:1:0x3`);
    await reader.allWritten(hot);
    await reader.assertSame(hot);
  });

  test("a master that Sentinels promote gets all figures", async (t) => {
    const servers = await startRedisSentinels({ folder: tempDir(t, "redis") });
    t.after(servers.stop);
    const [hot, reader] = await written(t, sentinelSettings(servers), 1_000);
    const old = await servers.master();
    old.kill();
    hot.host.feed({ token: "0x7", event_time: START_MS });
    await waitFor("another master is named", async () => (await servers.master()).port !== old.port);
    await reader.allWritten(hot);
    await reader.assertSame(hot);
  });

  test("after a Cluster promotes the replica of a killed master, its nodes together have all figures", async (t) => {
    const servers = await startRedisCluster({ folder: tempDir(t, "redis") });
    t.after(servers.stop);
    const [hot, reader] = await written(t, clusterSettings(servers), 1_000);
    const dead = await servers.masterOf(`${PREFIX}stats:1:0x7`);
    servers.nodes[dead]!.kill();
    hot.host.feed({ token: "0x7", event_time: START_MS });
    await waitFor("the replica is promoted", async () => (await servers.masterOf(`${PREFIX}stats:1:0x7`)) !== dead);
    await reader.allWritten(hot);
    await reader.assertSame(hot);
  });
});
