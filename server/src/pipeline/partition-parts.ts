/** The parts of a partition with a state: the restored engine, and the parts that feed, save and serve it. */
import type { SharedClock } from "../bus/shared-clock.ts";
import { PartitionEngine } from "../engine/partition-engine.ts";
import { fingerprintOf } from "../engine/snapshot.ts";
import type { Counters, EngineConfig, TokenRef } from "../engine/types.ts";
import type { RecordMapper } from "../mapping/mapper.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import type { HistoryStore } from "../ports/history-store.ts";
import type { BeginRule, OffsetRange, PartitionReader, RecordBatch } from "../ports/source.ts";
import type { Circuit } from "../shared/circuit.ts";
import { SwapstatsError } from "../shared/errors.ts";
import type { VersionBoard } from "../shared/version-board.ts";
import { BatchApplier } from "./batch-applier.ts";
import { Checkpointer } from "./checkpoint/checkpointer.ts";
import type { CheckpointObserver } from "./checkpoint/checkpointer-options.ts";
import { RedoWriter, readRedo } from "./checkpoint/redo-writer.ts";
import { type Restored, restorePartition } from "./checkpoint/restore.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import { EventApplier } from "./event-applier.ts";
import { newHashSeed } from "./hash-seed.ts";
import type { PartitionHistory } from "./history/partition-history.ts";
import { warmStart } from "./history/warm-start.ts";
import { LogFollower } from "./log-follower.ts";
import { MappedApplier } from "./mapped/mapped-applier.ts";
import { applyKept } from "./mapped/restored-records.ts";
import type { ThreadShare } from "./thread-share.ts";
import { ServedPartition } from "./views/served-partition.ts";

type OpenPast = () => Promise<Pick<HistoryStore, "status" | "rows" | "close">>;

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
  /** Undefined where no history is kept. */
  readonly history: PartitionHistory | undefined;
  /** Opens the history from which a state without a checkpoint is filled. Undefined: it is built from the log alone. */
  readonly openPast: OpenPast | undefined;
  /** Maps the records of the partition. Undefined: they are canonical events. */
  readonly mapper: RecordMapper | undefined;
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
  readonly applier: BatchApplier | MappedApplier;
  /** The same, where records are mapped. */
  readonly mapped: MappedApplier | undefined;
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
  const { deadLetters, history, seenSinceMs, begin } = options;
  const follower = new LogFollower(partition, reader);
  return restorePartition<PartitionEngine>({
    store,
    isStoreExclusive,
    partition,
    owner,
    nowMs: Date.now,
    log: reader,
    readLog: async (position) => {
      const next = await follower.next(position, signal, () => {});
      if ("sentence" in next) throw new SwapstatsError("log_damaged", next.sentence);
      return next;
    },
    createEngine: () => new PartitionEngine(config, newHashSeed()),
    fingerprint: fingerprintOf(config),
    restoreEngine: (header, chunks) => PartitionEngine.restore(config, header, chunks),
    applyRedo: async (content, engine, readRange) => {
      const watch = history?.redoWatch;
      const keepLetter = deadLetters.addForStore.bind(deadLetters);
      const applier = new BatchApplier(engine, ignoreTouch, keepLetter, config.chains, watch);
      const events = new EventApplier(engine, ignoreTouch, config.chains, watch);
      const apply = (batch: RecordBatch): void => {
        applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
        history?.afterBatch(batch.nextOffset);
      };
      for (const entry of readRedo(content, partition)) {
        if (entry.type === "range") for await (const batch of readRange(entry.range)) apply(batch);
        else if (entry.isMapped) {
          applyKept(entry.batch, events, keepLetter);
          history?.afterBatch(entry.batch.nextOffset);
        } else apply(entry.batch);
      }
    },
    seenSinceMs,
    ...(begin === undefined ? {} : { begin }),
    ...(options.openPast === undefined ? {} : { fill: filler(options, options.openPast, signal) }),
    history,
    signal,
  });
}

/** Fills states from the history that is opened for it. Problems of an incomplete one are added. */
function filler({ partition, reader: log }: RunnerOptions, openPast: OpenPast, signal: AbortSignal) {
  return async (engine: PartitionEngine, range: OffsetRange, problems: string[]): Promise<number> => {
    const history = await openPast();
    try {
      const started = await warmStart({ partition, engine, history, log, range, signal });
      if (started === undefined) return range.startOffset;
      // The state is whole, though the log is not: that it was rebuilt is no problem.
      problems.length = 0;
      if (started.problem !== undefined) problems.push(started.problem);
      return started.nextOffset;
    } finally {
      await history.close();
    }
  };
}

/** Makes the parts around a restored state. The checkpointer is not started yet. */
export function partsOf(
  options: RunnerOptions,
  restored: Restored<PartitionEngine>,
  hooks: PartitionHooks,
): PartitionParts {
  const { partition, reader, store, board, clock, deadLetters, mapper, snapshotIntervalMs } = options;
  const { engine } = restored;
  const redo = new RedoWriter();
  const checkpointer = new Checkpointer({
    store,
    claim: restored.claim,
    logId: restored.logId,
    engine,
    redo,
    history: options.history,
    snapshotIntervalMs,
    nowMs: Date.now,
    asOfMs: () => clock.now(),
    beforeSwap: () => deadLetters.settle(),
    release: (offset) => reader.release(offset),
    logStart: async () => (await reader.range()).startOffset,
    observer: { written: hooks.written, paused: () => {} },
    onReclaimed: hooks.onReclaimed,
    onFenced: hooks.onFenced,
  });
  const onTouch = (token: TokenRef): void => parts.served.touch(token);
  const keepLetter = deadLetters.add.bind(deadLetters);
  const { chains } = engine.config;
  const watch = options.history?.outcomeWatch;
  const mapped =
    mapper === undefined
      ? undefined
      : new MappedApplier(mapper, new EventApplier(engine, onTouch, chains, watch), keepLetter);
  const parts: PartitionParts = {
    engine,
    served: new ServedPartition(partition, String(restored.epoch), engine, board, clock, options.history),
    applier: mapped ?? new BatchApplier(engine, onTouch, keepLetter, chains, watch),
    mapped,
    checkpointer,
    redo,
    restored,
    countersAtStart: structuredClone(engine.counters),
  };
  return parts;
}

function ignoreTouch(): void {}
