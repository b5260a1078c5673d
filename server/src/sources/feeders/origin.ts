/**
 * The contract of an origin: something with records and positions that is not a log of this service, such as a file, a table or a chain.
 * `OriginFeeder` (origin-feeder.ts) does the rest for every type: it maps the records, hands the swaps over, keeps the position, retries
 * and reports. An origin neither retries nor logs.
 *
 * The suite server/test/sources/feeders/origin-contract.ts runs against every origin.
 */
import type { MappedRecord, RecordMapper } from "../../mapping/mapper.ts";

type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** Where an origin continues: JSON that it made itself, of at most POSITION_BYTES_MAX bytes. */
export type Position = JsonValue;

export const ORIGIN_BATCH_RECORDS_MAX = 5_000;
/** A single record may be larger. */
export const ORIGIN_BATCH_BYTES_MAX = 4 * 1024 * 1024;
export const POSITION_BYTES_MAX = 64 * 1024;

export type Behind = { readonly count: number; readonly unit: "records" | "bytes" | "blocks" };

export type OriginBatch = {
  /** In order, at most ORIGIN_BATCH_RECORDS_MAX of at most ORIGIN_BATCH_BYTES_MAX bytes. May be empty: then only the position moves. */
  readonly records: readonly MappedRecord[];
  /** Continues behind these records. The same records at the same position come again after a crash. */
  readonly position: Position;
  /** How much the origin holds behind `position`, as far as it is known. */
  readonly behind?: Behind | undefined;
};

export type Origin = {
  /**
   * Text that says what is read, such as address and table. It never changes for a configured origin, and differs for another one. A
   * position is used again only with the same identity. A hash of it is kept, so it may hold an address with a key.
   */
  readonly identity: string;
  /**
   * Returns the next batch behind `position`. Undefined: from where the configuration says to begin. Waits while there is nothing new;
   * with `endsAtEnd` it resolves with undefined instead. Rejects with SwapstatsError, or in any way when aborted. A retryable
   * error means that the same call may succeed later; the caller repeats it after a pause that grows. Another error ends the feeder.
   *
   * One call runs at a time. It comes again only when the last batch is durable and its position is kept, with that position, or with the
   * same position as before if that failed.
   */
  read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined>;
  /** Returns the position as a short text for people, of at most 200 characters, without secrets. */
  positionText(position: Position): string;
  /** Present problem in a plain sentence without secrets. Undefined: none. */
  readonly problem: string | undefined;
  /** Releases everything. Called once, when no `read` runs. Never rejects. */
  close(): Promise<void>;
};

/** How rows of text are split into cells. */
export type TableForm = {
  /** One ASCII character. */
  readonly delimiter: string;
  /** Undefined: the first row names the columns. */
  readonly columns: readonly string[] | undefined;
};

export type OriginContext = {
  /** Undefined: the records are canonical events. */
  readonly mapper: RecordMapper | undefined;
  /** Set when the mapping is for tables. The records are then JSON objects with a text for each column. */
  readonly table?: TableForm | undefined;
  /** Whether `read` resolves with undefined at the end that the origin has now, instead of waiting. */
  readonly endsAtEnd: boolean;
};

export type OriginModule = {
  /** Opens an origin without connecting to it. `settings` are the entry of `ingest.feeders`. Throws `bad_config`. */
  openOrigin(settings: never, context: OriginContext): Origin;
};
