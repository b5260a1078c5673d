/** A repair gives rows other sequences than the state of the stream would. A restore from before them must not write them again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { historyRepair } from "../../src/cli/history/repair/repair.ts";
import { decodeManifest, type Manifest } from "../../src/pipeline/checkpoint/manifest.ts";
import type { RecordBatch } from "../../src/ports/source.ts";
import { EmbeddedCheckpointStore } from "../../src/stores/embedded-checkpoint-store.ts";
import { logOf } from "../cli/history/repair/past-log.ts";
import { streamOf } from "../pipeline/checkpoint/engine-life.ts";
import type { SimulatedDisk } from "../pipeline/checkpoint/simulated-disk.ts";
import { never } from "../sources/embedded/log-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { FaultyHistory } from "./faulty-history.ts";
import { Life, markOfWholeRun, rowsOfWholeRun, SETTLING } from "./history-life.ts";
import { assertSameRows, type Lived, liveThrough, RECORDS, type Round, validRows, WIDE } from "./lives.ts";

const ROUNDS = Math.max(1, Math.round(4 * Number(process.env.SWAPSTATS_TEST_RUNS ?? 1)));
const ROUNDS_MAX = 10 * ROUNDS;
const LOSSES: Round = {
  ...{ memoryBytes: 4_000, spoolBytes: 12_000, pressure: 0.3, faults: 0.2, away: 0.5 },
  ...{ onFailure: "gap", lastHasRoom: true },
};

async function manifestOf(disk: SimulatedDisk): Promise<Manifest> {
  const stored = await new EmbeddedCheckpointStore("/data", disk.fs).readManifest(0);
  assert.ok(stored !== undefined && stored.unreadable === undefined);
  const decoded = decodeManifest(stored.bytes, 0);
  assert.ok(decoded.kind === "good");
  return decoded.manifest;
}

/** Repairs what can be repaired. Returns how many rows that wrote. */
async function repair({ memory, disk }: Lived, batches: readonly RecordBatch[]): Promise<number> {
  const output = memoryOutput();
  const knownOf = async () => (await manifestOf(disk)).history;
  const source = { config: SETTLING, openLog: async () => logOf(batches), knownOf };
  await historyRepair({ kind: "embedded", store: memory }, {}, source, output, never).catch((error: unknown) => {
    assert.match(
      `${error} ${output.outText()}`,
      /cannot be repaired.*(does not know the gap yet|swaps of its times are final yet)/s,
    );
  });
  return Array.from(output.outText().matchAll(/repaired: ([0-9,]+) swaps/g), ([, rows]) =>
    Number(rows!.replaceAll(",", "")),
  ).reduce((sum, rows) => sum + rows, 0);
}

/** Another life that begins from the older base, because the newer one is damaged, and that ends in order after all records. */
async function liveOn({ memory, disk }: Lived, batches: readonly RecordBatch[], random: Random, folder: string) {
  const after = disk.afterKill();
  const checkpoints = new EmbeddedCheckpointStore("/data", after.fs);
  const [newer, older] = (await manifestOf(after)).bases;
  if (older !== undefined) for (const { name } of newer!.parts) await checkpoints.deletePart(0, name);
  const history = new FaultyHistory(memory, random, 0).store;
  const life = new Life({ checkpoints, history, batches, random, folder, ...WIDE, onFailure: "gap", pressure: 0.2 });
  await life.run(Number.POSITIVE_INFINITY);
  await life.finish();
  return older !== undefined;
}

test("after a repair and a restore from the older base every row is there once", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const folder = tempDir(t, "repaired");
  let [repaired, older] = [0, 0];
  for (let i = 0; i < ROUNDS || older === 0; i++) {
    assert.ok(i < ROUNDS_MAX, "no repaired history met a restore from the older base");
    const batches = streamOf(seed + i, 2 * RECORDS, random);
    const lived = batches.slice(0, batches.length / 2);
    const before = await liveThrough(folder, lived, random, LOSSES);
    const stream = before.status.streams.reduce((a, b) => (a.epoch > b.epoch ? a : b));
    const marks = [{ ...stream, sequence: stream.nextSequence, beforeMs: markOfWholeRun(lived) }];
    await before.memory.append({ settled: [], raw: [], marks });
    const rows = await repair(before, lived);
    const isOlder = await liveOn(before, batches, random, folder);
    if ((await before.memory.status()).gaps.length > 0) continue;
    assertSameRows(await validRows(before.memory), rowsOfWholeRun(batches));
    repaired += rows;
    if (rows > 0 && isOlder) older += 1;
  }
  t.diagnostic(`${repaired} rows were repaired, ${older} restores took the older base after it`);
});
