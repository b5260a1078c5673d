import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import { startRedis, startRedisCluster, startRedisSentinels } from "../../../scripts/servers/redis.ts";
import type { RedisServer } from "../../src/config/build/stores.ts";
import type { HotOutcome, HotValue } from "../../src/ports/hot-store.ts";
import { RedisHotStore } from "../../src/stores/redis-hot-store.ts";
import { HotReader, PREFIX } from "../pipeline/hot/hot-harness.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { clusterSettings, redisSettings, sentinelSettings } from "./backends.ts";

const LIMIT_MS = 60_000;
const TTL_MS = 600_000;
const EPOCH = 1_767_225_600_000;
const USER = { name: "swapstats", password: "secret-of-tests" };

/** Its id looks like members that decide, and must not. */
function hotValue(key: string, epoch: number, rev: number, asOf: number): HotValue {
  const text = `{"as_of":${asOf},"watermark":-5,"epoch":"${epoch}","rev":${rev},"lag_ms":0,"id":"\\"epoch\\":\\"9\\""}`;
  return { key, text, epoch: String(epoch), rev, asOf };
}

/** Writes like the writer: again when the store reports that earlier values may be lost. */
async function write(store: RedisHotStore, values: readonly HotValue[], ttlMs: number): Promise<readonly HotOutcome[]> {
  for (;;) {
    const outcomes = await store.write(values, ttlMs, store.generation);
    if (outcomes !== undefined) return outcomes;
  }
}

const storeOf = (redis: RedisServer): RedisHotStore => new RedisHotStore({ redis, prefix: PREFIX, limitMs: LIMIT_MS });

requires("the hot store in Redis", { servers: ["redis"] }, () => {
  test("the latest value by epoch, revision and as-of stays, and no reader sees an earlier one after it", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const store = storeOf(redisSettings([server]));
    t.after(() => store.close());
    const reader = new HotReader(t, redisSettings([server]));
    const random = randomFrom(seedOf(t));
    // Numbers whose texts sort otherwise than they do.
    const places = [8, 9, 10, 99, 100].flatMap((e) =>
      [1, 9, 10].flatMap((r) => [5, 60].map((a) => [e, r, a] as const)),
    );
    const all = places.map(([e, r, a]) => hotValue("stats:1:0xaa", EPOCH + e, r, EPOCH + a));
    let before = -1;
    for (const value of [...random.shuffled(all), ...random.shuffled(all)]) {
      const place = all.indexOf(value);
      const outcomes = await write(store, [value], TTL_MS);
      assert.deepEqual(outcomes, [place >= before ? "written" : "refused"]);
      before = Math.max(before, place);
      assert.equal(await reader.call((client) => client.get(`${PREFIX}stats:1:0xaa`)), all[before]?.text);
    }
    assert.equal(before, all.length - 1);
  });

  test("each value of a call has its own outcome, and expires a fixed time after its last write", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const store = storeOf(redisSettings([server]));
    t.after(() => store.close());
    const values = ["a", "b", "c"].map((id) => hotValue(`stats:1:${id}`, EPOCH, 5, EPOCH));
    assert.deepEqual(await write(store, values, 1_000_000_000), ["written", "written", "written"]);
    const mixed = [hotValue("stats:1:a", EPOCH, 4, EPOCH), hotValue("stats:1:b", EPOCH, 5, EPOCH)];
    assert.deepEqual(await write(store, mixed, TTL_MS), ["refused", "written"]);
    const ttl = async (id: string) => Number(await server.command("pttl", `${PREFIX}stats:1:${id}`));
    assert.ok((await ttl("a")) > TTL_MS);
    assert.ok((await ttl("b")) <= TTL_MS);
  });

  test("a text of another program is replaced, and a value of another type is an error", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const store = storeOf(redisSettings([server]));
    t.after(() => store.close());
    await server.command("set", `${PREFIX}stats:1:a`, "something else");
    await server.command("lpush", `${PREFIX}stats:1:b`, "something else");
    const [a, b, c] = ["a", "b", "c"].map((id) => hotValue(`stats:1:${id}`, EPOCH, 5, EPOCH)) as [
      HotValue,
      HotValue,
      HotValue,
    ];
    assert.deepEqual(await write(store, [a], TTL_MS), ["written"]);
    await assert.rejects(write(store, [b, c], TTL_MS), { code: "storage_failed", message: /WRONGTYPE/ });
    assert.equal(await server.command("get", `${PREFIX}stats:1:c`), c.text);
  });

  test("a user with only the permissions listed in docs/redis-keys.md suffices", async (t) => {
    const writer = "user few on >secret ~x:* resetchannels -@all +@read +@write +@scripting +@connection +info";
    const lines = [writer, "user reads on >secret %R~x:stats:* %R~x:written:* resetchannels -@all +@read +@connection"];
    const server = await startRedis({ folder: tempDir(t, "redis"), lines });
    t.after(server.stop);
    const store = storeOf(redisSettings([server], { user: { name: "few", password: "secret" } }));
    t.after(() => store.close());
    const value = hotValue("stats:1:a", EPOCH, 5, EPOCH);
    assert.deepEqual(await write(store, [value], TTL_MS), ["written"]);
    const access = ["--user", "reads", "--pass", "secret", "--no-auth-warning"];
    assert.equal(await server.command(...access, "get", `${PREFIX}stats:1:a`), value.text);
    await assert.rejects(server.command(...access, "del", `${PREFIX}stats:1:a`), /NOPERM/);
  });

  test("values are written through Sentinels with a user and TLS", async (t) => {
    const access = { user: USER, tls: makeCertificates(tempDir(t, "certificates")) };
    const servers = await startRedisSentinels({ folder: tempDir(t, "redis"), ...access });
    t.after(servers.stop);
    await writesMany(t, sentinelSettings(servers, access));
  });

  test("values are written in a Cluster, whatever slots their tokens are in", async (t) => {
    const servers = await startRedisCluster({ folder: tempDir(t, "redis") });
    t.after(servers.stop);
    await writesMany(t, clusterSettings(servers));
    for (const node of servers.nodes.slice(0, 3)) assert.notEqual(await node.command("dbsize"), "0");
  });

  async function writesMany(t: TestContext, settings: RedisServer): Promise<void> {
    const store = storeOf(settings);
    t.after(() => store.close());
    const reader = new HotReader(t, settings);
    const values = Array.from({ length: 200 }, (_, i) => hotValue(`stats:1:{0x${i}`, EPOCH, i + 1, EPOCH));
    assert.deepEqual(
      await write(store, values, TTL_MS),
      values.map(() => "written"),
    );
    for (const { key, text } of values) assert.equal(await reader.call((client) => client.get(PREFIX + key)), text);
    const older = values.map((value) => ({ ...value, rev: 0 }));
    assert.deepEqual(
      await write(store, older, TTL_MS),
      values.map(() => "refused"),
    );
  }
});
