/**
 * The catalog of the history: which files belong to it, which rows of which streams they hold, and where gaps are. A file counts from the transaction that
 * adds it, and no longer from the one that replaces it.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type {
  HistoryGap,
  SequenceRange,
  SettledMark,
  Span,
  StreamKey,
  TokenKey,
} from "../../../ports/history-store.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { CATALOG_CHANGES, CATALOG_TABLES, SCHEMA_VERSION } from "./catalog-schema.ts";

const BUSY_TIMEOUT_MS = 5_000;
/** Marks of a stream that are kept for edges. They come once a minute. */
const MARKS_MAX = 1_000;
const FOUND_MAX = 100;

export const TIERS = ["swaps", "minutes", "days", "events"] as const;
export type Tier = (typeof TIERS)[number];

export type CatalogStream = StreamKey & {
  readonly id: number;
  readonly span: Span;
  readonly settledBeforeMs: number;
  /** Rows before it are in the minutes, too. Whole minutes. */
  readonly minutesBeforeMs: number;
  /** Rows before it are in the days, too. Whole days. */
  readonly daysBeforeMs: number;
};

export type StreamSpan = Span & { readonly stream: number };

export type NewFile = {
  /** Below the folder of the history. */
  readonly path: string;
  readonly tier: Tier;
  /** How often its rows were merged: 0 as appended. */
  readonly level: number;
  /** `toMs` is behind the last row. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly rows: number;
  readonly bytes: number;
  /** Rows that the streams up to this number make invalid are not in the file. */
  readonly streamsSeen: number;
  readonly streams: readonly StreamSpan[];
};
export type CatalogFile = NewFile & {
  readonly id: number /** It is in S3, and not below the folder. */;
  readonly isCold: boolean;
};

/** The content of the catalog at an instant; it never changes. */
export type Snapshot = { readonly streams: readonly CatalogStream[]; readonly files: readonly CatalogFile[] };

export type SeenToken = TokenKey & { lastMs: number; symbol: string | undefined; symbolMs: number };

type Row = Record<string, string | number | null>;

export class Catalog {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #snapshot: { readonly version: number; readonly content: Snapshot } | undefined;

  /** Creates an empty database where there is none. Throws `storage_failed` when it cannot be opened. */
  constructor(path: string) {
    try {
      this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    } catch (cause) {
      throw new SwapstatsError("storage_failed", `Cannot open the catalog of the history ${path}: ${String(cause)}.`, {
        cause,
      });
    }
  }

