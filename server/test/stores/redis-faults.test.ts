import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { startRedis, startRedisCluster, startRedisSentinels } from "../../../scripts/servers/redis.ts";
import type { RedisServer } from "../../src/config/build/stores.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import { requires } from "../support/requires.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { tempDir } from "../support/tmp.ts";
import { clusterSettings, redisSettings, redisStore, sentinelSettings } from "./backends.ts";
import { assertAllFail, swapOnTop, textOf, toBytes, untilItWorks } from "./store-faults.ts";

const LIMIT_MS = 1_000;
const USER = { name: "swapstats", password: "secret-of-tests" };

/** Opens a store that is closed with the test, because an open client retries without limit. */
function openStore(t: TestContext, redis: RedisServer, limitMs: number): CheckpointStore {
  const store = redisStore(redis, "x", limitMs);
  t.after(() => store.close());
  return store;
}

requires("faults of Redis", { servers: ["redis"] }, () => {
  test("a wrong password is reported without a wait", async (t) => {
    const folder = tempDir(t, "redis");
    const server = await startRedis({ folder, user: USER });
    t.after(server.stop);
    const wrong = { name: USER.name, password: "another" };
    const store = openStore(t, redisSettings([server], { user: wrong }), LIMIT_MS);
    await assertAllFail(store, /WRONGPASS/);
    const nobody = openStore(t, redisSettings([server]), LIMIT_MS);
    await assertAllFail(nobody, /NOAUTH/);
  });

  test("a user with only the permissions listed in docs/checkpoint-stores.md suffices", async (t) => {
    const rights = "+@read +@write +@scripting +@transaction +@connection +info +wait";
    const lines = [`user few on >secret ~x:* resetchannels -@all ${rights}`];
    const server = await startRedis({ folder: tempDir(t, "redis"), lines });
    t.after(server.stop);
    const store = openStore(t, redisSettings([server], { user: { name: "few", password: "secret" } }), LIMIT_MS);
    const version = await store.swapManifest(0, toBytes("first"), undefined);
    await store.swapManifest(0, toBytes("second"), version);
    assert.equal(textOf(await store.readPreviousManifest(0)), "first");
    await store.putPart(0, "base-1-0", toBytes("part"));
    assert.deepEqual(await store.listParts(0), ["base-1-0"]);
    assert.equal(textOf(await store.getPart(0, "base-1-0")), "part");
    await store.deletePart(0, "base-1-0");
  });

  test("a certificate of an unknown authority is refused, and a missing file is a bad configuration", async (t) => {
    const folder = tempDir(t, "redis");
    const tls = makeCertificates(`${folder}/one`);
    const other = makeCertificates(`${folder}/other`);
    const server = await startRedis({ folder: `${folder}/redis`, tls });
    t.after(server.stop);
    const store = openStore(t, redisSettings([server], { tls: other }), LIMIT_MS);
    await assertAllFail(store, /certificate/);
    const missing = redisSettings([server], { tls: { ...tls, ca: `${folder}/nothing.pem` } });
    assert.throws(() => redisStore(missing, "x"), { code: "bad_config", message: /nothing\.pem cannot be read/ });
  });

  test("every call times out at a server that accepts connections and never responds", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const proxy = await TcpProxy.start(server.port);
    t.after(async () => proxy.close());
    proxy.mode = "silent";
    const store = openStore(t, redisSettings([{ host: "127.0.0.1", port: proxy.port }]), 200);
    await assertAllFail(store, /took longer than 200 ms|isn't writeable|closed/);
    proxy.mode = "open";
    await swapOnTop(store, "first");
    // In the midst of a connection that worked.
    proxy.mode = "silent";
    await assertAllFail(store, /took longer than 200 ms|isn't writeable|closed/);
    proxy.mode = "open";
    assert.equal(textOf((await untilItWorks(() => store.readManifest(0)))?.bytes), "first");
  });

  test("a swap that was applied without a response is found by reading the manifest", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const proxy = await TcpProxy.start(server.port);
    t.after(async () => proxy.close());
    const store = openStore(t, redisSettings([{ host: "127.0.0.1", port: proxy.port }]), LIMIT_MS);
    const first = await store.swapManifest(0, toBytes("first"), undefined);
    proxy.mode = "no_answers";
    await assert.rejects(store.swapManifest(0, toBytes("second"), first), { code: "storage_failed", retryable: true });
    proxy.mode = "open";
    const found = await untilItWorks(() => store.readManifest(0));
    assert.equal(textOf(found?.bytes), "second");
    assert.equal(textOf(await store.readPreviousManifest(0)), "first");
    await assert.rejects(store.swapManifest(0, toBytes("again"), first), { code: "checkpoint_conflict" });
    await store.swapManifest(0, toBytes("third"), found?.version);
  });

  test("a server that is killed and started empty has no checkpoints and accepts no earlier version", async (t) => {
    const folder = tempDir(t, "redis");
    const port = await freePort();
    const first = await startRedis({ folder, port });
    const store = openStore(t, redisSettings([first]), LIMIT_MS);
    const version = await store.swapManifest(0, toBytes("first"), undefined);
    await store.putPart(0, "base-1-0", toBytes("part"));
    first.kill();
    await first.exited;
    await assertAllFail(store, /ECONNREFUSED|ECONNRESET|EPIPE|closed|isn't writeable/);
    const second = await startRedis({ folder, port });
    t.after(second.stop);
    assert.equal(await untilItWorks(() => store.readManifest(0)), undefined);
    assert.deepEqual(await store.listParts(0), []);
    await assert.rejects(store.swapManifest(0, toBytes("second"), version), { code: "checkpoint_conflict" });
    await store.swapManifest(0, toBytes("second"), undefined);
  });

  test("with an append-only file everything acknowledged is stored after kill -9", async (t) => {
    const folder = tempDir(t, "redis");
    const port = await freePort();
    const first = await startRedis({ folder, port, durable: true });
    const store = openStore(t, redisSettings([first]), LIMIT_MS);
    const version = await store.swapManifest(0, toBytes("first"), undefined);
    await store.putPart(0, "base-1-0", toBytes("part"));
    first.kill();
    await first.exited;
    const second = await startRedis({ folder, port, durable: true });
    t.after(second.stop);
    const found = await untilItWorks(() => store.readManifest(0));
    assert.deepEqual([textOf(found?.bytes), found?.version], ["first", version]);
    assert.equal(textOf(await store.getPart(0, "base-1-0")), "part");
  });

  test("the store continues with everything acknowledged after Sentinels name another master", async (t) => {
    const tls = makeCertificates(tempDir(t, "certificates"));
    const access = { user: USER, tls };
    const servers = await startRedisSentinels({ folder: tempDir(t, "redis"), ...access });
    t.after(servers.stop);
    const store = openStore(t, sentinelSettings(servers, access), LIMIT_MS);
    await swapOnTop(store, "first");
    await store.putPart(0, "base-1-0", toBytes("part"));
    await swapOnTop(store, "second");
    (await servers.master()).kill();
    await swapOnTop(store, "third");
    assert.equal(textOf(await untilItWorks(() => store.readPreviousManifest(0))), "second");
    assert.equal(textOf(await untilItWorks(() => store.getPart(0, "base-1-0"))), "part");
  });

  test("the store leaves a hanging master when the Sentinels name another, and the old one becomes a replica", async (t) => {
    const servers = await startRedisSentinels({ folder: tempDir(t, "redis") });
    t.after(servers.stop);
    const store = openStore(t, sentinelSettings(servers), LIMIT_MS);
    await swapOnTop(store, "first");
    const old = await servers.master();
    old.signal("SIGSTOP");
    await swapOnTop(store, "second");
    assert.notEqual((await servers.master()).port, old.port);
    old.signal("SIGCONT");
    await swapOnTop(store, "third");
    assert.equal(textOf(await untilItWorks(() => store.readPreviousManifest(0))), "second");
  });

  test("the store continues after a Cluster promotes the replica of a killed master", async (t) => {
    const servers = await startRedisCluster({ folder: tempDir(t, "redis") });
    t.after(servers.stop);
    const store = openStore(t, clusterSettings(servers), LIMIT_MS);
    await swapOnTop(store, "first");
    await store.putPart(0, "base-1-0", toBytes("part"));
    await swapOnTop(store, "second");
    servers.nodes[await servers.masterOf("x:{p0}:manifest")]!.kill();
    await swapOnTop(store, "third");
    assert.equal(textOf(await untilItWorks(() => store.readPreviousManifest(0))), "second");
    assert.equal(textOf(await untilItWorks(() => store.getPart(0, "base-1-0"))), "part");
  });
});
