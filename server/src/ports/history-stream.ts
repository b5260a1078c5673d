/**
 * Messages between a partition worker and the history thread of its process (types alone). The worker sends what the store is to hold; the thread
 * keeps it in order until the store has it, and says how far it is durable.
 *
 * Settled rows, marks and gaps are written when a checkpoint that covers them is durable, raw rows at once. What was sent may be sent again after a
 * restart.
 */
import type { SettledChunk } from "../codecs/settled-form.ts";
import type { HistoryGap, SettledMark, Span, StreamKey } from "./history-store.ts";

/**
 * Raw rows of the records of offsets [fromOffset, toOffset), in the form of codecs/raw-rows.ts. There may be none. The memory of the content, which may
 * be larger, moves to the thread.
 */
type RawChunk = {
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly rows: number;
  readonly content: Uint8Array<ArrayBuffer>;
};

/** Offsets [fromOffset, toOffset) of the log that `writer` names. */
export type RawGap = { readonly writer: StreamKey; readonly fromOffset: number; readonly toOffset: number };

export type ToHistory =
  /** Comes before everything else of the stream, in each life of its partition's owner. */
  | {
      readonly type: "begin";
      readonly stream: StreamKey;
      readonly span: Span;
      /** Rows below are in the store, or their gap is. They may be sent again with the first others, and are not written again: a repair may have given their sequences to other rows of the gap. */
      readonly durable: number;
    }
  /** The memory of the chunk moves to the thread. */
  | { readonly type: "settled"; readonly stream: StreamKey; readonly chunk: SettledChunk }
  /** A checkpoint that covers all rows below the sequence is durable: they may be written. */
  | { readonly type: "covered"; readonly stream: StreamKey; readonly sequence: number }
  /** `writer` has the epoch of the present claim. */
  | { readonly type: "raw"; readonly writer: StreamKey; readonly chunk: RawChunk }
  /** The raw rows of the records of these offsets can no longer be made. */
  | { readonly type: "raw_gap"; readonly gap: RawGap }
  | { readonly type: "mark"; readonly mark: SettledMark }
  /** The stream goes on at this sequence, also where the rows before it were not sent. */
  | { readonly type: "gap"; readonly gap: HistoryGap; readonly toSequence: number }
  /** The partition is released. Rows that are not covered will be made again by its next owner. */
  | { readonly type: "leave"; readonly partition: number }
  /** The last message of a worker. */
  | { readonly type: "end" };

export type FromHistory =
  /** All rows of the stream below the sequence are durable, or their gap is. */
  | { readonly type: "settled_durable"; readonly stream: StreamKey; readonly sequence: number }
  /** The raw rows of all records below the offset are durable. */
  | { readonly type: "raw_durable"; readonly writer: StreamKey; readonly offset: number }
  /** The thread has taken raw rows out of their memory, which others may be written to. */
  | { readonly type: "spare"; readonly memory: Uint8Array<ArrayBuffer> }
  /** Whether the buffer is full. Sent when it changes. With `history.on_failure: block` no records are applied meanwhile. */
  | { readonly type: "full"; readonly isFull: boolean };

/** Waiting rows of a partition, for status and metrics. */
export type HistoryBacklog = {
  readonly partition: number;
  /** Sequence behind the last settled row that is durable. */
  readonly durable: number;
  /** Settled and raw rows that wait for the store. */
  readonly waitingRows: number;
  /** Time for which the oldest of them has waited; 0 without one. */
  readonly lagMs: number;
};

/** State of the history thread. */
export type HistoryHealth = {
  readonly store: "embedded" | "clickhouse" | "postgres";
  readonly partitions: readonly HistoryBacklog[];
  readonly memoryBytes: number;
  /** Bytes of the file of waiting rows. */
  readonly spoolBytes: number;
  readonly rowsWritten: number;
  /** Rows that were left out because the buffer was full. */
  readonly rowsLost: number;
  /** Gaps that were noted, and those that wait to be. */
  readonly gaps: number;
  /** Spans of offsets of a partition whose raw rows are missing. */
  readonly rawGaps: number;
  readonly isFull: boolean;
  /** Why rows are not being written now; undefined when they are. */
  readonly problem: string | undefined;
};
