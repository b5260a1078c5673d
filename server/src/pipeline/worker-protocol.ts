/** What the main thread tells a partition worker besides questions of the bus, and what the worker reports. */
import type { MessagePort } from "node:worker_threads";
import type { WireError } from "../bus/host-protocol.ts";
import type { SharedClockHandle } from "../bus/shared-clock.ts";
import type { VersionBoardHandle } from "../bus/version-board.ts";
import type { EngineConfig } from "../engine/types.ts";
import type { CheckpointStoreSetup } from "../stores/open-checkpoint-store.ts";

export type WorkerPartition = {
  readonly partition: number;
  readonly board: VersionBoardHandle;
  /** Leads to the log thread: `LogOwnerRequest` out, `LogNotice` in. */
  readonly logPort: MessagePort;
};

/** A worker's `workerData`. */
export type WorkerSetup = {
  readonly partitions: readonly WorkerPartition[];
  readonly dataDir: string;
  /** Where this worker keeps its checkpoints. */
  readonly checkpointStore: CheckpointStoreSetup;
  /** The log's database file. */
  readonly logPath: string;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** The bus's end of this worker. */
  readonly busPort: MessagePort;
};

/** To the worker: finish what the log holds, within the limit, and end. */
export type WorkerCommand = { readonly type: "drain"; readonly limitMs: number };

/** From the worker. */
export type WorkerReport =
  /** The states are there, and the stream goes on. */
  | { readonly type: "restored"; readonly problems: readonly string[] }
  /** A state cannot be taken over; the process must not go on. */
  | { readonly type: "refused"; readonly error: WireError }
  /** Everything is written and closed; the problems are of a last checkpoint that could not be written. */
  | { readonly type: "drained"; readonly problems: readonly string[] };
