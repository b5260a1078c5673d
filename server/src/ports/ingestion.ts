/**
 * The contract of ingestion on the main thread. Each kind of source has an implementation. It assigns partitions to the workers of this
 * process, and tells the rest of the service about the stream. Swaps that this process accepts itself come by its `intake` (intake.ts).
 */
import type { MessagePort } from "node:worker_threads";
import type { GroupNumbers } from "../observability/source-metrics.ts";
import type { VersionBoardHandle } from "../shared/version-board.ts";
import type { Intake } from "./intake.ts";
import type { BeginRule } from "./source.ts";

/** Assigns partitions to workers and revokes them. Calls about one partition take effect in their order. */
export type PartitionAssigner = {
  /**
   * Tells all partitions that this process is to have, with their weights, so that they are divided evenly over its threads. Without it
   * partitions have equal weights.
   */
  expect(weights: ReadonlyMap<number, number>): void;
  /**
   * Assigns a partition. Resolves when its state is restored and the stream continues, with the problems of the restore in plain
   * sentences. Rejects when the state is refused; the caller then revokes the partition. `begin` undefined: begins with the first record.
   */
  assign(partition: number, begin?: BeginRule): Promise<readonly string[]>;
  /**
   * Revokes a partition. Its owner catches up with the stream and saves the state within `limitMs`. Resolves with the problems of writing,
   * in plain sentences.
   */
  revoke(partition: number, limitMs: number): Promise<readonly string[]>;
};

/** Calls from an ingestion to the service. They may come until `leave` has resolved. */
export type IngestionEvents = {
  /** Reports a problem with the stream in a plain sentence. The ingestion retries. */
  readonly onProblem: (sentence: string) => void;
  /** Reports that the stream cannot continue, and no retry helps. The process must end. */
  readonly onFatal: (error: Error) => void;
  /**
   * Called when the partitions that this instance serves, their epochs, or the number of partitions have changed. Only for a stream
   * that instances share.
   */
  readonly onServing: (serving: ReadonlyMap<number, string>, partitions: number) => void;
};

export type Ingestion = {
  readonly intake: Intake;
  /**
   * Name of a stream that instances share. It is the same for all instances that read the stream together, and they find each other by it.
   * Undefined when this process alone reads the stream.
   */
  readonly sharedStream: readonly string[] | undefined;
  /** Whether producers choose the partition of a record. Tokens may then be in several partitions, and the service checks that. */
  readonly needsPlacementCheck: boolean;
  /** Plain data for the source's own `openReaders` on the workers. */
  readonly readerSetup: unknown;
  /** Largest useful number of worker threads. */
  readonly threadsMax: number;
  /** Time from which a state that begins with the first record has seen everything. Undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  /** This instance's current membership in a group. Undefined without a group. */
  readonly group: GroupNumbers | undefined;
  /** Returns how many partitions the stream has now; 0 while that is not known. */
  partitionCount(): number;
  /**
   * Called at each assignment. Returns the worker's end of a connection with this source, or undefined when the reader needs no
   * connection.
   */
  connect(partition: number, board: VersionBoardHandle): MessagePort | undefined;
  /**
   * Assigns this process's partitions to the workers, from now on. Resolves when the first assignment is complete, with problems in plain
   * sentences. Rejects with errors that are not retryable.
   */
  begin(workers: PartitionAssigner): Promise<readonly string[]>;
  /** Called when the state of an assigned partition has reached the end that its stream had at the take-over. */
  onCurrent(partition: number, epoch: string): void;
  /** Called when an assigned partition cannot continue. It responds from its last state until it is revoked. */
  onFailed(partition: number, message: string): void;
  /** Called when a checkpoint with all records below `nextOffset` is durable. */
  onCheckpoint(partition: number, nextOffset: number): void;
  /** Accepts neither swaps nor partitions any more. Resolves when all accepted swaps are durable. Never rejects. */
  stopTaking(): Promise<void>;
  /** Called after the workers have saved their partitions. Leaves the group, and others may take over. Never rejects. */
  leave(): Promise<void>;
};
