/**
 * Dead letters of all partitions in a small SQLite database, for people to look at: bounded, newest first. Records are keyed by
 * position, so a replay after a crash writes them once. The owner of a partition writes its dead letters before the checkpoint that goes
 * beyond them. The counters are in the engine's state, so a lost database loses no number.
 */
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { SwapstatsError } from "../shared/errors.ts";

export const DEAD_LETTER_DATABASE_NAME = "dead-letters.sqlite";
/** Dead letters of all partitions that are kept. The oldest are removed first. */
export const DEAD_LETTERS_MAX = 10_000;
/** Bytes of a record's text, and of the message, that are kept. */
export const DEAD_LETTER_RAW_BYTES_MAX = 4096;
const MESSAGE_BYTES_MAX = 1024;
const LONGEST_CHARACTER_BYTES = 4;
/** Rows beyond the limit that may gather before they are removed together. */
const TRIM_SLACK = 500;
const BUSY_TIMEOUT_MS = 5000;
const FORMAT_VERSION = 1;

export type DeadLetterRecord = {
  readonly code: string;
  readonly message: string;
  /** Negative for the record of a feeder, which has no position in the log (feeder-letters.ts). */
  readonly partition: number;
  readonly offset: number;
  readonly feeder?: string;
  readonly arrival: number;
  /** The record's bytes. The kept text is cut, with invalid UTF-8 replaced. */
  readonly raw: Uint8Array;
};

export type KeptDeadLetter = Omit<DeadLetterRecord, "raw"> & {
  readonly raw: string;
  /** The same bytes in base64, if they are not UTF-8. */
  readonly raw_base64?: string;
};

const encoder = new TextEncoder();

/** Returns the kept form of a record: message and text are cut to their limits. */
export function keptForm(record: DeadLetterRecord): KeptDeadLetter {
  const raw = textOf(record.raw, DEAD_LETTER_RAW_BYTES_MAX);
  const bytes = record.raw.subarray(0, DEAD_LETTER_RAW_BYTES_MAX);
  return {
    ...record,
    message: cutText(record.message, MESSAGE_BYTES_MAX),
    raw,
    ...(isText(bytes, raw) ? {} : { raw_base64: Buffer.from(bytes).toString("base64") }),
  };
}

/** Returns whether the bytes are those of the text. The text may lack a character that the cut goes through. */
function isText(bytes: Uint8Array, text: string): boolean {
  const encoded = encoder.encode(text);
  return (
    bytes.length - encoded.length < LONGEST_CHARACTER_BYTES &&
    Buffer.compare(bytes.subarray(0, encoded.length), encoded) === 0
  );
}

/** Returns the text of bytes, with invalid UTF-8 replaced, cut between characters to at most bytesMax bytes. */
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

/** An open database with its statements. */
type Opened = { readonly db: DatabaseSync; readonly insert: StatementSync; readonly newest: StatementSync };

/**
 *   opened --a call finds damage--> closed       the next call sets the damaged database aside and begins a new one
 *   closed --a call, it can be opened--> opened
 *   closed --a call, it cannot--> closed         `storage_failed`: the letters wait at the caller, and the service continues
 */
export class DeadLetterStore {
  readonly #path: string;
  readonly #nowMs: () => number;
  #opened: Opened | undefined;
  #addedSinceTrim = TRIM_SLACK;
  #damage: string | undefined;
  #closedBecause: string | undefined;

  /**
   * Opens the store of a data folder. Several threads may have it open. Never throws, because nothing depends on the store. A database
   * that cannot be opened (a full disk, missing permissions) is retried with each call, and a damaged one is set aside under another
   * name; `problem` says so.
   */
  constructor(dataDir: string, nowMs: () => number) {
    this.#path = join(dataDir, DEAD_LETTER_DATABASE_NAME);
    this.#nowMs = nowMs;
    this.tryOpen();
  }

  /** Says what was lost by damage, or why the store cannot be opened now. Undefined when all is well. */
  get problem(): string | undefined {
    return this.#closedBecause ?? this.#damage;
  }

  /** Opens the store if it is not open. Called now and then, so that `problem` is up to date while no letters come. */
  tryOpen(): void {
    try {
      this.#usable();
      this.#closedBecause = undefined;
    } catch (error) {
      this.#closedBecause = `${error instanceof Error ? error.message : String(error)} Meanwhile dead letters are counted, and the newest are kept in memory.`;
    }
  }

