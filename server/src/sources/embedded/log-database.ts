/**
 * The embedded log on SQLite (node:sqlite). The interface is narrow, and tests use it to make each call fail or lose its effect.
 *
 * We use SQLite and not a log of our own. Measured with batches of 275 KB (500 swaps) on 2 cores, ext4 on a virtual disk:
 * own file, append + fdatasync 513 MB/s; SQLite with 16 KiB pages 340 to 410 MB/s. The WAL writes each page twice. Nevertheless
 * the log does not limit ingestion, because decoding 500 swaps costs as much as committing them. A recovery procedure of our own
 * would therefore gain nothing.
 *
 * - **Page size** 16 KiB gives 340 MB/s. Rejected: 4 KiB (250 MB/s), 8 KiB (300), and 32 and 64 KiB (360). With the two largest, commits
 *   of one swap fall from 13,000 to 7,000 a second, because each writes at least one page (4 KiB: 12,500).
 * - **Auto-checkpoint** runs after 8 MiB of WAL: the commit that runs it takes 8 ms (p99). Rejected: 4 MiB (5 ms, but 10 % less
 *   throughput) and 64 MiB (110 ms once in 250 commits). When a reader let the WAL grow, its file is cut back to that size.
 * - **One table, rows deleted in order**, rather than a file for each segment. Removing a batch of 275 KB costs 0.07 ms. The freed pages
 *   are used again, so the file never grows beyond the retention.
 * - **One database for all partitions**: a group commit is one fsync, however many partitions it concerns.
 * - **synchronous=FULL**: each commit is a `pwrite` of its frames and an `fsync` of the WAL, as strace shows for this build of SQLite
 *   (3.53). NORMAL would acknowledge before any fsync.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { SwapstatsError } from "../../shared/errors.ts";

export const LOG_PARTITIONS_MAX = 1024;
/** Offsets are below this, so that partition and offset fit one integer key below 2^53: 279 years at 1,000 swaps a second. */
export const LOG_OFFSET_LIMIT = 2 ** 43;
const PAGE_BYTES = 16 * 1024;
const WAL_BYTES = 8 * 1024 * 1024;
/** Far longer than another connection holds a lock: at most during a checkpoint. */
const BUSY_TIMEOUT_MS = 5000;
/** "swap" */
const APPLICATION_ID = 0x73776170;
const FORMAT_VERSION = 1;
const SYNCHRONOUS_FULL = 2;

/** The setting that identifies this log. Checkpoints refer to it. */
export const LOG_ID_SETTING = "log_id";
/** Ids of the logs that this one continues, newest last, separated by spaces. */
export const FORMER_LOG_IDS_SETTING = "former_log_ids";

export function formerIdsFrom(setting: string | undefined): string[] {
  return setting === undefined || setting === "" ? [] : setting.split(" ");
}

export type LogRow = { readonly baseOffset: number; readonly count: number; readonly arrivalMs: number };
/** Offsets [from, to) of a partition that hold no records, with the reason. */
type LogGap = { readonly from: number; readonly to: number; readonly atMs: number; readonly reason: string };

/** Calls are synchronous, and throw SwapstatsError (`log_full`, `storage_failed`, `log_damaged`). */
export type LogDatabase = {
  begin(): void;
  /** Returns when the transaction is on disk. */
  commit(): void;
  /** Never throws: a transaction that cannot be rolled back was not committed. */
  rollback(): void;
  insert(partition: number, row: LogRow, batch: Uint8Array): void;
  remove(partition: number, baseOffset: number): void;
  insertGap(partition: number, gap: LogGap): void;
  first(partition: number): LogRow | undefined;
  last(partition: number): LogRow | undefined;
  gaps(partition: number): LogGap[];
  /** Returns the bytes of all pages in use. Pages of removed batches are free. */
  usedBytes(): number;
  readSetting(name: string): string | undefined;
  writeSetting(name: string, value: string): void;
  /** Moves the whole WAL into the database and empties it. Returns false when a reader prevented it. */
  emptyWal(): boolean;
  close(): void;
};

export function logKey(partition: number, offset: number): number {
  return partition * LOG_OFFSET_LIMIT + offset;
}

/** Primary result codes of SQLite with their own meaning here. All others are storage errors. */
const FULL = 13;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const GENERIC = 1;
/** Extended code: the file ends before one of its pages. */
const SHORT_READ = 522;

