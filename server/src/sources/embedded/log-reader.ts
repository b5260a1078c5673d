/**
 * Reads one partition of the embedded log, in the thread of the partition's owner, on a read-only connection of its
 * own. It does not poll: `notify` reports new commits. Each row is read in a transaction that ends before `read`
 * returns, so a reader never delays the log's checkpoints.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LogRange, OffsetRange, PartitionReader, RecordBatch } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import {
  FORMER_LOG_IDS_SETTING,
  formerIdsFrom,
  LOG_ID_SETTING,
  logKey,
  openLogReadOnly,
  readGaps,
  readSetting,
  sqliteError,
} from "./log-database.ts";
import type { StoredBatch } from "./log-format.ts";
import { readBatch } from "./log-format.ts";

type LogReaderOptions = {
  /** The log's database file. */
  readonly path: string;
  readonly partition: number;
  /** Passes the released offset to the writer, which is in another thread. */
  readonly release: (offset: number) => void;
  /**
   * Asks the writer to continue at this offset at least, to note the former log, if there is one, and then to accept
   * records. Its next `notify` says that this is done.
   */
  readonly openAt: (offset: number, formerLogId: string | undefined) => void;
  /** Releases the connection to the writer. */
  readonly onClose: () => void;
};

/** Largest number of damaged rows that are skipped to find an intact one. */
const ARRIVAL_ROWS_MAX = 8;

type Row = { key: number; count: number; batch: Uint8Array | null };

