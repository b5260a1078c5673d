/**
 * An owner of all partitions of a topic in a separate process, started by `fork`, with checkpoints in Redis. It processes records as a
 * worker thread of the service does, and measures how long the stream waits for each step of a checkpoint. `begin` resets the measurement;
 * `end` returns it.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { toEngineConfig } from "../../server/src/config/config.ts";
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { fingerprintOf } from "../../server/src/engine/snapshot.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import { Checkpointer } from "../../server/src/pipeline/checkpoint/checkpointer.ts";
import type { TakenRedo } from "../../server/src/pipeline/checkpoint/redo-chain.ts";
import { RedoWriter } from "../../server/src/pipeline/checkpoint/redo-writer.ts";
import { restorePartition } from "../../server/src/pipeline/checkpoint/restore.ts";
import { APPLY_SLICE_MS } from "../../server/src/pipeline/thread-share.ts";
import type { CheckpointStore } from "../../server/src/ports/checkpoint-store.ts";
import { openKafkaReaders } from "../../server/src/sources/kafka/readers.ts";
import { FETCH_DEFAULTS, type KafkaReader } from "../../server/src/sources/kafka/setup.ts";
import { checkpointStoreSetup, openCheckpointStore } from "../../server/src/stores/open-checkpoint-store.ts";
import { BENCH_SEED } from "../support/workload.ts";
import { configWith, type OwnerOptions } from "./owner.ts";

export type CheckpointOrder = ({ readonly type: "own" } & OwnerOptions) | { readonly type: "begin" | "end" };
export type CheckpointReport =
  /** Everything in the topic has been applied. */
  | { readonly type: "current" }
  | {
      readonly type: "measured";
      readonly applied: number;
      readonly pausesMs: readonly number[];
      readonly checkpoints: number;
      readonly bases: number;
      /** Of the checkpoints of all partitions, at the end. */
      readonly bytes: number;
      readonly cpuSeconds: number;
    };

const READ_BYTES = 1024 * 1024;

let pausesMs: number[] = [];
let applied = 0;
let checkpoints = 0;
let bases = 0;
let cpuBefore = process.cpuUsage();
const bytesOf = new Map<number, number>();

/** The stream waits while a delta is cut. */
class TimedRedo extends RedoWriter {
  override take(): TakenRedo {
    const startedMs = performance.now();
    const taken = super.take();
    pausesMs.push(performance.now() - startedMs);
    return taken;
  }
}

type Owned = { readonly partition: number; readonly reader: KafkaReader; readonly onCurrent: () => void };

async function ownOne(options: OwnerOptions, store: CheckpointStore, owned: Owned): Promise<never> {
  const { partition, reader, onCurrent } = owned;
  const config = configWith(options.redis);
  const engineConfig = toEngineConfig(config);
  const { signal } = new AbortController();
  const restored = await restorePartition<PartitionEngine>({
    store,
    isStoreExclusive: false,
    partition,
    owner: "bench",
    nowMs: Date.now,
    log: reader,
    readLog: (position) => reader.read(position, READ_BYTES, signal),
    createEngine: () => new PartitionEngine(engineConfig, BENCH_SEED),
    fingerprint: fingerprintOf(engineConfig),
    restoreEngine: (header, chunks) => PartitionEngine.restore(engineConfig, header, chunks),
    applyRedo: async () => {},
    seenSinceMs: undefined,
    signal,
  });
  const { engine, endOffset } = restored;
  const redo = new TimedRedo();
  const checkpointer = new Checkpointer({
    ...{ store, claim: restored.claim, engine, redo, snapshotIntervalMs: config.app.snapshotIntervalMs },
    ...{ nowMs: Date.now, asOfMs: () => 0, beforeSwap: async () => {}, release: async () => {} },
    logStart: async () => (await reader.range()).startOffset,
    observer: {
      written: ({ isBase, bytes }) => {
        checkpoints += 1;
        if (isBase) bases += 1;
        bytesOf.set(partition, bytes);
      },
      paused: (ms) => pausesMs.push(ms),
    },
    onReclaimed: () => {},
    onFenced: (error) => {
      throw error;
    },
  });
  checkpointer.start();
  const applier = new BatchApplier(
    engine,
    () => {},
    () => {},
  );
  for (let position = restored.nextOffset; ; ) {
    if (position >= endOffset) onCurrent();
    const batch = await reader.read(position, READ_BYTES, signal);
    for (let done = 0; done < batch.count; await nextTurn()) {
      done = applier.applySlice(batch, done, APPLY_SLICE_MS);
    }
    if (batch.count > 0) redo.addRange(batch);
    applied += batch.count;
    position = batch.nextOffset;
    checkpointer.advance(position);
  }
}

async function own(options: OwnerOptions): Promise<void> {
  const { brokers, topic, partitions, dataDir, redis } = options;
  const { store } = await openCheckpointStore(checkpointStoreSetup(configWith(redis), dataDir));
  const connection = { brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 };
  const readers = openKafkaReaders({ connection, topic, ...FETCH_DEFAULTS });
  const current = Array.from({ length: partitions }, (_, partition) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    ownOne(options, store, { partition, reader: readers.reader(partition), onCurrent: resolve }).catch((error) => {
      reject(error);
      // Nobody waits for it later.
      throw error;
    });
    return promise;
  });
  await Promise.all(current);
}

function tell(report: CheckpointReport): void {
  process.send!(report);
}

process.on("message", (order: CheckpointOrder) => {
  if (order.type === "own") void own(order).then(() => tell({ type: "current" }));
  else if (order.type === "begin") {
    [pausesMs, applied, checkpoints, bases, cpuBefore] = [[], 0, 0, 0, process.cpuUsage()];
  } else {
    const { user, system } = process.cpuUsage(cpuBefore);
    const bytes = [...bytesOf.values()].reduce((sum, each) => sum + each, 0);
    const cpuSeconds = (user + system) / 1e6;
    tell({ type: "measured", applied, pausesMs, checkpoints, bases, bytes, cpuSeconds });
  }
});
process.on("disconnect", () => process.exit());
