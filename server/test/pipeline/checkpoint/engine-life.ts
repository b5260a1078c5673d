/** The life of an owner with the real engine over any checkpoint store: restore, apply, write checkpoints, end anywhere. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { toEngineConfig } from "../../../src/config/config.ts";
import { defaultConfig } from "../../../src/config/load.ts";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import { fingerprintOf } from "../../../src/engine/snapshot.ts";
import type { EngineConfig } from "../../../src/engine/types.ts";
import { GENERATOR_DEFAULTS } from "../../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../../src/generator/swap-generator.ts";
import { BatchApplier } from "../../../src/pipeline/batch-applier.ts";
import { Checkpointer } from "../../../src/pipeline/checkpoint/checkpointer.ts";
import { RedoWriter, readRedo } from "../../../src/pipeline/checkpoint/redo-writer.ts";
import { restorePartition } from "../../../src/pipeline/checkpoint/restore.ts";
import type { CheckpointStore } from "../../../src/ports/checkpoint-store.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { never, START_MS } from "../../sources/embedded/log-support.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import type { Random } from "../../support/seed.ts";

export const CONFIG: EngineConfig = toEngineConfig(defaultConfig());

/** Batches of a stream with everything in it: copies, late, future and removed swaps, and lines that are no swaps. */
export function streamOf(seed: number, count: number, random: Random): RecordBatch[] {
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

/** Returns records from the position on, within one of the batches. */
export function partOf(batches: readonly RecordBatch[], position: number, countMax: number): RecordBatch {
  const batch = batches.find(({ nextOffset }) => nextOffset > position) as RecordBatch;
  const skipped = position - batch.baseOffset;
  const count = Math.min(countMax, batch.count - skipped);
  const startByte = skipped === 0 ? 0 : batch.ends[skipped - 1]!;
  const ends = batch.ends.slice(skipped, skipped + count).map((end) => end - startByte);
  const payload = batch.payload.subarray(startByte);
  return { ...batch, baseOffset: position, nextOffset: position + count, count, ends, payload };
}

export function applierOf(engine: PartitionEngine): BatchApplier {
  return new BatchApplier(
    engine,
    () => {},
    () => {},
  );
}

/** All bytes of the state. */
export function imageOf(engine: PartitionEngine): Buffer {
  const snapshot = engine.beginSnapshot();
  const slices: Uint8Array[] = [snapshot.header];
  for (let slice = snapshot.next(1 << 20); slice !== undefined; slice = snapshot.next(1 << 20)) slices.push(slice);
  return Buffer.concat(slices);
}

/**
 * Takes the partition over from what is in the store, and applies batches up to `until`, with checkpoints now and then.
 * `between` runs between batches.
 */
export async function live(
  store: CheckpointStore,
  batches: readonly RecordBatch[],
  until: number,
  random: Random,
  between: () => void = () => {},
): Promise<PartitionEngine> {
  const endOffset = batches.at(-1)!.nextOffset;
  let nowMs = START_MS;
  const restored = await restorePartition<PartitionEngine>({
    isStoreExclusive: false,
    store,
    partition: 0,
    owner: "test",
    nowMs: () => nowMs,
    log: {
      range: async () => ({ startOffset: 0, endOffset, logId: undefined, formerLogIds: [] }),
      isOwn: true,
      openAt: async () => {},
    },
    // Of any size, so that the batches of the restore are others.
    readLog: async (position) => partOf(batches, position, 1 + random.below(300)),
    createEngine: () => new PartitionEngine(CONFIG, TEST_SEED),
    fingerprint: fingerprintOf(CONFIG),
    restoreEngine: (header, chunks) => PartitionEngine.restore(CONFIG, header, chunks),
    applyRedo: async (content, engine, readRange) => {
      const apply = (batch: RecordBatch) => applierOf(engine).applySlice(batch, 0, Number.POSITIVE_INFINITY);
      for (const entry of readRedo(content, 0)) {
        if (entry.type === "batch") apply(entry.batch);
        else for await (const batch of readRange(entry.range)) apply(batch);
      }
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
    logStart: async () => 0,
    observer: { written: () => {}, paused: () => {} },
    onReclaimed: () => {},
    onFenced: assert.fail,
  });
  const applier = applierOf(engine);
  const rangeChance = random.pick([0, 0.5, 1]);
  let position = restored.nextOffset;
  for (const batch of batches) {
    if (batch.baseOffset < position) continue;
    if (batch.baseOffset >= until) break;
    nowMs += 500;
    checkpointer.setLogPressure(random.chance(0.1));
    if (random.chance(0.3)) void checkpointer.write().catch(() => {});
    applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    if (random.chance(rangeChance)) redo.addRange(batch);
    else redo.add(batch);
    checkpointer.advance(batch.nextOffset);
    position = batch.nextOffset;
    if (random.chance(0.5)) await nextTurn();
    between();
  }
  // A store that is away makes this fail; the next life then has more to read again.
  if (random.chance(0.3)) await checkpointer.finish().catch((error) => assert.equal(error.code, "storage_failed"));
  checkpointer.abandon();
  await checkpointer.baseDone();
  return engine;
}