export class EmbeddedLogReader implements PartitionReader {
  /** The log belongs to this process alone: it can be made to continue where the state stands. */
  readonly isOwn = true;
  /** What no checkpoint needs any more is all that retention removes. */
  readonly keepsRecords = true;
  /** Arrivals are this service's own clock. */
  readonly arrivalClock = undefined;
  readonly numbers = undefined;
  readonly #options: LogReaderOptions;
  readonly #db: DatabaseSync;
  readonly #from: StatementSync;
  readonly #covering: StatementSync;
  readonly #edges: StatementSync;
  readonly #next: StatementSync;
  #endOffset: number;
  #pressure = false;
  #problem: string | undefined;
  /** Payload of the last batch. Its reader is done with it when it asks for the next one. */
  #lent: Uint8Array | undefined;
  #isClosed = false;
  /** Calls that wait for the end to move, or for `close`. */
  readonly #waiting = new Set<() => void>();

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#db = openLogReadOnly(options.path);
    const range = "key >= ? AND key < ?";
    this.#from = this.#db.prepare(`SELECT key, count, batch FROM batches WHERE ${range} ORDER BY key`);
    this.#covering = this.#db.prepare(`SELECT key, count, batch FROM batches WHERE ${range} ORDER BY key DESC LIMIT 1`);
    this.#edges = this.#db.prepare(
      `SELECT * FROM (SELECT key, count FROM batches WHERE ${range} ORDER BY key LIMIT 1)
       UNION ALL SELECT * FROM (SELECT key, count FROM batches WHERE ${range} ORDER BY key DESC LIMIT 1)`,
    );
    this.#next = this.#db.prepare(`SELECT key FROM batches WHERE ${range} ORDER BY key LIMIT 1`);
    this.#endOffset = this.#storedRange().endOffset;
  }

  /** The end of the log as last heard of. */
  get knownEnd(): number {
    return this.#endOffset;
  }

  /**
   * New records, or a gap, reach to this offset now. `pressure`: the log waits for a new base image to release some of
   * it. `problem`: why the log cannot be written now.
   */
  notify(endOffset: number, pressure: boolean, problem?: string): void {
    this.#problem = problem;
    this.#endOffset = Math.max(this.#endOffset, endOffset);
    this.#pressure = pressure;
    this.#wake();
  }

  /** Why the log cannot be written now, by the last `notify`; undefined while it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the log asked for a release in the last `notify`. */
  get pressure(): boolean {
    return this.#pressure;
  }

  async range(): Promise<LogRange> {
    const stored = this.#storedRange();
    const endOffset = Math.max(stored.endOffset, this.#endOffset);
    const startOffset = stored.isEmpty ? endOffset : stored.startOffset;
    const logId = this.#setting(LOG_ID_SETTING);
    const formerLogIds = formerIdsFrom(this.#setting(FORMER_LOG_IDS_SETTING));
    return { startOffset, endOffset, logId, formerLogIds };
  }

  /**
   * See PartitionReader. `log_damaged` also when records at the position are missing or do not match their checksum; then
   * `resumeAfter` says where the log can be read again.
   */
  async read(position: number, maxBytes: number, signal: AbortSignal): Promise<RecordBatch> {
    signal.throwIfAborted();
    this.#checkOpen();
    if (this.#lent !== undefined) freeMemory(this.#lent);
    this.#lent = undefined;
    while (position === this.#endOffset) await this.#endMoved(signal);
    if (position > this.#endOffset || position < 0) throw this.#outOfRange(position);
    try {
      const batches = this.#rowsFrom(position, maxBytes);
      const batch = batches.length === 1 ? single(batches[0]!) : merged(batches);
      this.#lent = batch.payload;
      return batch;
    } catch (cause) {
      throw sqliteError(cause, this.#options.path);
    }
  }

  /**
   * Returns the first offset above `position` from which the log may be read again after `read` found damage there; the
   * caller records the gap. Without anything behind it, this is the end of the log.
   */
  resumeAfter(position: number): number {
    try {
      const row = this.#next.get(this.#key(position + 1), this.#limitKey()) as { key: number } | undefined;
      return row === undefined ? this.#endOffset : Math.min(row.key - this.#key(0), this.#endOffset);
    } catch (cause) {
      throw sqliteError(cause, this.#options.path);
    }
  }

  /**
   * Returns the arrival of the first readable record at or behind the position; undefined: there is none, or the
   * database fails.
   */
  arrivalFrom(position: number): number | undefined {
    try {
      const rows = this.#from.iterate(this.#key(position), this.#limitKey()) as unknown as Iterable<Row>;
      let looked = 0;
      for (const row of rows) {
        const batch = readBatch(row.batch, this.#options.partition, row.key - this.#key(0));
        if (typeof batch !== "string") return batch.arrivalMs;
        if (++looked === ARRIVAL_ROWS_MAX) return undefined;
      }
      return undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Makes the log continue at `offset` at least, and accept records; resolves when the end is there. See
   * `EmbeddedLogWriter.raiseEnd` and `addFormerId`.
   */
  async openAt(offset: number, formerLogId: string | undefined, signal: AbortSignal): Promise<void> {
    this.#options.openAt(offset, formerLogId);
    while (this.#endOffset < offset) await this.#endMoved(signal);
  }

  async release(offset: number): Promise<void> {
    this.#options.release(offset);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wake();
    this.#db.close();
    this.#options.onClose();
  }

  #setting(name: string): string | undefined {
    try {
      return readSetting(this.#db, this.#options.path, name);
    } catch (cause) {
      throw sqliteError(cause, this.#options.path);
    }
  }

  #key(offset: number): number {
    return logKey(this.#options.partition, offset);
  }

  #limitKey(): number {
    return logKey(this.#options.partition + 1, 0);
  }

  #storedRange(): OffsetRange & { isEmpty: boolean } {
    try {
      const base = this.#key(0);
      const limit = this.#limitKey();
      const rows = this.#edges.all(base, limit, base, limit) as { key: number; count: number }[];
      const gapEnd = readGaps(this.#db, this.#options.partition).at(-1)?.to ?? 0;
      const [first, last] = rows;
      if (first === undefined || last === undefined) return { startOffset: gapEnd, endOffset: gapEnd, isEmpty: true };
      const endOffset = Math.max(last.key - base + last.count, gapEnd);
      return { startOffset: first.key - base, endOffset, isEmpty: false };
    } catch (cause) {
      throw sqliteError(cause, this.#options.path);
    }
  }

  /** Returns consecutive batches from `position` on; the first one is cut to begin there. */
  #rowsFrom(position: number, maxBytes: number): StoredBatch[] {
    const found: StoredBatch[] = [];
    let next = position;
    let bytes = 0;
    const rows = this.#from.iterate(this.#key(position), this.#limitKey()) as unknown as Iterable<Row>;
    for (const row of rows) {
      if (row.key !== this.#key(next)) break;
      const batch = readBatch(row.batch, this.#options.partition, next);
      if (typeof batch === "string" || batch.count !== row.count) {
        if (found.length > 0) break;
        throw this.#damaged(next, typeof batch === "string" ? batch : "its count is another than the table's");
      }
      found.push(batch);
      next += batch.count;
      bytes += batch.payload.length;
      if (bytes >= maxBytes || next >= this.#endOffset) break;
    }
    return found.length > 0 ? found : [this.#batchAround(position)];
  }

  /** Returns the batch that holds `position` behind its first record. */
  #batchAround(position: number): StoredBatch {
    const row = this.#covering.get(this.#key(0), this.#key(position)) as Row | undefined;
    if (row === undefined) throw this.#outOfRange(position);
    const baseOffset = row.key - this.#key(0);
    if (baseOffset + row.count <= position) throw this.#missing(position);
    const batch = readBatch(row.batch, this.#options.partition, baseOffset);
    if (typeof batch === "string") throw this.#damaged(baseOffset, batch);
    return batchFrom(batch, position);
  }

  #missing(position: number): SwapstatsError {
    const gap = readGaps(this.#db, this.#options.partition).find(({ from, to }) => from <= position && position < to);
    const until = this.resumeAfter(position);
    const reason = gap?.reason ?? "the log's database lost them";
    return this.#error(`the records ${position} to ${until - 1} are missing: ${reason}`);
  }

  #damaged(position: number, reason: string): SwapstatsError {
    return this.#error(`the batch at offset ${position} is damaged: ${reason}`);
  }

  #outOfRange(position: number): SwapstatsError {
    const { startOffset } = this.#storedRange();
    if (position < startOffset && startOffset <= this.#endOffset) {
      return this.#error(`position ${position} is asked for, but records before ${startOffset} are no longer held`);
    }
    return this.#error(`position ${position} is asked for, but the log ends at ${this.#endOffset}`);
  }

  #error(what: string): SwapstatsError {
    const place = `Partition ${this.#options.partition} of the log ${this.#options.path}`;
    return new SwapstatsError("log_damaged", `${place}: ${what}. \`swapstats log verify\` shows what is sound.`);
  }

  #wake(): void {
    const calls = [...this.#waiting];
    this.#waiting.clear();
    for (const call of calls) call();
  }

  /** Rejects at once where the reader is closed, or the signal has aborted: nothing would wake it. */
  async #endMoved(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#checkOpen();
    await this.#woken(signal);
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new SwapstatsError("unavailable", "the reader of the log was closed");
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const abort = (): void => {
        this.#waiting.delete(wake);
        reject(signal.reason);
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}

function single(batch: StoredBatch): RecordBatch {
  const { partition, baseOffset, count, payload, ends, arrivalMs } = batch;
  return { partition, baseOffset, nextOffset: baseOffset + count, count, payload, ends, arrivalsMs: arrivalMs };
}

/** Joins several small batches, so that a stream of single swaps is not read swap by swap. */
function merged(batches: readonly StoredBatch[]): RecordBatch {
  const { partition, baseOffset } = batches[0]!;
  let count = 0;
  let bytes = 0;
  for (const batch of batches) {
    count += batch.count;
    bytes += batch.payload.length;
  }
  const payload = new Uint8Array(bytes);
  const ends = new Uint32Array(count);
  const arrivalsMs = new Float64Array(count);
  let at = 0;
  let start = 0;
  for (const batch of batches) {
    payload.set(batch.payload, start);
    for (let i = 0; i < batch.count; i++) ends[at + i] = start + batch.ends[i]!;
    arrivalsMs.fill(batch.arrivalMs, at, at + batch.count);
    at += batch.count;
    start += batch.payload.length;
    freeMemory(batch.payload);
  }
  return { partition, baseOffset, nextOffset: baseOffset + count, count, payload, ends, arrivalsMs };
}

/** Returns the part of a batch from `position` on. */
function batchFrom(batch: StoredBatch, position: number): StoredBatch {
  const skipped = position - batch.baseOffset;
  const start = batch.ends[skipped - 1]!;
  const ends = batch.ends.slice(skipped).map((end) => end - start);
  const payload = batch.payload.subarray(start);
  return { ...batch, baseOffset: position, count: batch.count - skipped, payload, ends };
}
