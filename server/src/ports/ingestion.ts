/**
 * How swaps come in, as the main thread runs it: one implementation for each kind of source. It decides which partitions the workers of
 * this process have, and tells the rest of the service about the stream. Swaps that this process takes itself come by its `intake` (intake.ts).
 */
import type { MessagePort } from "node:worker_threads";
import type { GroupNumbers } from "../observability/source-metrics.ts";
import type { VersionBoardHandle } from "../shared/version-board.ts";
import type { Intake } from "./intake.ts";
import type { BeginRule } from "./source.ts";

/** What an ingestion commands of the workers. What concerns one partition is done in the order of the calls. */
export type PartitionAssigner = {
  /**
   * Assigns a partition; resolves when its state is restored and the stream continues, with the problems of the restore in plain
   * sentences. Rejects when the state is refused; the partition then has to be revoked. `begin` undefined: with the first record.
   */
  assign(partition: number, begin?: BeginRule): Promise<readonly string[]>;
  /** Revokes a partition: brought up to the end of its stream and saved within `limitMs`. Resolves with what could not be written. */
  revoke(partition: number, limitMs: number): Promise<readonly string[]>;
};

/** What an ingestion tells the service; the calls may come until `leave` has resolved. */
export type IngestionEvents = {
  /** Something is wrong with the stream, in a plain sentence. It is tried again. */
  readonly onProblem: (sentence: string) => void;
  /** Nothing more comes in, whatever is tried: the process must end. */
  readonly onFatal: (error: Error) => void;
  /**
   * The partitions that this instance answers for, with their epochs, or their number have changed. Called for a stream that
   * instances share.
   */
  readonly onServing: (serving: ReadonlyMap<number, string>, partitions: number) => void;
};

export type Ingestion = {
  readonly intake: Intake;
  /**
   * Undefined: the stream is this process's alone. Else instances share it: they find each other by this name, which is the same for
   * all that read the same stream together.
   */
  readonly sharedStream: readonly string[] | undefined;
  /** Others choose the partition of a record, so tokens may be in several: this has to be looked for. */
  readonly needsPlacementCheck: boolean;
  /** For the workers: plain data that the source's own `openReaders` understands. */
  readonly readerSetup: unknown;
  /** More threads than this have nothing to do. */
  readonly threadsMax: number;
  /** Since when a state that begins with the first record has seen everything; undefined: since its first high. */
  readonly seenSinceMs: number | undefined;
  /** This instance's membership in a group now; undefined where there is none. */
  readonly group: GroupNumbers | undefined;
  /** Returns how many partitions the stream has now; 0 while that is not known. */
  partitionCount(): number;
  /** Called at each assignment: returns the worker's end of a connection with this source; undefined where the reader needs none. */
  connect(partition: number, board: VersionBoardHandle): MessagePort | undefined;
  /**
   * Assigns what is this process's to the workers, from now on. Resolves when that is settled for the first time, with problems in plain
   * sentences. Rejects with errors that no retry helps against.
   */
  begin(workers: PartitionAssigner): Promise<readonly string[]>;
  /** The state of an assigned partition has come up to what its stream held at the takeover. */
  onCurrent(partition: number, epoch: string): void;
  /** An assigned partition does not continue; it answers as it stands until it is revoked. */
  onFailed(partition: number, message: string): void;
  /** A checkpoint is durable that holds all records below. */
  onCheckpoint(partition: number, nextOffset: number): void;
  /** Takes nothing new: neither swaps nor partitions. Resolves when what was taken is durable. Never rejects. */
  stopTaking(): Promise<void>;
  /** The workers have saved their partitions: others may take over. Never rejects. */
  leave(): Promise<void>;
};
