import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import type { RecordMapper } from "../../../src/mapping/mapper.ts";
import type { PartitionRunner } from "../../../src/pipeline/partition-runner.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { imageOf } from "../checkpoint/engine-life.ts";
import { RunnerFolder, START_MS } from "../runner-folder.ts";
import { type Script, ScriptedMapper } from "./scripted-mapper.ts";

const DRAIN_MS = 600_000;
const AWAY = new SwapstatsError("unavailable", "The registry is away.", { retryable: true });

function record(serial: number, more: Script = {}): string {
  const swap = { chain_id: 1, tx_hash: `0x${serial}`, log_index: 0, token: "0xa", side: "buy", amount_token: "1" };
  const event = JSON.stringify({ ...swap, amount_usd: "2", event_time: START_MS + serial });
  return JSON.stringify({ events: [event, event.replace('"log_index":0', '"log_index":1')], ...more });
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await nextTurn();
}

async function statusOf(runner: PartitionRunner) {
  const { next_offset, lag, state, problems, mapping } = await runner.status();
  return { next_offset, lag, state, problems, mapping };
}

/** The engine with its writing part. */
function engineOf(runner: PartitionRunner): PartitionEngine {
  assert.ok(runner.served.engine instanceof PartitionEngine);
  return runner.served.engine;
}

async function started(folder: RunnerFolder, mapper: RecordMapper): Promise<PartitionRunner> {
  const { runner } = folder.runner(undefined, undefined, mapper);
  await runner.start();
  await until(async () => (await runner.status()).checkpoint !== undefined);
  return runner;
}

/** A partition of six records, of which the fourth needs a schema that cannot be had. */
async function waiting(t: TestContext, folder: RunnerFolder) {
  const mapper = new ScriptedMapper();
  const asked = Promise.withResolvers<void>();
  mapper.load = async () => {
    asked.resolve();
    throw AWAY;
  };
  const runner = await started(folder, mapper);
  t.after(() => runner.drain(0).catch(() => {}));
  folder.appendRecords([0, 1, 2, 3, 4, 5].map((i) => record(i, i === 3 ? { schema: 8 } : {})));
  await asked.promise;
  await until(async () => (await runner.status()).problems.length > 0);
  return { mapper, runner };
}

describe("a mapped record whose schema must be loaded", () => {
  test("the partition waits for a registry that is away, says so, and makes no dead letter of it", async (t) => {
    const folder = new RunnerFolder(t);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { runner } = await waiting(t, folder);
    const before = { next_offset: 3, lag: 3, state: "running", problems: ["The registry is away."] };
    assert.deepEqual(await statusOf(runner), { ...before, mapping: { records: 3, skipped: 0 } });
    assert.equal(runner.counters?.applied, 6);
  });

  test("it continues with that record when the registry is back", async (t) => {
    const folder = new RunnerFolder(t);
    const { mapper, runner } = await waiting(t, folder);
    mapper.load = async () => {};
    await until(async () => (await runner.status()).lag === 0);
    const after = { next_offset: 6, lag: 0, state: "running", problems: [] };
    assert.deepEqual(await statusOf(runner), { ...after, mapping: { records: 6, skipped: 0 } });
    assert.deepEqual([runner.counters?.applied, folder.letters], [12, []]);
    await runner.drain(DRAIN_MS);
  });

  test("a drain does not wait for it: the records before it are saved, and the next owner continues with it", async (t) => {
    const folder = new RunnerFolder(t);
    const { runner } = await waiting(t, folder);
    await runner.drain(DRAIN_MS);

    const next = await started(folder, new ScriptedMapper());
    await until(async () => (await next.status()).lag === 0);
    assert.deepEqual([next.counters?.accepted, next.counters?.applied], [12, 12]);
    assert.equal((await next.status()).mapping?.records, 3);
    await next.drain(DRAIN_MS);
  });

  test("a drain that began before the schema was needed ends as well", async (t) => {
    const folder = new RunnerFolder(t);
    const mapper = new ScriptedMapper();
    const asked = Promise.withResolvers<void>();
    const mayFail = Promise.withResolvers<void>();
    mapper.load = async () => {
      asked.resolve();
      await mayFail.promise;
      throw AWAY;
    };
    const runner = await started(folder, mapper);
    folder.appendRecords([record(0), record(1, { schema: 1 })]);
    await asked.promise;
    const drained = runner.drain(DRAIN_MS);
    mayFail.resolve();
    await drained;
    const next = await started(folder, new ScriptedMapper());
    await until(async () => (await next.status()).lag === 0);
    assert.equal(next.counters?.applied, 4);
    await next.drain(DRAIN_MS);
  });

  test("the limit of a drain ends an attempt that hangs", async (t) => {
    const folder = new RunnerFolder(t);
    const mapper = new ScriptedMapper();
    const asked = Promise.withResolvers<void>();
    mapper.load = (_schema, signal) => {
      asked.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const runner = await started(folder, mapper);
    folder.appendRecords([record(0, { schema: 1 })]);
    await asked.promise;
    await runner.drain(1);
    assert.equal(runner.counters?.accepted, 0);
  });

  test("an error that is no error of the registry makes the owner fail", async (t) => {
    const folder = new RunnerFolder(t);
    const mapper = new ScriptedMapper();
    mapper.load = async () => {
      throw new TypeError("a bug");
    };
    const runner = await started(folder, mapper);
    folder.appendRecords([record(0, { schema: 1 })]);
    await until(() => folder.told.length > 1);
    assert.deepEqual(folder.told, ["current", "failed: a bug"]);
    await runner.drain(DRAIN_MS);
  });
});

describe("a restore of mapped records", () => {
  test("uses no mapping, so another one changes nothing that was counted", async (t) => {
    const folder = new RunnerFolder(t);
    const mapper = new ScriptedMapper();
    const first = await started(folder, mapper);
    folder.appendRecords([record(0), record(1, { skipped: 3 }), JSON.stringify({ code: "malformed_json" })]);
    await until(async () => (await first.status()).lag === 0);
    await first.drain(DRAIN_MS);
    const image = imageOf(engineOf(first));
    const letters = [...folder.letters];

    const never: RecordMapper = {
      needsEnvelope: false,
      map: () => assert.fail("a restore maps nothing"),
      loadSchema: () => assert.fail("a restore needs no schema"),
      refusalText: () => assert.fail("a restore explains nothing"),
    };
    for (const other of [never, undefined]) {
      folder.letters.length = 0;
      const { runner } = folder.runner(undefined, undefined, other);
      await runner.start();
      assert.equal((await runner.status()).next_offset, 3);
      assert.ok(imageOf(engineOf(runner)).equals(image));
      await runner.drain(DRAIN_MS);
      assert.deepEqual(folder.letters, letters);
    }
  });
});
