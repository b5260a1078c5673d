import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { freePort } from "../../../scripts/servers/ports.ts";
import { type RedisServer, startRedis } from "../../../scripts/servers/redis.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import { ToyLog, ToyOwner } from "../pipeline/checkpoint/toy-partition.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { redisBackend } from "./backends.ts";

const RECORDS = Array.from({ length: 100 }, (_, i) => String.fromCharCode(0x61 + (i % 26)));
const WHOLE = RECORDS.join("");

type Setting = { server: RedisServer; store: CheckpointStore; restart: () => Promise<void> };

async function setUp(t: TestContext): Promise<Setting> {
  const folder = tempDir(t, "redis");
  const port = await freePort();
  const setting = { server: await startRedis({ folder, port }) } as Setting;
  t.after(() => setting.server.stop());
  setting.store = await redisBackend([setting.server]).open("toy");
  t.after(() => setting.store.close());
  setting.restart = async () => {
    setting.server.kill();
    await setting.server.exited;
    setting.server = await startRedis({ folder, port });
  };
  return setting;
}

requires("a store that lost what it had", { servers: ["redis"] }, () => {
  test("an owner whose store was emptied reports it and writes a new image", async (t) => {
    const { store, restart } = await setUp(t);
    const log = new ToyLog(RECORDS);
    const owner = await ToyOwner.startOver(store, log);
    for (let i = 0; i < 6; i++) {
      owner.apply(5);
      await owner.writeBase();
    }
    assert.ok(log.startOffset > 0, "the log was released for the images");
    await restart();
    owner.apply(10);
    const writes = Promise.withResolvers<unknown>();
    for (let failed = 0; failed < 50; failed++) {
      try {
        await owner.checkpointer.write();
        await owner.checkpointer.baseDone();
        if (owner.checkpointer.status?.offset === owner.position) break;
      } catch (error) {
        writes.resolve(error);
        assert.equal((error as { code?: string }).code, "storage_failed");
      }
    }
    await writes.promise;
    assert.equal(owner.checkpointer.status?.offset, 40);
    assert.equal(owner.fenced, undefined);
    owner.apply(5);
    await owner.checkpointer.finish();
    const next = await ToyOwner.startOver(store, log);
    assert.deepEqual([next.restored.nextOffset, next.restored.problems], [45, []]);
    next.apply(RECORDS.length);
    assert.equal(next.engine.state, WHOLE);
    const named = new Set(await store.listParts(0));
    assert.ok(named.size < 10, `${named.size} parts are left`);
  });

  test("an owner whose claim was lost is fenced by the next owner, and a former owner never succeeds", async (t) => {
    const { store, restart } = await setUp(t);
    const log = new ToyLog(RECORDS);
    const old = await ToyOwner.startOver(store, log, 2_000_000);
    old.apply(10);
    await old.writeBase();
    await restart();
    const log2 = new ToyLog(RECORDS);
    // Later by the clock, which is all that tells the two apart after the store forgot the first.
    const next = await ToyOwner.startOver(await reopened(store), log2, 3_000_000);
    assert.ok(next.restored.epoch > old.restored.epoch);
    next.apply(20);
    await next.writeBase();
    old.apply(10);
    await assert.rejects(old.checkpointer.write(), { code: "checkpoint_conflict" });
    assert.ok(old.fenced !== undefined);
    next.apply(5);
    await next.checkpointer.finish();
    const last = await ToyOwner.startOver(store, log2, 4_000_000);
    assert.equal(last.restored.nextOffset, 25);
    last.apply(RECORDS.length);
    assert.equal(last.engine.state, WHOLE);
  });
});

/** The same client, connected again after its server was away. */
async function reopened(store: CheckpointStore): Promise<CheckpointStore> {
  while (
    !(await store.readManifest(0).then(
      () => true,
      () => false,
    ))
  );
  return store;
}
