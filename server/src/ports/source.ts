/**
 * The contract of a source: a stream of records in partitions, read by position. The suite of the contract is
 * test/sources/source-contract.ts; every source runs it.
 *
 * **Positions** are integers that grow within a partition. They need not be dense: a position may hold no record. The records of one
 * batch have consecutive positions, so a source ends a batch in front of a hole.
 *
 * **The caller owns the position.** It comes from our own checkpoint. A source neither commits nor skips by itself, and a reader may be
 * asked for any position at any time, also for an earlier one.
 *
 * **Retry belongs to the caller.** A source reports a fault as SwapstatsError, with `retryable` where the same call may succeed later. It
 * may reconnect by itself while a `read` waits; what keeps it waiting is then told in `problems`.
 */
import type { MessagePort } from "node:worker_threads";
import type { SourceNumbers } from "../observability/source-metrics.ts";

/**
 * Consecutive records of one partition. A batch may be without records: the positions up to nextOffset are known to hold none.
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
  /** The first position that is still held. */
  readonly startOffset: number;
  /** The position that the next record will get, or a lower one where positions are not dense. Above every record. */
  readonly endOffset: number;
};

export type LogRange = OffsetRange & {
  /** Tells this stream from another one of the same name, whose positions mean something else. Undefined where there is no other. */
  readonly logId: string | undefined;
  /** Streams that this one continues: it was started empty where a checkpoint of theirs was found. Only with `isOwn`. */
  readonly formerLogIds: readonly string[];
};

/** Whose clock set the arrivals. */
export type ArrivalClock = "broker" | "producer" | "reader";

/** Reads one partition, for one caller. There is one `read` at a time. */
export type PartitionReader = {
  /**
   * Only this service writes the stream: it can be made to continue where the state stands, and nobody re-creates it under its name.
   * False: others write it, and it ends where it ends.
   */
  readonly isOwn: boolean;
  /** The end of the stream as last heard of, without asking; never decreases for one stream. 0 before anything was heard. */
  readonly knownEnd: number;
  /** The stream is short of room and waits for `release`. False in a source that ignores releases. */
  readonly pressure: boolean;
  /** What is wrong with this partition now, as a plain sentence; undefined: nothing. It goes away by itself with its cause. */
  readonly problem: string | undefined;
  /** Whose clock set the arrivals of the records read last. Undefined where this service itself set them, and before the first. */
  readonly arrivalClock: ArrivalClock | undefined;
  /** Counters and gauges of this partition; undefined in a source that has none. */
  readonly numbers: SourceNumbers | undefined;
  /**
   * Returns what the stream holds, as it was heard within the last second. While the stream cannot be reached: what was last known of it,
   * or rejects with a retryable error.
   */
  range(): Promise<LogRange>;
  /**
   * Called once at each takeover, before the first `read`: the state has seen positions below `offset`, so the next record must not get
   * one of them. `formerLogId` names the stream that the state has read so far, if it is another one. A stream with `isOwn` is extended
   * to `offset`, and takes no records before this call; it waits for a disk that fails. Any other rejects with `log_damaged` where it
   * ends below `offset`. Rejects with the signal's reason when aborted.
   */
  openAt(offset: number, formerLogId: string | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Returns the next batch at `position`, of about maxBytes and of at least one record. Waits while there is none. Rejects
   *
   * - with the signal's reason when it aborts,
   * - with `unavailable` when the reader is closed, also while it waits,
   * - with `log_damaged` below startOffset, above endOffset, and where records are missing or damaged; it never skips silently, and the
   *   same call may be repeated. `resumeAfter(position)` then says where the stream can be read again,
   * - with `records_dropped` where the source left records out under pressure. `resumeAfter` says the same; these records are not given
   *   again by this reader,
   * - with another error, retryable or not.
   */
  read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch>;
  /**
   * Asked after `read(position)` rejected with `log_damaged` or `records_dropped`: the first position above from which the stream may be
   * read again, at most its end. Not above `position` where the position belongs to no place in this stream: beyond its end, or in one
   * that is gone.
   */
  resumeAfter(position: number): number;
  /** Arrival of the first record at or behind the position, without asking far. Undefined: not known. */
  arrivalFrom(position: number): number | undefined;
  /** Says that records below this position are no longer needed. A source may ignore it. */
  release(offset: number): Promise<void>;
  /** Ends a `read` that waits, and releases what belongs to the partition. Called once or more; never rejects. */
  close(): Promise<void>;
};

export type SourceDeadLetter = {
  readonly code: string;
  readonly message: string;
  /** Where it stands in the stream that is read. */
  readonly partition: number;
  readonly offset: number;
  readonly arrivalMs: number;
};

/** Where all dead letters of a source go, none left out. The same letter may come twice, after a retry or a replay. */
export type DeadLetterSink = {
  /** So many wait that no record is to be applied before `room` resolves. What is added all the same is kept. */
  readonly isFull: boolean;
  /** Why the latest write failed; undefined when it did not. */
  readonly problem: string | undefined;
  /** Copies bytes[start, end), which may be used again. */
  add(letter: SourceDeadLetter, bytes: Uint8Array, start: number, end: number): void;
  /** Resolves when there is room, or the sink is closed. */
  room(): Promise<void>;
  /** Tries to write what waits now; false when that failed, and it still waits. Never rejects. */
  flush(): Promise<boolean>;
  /** Writes what it can within one attempt. */
  close(): Promise<void>;
};

/** The readers of one worker thread. They may share connections. */
export type SourceReaders = {
  /**
   * Opens a partition; closed before the same one is opened again. `port` is what the source's `Ingestion.connect` returned for it, and
   * belongs to the reader. `onPressure` is called when `pressure` may have changed. Throws where the partition cannot be opened at all.
   */
  open(partition: number, port: MessagePort | undefined, onPressure: () => void): PartitionReader;
  /** Where the source's dead letters go in addition to the store for looking at; undefined where there is no such place. */
  readonly deadLetters: DeadLetterSink | undefined;
  /** What is wrong with the source as a whole now: plain sentences. */
  readonly problems: readonly string[];
  /** Closes all readers and connections; the sink of dead letters is closed by its user. */
  close(): Promise<void>;
};

/** Where a partition begins that has no checkpoint. */
export type BeginRule = {
  readonly start: "earliest" | "latest";
  /**
   * What earlier owners have told the brokers. An offset without a checkpoint proves that there was one, and that it is lost: then
   * `start` does not hold, because what lies before the end was once counted.
   */
  readonly committedOffset: number | undefined;
};
