/** Inputs of a restore, and the data between its steps. */
import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import type { BeginRule, OffsetRange, PartitionReader, RecordBatch } from "../../ports/source.ts";
import type { RestoreHistory } from "./checkpoint-history.ts";
import type { BaseImage, RedoDelta } from "./manifest.ts";
import type { OffsetSpan } from "./redo-writer.ts";

/** The engine, as a restore needs it. */
export type RestorableEngine = { setSeenSince(ms: number): void; noteGap(): void };

export type RestoreOptions<E extends RestorableEngine> = {
  readonly store: CheckpointStore;
  readonly partition: number;
  /**
   * Only this process can write to the store; the lock of the data folder makes sure of that. A claim that finds no room on the disk
   * may then wait for the first checkpoint, and the service starts nevertheless.
   */
  readonly isStoreExclusive: boolean;
  /** Names this instance in the manifest. */
  readonly owner: string;
  readonly nowMs: () => number;
  readonly log: Pick<PartitionReader, "range" | "isOwn" | "openAt">;
  /** Resolves with the next records of the log at a position. Rejects with `log_damaged` where records are lost, after it has tried again. */
  readonly readLog: (position: number) => Promise<RecordBatch>;
  readonly createEngine: () => E;
  /** The settings that the engine's state depends on, as text; its image headers have the same text. */
  readonly fingerprint: string;
  /** Throws `checkpoint_incompatible` when the image does not fit the configuration. */
  readonly restoreEngine: (header: Uint8Array, chunks: Iterable<Uint8Array>) => E;
  /** Applies the records of a delta. `readRange` returns those that the log has. Rejects when its content makes no sense, and as `readRange` does. */
  readonly applyRedo: (
    content: Uint8Array,
    engine: E,
    readRange: (range: OffsetSpan) => AsyncIterable<RecordBatch>,
  ) => Promise<void>;
  /** Since when a state that begins with the first record of the log has seen everything; undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  /** Fills an empty state from a history where the log no longer reaches its beginning. Resolves with where the log continues. Undefined: the log alone. */
  readonly fill?: (engine: E, range: OffsetRange, problems: string[]) => Promise<number>;
  /** Beginning of a partition without a checkpoint. Undefined: the first record of the log. */
  readonly begin?: BeginRule;
  /** Undefined where no history is kept. */
  readonly history?: RestoreHistory<E> | undefined;
  readonly signal: AbortSignal;
};

/** A state, and the bases and deltas of the checkpoint that it comes from. */
export type Loaded<E> = {
  readonly engine: E;
  readonly bases: readonly BaseImage[];
  readonly deltas: readonly RedoDelta[];
  readonly nextOffset: number;
  readonly bytes: number;
  /** Whether the log no longer has records behind nextOffset that the checkpoint needs. */
  readonly isCutShort: boolean;
};
