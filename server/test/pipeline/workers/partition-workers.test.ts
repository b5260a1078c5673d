import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { createSharedClock } from "../../../src/bus/shared-clock.ts";
import { toEngineConfig } from "../../../src/config/config.ts";
import { defaultConfig } from "../../../src/config/load.ts";
import { PartitionWorkers } from "../../../src/pipeline/workers/partition-workers.ts";
import { tempDir } from "../../support/tmp.ts";

test("a worker that ends by an error is reported at once, and its requests fail instead of waiting", async (t) => {
  const dataDir = tempDir(t, "workers");
  const config = defaultConfig();
  const fatal = Promise.withResolvers<Error>();
  const workers = new PartitionWorkers({
    threads: 2,
    dataDir,
    checkpointStore: { kind: "embedded", dataDir },
    source: { kind: "embedded", setup: { logPath: `${dataDir}/there-is-no-log` } },
    owner: "test",
    engine: toEngineConfig(config),
    clock: createSharedClock("live", 0),
    snapshotIntervalMs: 1_000,
    coalesceMs: 100,
    seenSinceMs: undefined,
    past: undefined,
    answerTimeoutMs: 60_000,
    ingestion: {
      connect: () => new MessageChannel().port2,
      onCurrent: () => {},
      onFailed: () => {},
      onCheckpoint: () => {},
    },
    onFatal: fatal.resolve,
  });
  const assigned = [0, 1, 2].map((partition) => workers.assign(partition));
  const refused = assigned.map((promise) => assert.rejects(promise, /there-is-no-log/));
  assert.match((await fatal.promise).message, /thread of partitions [01] failed: .*there-is-no-log/);
  await Promise.all(refused);
  await Promise.all(
    workers.clients.map((client) => assert.rejects(client.ask<"status">({ kind: "status" }), { code: "unavailable" })),
  );
  assert.equal((await workers.drain(100)).length, 2);
});
