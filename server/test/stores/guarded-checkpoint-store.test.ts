import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { startRedis } from "../../../scripts/servers/redis.ts";
import { loadConfig } from "../../src/config/load.ts";
import { FAILURES_TO_OPEN } from "../../src/shared/circuit.ts";
import { checkpointStoreSetup, openCheckpointStore } from "../../src/stores/open-checkpoint-store.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { textOf, toBytes } from "./store-faults.ts";

test("a setup is plain data, and opens the configured store", async (t) => {
  const dataDir = tempDir(t, "data");
  const embedded = await openCheckpointStore(structuredClone(checkpointStoreSetup(loadConfig().config, dataDir)));
  assert.equal(embedded.circuit, undefined);
  await embedded.store.swapManifest(0, toBytes("here"), undefined);
  assert.equal(textOf((await embedded.store.readManifest(0))?.bytes), "here");
  const env = {
    SWAPSTATS_STORES_CHECKPOINT: "s3",
    SWAPSTATS_STORES_S3_BUCKET: "checkpoints",
    SWAPSTATS_STORES_S3_ACCESS_KEY: "a",
    SWAPSTATS_STORES_S3_SECRET_KEY: "b",
  };
  const s3 = await openCheckpointStore(structuredClone(checkpointStoreSetup(loadConfig({ env }).config, dataDir)));
  assert.equal(s3.circuit?.dependency, "s3");
  await s3.store.close();
  const brokers = { SWAPSTATS_STORES_CHECKPOINT: "kafka", SWAPSTATS_INGEST_BROKERS: "127.0.0.1:1" };
  const kafka = await openCheckpointStore(
    structuredClone(checkpointStoreSetup(loadConfig({ env: brokers }).config, dataDir)),
  );
  assert.equal(kafka.circuit?.dependency, "kafka");
  await kafka.store.close();
});

requires("a circuit breaker around Redis", { servers: ["redis"] }, () => {
  test("the circuit opens when the store is unreachable, calls fail at once, and it closes when the store is back", async (t) => {
    const folder = tempDir(t, "redis");
    const port = await freePort();
    const env = { SWAPSTATS_STORES_CHECKPOINT: "redis", SWAPSTATS_STORES_REDIS_ADDR: `127.0.0.1:${port}` };
    const setup = structuredClone(checkpointStoreSetup(loadConfig({ env }).config, folder));
    const { store, circuit } = await openCheckpointStore(setup);
    t.after(() => store.close());
    const first = await startRedis({ folder, port });
    const version = await store.swapManifest(0, toBytes("first"), undefined);
    for (let i = 0; i < 2 * FAILURES_TO_OPEN; i++) {
      await assert.rejects(store.swapManifest(0, toBytes("x"), "another"), { code: "checkpoint_conflict" });
    }
    assert.deepEqual([circuit?.state, circuit?.problem], ["closed", undefined]);
    first.kill();
    await first.exited;
    for (let i = 0; i < FAILURES_TO_OPEN; i++) {
      await assert.rejects(store.readManifest(0), { code: "storage_failed", retryable: true });
    }
    assert.equal(circuit?.state, "open");
    assert.match(circuit.problem ?? "", /^Cannot read the manifest of partition 0 with Redis at 127/);
    const left = { code: "storage_failed", retryable: true, message: /calls to redis are suspended for a moment/ };
    await assert.rejects(store.swapManifest(0, toBytes("second"), version), left);
    const second = await startRedis({ folder, port });
    t.after(second.stop);
    while ((await store.readManifest(0).catch(() => "away")) === "away") await pause(100);
    assert.equal(circuit.state, "closed");
    assert.equal(circuit.problem, undefined);
  });
});