  /** 0 before the first migration. */
  version(): number {
    return Number(this.#get("PRAGMA user_version")!.user_version);
  }

  /** Makes the tables, or changes those of an older version. Returns the version before. Throws `checkpoint_incompatible` for a newer one. */
  migrate(): number {
    const version = this.version();
    if (version > SCHEMA_VERSION) {
      const message = `The history has version ${version}, and this program knows version ${SCHEMA_VERSION}. Use the program that wrote it, or a newer one.`;
      throw new SwapstatsError("checkpoint_incompatible", message);
    }
    this.transaction(() => {
      if (version === 0) this.#db.exec(CATALOG_TABLES);
      else for (let v = version; v < SCHEMA_VERSION; v++) this.#db.exec(CATALOG_CHANGES[v]!);
    });
    return version;
  }

  /** Runs `change` as one durable transaction. Throws `storage_failed` when it cannot be committed. */
  transaction(change: () => void): void {
    this.#snapshot = undefined;
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        change();
        this.#db.exec("COMMIT");
      } catch (error) {
        this.#db.exec("ROLLBACK");
        throw error;
      }
    } catch (cause) {
      if (cause instanceof SwapstatsError) throw cause;
      const message = `Cannot write the catalog of the history: ${String(cause)}. Check the disk; the service retries.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    }
  }

  snapshot(): Snapshot {
    // Another process may have written since.
    const version = Number(this.#get("PRAGMA data_version")!.data_version);
    if (this.#snapshot?.version !== version) this.#snapshot = { version, content: this.#read() };
    return this.#snapshot.content;
  }

  #read(): Snapshot {
    if (this.version() === 0) {
      throw new SwapstatsError("storage_failed", "The history has no tables yet. Run `swapstats history migrate`.");
    }
    const spans = Map.groupBy(this.#all("SELECT * FROM file_streams"), ({ file }) => file);
    const files = this.#all("SELECT * FROM files WHERE replaced_ms IS NULL ORDER BY from_ms, id").map((row) => ({
      id: Number(row.id),
      path: String(row.path),
      tier: row.tier as Tier,
      level: Number(row.level),
      fromMs: Number(row.from_ms),
      toMs: Number(row.to_ms),
      rows: Number(row.rows),
      bytes: Number(row.bytes),
      streamsSeen: Number(row.streams_seen),
      isCold: row.is_cold === 1,
      streams: (spans.get(row.id!) ?? []).map(streamSpanOf),
    }));
    return { streams: this.#all("SELECT * FROM streams ORDER BY id").map(streamOf), files };
  }

  addStream({ logId, partition, epoch }: StreamKey, { fromMs, toMs }: Span): void {
    const columns = "log_id, partition, epoch, from_ms, to_ms";
    this.#run(
      `INSERT OR IGNORE INTO streams (${columns}) VALUES (?, ?, ?, ?, ?)`,
      logId,
      partition,
      epoch,
      fromMs,
      toMs,
    );
  }

  addFile({ path, tier, level, fromMs, toMs, rows, bytes, streamsSeen, streams }: NewFile): void {
    const columns = "path, tier, level, from_ms, to_ms, rows, bytes, streams_seen";
    const values = [path, tier, level, fromMs, toMs, rows, bytes, streamsSeen];
    this.#run(`INSERT INTO files (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, ...values);
    const { id } = this.#get("SELECT last_insert_rowid() AS id")!;
    for (const { stream, fromMs, toMs } of streams) {
      this.#run("INSERT INTO file_streams VALUES (?, ?, ?, ?)", id!, stream, fromMs, toMs);
    }
  }

  replaceFile(id: number, nowMs: number): void {
    this.#run("UPDATE files SET replaced_ms = ? WHERE id = ?", nowMs, id);
  }

  setCold(id: number): void {
    this.#run("UPDATE files SET is_cold = 1 WHERE id = ?", id);
  }

