/** The parts of a partition with a state: the restored engine, and the parts that feed, save and serve it. */
import type { SharedClock } from "../bus/shared-clock.ts";
import { PartitionEngine } from "../engine/partition-engine.ts";
import { fingerprintOf } from "../engine/snapshot.ts";
import type { Counters, EngineConfig } from "../engine/types.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import type { BeginRule, PartitionReader } from "../ports/source.ts";
import type { Circuit } from "../shared/circuit.ts";
import type { VersionBoard } from "../shared/version-board.ts";
import { BatchApplier } from "./batch-applier.ts";
import { Checkpointer, type CheckpointObserver } from "./checkpoint/checkpointer.ts";
import { RedoWriter, readRedo } from "./checkpoint/redo-writer.ts";
import { type Restored, restorePartition } from "./checkpoint/restore.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import { newHashSeed } from "./hash-seed.ts";
import type { ThreadShare } from "./thread-share.ts";
import { ServedPartition } from "./views/served-partition.ts";

export type RunnerOptions = {
  readonly partition: number;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly reader: PartitionReader;
  readonly store: CheckpointStore;
  /** See `RestoreOptions`. */
  readonly isStoreExclusive: boolean;
  /** Circuit of a store outside the data folder, for its metric. */
  readonly circuit: Circuit | undefined;
  readonly board: VersionBoard;
  readonly clock: SharedClock;
  readonly deadLetters: DeadLetterBuffer;
  /** The share of the thread, which its other partitions and all readers also use. */
  readonly share: ThreadShare;
  readonly snapshotIntervalMs: number;
  /** Time from which a state that begins with the first record has seen everything. Undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  /** See `RestoreOptions`. */
  readonly begin: BeginRule | undefined;
  /** Problems of the source as a whole: plain sentences. */
  readonly sourceProblems: () => readonly string[];
  /** The state has reached the end that the log had when the partition was taken over. */
  readonly onCurrent: (epoch: string) => void;
  /** `served` was replaced by one with another epoch. */
  readonly onServedChanged: () => void;
  /** A checkpoint that holds all records below `nextOffset` is durable. */
  readonly onCheckpoint: (nextOffset: number) => void;
  /** The running partition has stopped: another owner claimed it, or its log or state cannot be read any further. */
  readonly onFailed: (message: string) => void;
};

export type PartitionParts = {
  readonly engine: PartitionEngine;
  /** Replaced when the partition gets a new epoch. */
  served: ServedPartition;
  readonly applier: BatchApplier;
  readonly checkpointer: Checkpointer;
  readonly redo: RedoWriter;
  readonly restored: Restored<PartitionEngine>;
  readonly countersAtStart: Counters;
};

type PartitionHooks = {
  readonly written: CheckpointObserver["written"];
  /** The store had lost the claim, and the partition was claimed again with this epoch. */
  readonly onReclaimed: (epoch: number) => void;
  /** Another owner has claimed the partition. */
  readonly onFenced: (error: unknown) => void;
};

/** Reads the newest state. Rejects as `restorePartition` does. */
export function restoreState(options: RunnerOptions, signal: AbortSignal): Promise<Restored<PartitionEngine>> {
  const { partition, owner, engine: config, reader, store, isStoreExclusive } = options;
  const { deadLetters, seenSinceMs, begin } = options;
  return restorePartition<PartitionEngine>({
    store,
    isStoreExclusive,
    partition,
    owner,
    nowMs: Date.now,
    log: reader,
    createEngine: () => new PartitionEngine(config, newHashSeed()),
    fingerprint: fingerprintOf(config),
    restoreEngine: (header, chunks) => PartitionEngine.restore(config, header, chunks),
    applyRedo: (content, engine) => {
      const keepLetter = deadLetters.addForStore.bind(deadLetters);
      const applier = new BatchApplier(engine, ignoreTouch, keepLetter, config.chains);
      for (const batch of readRedo(content, partition)) applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    },
    seenSinceMs,
    ...(begin === undefined ? {} : { begin }),
    signal,
  });
}

/** Makes the parts around a restored state. The checkpointer is not started yet. */
export function partsOf(
  options: RunnerOptions,
  restored: Restored<PartitionEngine>,
  hooks: PartitionHooks,
): PartitionParts {
  const { partition, reader, store, board, clock, deadLetters, snapshotIntervalMs } = options;
  const { engine } = restored;
  const redo = new RedoWriter();
  const checkpointer = new Checkpointer({
    store,
    claim: restored.claim,
    logId: restored.logId,
    engine,
    redo,
    snapshotIntervalMs,
    nowMs: Date.now,
    asOfMs: () => clock.now(),
    beforeSwap: () => deadLetters.settle(),
    release: (offset) => reader.release(offset),
    observer: { written: hooks.written, paused: () => {} },
    onReclaimed: hooks.onReclaimed,
    onFenced: hooks.onFenced,
  });
  const applier = new BatchApplier(
    engine,
    (token) => parts.served.touch(token),
    deadLetters.add.bind(deadLetters),
    engine.config.chains,
  );
  const parts: PartitionParts = {
    engine,
    served: new ServedPartition(partition, String(restored.epoch), engine, board, clock),
    applier,
    checkpointer,
    redo,
    restored,
    countersAtStart: structuredClone(engine.counters),
  };
  return parts;
}

function ignoreTouch(): void {}
