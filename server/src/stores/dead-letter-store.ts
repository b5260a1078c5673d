/**
 * Dead letters of all partitions in a small SQLite database, for people to look at: bounded, newest first. Records are keyed by
 * position, so that a replay after a crash writes them once. The owner of a partition writes its dead letters before the checkpoint
 * that goes beyond them; what is counted is in the engine's state, so a lost database loses no number.
 */
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { SwapstatsError } from "../shared/errors.ts";

export const DEAD_LETTER_DATABASE_NAME = "dead-letters.sqlite";
/** Dead letters kept, of all partitions; the oldest leave first. */
export const DEAD_LETTERS_MAX = 10_000;
/** Bytes of a record's text, and of the message, that are kept. */
export const DEAD_LETTER_RAW_BYTES_MAX = 4096;
const MESSAGE_BYTES_MAX = 1024;
/** Rows beyond the limit that may gather before they are removed in one go. */
const TRIM_SLACK = 500;
const BUSY_TIMEOUT_MS = 5000;
const FORMAT_VERSION = 1;

export type DeadLetterRecord = {
  readonly code: string;
  readonly message: string;
  readonly partition: number;
  readonly offset: number;
  readonly arrival: number;
  /** The record's bytes as they came; what is kept of them is cut, and invalid UTF-8 replaced. */
  readonly raw: Uint8Array;
};

export type KeptDeadLetter = Omit<DeadLetterRecord, "raw"> & { readonly raw: string };

const encoder = new TextEncoder();

/** The text of bytes, invalid UTF-8 replaced, cut between characters to at most bytesMax bytes. */
function textOf(bytes: Uint8Array, bytesMax: number): string {
  const isCut = bytes.length > bytesMax;
  // With `stream` a character that the cut goes through is left out rather than replaced.
  const text = new TextDecoder().decode(isCut ? bytes.subarray(0, bytesMax) : bytes, { stream: isCut });
  return cutText(text, bytesMax);
}

function cutText(text: string, bytesMax: number): string {
  const bytes = encoder.encode(text);
  return bytes.length <= bytesMax ? text : new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true });
}

export class DeadLetterStore {
  readonly #path: string;
  #db: DatabaseSync;
  #insert: StatementSync;
  #newest: StatementSync;
  #addedSinceTrim = TRIM_SLACK;
  #problem: string | undefined;

  /**
   * Opens the store of a data folder; several threads may have it open. A damaged database is set aside under another
   * name, see `problem`, so one thread opens it before the others do. Throws `storage_failed`.
   */
  constructor(dataDir: string, nowMs: number) {
    this.#path = join(dataDir, DEAD_LETTER_DATABASE_NAME);
    try {
      this.#db = openDatabase(this.#path);
      this.#checkAll();
    } catch (error) {
      if (!isDamage(error)) throw storeError(error, this.#path);
      this.#db = this.#startAnew(nowMs);
    }
    [this.#insert, this.#newest] = this.#prepare();
  }

  /** What was found wrong at opening; undefined when all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Keeps these, and returns when they are on disk; a position that is there already stays as it is. Throws `storage_failed`. */
  put(records: readonly DeadLetterRecord[]): void {
    if (records.length === 0) return;
    // More than the store keeps would only be written to be removed.
    const kept = records.slice(-DEAD_LETTERS_MAX);
    this.#transaction(() => {
      for (const { code, message, partition, offset, arrival, raw } of kept) {
        const text = textOf(raw, DEAD_LETTER_RAW_BYTES_MAX);
        this.#insert.run(partition, offset, arrival, code, cutText(message, MESSAGE_BYTES_MAX), text);
      }
      this.#addedSinceTrim += kept.length;
      if (this.#addedSinceTrim >= TRIM_SLACK) this.#trim();
    });
  }

  /** The newest, by arrival, then offset; at most `limit`. Throws `storage_failed`. */
  newest(limit: number): KeptDeadLetter[] {
    try {
      return this.#newest.all(limit).map((row) => ({ ...row }) as KeptDeadLetter);
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(): [StatementSync, StatementSync] {
    const insert = this.#db.prepare(
      `INSERT INTO dead_letters ("partition", "offset", arrival, code, message, raw) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT ("partition", "offset") DO NOTHING`,
    );
    const newest = this.#db.prepare(
      `SELECT code, message, "partition", "offset", arrival, raw FROM dead_letters
       ORDER BY arrival DESC, "offset" DESC, "partition" DESC LIMIT ?`,
    );
    return [insert, newest];
  }

  #trim(): void {
    this.#db.exec(`
      DELETE FROM dead_letters WHERE ("partition", "offset") IN (
        SELECT "partition", "offset" FROM dead_letters
        ORDER BY arrival DESC, "offset" DESC, "partition" DESC LIMIT -1 OFFSET ${DEAD_LETTERS_MAX}
      )`);
    this.#addedSinceTrim = 0;
  }

  #transaction(work: () => void): void {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      work();
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw storeError(error, this.#path);
    }
  }

  /** The database is small by its limits, so all of it can be checked at start. */
  #checkAll(): void {
    try {
      const { quick_check: result } = this.#db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
      if (result !== "ok") throw new Damage(result);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  #startAnew(nowMs: number): DatabaseSync {
    const aside = `${this.#path}.damaged-${nowMs}`;
    try {
      renameSync(this.#path, aside);
      for (const suffix of ["-wal", "-shm"]) rmSync(this.#path + suffix, { force: true });
      this.#problem = `The store of dead letters was damaged; it is kept as ${aside}, and a new one was begun.`;
      return openDatabase(this.#path);
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}

class Damage extends Error {}

function isDamage(error: unknown): boolean {
  const primary = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
  return error instanceof Damage || primary === 11 || primary === 26 || primary === 1;
}

function storeError(cause: unknown, path: string): SwapstatsError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const message = `The store of dead letters ${path} failed: ${text}. Check the disk of data_dir.`;
  return new SwapstatsError("storage_failed", message, { cause, retryable: true });
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    db.exec(`
      CREATE TABLE IF NOT EXISTS dead_letters (
        "partition" INTEGER NOT NULL, "offset" INTEGER NOT NULL, arrival INTEGER NOT NULL,
        code TEXT NOT NULL, message TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY ("partition", "offset")
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS by_arrival ON dead_letters (arrival, "offset", "partition");
      PRAGMA user_version = ${FORMAT_VERSION};
    `);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
