/**
 * The contract of a history store: settled swaps and raw events beyond the memory of the engine, and what is computed from them. Its suite is
 * test/stores/history/contract.ts; every store runs it.
 *
 * **Streams.** The state of a partition settles each counting swap once, and numbers them: that is a stream, named by the log of its state, the
 * partition, and the epoch in which the state began. A state that is restored goes on with its stream. A state that is built anew begins another one.
 *
 * **Rows are facts.** Within a stream a sequence always stands for the same swap. `append` may get a row again, in other batches: the store has it once.
 *
 * **Spans of streams.** Of several streams of one log and partition, the one of the greatest epoch whose span holds the time of a swap is valid there.
 * Rows of the others do not count at that time. Spans are whole minutes.
 */

import type { RawEvent } from "../codecs/raw-rows.ts";
import type { SettledSwap, SpanSums as Sums } from "../engine/reads/past-sums.ts";

export type TokenKey = { readonly chainId: number /** As served. */; readonly token: string };

export type StreamKey = {
  /** Names the log in which the state began. */
  readonly logId: string;
  readonly partition: number;
  /** Epoch of the claim under which the state began. */
  readonly epoch: number;
};

/** [fromMs, toMs), times of swaps: integers that are not negative. 0 and Number.MAX_SAFE_INTEGER stand for no limit. */
export type Span = { readonly fromMs: number; readonly toMs: number };

/** A swap as it counted when nothing could change it any more. Its texts are any Unicode, also with the character NUL, but without lone surrogates. */
export type SettledRow = SettledSwap;

/** Rows of consecutive sequences. */
export type SettledBatch = StreamKey & {
  readonly fromSequence: number;
  /** Made of the chunks at the first use, where there are any. */
  readonly rows: readonly SettledRow[];
  /** The same rows in the form of codecs/settled-form.ts, one chunk behind another, if they came so. */
  readonly chunks?: readonly Uint8Array<ArrayBuffer>[];
};

/**
 * All swaps of the stream before `beforeMs` have a sequence below `sequence`. Whole minutes before `beforeMs` are final once the store has the
 * rows below `sequence`. Marks of a stream come in ascending order, and may come again.
 */
export type SettledMark = StreamKey & { readonly sequence: number; readonly beforeMs: number };

/** One event of an accepted record, with what became of it. Key: log, partition, offset, index within the record. */
export type RawRow = RawEvent;

/** `epoch` is that of the writer: of two rows with the same key the one of the greater epoch is valid. */
export type RawBatch = StreamKey & { readonly rows: readonly RawRow[] };

export type HistoryBatch = {
  readonly settled: readonly SettledBatch[];
  readonly raw: readonly RawBatch[];
  readonly marks: readonly SettledMark[];
};

/** Sequences [from, to). */
export type SequenceRange = { readonly from: number; readonly to: number };

/**
 * Swaps that are missing. `cause` is a plain sentence. A gap of the log cannot be repaired from it.
 *
 * `sequences` hold all rows that are missing, and perhaps others. They are empty where no row is missing, but rows came behind a mark, so that sums may
 * lack them. Undefined in a gap of the log, and in gaps that were noted before sequences were.
 */
export type HistoryGap = StreamKey &
  Span & { readonly cause: string; readonly isRepairable: boolean; readonly sequences?: SequenceRange };

/**
 * What the store was given of a stream, also where it dropped rows since (retention). A complete one has `rows` = `nextSequence` - `firstSequence`.
 * Without rows all three are 0.
 */
export type StreamStatus = StreamKey & {
  /** Where the stream is valid, before later streams are considered. */
  readonly span: Span;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly rows: number;
  /** The newest mark; 0 before the first. */
  readonly settledBeforeMs: number;
};

export type HistoryStatus = {
  readonly schemaVersion: number;
  readonly streams: readonly StreamStatus[];
  readonly gaps: readonly HistoryGap[];
  readonly rows: number;
  readonly bytes: number;
  /** Times of the oldest and newest row. */
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
};

/** Rows of the stream from this sequence on are left out: their owner answers for them. Rows of streams without an edge all count. */
export type Edge = StreamKey & { readonly sequence: number };

/** See the engine's reads/past-sums.ts. */
export type SpanSums = Sums;

export type TraderSets = { readonly buyers: readonly string[]; readonly sellers: readonly string[] };
export type TraderCounts = { readonly traders: number; readonly buyers: number; readonly sellers: number };

export type CandleSums = SpanSums & { readonly openTimeMs: number };

