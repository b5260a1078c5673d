import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { toEngineConfig } from "../../src/config/config.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { fingerprintOf } from "../../src/engine/snapshot.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { BatchApplier } from "../../src/pipeline/batch-applier.ts";
import { Checkpointer } from "../../src/pipeline/checkpointer.ts";
import { DeadLetterBuffer } from "../../src/pipeline/dead-letter-buffer.ts";
import { RedoWriter, readRedo } from "../../src/pipeline/redo-writer.ts";
import { restorePartition } from "../../src/pipeline/restore.ts";
import type { RecordBatch } from "../../src/sources/source.ts";
import { EmbeddedCheckpointStore } from "../../src/stores/embedded-checkpoint-store.ts";
import type { Random } from "../support/seed.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { never, START_MS } from "./log-support.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

const CONFIG: EngineConfig = toEngineConfig(defaultConfig());

/** Batches of a stream with everything in it: copies, late, future and removed swaps, and lines that are no swaps. */
function streamOf(seed: number, count: number, random: Random): RecordBatch[] {
  const generator = new SwapGenerator({
    ...GENERATOR_DEFAULTS,
    ratePerSecond: 20,
    tokens: 40,
    traders: 300,
    duplicates: 0.05,
    late: 0.01,
    future: 0.005,
    removed: 0.05,
    seed,
    startMs: START_MS,
  });
  const batches: RecordBatch[] = [];
  let baseOffset = 0;
  while (baseOffset < count) {
    const batchCount = 1 + random.below(200);
    const payload = new Uint8Array(batchCount * RECORD_BYTES_MAX);
    const ends = new Uint32Array(batchCount);
    let end = 0;
    for (let i = 0; i < batchCount; i++) {
      const start = end;
      end = generator.write(payload, end);
      if (random.chance(0.01)) payload[start] = 0x21;
      ends[i] = end;
    }
    const nextOffset = baseOffset + batchCount;
    const arrivalsMs = START_MS + nextOffset * 50;
    batches.push({
      partition: 0,
      baseOffset,
      nextOffset,
      count: batchCount,
      payload: payload.subarray(0, end),
      ends,
      arrivalsMs,
    });
    baseOffset = nextOffset;
  }
  return batches;
}

function applierOf(engine: PartitionEngine): BatchApplier {
  const letters = new DeadLetterBuffer({ put: () => {}, newest: () => [] });
  return new BatchApplier(engine, () => {}, letters);
}

/** All bytes of the state. */
function imageOf(engine: PartitionEngine): Buffer {
  const snapshot = engine.beginSnapshot();
  const slices: Uint8Array[] = [snapshot.header];
  for (let slice = snapshot.next(1 << 20); slice !== undefined; slice = snapshot.next(1 << 20)) slices.push(slice);
  return Buffer.concat(slices);
}

/** Takes the partition over from what is on the disk, and applies batches up to `until`, with checkpoints now and then. */
async function live(
  disk: SimulatedDisk,
  batches: readonly RecordBatch[],
  until: number,
  random: Random,
): Promise<PartitionEngine> {
  const store = new EmbeddedCheckpointStore("/data", disk.fs);
  const endOffset = batches.at(-1)!.nextOffset;
  let nowMs = START_MS;
  const restored = await restorePartition<PartitionEngine>({
    store,
    partition: 0,
    owner: "test",
    nowMs: () => nowMs,
    log: { range: async () => ({ startOffset: 0, endOffset }), raiseEnd: async () => {} },
    createEngine: () => new PartitionEngine(CONFIG),
    fingerprint: fingerprintOf(CONFIG),
    restoreEngine: (header, chunks) => PartitionEngine.restore(CONFIG, header, chunks),
    applyRedo: (content, engine) => {
      for (const batch of readRedo(content, 0)) applierOf(engine).applySlice(batch, 0, Number.POSITIVE_INFINITY);
    },
    seenSinceMs: START_MS,
    signal: never,
  });
  assert.deepEqual(restored.problems, []);
  const { engine } = restored;
  const redo = new RedoWriter();
  const checkpointer = new Checkpointer({
    store,
    claim: restored.claim,
    engine,
    redo,
    snapshotIntervalMs: 1000,
    nowMs: () => nowMs,
    asOfMs: () => nowMs,
    beforeSwap: async () => {},
    release: async () => {},
    observer: { written: () => {}, paused: () => {} },
    onFenced: assert.fail,
  });
  const applier = applierOf(engine);
  let position = restored.nextOffset;
  for (const batch of batches) {
    if (batch.baseOffset < position) continue;
    if (batch.baseOffset >= until) break;
    nowMs += 500;
    checkpointer.setLogPressure(random.chance(0.1));
    if (random.chance(0.3)) void checkpointer.write().catch(() => {});
    applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    redo.add(batch);
    checkpointer.advance(batch.nextOffset);
    position = batch.nextOffset;
    if (random.chance(0.5)) await nextTurn();
  }
  if (random.chance(0.3)) await checkpointer.finish();
  checkpointer.abandon();
  await checkpointer.baseDone();
  return engine;
}

test("a life of crashes and checkpoints ends in the same bytes of state as one run", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const batches = streamOf(seed, 5_000, random);
  const whole = new PartitionEngine(CONFIG);
  whole.setSeenSince(START_MS);
  for (const batch of batches) applierOf(whole).applySlice(batch, 0, Number.POSITIVE_INFINITY);
  const expected = imageOf(whole);
  const { counters } = whole;
  assert.ok(counters.applied > 2000 && counters.removed > 30 && counters.duplicates > 30 && counters.late > 3);
  assert.ok(counters.quarantined > 2 && Object.keys(counters.dead_letters).length > 0);
  for (let round = 0; round < 3; round++) {
    let disk = new SimulatedDisk();
    const ends = Array.from({ length: 5 }, () => random.below(5_000)).sort((a, b) => a - b);
    for (const until of ends) {
      await live(disk, batches, until, random);
      disk = random.chance(0.5) ? disk.afterKill() : disk.afterPowerLoss(random);
    }
    const engine = await live(disk, batches, Number.POSITIVE_INFINITY, random);
    assert.deepEqual(engine.counters, counters);
    assert.ok(imageOf(engine).equals(expected), "the images differ");
    disk.isDead = true;
  }
});

test("a configuration that the state cannot follow is named by its settings", async () => {
  const disk = new SimulatedDisk();
  const random = randomFrom(1);
  const batches = streamOf(1, 500, random);
  await live(disk, batches, 500, { ...random, chance: () => true });
  const other = { ...CONFIG, graceMs: 60_000, windows: CONFIG.windows.slice(0, 2) };
  const restoring = restorePartition<PartitionEngine>({
    store: new EmbeddedCheckpointStore("/data", disk.afterKill().fs),
    partition: 0,
    owner: "test",
    nowMs: () => START_MS,
    log: { range: async () => ({ startOffset: 100, endOffset: 600 }), raiseEnd: async () => {} },
    createEngine: () => new PartitionEngine(other),
    fingerprint: fingerprintOf(other),
    restoreEngine: (header, chunks) => PartitionEngine.restore(other, header, chunks),
    applyRedo: () => {},
    seenSinceMs: START_MS,
    signal: never,
  });
  await assert.rejects(restoring, {
    code: "checkpoint_incompatible",
    message:
      /was made with windows=60000\/1000,.* \(now windows=60000\/1000,300000\/5000\), grace=120000 \(now grace=60000\)\. Set that back; or move/,
  });
});