  /** Files that were replaced before this instant, oldest first. */
  replacedFiles(beforeMs: number): Pick<CatalogFile, "id" | "path" | "isCold">[] {
    const rows = this.#all(
      "SELECT id, path, is_cold FROM files WHERE replaced_ms < ? ORDER BY replaced_ms, id",
      beforeMs,
    );
    return rows.map(({ id, path, is_cold }) => ({ id: Number(id), path: String(path), isCold: is_cold === 1 }));
  }

  forgetFile(id: number): void {
    this.#run("DELETE FROM file_streams WHERE file = ?", id);
    this.#run("DELETE FROM files WHERE id = ?", id);
  }

  /** Paths of all files on this disk, also of replaced ones. */
  knownPaths(): Set<string> {
    return new Set(this.#all("SELECT path FROM files WHERE is_cold = 0").map(({ path }) => String(path)));
  }

  heldRanges(stream: number): SequenceRange[] {
    const rows = this.#all("SELECT * FROM held WHERE stream = ? ORDER BY from_sequence", stream);
    return rows.map((row) => ({ from: Number(row.from_sequence), to: Number(row.to_sequence) }));
  }

  setHeldRanges(stream: number, ranges: readonly SequenceRange[]): void {
    this.#run("DELETE FROM held WHERE stream = ?", stream);
    for (const { from, to } of ranges) this.#run("INSERT INTO held VALUES (?, ?, ?)", stream, from, to);
  }

  addMark(stream: number, { sequence, beforeMs }: SettledMark): void {
    this.#run("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", stream, sequence, beforeMs);
    this.#run("UPDATE streams SET settled_before_ms = max(settled_before_ms, ?) WHERE id = ?", beforeMs, stream);
    const oldest = "SELECT sequence FROM marks WHERE stream = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?";
    this.#run(`DELETE FROM marks WHERE stream = ? AND sequence <= (${oldest})`, stream, stream, MARKS_MAX);
  }

  /** The time before which the stream has no sequence from this one on, as far as marks tell; 0 if none does. */
  settledBefore(stream: number, sequence: number): number {
    const row = this.#get(
      "SELECT max(before_ms) AS ms FROM marks WHERE stream = ? AND sequence <= ?",
      stream,
      sequence,
    );
    return Number(row?.ms ?? 0);
  }

  setSummed(stream: number, minutesBeforeMs: number, daysBeforeMs: number): void {
    const sql = "UPDATE streams SET minutes_before_ms = ?, days_before_ms = ? WHERE id = ?";
    this.#run(sql, minutesBeforeMs, daysBeforeMs, stream);
  }

  seeTokens(tokens: Iterable<SeenToken>): void {
    const sql = `INSERT INTO tokens VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_ms = max(last_ms, excluded.last_ms),
      symbol = iif(excluded.symbol_ms >= symbol_ms, excluded.symbol, symbol), symbol_ms = max(symbol_ms, excluded.symbol_ms)`;
    for (const { chainId, token, lastMs, symbol, symbolMs } of tokens) {
      this.#run(sql, chainId, token, lastMs, symbol ?? null, symbolMs);
    }
  }

  findTokens(name: string): TokenKey[] {
    const sql = "SELECT chain_id, token FROM tokens WHERE token = ? OR symbol = ? ORDER BY last_ms DESC LIMIT ?";
    const rows = this.#all(sql, name, name, FOUND_MAX);
    return rows.map((row) => ({ chainId: Number(row.chain_id), token: String(row.token) }));
  }

  addGap({ logId, partition, epoch, fromMs, toMs, cause, isRepairable, sequences }: HistoryGap): void {
    // The least and the greatest of a number and NULL are NULL.
    const sql = `INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
      from_sequence = min(from_sequence, excluded.from_sequence), to_sequence = max(to_sequence, excluded.to_sequence)`;
    const { from = null, to = null } = sequences ?? {};
    this.#run(sql, logId, partition, epoch, fromMs, toMs, cause, Number(isRepairable), from, to);
  }

  removeGaps({ logId, partition, epoch }: StreamKey, { fromMs, toMs }: Span): void {
    const sql = "DELETE FROM gaps WHERE log_id = ? AND partition = ? AND epoch = ? AND from_ms >= ? AND to_ms <= ?";
    this.#run(sql, logId, partition, epoch, fromMs, toMs);
  }

  gaps(): HistoryGap[] {
    return this.#all("SELECT * FROM gaps ORDER BY from_ms").map((row) => ({
      ...keyOf(row),
      fromMs: Number(row.from_ms),
      toMs: Number(row.to_ms),
      cause: String(row.cause),
      isRepairable: row.is_repairable === 1,
      ...sequencesOf(row),
    }));
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  #get(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#statement(sql).run(...values);
  }
}

const keyOf = (row: Row): StreamKey => ({
  logId: String(row.log_id),
  partition: Number(row.partition),
  epoch: Number(row.epoch),
});

/** Tables of the first version have no sequences. */
function sequencesOf({ from_sequence: from, to_sequence: to }: Row): Pick<HistoryGap, "sequences"> {
  return typeof from === "number" && typeof to === "number" ? { sequences: { from, to } } : {};
}

function streamOf(row: Row): CatalogStream {
  return {
    ...keyOf(row),
    id: Number(row.id),
    span: { fromMs: Number(row.from_ms), toMs: Number(row.to_ms) },
    settledBeforeMs: Number(row.settled_before_ms),
    minutesBeforeMs: Number(row.minutes_before_ms),
    daysBeforeMs: Number(row.days_before_ms),
  };
}

function streamSpanOf(row: Row): StreamSpan {
  return { stream: Number(row.stream), fromMs: Number(row.from_ms), toMs: Number(row.to_ms) };
}