export type TokenSums = TokenKey & SpanSums & { readonly symbol: string | undefined };

/** The order of swaps of a token: (time, block number or 0, transaction index, log index, event id as bytes). */
export type SwapPosition = {
  readonly eventTimeMs: number;
  readonly blockNumber: number;
  readonly txIndex: number;
  readonly logIndex: number;
  readonly eventId: string;
};

export type SwapPage = Span & {
  readonly order: "asc" | "desc";
  /** The last swap of the page before, which is left out. */
  readonly after: SwapPosition | undefined;
  readonly limit: number;
};

/** Every call rejects with `storage_failed` (retryable) when the store cannot be read now. */
export type HistoryReader = {
  /** Resolves with the sums of each span, in the order of the spans. */
  sums(token: TokenKey, spans: readonly Span[], edges: readonly Edge[]): Promise<SpanSums[]>;
  /** Counts the wallets of the span together with those of `others`, each once. */
  traders(token: TokenKey, span: Span, edges: readonly Edge[], others: TraderSets): Promise<TraderCounts>;
  /** Resolves with the last symbol that a swap of the token named before `beforeMs`. */
  symbol(token: TokenKey, beforeMs: number): Promise<string | undefined>;
  /** Resolves with the newest `limit` intervals of the span that have swaps, ascending. A month is a calendar month in UTC. */
  candles(
    token: TokenKey,
    interval: { readonly ms: number } | "month",
    span: Span,
    edges: readonly Edge[],
    limit: number,
  ): Promise<CandleSums[]>;
  swaps(token: TokenKey, page: SwapPage, edges: readonly Edge[]): Promise<SettledRow[]>;
  /** Resolves with the sums of every token that has swaps in the span, in no order, with the last symbol that a swap of the span named. */
  tokens(span: Span, edges: readonly Edge[], chainId: number | undefined): Promise<TokenSums[]>;
  /** Tokens that have this address (of any chain), or whose newest symbol this is, the most recently traded first, at most 100. */
  find(name: string): Promise<TokenKey[]>;
  /** Yields all valid rows of the span in order of time, in batches. Rejects with the signal's reason when it is aborted. */
  rows(
    span: Span,
    token: TokenKey | undefined,
    edges: readonly Edge[],
    signal: AbortSignal,
  ): AsyncIterable<readonly SettledRow[]>;
  /** Streams, spans, gaps and marks; at most a second old. */
  status(): Promise<HistoryStatus>;
};

/** Calls `requireAlone` before each write; it rejects with `unavailable` once another process may repair. */
export type RepairRun<T> = (requireAlone: () => Promise<void>) => Promise<T>;

export type HistoryStore = HistoryReader & {
  /** Makes the tables, or brings them up to this version. Resolves with what was done. Rejects with `checkpoint_incompatible` for a newer schema. */
  migrate(): Promise<readonly string[]>;
  /** Notes a stream and where it is valid (whole minutes), before its first row. Noting it again changes nothing. */
  beginStream(stream: StreamKey, span: Span): Promise<void>;
  /**
   * Writes the batch durably and atomically. A rejected call may have been applied; the caller repeats it, also cut in other ways. Rows with missing
   * sequences may come behind a mark; the sums of their minutes may then lack them until `closeGaps`.
   */
  append(batch: HistoryBatch): Promise<void>;
  /** Noting a gap again changes nothing. Two gaps of the same times are one, with the sequences from the first of both to the last. */
  noteGap(gap: HistoryGap): Promise<void>;
  /**
   * Resolves with the sequences of the range that the stream never got, ascending. Those of rows that were removed since (retention, superseded times) may
   * be among them.
   */
  missingSequences(stream: StreamKey, range: SequenceRange): Promise<SequenceRange[]>;
  /**
   * Runs `repair` while no other process repairs the store. Rejects as `repair` does, with `unavailable` while another process repairs, and with
   * `data_folder_locked` while another process writes a store that only one may write.
   */
  repairAlone<T>(repair: RepairRun<T>): Promise<T>;
  /** Makes the sums of the span right, and then removes the gaps of the stream that lie wholly within it: their swaps are there now. */
  closeGaps(stream: StreamKey, span: Span): Promise<void>;
  /** Merges files, drops rows that no stream makes valid and rows beyond the retention, moves old ones to the second tier. */
  compact(signal: AbortSignal): Promise<readonly string[]>;
  /** Reads everything again. Resolves with what is missing or damaged, a plain sentence each, or with nothing. */
  verify(signal: AbortSignal): Promise<readonly string[]>;
  close(): Promise<void>;
};
