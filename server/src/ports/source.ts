/**
 * The contract of a source: a log of records in partitions, read by position. The reader's caller owns the position
 * (it comes from our own checkpoint); a source neither commits nor skips on its own. Retry belongs to the caller: a
 * backend reports with SwapstatsError and `retryable`.
 */

/**
 * Consecutive records of one partition. A batch may be without records: the offsets up to nextOffset are known to hold none, and
 * so are those in front of the first record of a batch and behind its last one.
 */
export type RecordBatch = {
  readonly partition: number;
  /** Offset of the first record; nextOffset where there is none. */
  readonly baseOffset: number;
  /** Position after the batch, at least baseOffset + count: the next read starts here. */
  readonly nextOffset: number;
  readonly count: number;
  /** Values of the records, back to back; valid until the next read. */
  readonly payload: Uint8Array;
  /** End of record i in payload; it starts where record i - 1 ends. */
  readonly ends: Uint32Array;
  /** Arrival of record i is arrivalsMs[i], or arrivalsMs when it is one number for all. */
  readonly arrivalsMs: number | Float64Array;
};

export type LogRange = {
  /** The first offset that is still held. */
  readonly startOffset: number;
  /** The offset that the next record will get. */
  readonly endOffset: number;
  /** What tells this log from another of the same name, whose offsets mean something else; absent where there is no other. */
  readonly logId?: string;
  /** Logs that this one goes on from: it was begun empty where a checkpoint of theirs was found. */
  readonly formerLogIds?: readonly string[];
};

export type PartitionReader = {
  /** What the log holds now. */
  range(): Promise<LogRange>;
  /**
   * The next batch at `position`, of at most about maxBytes (at least one record); waits while there is none, until
   * the signal aborts (then rejects with the signal's reason). A position below startOffset or above endOffset rejects with
   * `log_damaged`, never moves silently.
   */
  read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch>;
  /** Tells the source that records below this offset are no longer needed (previous checkpoint); it may ignore it. */
  release(offset: number): Promise<void>;
  close(): Promise<void>;
};