/** Converts an error of node:sqlite into a SwapstatsError. `place` names the file. */
export function sqliteError(cause: unknown, place: string): SwapstatsError {
  if (cause instanceof SwapstatsError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const errcode = (cause as { errcode?: number }).errcode;
  const primary = errcode === undefined ? undefined : errcode & 0xff;
  if (primary === FULL) {
    const message = `No room to write ${place}: ${text}. Free space on the disk; ingestion then continues by itself.`;
    return new SwapstatsError("log_full", message, { cause, retryable: true });
  }
  const outOfRange = (cause as { code?: string }).code === "ERR_OUT_OF_RANGE";
  const isDamage = primary === CORRUPT || primary === NOT_A_DATABASE || primary === GENERIC || errcode === SHORT_READ;
  if (isDamage || outOfRange) {
    return new SwapstatsError("log_damaged", `${place} is damaged: ${text}.`, { cause });
  }
  if (errcode === undefined) return new SwapstatsError("internal", `${place}: ${text}`, { cause });
  const detail = `${text}${errcode === undefined ? "" : ` (SQLite code ${errcode})`}`;
  return new SwapstatsError("storage_failed", `${place} failed: ${detail}. Check the disk.`, {
    cause,
    retryable: true,
  });
}

/** Opens the log read-only, on a connection of its own. */
export function openLogReadOnly(path: string): DatabaseSync {
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    checkFormat(db, path);
    return db;
  } catch (cause) {
    throw sqliteError(cause, path);
  }
}

function checkFormat(db: DatabaseSync, path: string): void {
  const application = Number(Object.values(db.prepare("PRAGMA application_id").get()!)[0]);
  const version = Number(Object.values(db.prepare("PRAGMA user_version").get()!)[0]);
  if (application !== APPLICATION_ID) {
    throw new SwapstatsError("log_damaged", `${path} is not a log of swapstats, or its header is damaged.`);
  }
  if (version !== FORMAT_VERSION) {
    const message = `${path} has the log format ${version}; this version reads ${FORMAT_VERSION}. Use the version that wrote it.`;
    throw new SwapstatsError("checkpoint_incompatible", message);
  }
}

/** Throws when the file system does not support the WAL. Some refuse it without an error, and the log would not be durable. */
function checkDurability(db: DatabaseSync, path: string): void {
  const { journal_mode: mode } = db.prepare("PRAGMA journal_mode").get() as { journal_mode: string };
  const { synchronous } = db.prepare("PRAGMA synchronous").get() as { synchronous: number };
  if (mode === "wal" && synchronous === SYNCHRONOUS_FULL) return;
  const message = `${path}: this file system cannot hold a write-ahead log (shared memory is missing). Use a local disk for data_dir.`;
  throw new SwapstatsError("storage_failed", message);
}

