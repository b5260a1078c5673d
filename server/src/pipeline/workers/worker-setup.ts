/** What the main thread tells a partition worker besides questions of the bus, and what the worker reports. */
import type { MessagePort } from "node:worker_threads";
import type { SharedClockHandle } from "../../bus/shared-clock.ts";
import type { WireError } from "../../bus/worker-protocol.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import type { KafkaSourceSetup } from "../../sources/kafka/kafka-setup.ts";
import type { CheckpointStoreSetup } from "../../stores/open-checkpoint-store.ts";
import type { HotStoreSetup } from "../../stores/open-hot-store.ts";
import type { BeginRule } from "../checkpoint/restore.ts";

/** Where a worker's partitions come from. */
export type SourceSetup =
  /** The log's database file. */
  | { readonly kind: "embedded"; readonly logPath: string }
  | {
      readonly kind: "kafka";
      readonly setup: KafkaSourceSetup;
      readonly deadLetterTopic: string;
    };

/** A partition that a worker is to own. */
export type WorkerPartition = {
  readonly partition: number;
  readonly board: VersionBoardHandle;
  /** Of the embedded source; leads to the log thread: `LogOwnerRequest` out, `LogNotice` in. */
  readonly logPort?: MessagePort;
  /** Of a source with groups: where it begins without a checkpoint. */
  readonly begin?: BeginRule;
};

/** A worker's `workerData`. It owns nothing yet. */
export type WorkerSetup = {
  readonly dataDir: string;
  /** Where this worker keeps its checkpoints. */
  readonly checkpointStore: CheckpointStoreSetup;
  /** Where it writes the newest figures; undefined: nowhere. */
  readonly hotStore: HotStoreSetup | undefined;
  readonly source: SourceSetup;
  readonly owner: string;
  readonly engine: EngineConfig;
  readonly clock: SharedClockHandle;
  readonly snapshotIntervalMs: number;
  readonly coalesceMs: number;
  readonly seenSinceMs: number | undefined;
  /** The bus's end of this worker. */
  readonly busPort: MessagePort;
};

/** To the worker. What concerns one partition is done in the order in which it was told. */
export type WorkerCommand =
  /** Take the partition over: claim, restore, go on. Answered by `owned` or `refused`. */
  | { readonly type: "own"; readonly partition: WorkerPartition }
  /** Bring it up to the end of its log, save, and let it go, within the limit. Answered by `disowned`. */
  | { readonly type: "disown"; readonly partition: number; readonly limitMs: number }
  /** The same for all partitions, and end. Answered by `drained`. */
  | { readonly type: "drain"; readonly limitMs: number };

/** From the worker. */
export type WorkerReport =
  /** The state is there, and the stream goes on. The problems are of the restore. */
  | { readonly type: "owned"; readonly partition: number; readonly problems: readonly string[] }
  /** The state cannot be taken over. */
  | { readonly type: "refused"; readonly partition: number; readonly error: WireError }
  /** Everything is written and closed; the problems are of a last checkpoint that could not be written. */
  | { readonly type: "disowned"; readonly partition: number; readonly problems: readonly string[] }
  | { readonly type: "drained"; readonly problems: readonly string[] }
  /** The state of an owned partition has come up to what its log held at the take-over. */
  | { readonly type: "current"; readonly partition: number; readonly epoch: string }
  /** It does not go on, and answers as it stands; it has to be let go. */
  | { readonly type: "failed"; readonly partition: number; readonly message: string }
  /** A checkpoint is durable that holds all records below. */
  | { readonly type: "checkpointed"; readonly partition: number; readonly nextOffset: number };
