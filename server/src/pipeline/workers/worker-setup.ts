/** Messages between the main thread and a partition worker, other than requests of the bus. */
import type { MessagePort } from "node:worker_threads";
import type { SharedClockHandle } from "../../bus/shared-clock.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type { BeginRule } from "../../ports/source.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import type { WireError } from "../../shared/wire-error.ts";
import type { ReadersSetup } from "../../sources/open-source.ts";

import type { CheckpointStoreSetup } from "../../stores/open-checkpoint-store.ts";
import type { HotStoreSetup } from "../../stores/open-hot-store.ts";

/** A partition that is assigned to a worker. */
export type WorkerPartition = {
  readonly partition: number;
  readonly board: VersionBoardHandle;
  /** The worker's end of the connection with the source that `Ingestion.connect` made; undefined where there is none. */
  readonly sourcePort: MessagePort | undefined;
  /** Where it begins without a checkpoint; undefined: with the first record. */
  readonly begin: BeginRule | undefined;
};

/** A worker's `workerData`. It has no partitions yet. */
export type WorkerSetup = {
  readonly dataDir: string;
  /** Where this worker keeps its checkpoints. */
  readonly checkpointStore: CheckpointStoreSetup;
  /** Where it writes the newest figures; undefined: nowhere. */
  readonly hotStore: HotStoreSetup | undefined;
  /** Where its partitions are read from. */
  readonly source: ReadersSetup;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** The bus's end of this worker. */
  readonly busPort: MessagePort;
};

/** To the worker. Commands about one partition are carried out in the order in which they were sent. */
export type WorkerCommand =
  /** Take the partition over: claim, restore, read on. The response is `assigned` or `refused`. */
  | { readonly type: "assign"; readonly partition: WorkerPartition }
  /** Bring the partition up to the end of its stream, save it and release it, within the limit. The response is `revoked`. */
  | { readonly type: "revoke"; readonly partition: number; readonly limitMs: number }
  /** The same for all partitions, and end. The response is `drained`. */
  | { readonly type: "drain"; readonly limitMs: number };

/** From the worker. */
export type WorkerReport =
  /** The state is restored, and the stream is read. The problems are those of the restore. */
  | { readonly type: "assigned"; readonly partition: number; readonly problems: readonly string[] }
  /** The state cannot be taken over. */
  | { readonly type: "refused"; readonly partition: number; readonly error: WireError }
  /** Everything is written and closed. The problems are those of a last checkpoint that could not be written. */
  | { readonly type: "revoked"; readonly partition: number; readonly problems: readonly string[] }
  | { readonly type: "drained"; readonly problems: readonly string[] }
  /** The state of an assigned partition has come up to what its stream held at the takeover. */
  | { readonly type: "current"; readonly partition: number; readonly epoch: string }
  /** The partition has stopped. It responds from its last state until it is revoked. */
  | { readonly type: "failed"; readonly partition: number; readonly message: string }
  /** A checkpoint is durable that holds all records below. */
  | { readonly type: "checkpointed"; readonly partition: number; readonly nextOffset: number };