function createTables(db: DatabaseSync): void {
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS batches (
      key INTEGER PRIMARY KEY, count INTEGER NOT NULL, arrival_ms INTEGER NOT NULL, batch BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS gaps (
      key INTEGER PRIMARY KEY, end_offset INTEGER NOT NULL, at_ms INTEGER NOT NULL, reason TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS settings (
      name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL
    ) STRICT;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${FORMAT_VERSION};
    COMMIT;
  `);
}

/** Opens the log for writing, and creates it when the file is new. Tests set `bytesMax`, which limits the file like a full disk. */
export function openLogDatabase(path: string, bytesMax?: number): LogDatabase {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`);
    db.exec(`PRAGMA wal_autocheckpoint = ${WAL_BYTES / PAGE_BYTES}; PRAGMA journal_size_limit = ${WAL_BYTES};`);
    if (bytesMax !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(bytesMax / PAGE_BYTES)}`);
    checkDurability(db, path);
    const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get() as { n: number };
    if (tables.n === 0) createTables(db);
    checkFormat(db, path);
    return new SqliteLogDatabase(db, path);
  } catch (cause) {
    db?.close();
    throw sqliteError(cause, path);
  }
}

function settingCrc(name: string, value: string): number {
  return crc32(`${name}=${value}`);
}

type RowColumns = { key: number; count: number; arrival_ms: number };
type GapColumns = { key: number; end_offset: number; at_ms: number; reason: string };

class SqliteLogDatabase implements LogDatabase {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #first: StatementSync;
  readonly #last: StatementSync;
  readonly #pages: StatementSync;
  readonly #freePages: StatementSync;

  constructor(db: DatabaseSync, path: string) {
    this.#db = db;
    this.#path = path;
    const columns = "key, count, arrival_ms";
    this.#insert = db.prepare("INSERT INTO batches (key, count, arrival_ms, batch) VALUES (?, ?, ?, ?)");
    this.#remove = db.prepare("DELETE FROM batches WHERE key = ?");
    this.#first = db.prepare(`SELECT ${columns} FROM batches WHERE key >= ? AND key < ? ORDER BY key LIMIT 1`);
    this.#last = db.prepare(`SELECT ${columns} FROM batches WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT 1`);
    this.#pages = db.prepare("PRAGMA page_count");
    this.#freePages = db.prepare("PRAGMA freelist_count");
  }

  begin(): void {
    this.#run(() => this.#db.exec("BEGIN IMMEDIATE"));
  }

  commit(): void {
    this.#run(() => this.#db.exec("COMMIT"));
  }

  rollback(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself after a failed write; the next statement shows whether the connection is still
      // usable.
    }
  }

  insert(partition: number, row: LogRow, batch: Uint8Array): void {
    this.#run(() => this.#insert.run(logKey(partition, row.baseOffset), row.count, row.arrivalMs, batch));
  }

  remove(partition: number, baseOffset: number): void {
    this.#run(() => this.#remove.run(logKey(partition, baseOffset)));
  }

  insertGap(partition: number, gap: LogGap): void {
    const statement = "INSERT OR REPLACE INTO gaps (key, end_offset, at_ms, reason) VALUES (?, ?, ?, ?)";
    this.#run(() => this.#db.prepare(statement).run(logKey(partition, gap.from), gap.to, gap.atMs, gap.reason));
  }

  first(partition: number): LogRow | undefined {
    return this.#row(this.#first, partition);
  }

  last(partition: number): LogRow | undefined {
    return this.#row(this.#last, partition);
  }

  gaps(partition: number): LogGap[] {
    return this.#run(() => readGaps(this.#db, partition));
  }

  usedBytes(): number {
    return this.#run(() => {
      const pages = this.#pages.get() as { page_count: number };
      const free = this.#freePages.get() as { freelist_count: number };
      return (pages.page_count - free.freelist_count) * PAGE_BYTES;
    });
  }

  readSetting(name: string): string | undefined {
    return this.#run(() => readSetting(this.#db, this.#path, name));
  }

  writeSetting(name: string, value: string): void {
    const statement = "INSERT OR REPLACE INTO settings (name, value, crc) VALUES (?, ?, ?)";
    this.#run(() => this.#db.prepare(statement).run(name, value, settingCrc(name, value)));
  }

  emptyWal(): boolean {
    return this.#run(() => {
      const result = this.#db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
      return result.busy === 0;
    });
  }

  close(): void {
    this.#run(() => this.#db.close());
  }

  #row(statement: StatementSync, partition: number): LogRow | undefined {
    return this.#run(() => {
      const row = statement.get(logKey(partition, 0), logKey(partition + 1, 0)) as RowColumns | undefined;
      if (row === undefined) return undefined;
      return { baseOffset: row.key - logKey(partition, 0), count: row.count, arrivalMs: row.arrival_ms };
    });
  }

  #run<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      throw sqliteError(cause, this.#path);
    }
  }
}

/** Returns the recorded gaps of a partition in ascending order. */
export function readGaps(db: DatabaseSync, partition: number): LogGap[] {
  const rows = db
    .prepare("SELECT key, end_offset, at_ms, reason FROM gaps WHERE key >= ? AND key < ? ORDER BY key")
    .all(logKey(partition, 0), logKey(partition + 1, 0)) as GapColumns[];
  return rows.map((row) => ({
    from: row.key - logKey(partition, 0),
    to: row.end_offset,
    atMs: row.at_ms,
    reason: row.reason,
  }));
}

/** Reads a setting of the log. Throws `log_damaged` when its checksum does not match. */
export function readSetting(db: DatabaseSync, path: string, name: string): string | undefined {
  const row = db.prepare("SELECT value, crc FROM settings WHERE name = ?").get(name) as
    | { value: string; crc: number }
    | undefined;
  if (row === undefined) return undefined;
  if (row.crc !== settingCrc(name, row.value)) {
    throw new SwapstatsError("log_damaged", `${path} is damaged: the setting ${name} does not match its checksum.`);
  }
  return row.value;
}
