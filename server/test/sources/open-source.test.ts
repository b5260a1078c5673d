/** The properties that each source reports. No other code checks its kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import type { Ingestion } from "../../src/ports/ingestion.ts";
import { countPartitions, openSource, type ReadersSetup } from "../../src/sources/open-source.ts";
import { tempDir } from "../support/tmp.ts";

type Opened = { readonly ingestion: Ingestion; readonly readers: ReadersSetup };

async function open(dataDir: string, overrides: Record<string, string>): Promise<Opened> {
  const { config } = loadConfig({ env: {}, overrides: { data_dir: dataDir, ...overrides } });
  const fail = (error: unknown): never => assert.fail(String(error));
  const events = { onProblem: fail, onFatal: fail, onServing: () => {} };
  return openSource({ config, handOverLimitMs: 1_000, ...events });
}

for (const source of ["embedded", "generator"]) {
  test(`${source}: the log belongs to this process and has an intake`, async (t) => {
    const settings = { "ingest.source": source, "ingest.embedded.partitions": "3" };
    const { ingestion, readers } = await open(tempDir(t), settings);
    t.after(() => ingestion.stopTaking());
    assert.equal(readers.kind, "embedded");
    assert.deepEqual(structuredClone(readers), readers);
    assert.notEqual(ingestion.intake.port, undefined);
    assert.equal(ingestion.sharedStream, undefined);
    assert.equal(ingestion.needsPlacementCheck, false);
    assert.deepEqual([ingestion.threadsMax, ingestion.partitionCount()], [3, 3]);
    assert.equal(await countPartitions(loadConfig({ env: {}, overrides: settings }).config), 3);
  });
}

test("kafka: instances share the stream by topic and group, and there is no intake", async (t) => {
  const kafka = { "ingest.source": "kafka", "ingest.brokers": "127.0.0.1:1" };
  const settings = { ...kafka, "ingest.topic": "trades", "ingest.group_id": "eu", "stores.checkpoint": "kafka" };
  const { ingestion, readers } = await open(tempDir(t), settings);
  assert.equal(readers.kind, "kafka");
  assert.deepEqual(structuredClone(readers), readers);
  assert.deepEqual(ingestion.sharedStream, ["kafka", "trades", "eu"]);
  assert.equal(ingestion.needsPlacementCheck, true);
  const { intake } = ingestion;
  assert.ok(intake.port === undefined);
  assert.equal(intake.reason, "This service reads its swaps from the Kafka topic trades; produce them there.");
  await ingestion.stopTaking();
  await ingestion.leave();
});