  /**
   * Stores records, and returns when they are on disk. A position that is stored already is not changed; the record of a feeder replaces
   * the one that had its number. Throws `storage_failed`.
   */
  put(records: readonly DeadLetterRecord[]): void {
    if (records.length === 0) return;
    // Records beyond the limit would only be written to be removed.
    const kept = records.slice(-DEAD_LETTERS_MAX);
    this.#run(({ db, insert }) => {
      db.exec("BEGIN IMMEDIATE");
      for (const record of kept) {
        const { code, message, partition, offset, arrival, raw, raw_base64 = "", feeder = "" } = keptForm(record);
        insert.run(partition, offset, arrival, code, message, raw, raw_base64, feeder);
      }
      if (this.#addedSinceTrim + kept.length >= TRIM_SLACK) trim(db);
      db.exec("COMMIT");
      const added = this.#addedSinceTrim + kept.length;
      this.#addedSinceTrim = added >= TRIM_SLACK ? 0 : added;
    });
  }

  /** Returns at most `limit` of the newest, by arrival, then offset. Throws `storage_failed`. */
  newest(limit: number): KeptDeadLetter[] {
    return this.#run(({ newest }) =>
      newest.all(limit).map(({ feeder, raw_base64, ...row }) => {
        const more = { ...(feeder === "" ? {} : { feeder }), ...(raw_base64 === "" ? {} : { raw_base64 }) };
        return { ...row, ...more } as KeptDeadLetter;
      }),
    );
  }

  close(): void {
    this.#opened?.db.close();
    this.#opened = undefined;
  }

  #run<T>(work: (opened: Opened) => T): T {
    const opened = this.#usable();
    try {
      return work(opened);
    } catch (error) {
      if (isDamage(error)) this.close();
      else if (opened.db.isTransaction) opened.db.exec("ROLLBACK");
      throw storeError(error, this.#path);
    }
  }

  /** Returns the database, and opens it if necessary; a damaged one is set aside first. Throws `storage_failed`. */
  #usable(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    try {
      this.#opened = openChecked(this.#path);
    } catch (error) {
      if (!isDamage(error)) throw storeError(error, this.#path);
      this.#setAside();
      this.#opened = openStore(this.#path);
    }
    return this.#opened;
  }

  #setAside(): void {
    const aside = `${this.#path}.damaged-${this.#nowMs()}`;
    try {
      renameSync(this.#path, aside);
      for (const suffix of ["-wal", "-shm"]) rmSync(this.#path + suffix, { force: true });
    } catch (error) {
      throw storeError(error, this.#path);
    }
    this.#damage = `The store of dead letters was damaged; it is kept as ${aside}, and a new one was begun.`;
  }
}

function trim(db: DatabaseSync): void {
  db.exec(`
    DELETE FROM dead_letters WHERE ("partition", "offset") IN (
      SELECT "partition", "offset" FROM dead_letters
      ORDER BY arrival DESC, "offset" DESC, "partition" DESC LIMIT -1 OFFSET ${DEAD_LETTERS_MAX}
    )`);
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

/** Checks the whole database, which its limits keep small. */
function openChecked(path: string): Opened {
  const db = openDatabase(path);
  try {
    const { quick_check: result } = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
    if (result !== "ok") throw new Damage(result);
    return prepared(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function openStore(path: string): Opened {
  try {
    return prepared(openDatabase(path));
  } catch (error) {
    throw storeError(error, path);
  }
}

function prepared(db: DatabaseSync): Opened {
  const insert = db.prepare(
    `INSERT INTO dead_letters ("partition", "offset", arrival, code, message, raw, raw_base64, feeder) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT ("partition", "offset") DO UPDATE SET arrival = excluded.arrival, code = excluded.code,
       message = excluded.message, raw = excluded.raw, raw_base64 = excluded.raw_base64, feeder = excluded.feeder WHERE excluded.feeder <> ''`,
  );
  const newest = db.prepare(
    `SELECT code, message, "partition", "offset", arrival, raw, raw_base64, feeder FROM dead_letters
     ORDER BY arrival DESC, "offset" DESC, "partition" DESC LIMIT ?`,
  );
  return { db, insert, newest };
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
    addColumn(db, "feeder");
    addColumn(db, "raw_base64");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Stores of earlier versions lack the column. Another thread may add it at the same time. */
function addColumn(db: DatabaseSync, name: "feeder" | "raw_base64"): void {
  const has = (): boolean =>
    db.prepare("SELECT 1 FROM pragma_table_info('dead_letters') WHERE name = ?").get(name) !== undefined;
  if (has()) return;
  try {
    db.exec(`ALTER TABLE dead_letters ADD COLUMN ${name} TEXT NOT NULL DEFAULT ''`);
  } catch (error) {
    if (!has()) throw error;
  }
}
