/** Messages between the main thread and a partition worker, other than requests of the bus. */
import type { MessagePort } from "node:worker_threads";
import type { SharedClockHandle } from "../../bus/shared-clock.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type { BeginRule } from "../../ports/source.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import type { WireError } from "../../shared/wire-error.ts";
import type { ReadersSetup } from "../../sources/open-source.ts";

import type { HistoryStoreSetup } from "../../stores/history/open-history-store.ts";
import type { CheckpointStoreSetup } from "../../stores/open-checkpoint-store.ts";
import type { HotStoreSetup } from "../../stores/open-hot-store.ts";

/** A partition that is assigned to a worker. */
export type WorkerPartition = {
  readonly partition: number;
  readonly board: VersionBoardHandle;
  /** The worker's end of the connection that `Ingestion.connect` returned. Undefined without one. */
  readonly sourcePort: MessagePort | undefined;
  /** Beginning of a partition without a checkpoint. Undefined: the first record. */
  readonly begin: BeginRule | undefined;
};

/** How a worker hands its history over. */
export type WorkerHistory = {
  /** The worker's end of the connection with the history thread. */
  readonly port: MessagePort;
  readonly keepsRaw: boolean;
  readonly onFailure: "gap" | "block";
  readonly bufferBytes: number;
  /** Memory for rows that the store does not have yet. */
  readonly tailBytes: number;
};

/** A worker's `workerData`. It has no partitions yet. */
export type WorkerSetup = {
  readonly dataDir: string;
  /** The checkpoint store of this worker. */
  readonly checkpointStore: CheckpointStoreSetup;
  /** The hot store for the newest figures. Undefined without one. */
  readonly hotStore: HotStoreSetup | undefined;
  /** The source of its partitions. */
  readonly source: ReadersSetup;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** Undefined where no history is kept. */
  readonly history: WorkerHistory | undefined;
  /** The history from which states without a checkpoint are filled. Undefined: they are built from the log alone. */
  readonly past: HistoryStoreSetup | undefined;
  /** The bus's end of this worker. */
  readonly busPort: MessagePort;
};

/** Messages to the worker. Commands about one partition are executed in their order. */
export type WorkerCommand =
  /** Takes the partition over: claims, restores, reads on. The response is `assigned` or `refused`. */
  | { readonly type: "assign"; readonly partition: WorkerPartition }
  /** Brings the partition up to the end of its stream, saves it and releases it, within the limit. The response is `revoked`. */
  | { readonly type: "revoke"; readonly partition: number; readonly limitMs: number }
  /** Does the same for all partitions and ends the worker. The response is `drained`. */
  | { readonly type: "drain"; readonly limitMs: number };

/** Messages from the worker. */
export type WorkerReport =
  /** The state is restored, and the stream is read. The problems are those of the restore. */
  | { readonly type: "assigned"; readonly partition: number; readonly problems: readonly string[] }
  /** The state cannot be taken over. */
  | { readonly type: "refused"; readonly partition: number; readonly error: WireError }
  /** All partitions are saved and closed. The problems are those of last checkpoints that could not be written. */
  | { readonly type: "revoked"; readonly partition: number; readonly problems: readonly string[] }
  | { readonly type: "drained"; readonly problems: readonly string[] }
  /** The state of an assigned partition has reached the end that its stream had at the take-over. */
  | { readonly type: "current"; readonly partition: number; readonly epoch: string }
  /** The partition has stopped. It responds from its last state until it is revoked. */
  | { readonly type: "failed"; readonly partition: number; readonly message: string }
  /** A checkpoint with all records below `nextOffset` is durable. */
  | { readonly type: "checkpointed"; readonly partition: number; readonly nextOffset: number };
