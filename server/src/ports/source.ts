/**
 * The contract of a source: a stream of records in partitions, read by position. The suite of the contract is
 * test/sources/source-contract.ts; every source runs it.
 *
 * **Positions** are integers that grow within a partition. They need not be dense: a position may hold no record. The records of one
 * batch have consecutive positions, so a source ends a batch in front of a hole.
 *
 * **The caller keeps the position.** It comes from our own checkpoint. A source neither commits nor skips by itself. A caller may read at
 * any position at any time, also at an earlier one.
 *
 * **The caller retries.** A source reports an error as SwapstatsError, with `retryable` when the same call may succeed later. It may
 * reconnect by itself while a `read` waits, and then reports the cause in `problems`.
 */
import type { MessagePort } from "node:worker_threads";
import type { SourceNumbers } from "../observability/source-metrics.ts";

/**
 * Consecutive records of one partition. In a batch without records, the positions up to nextOffset are known to hold none.
 * The same is true of positions below its first record and behind its last one.
 */
export type RecordBatch = {
  readonly partition: number;
  /** Position of the first record; nextOffset in a batch without records. Record i has the position baseOffset + i. */
  readonly baseOffset: number;
  /** Position after the batch, at least baseOffset + count. The next read starts here. */
  readonly nextOffset: number;
  readonly count: number;
  /** Values of the records, back to back. Valid until the next `read` of the same reader. */
  readonly payload: Uint8Array;
  /** End of record i in payload; it starts where record i - 1 ends. */
  readonly ends: Uint32Array;
  /** Arrival of record i is arrivalsMs[i], or arrivalsMs when it is one number for all. */
  readonly arrivalsMs: number | Float64Array;
};

export type OffsetRange = {
  /** First position that the stream still has. */
  readonly startOffset: number;
  /** Position that the next record will get, or a lower one where positions are not dense. It is above every record. */
  readonly endOffset: number;
};

export type LogRange = OffsetRange & {
  /** Distinguishes this stream from others of the same name, whose positions have another meaning. Undefined when there are none. */
  readonly logId: string | undefined;
  /** Streams that this one continues: it began empty although one of their checkpoints existed. Only with `isOwn`. */
  readonly formerLogIds: readonly string[];
};

/** The clock that set the arrivals. */
export type ArrivalClock = "broker" | "producer" | "reader";

/** Reads one partition, for one caller. There is one `read` at a time. */
export type PartitionReader = {
  /**
   * Whether only this service writes the stream. It can then be extended to the position of the state, and no other program re-creates it
   * under the same name.
   */
  readonly isOwn: boolean;
  /** Last known end of the stream. It never decreases for one stream, and is 0 before the first response. */
  readonly knownEnd: number;
  /** Whether the stream is short of space and waits for `release`. False in a source that ignores releases. */
  readonly pressure: boolean;
  /** Present problem of this partition in a plain sentence, or undefined. It disappears by itself with its cause. */
  readonly problem: string | undefined;
  /**
   * Whether the records of the last batch can be read again with the same arrivals, for as long as the stream keeps them. A release must not remove
   * them. Checkpoints then have the offsets of records in place of the records.
   */
  readonly keepsRecords: boolean;
  /** Clock that set the arrivals of the records read last. Undefined when this service sets them, and before the first record. */
  readonly arrivalClock: ArrivalClock | undefined;
  /** Counters and gauges of this partition. Undefined in a source without any. */
  readonly numbers: SourceNumbers | undefined;
  /**
   * Resolves with the range of the stream, at most a second old. While the stream cannot be reached, it resolves with the last known range,
   * or rejects with a retryable error.
   */
  range(): Promise<LogRange>;
  /**
   * Called once at each take-over, before the first `read`. The state has seen all positions below `offset`, and the next record must
   * not get one of them. `formerLogId` names the stream that the state has read so far, if it is another one. A stream with `isOwn` is
   * extended to `offset` and accepts no records before this call; while its disk fails, the call waits. Any other stream that ends below
   * `offset` rejects with `log_damaged`. Rejects with the signal's reason when aborted.
   */
  openAt(offset: number, formerLogId: string | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Returns the next batch at `position`, of about maxBytes and of at least one record. Waits while there is none. Rejects
   *
   * - with the signal's reason when it aborts,
   * - with `unavailable` when the reader is closed, also while it waits;
   * - with `log_damaged` below startOffset, above endOffset, and at missing or damaged records. It never skips silently, and the same call
   *   may be repeated. `resumeAfter(position)` then returns where the stream can be read again;
   * - with `records_dropped` when the source has dropped records under pressure. `resumeAfter` is used in the same way. This reader does
   *   not return the dropped records later;
   * - with another error, retryable or not.
   */
  read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch>;
  /**
   * Called after `read(position)` rejected with `log_damaged` or `records_dropped`. Returns the first position above it at which the stream
   * may be read again, at most its end. The result is not above `position` when no place in this stream corresponds to it: it is beyond
   * the end, or belongs to a stream that no longer exists.
   */
  resumeAfter(position: number): number;
  /** Returns the arrival of the first record at or behind the position, or undefined when it is not known locally. */
  arrivalFrom(position: number): number | undefined;
  /** Notes that records below this position are no longer needed. A source may ignore the call. */
  release(offset: number): Promise<void>;
  /** Ends a waiting `read`, and releases the resources of the partition. May be called several times. Never rejects. */
  close(): Promise<void>;
};

export type SourceDeadLetter = {
  readonly code: string;
  readonly message: string;
  /** Its position in the stream. */
  readonly partition: number;
  readonly offset: number;
  readonly arrivalMs: number;
};

/** Receives every dead letter of a source. The same letter may come twice, after a retry or a replay. */
export type DeadLetterSink = {
  /** Whether so many letters wait that the caller applies no record before `room` resolves. Further letters are still kept. */
  readonly isFull: boolean;
  /** Why the latest write failed. Undefined when it succeeded. */
  readonly problem: string | undefined;
  /** Adds a letter and copies bytes[start, end); the caller may reuse the buffer. */
  add(letter: SourceDeadLetter, bytes: Uint8Array, start: number, end: number): void;
  /** Resolves when there is room, or the sink is closed. */
  room(): Promise<void>;
  /** Tries to write the letters that wait now. Resolves with false when that failed and they still wait. Never rejects. */
  flush(): Promise<boolean>;
  /** Makes one attempt to write the letters that wait. */
  close(): Promise<void>;
};

/** The readers of one worker thread. They may share connections. */
export type SourceReaders = {
  /**
   * Opens a partition. Its former reader must be closed before. `port` is the result of the source's `Ingestion.connect` for it, and
   * belongs to the reader. `onPressure` is called when `pressure` may have changed. Throws when the partition cannot be opened.
   */
  open(partition: number, port: MessagePort | undefined, onPressure: () => void): PartitionReader;
  /** Sink for the source's dead letters, in addition to the dead letter store. Undefined in a source without one. */
  readonly deadLetters: DeadLetterSink | undefined;
  /** Present problems of the source as a whole, in plain sentences. */
  readonly problems: readonly string[];
  /** Closes all readers and connections. The user of the sink of dead letters closes the sink. */
  close(): Promise<void>;
};

/** Determines where a partition without a checkpoint begins. */
export type BeginRule = {
  readonly start: "earliest" | "latest";
  /**
   * Offset that earlier owners have committed at the brokers. An offset without a checkpoint proves that a checkpoint existed and is lost.
   * `start` is ignored then, because the records before the end were counted once.
   */
  readonly committedOffset: number | undefined;
};
