/**
 * The only writer of the embedded log. It is in the log thread and blocks it while a commit waits for the disk.
 *
 *   open --append--> open                 the commit is on disk
 *   open --append fails: no room--> open  nothing was written; `log_full`, the caller may retry
 *   open --append fails: disk--> broken   `storage_failed`; the outcome on disk is not known
 *   broken --append--> open | broken      opens the database again first
 *
 * Why a failed disk needs a new connection: after a failed fsync the kernel may mark pages as clean that never reached
 * the disk, and a later fsync would not write them. The WAL is therefore moved into the database (fresh writes, a fresh
 * fsync) and emptied before anything more is acknowledged. A batch whose commit failed may be in the log all the same;
 * its sender was told to send again, and the copy is a duplicate.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { OffsetRange } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { LogDatabase } from "./log-database.ts";
import {
  FORMER_LOG_IDS_SETTING,
  formerIdsFrom,
  LOG_ID_SETTING,
  LOG_OFFSET_LIMIT,
  LOG_PARTITIONS_MAX,
  openLogDatabase,
} from "./log-database.ts";
import type { BatchBuilder } from "./log-format.ts";
import type { PositionsFile } from "./log-positions.ts";
import { openPositionsFile } from "./log-positions.ts";
import { isExpired, oldestRemovable, type PartitionState, pinnedShare } from "./log-retention.ts";

/** Below the data folder. */
export const LOG_FOLDER = "log";
export const LOG_DATABASE_NAME = "log.sqlite";
export const LOG_POSITIONS_NAME = "positions";

/** Payload of one stored batch; it bounds a reader's memory and the delay of one read. */
export const LOG_BATCH_BYTES_MAX = 1024 * 1024;
/** Limits of the removal in one commit: this multiple of the added bytes, or the constant if that is more. Expiry then never stalls a commit. */
const REMOVED_PER_ADDED = 4;
const REMOVED_BYTES_MIN = 4 * 1024 * 1024;
const REMOVED_ROWS_MAX = 1000;
/** Pages that a commit may need beyond its batches: leaves, inner pages, the header. */
const COMMIT_SLACK_BYTES = 8 * 16 * 1024;
/** A log is started again by hand, so a few are enough. */
const FORMER_LOG_IDS_MAX = 16;
/** Share of the size limit that pinned batches may use. Above it the owners write a new base image. */
const PRESSURE_SHARE = 0.5;

export type LogWriterOptions = {
  /** Folder of the log; it exists. */
  readonly folder: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly nowMs: number;
  readonly openDatabase: (path: string) => LogDatabase;
  readonly openPositions: (path: string, partitions: number) => PositionsFile;
};

export const realLogParts = { openDatabase: openLogDatabase, openPositions: openPositionsFile };

export type LogAppend = { readonly partition: number; readonly batch: BatchBuilder };

export class EmbeddedLogWriter {
  readonly #options: LogWriterOptions;
  readonly #path: string;
  readonly #positions: PositionsFile;
  #database: LogDatabase | undefined;
  #partitions: PartitionState[] = [];
  #lastArrivalMs = 0;
  #createdMs = 0;
  readonly #problems: string[] = [];

  /**
   * Opens the log of a folder, and creates it in an empty one. Throws `bad_config` when the log has another number of
   * partitions, `log_damaged` when the database cannot be read, `log_full` or `storage_failed`.
   */
  constructor(options: LogWriterOptions) {
    if (options.partitions < 1 || options.partitions > LOG_PARTITIONS_MAX) {
      throw new SwapstatsError("bad_config", `ingest.embedded.partitions must be 1 to ${LOG_PARTITIONS_MAX}`);
    }
    this.#options = options;
    this.#path = join(options.folder, LOG_DATABASE_NAME);
    try {
      this.#database = options.openDatabase(this.#path);
      this.#initialise(this.#database);
      this.#positions = options.openPositions(join(options.folder, LOG_POSITIONS_NAME), options.partitions);
    } catch (cause) {
      if (cause instanceof SwapstatsError && cause.code === "log_damaged") throw damagedAtStart(cause, options.folder);
      if (cause instanceof SwapstatsError) throw cause;
      const message = `Cannot open the log in ${options.folder}: ${String(cause)}. Check the folder and its permissions.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    }
    this.#recordLosses(this.#database, this.#positions.load() ?? []);
    this.#savePositions();
  }

  /** Time at which the log was created. */
  get createdMs(): number {
    return this.#createdMs;
  }

  /** Problems found when the log was opened, in plain sentences. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  get partitions(): number {
    return this.#options.partitions;
  }

  range(partition: number): OffsetRange {
    const { startOffset, endOffset } = this.#state(partition);
    return { startOffset, endOffset };
  }

  /**
   * Appends batches in one transaction and returns when it is on disk. Their arrival is `nowMs`, or the last arrival
   * when the clock went back. Nothing is appended when it throws: `log_full` or `storage_failed`, both retryable (after
   * `storage_failed` the batches may still appear in the log).
   */
  append(batches: readonly LogAppend[], nowMs: number): { arrivalMs: number } {
    const database = this.#usable();
    const arrivalMs = Math.max(this.#lastArrivalMs, nowMs);
    const ends = this.#partitions.map((state) => state.endOffset);
    let addedBytes = 0;
    for (const { batch } of batches) addedBytes += batch.byteLength;
    this.#transaction(database, () => {
      const hasRoom = this.#makeRoom(database, addedBytes, nowMs);
      if (!hasRoom) return;
      for (const { partition, batch } of batches) {
        const baseOffset = ends[partition]!;
        const row = { baseOffset, count: batch.count, arrivalMs };
        database.insert(partition, row, batch.finish(partition, baseOffset, arrivalMs));
        this.#partitions[partition]!.oldest ??= row;
        ends[partition] = baseOffset + batch.count;
      }
      addedBytes = 0;
    });
    if (addedBytes > 0) throw this.#full();
    this.#lastArrivalMs = arrivalMs;
    for (const [i, state] of this.#partitions.entries()) state.endOffset = ends[i]!;
    this.#savePositions();
    return { arrivalMs };
  }

  /**
   * Removes a bounded amount of what is older than the retention and not needed; returns whether there may be more. For
   * idle times: `append` does the same. Throws as `append` does.
   */
  retire(nowMs: number): boolean {
    const database = this.#usable();
    const isDue = this.#partitions.some((state) => this.#isExpired(state, nowMs));
    if (!isDue) return false;
    this.#transaction(database, () => this.#makeRoom(database, 0, nowMs));
    return this.#partitions.some((state) => this.#isExpired(state, nowMs));
  }

  /** Writes a few bytes durably, which nothing reads. Throws as `append` does where nothing can be written. */
  probe(nowMs: number): void {
    const database = this.#usable();
    this.#transaction(database, () => database.writeSetting("probe", String(nowMs)));
  }

  /** Allows retention to remove batches that are completely below this offset. */
  release(partition: number, offset: number): void {
    const state = this.#state(partition);
    state.floor = Math.max(state.floor, Math.min(offset, state.endOffset));
  }

  /**
   * Makes the next record of the partition have at least this offset: the state has seen records that the log lost. The
   * offsets in between are recorded as a gap.
   */
  raiseEnd(partition: number, offset: number, nowMs: number): void {
    const state = this.#state(partition);
    if (offset <= state.endOffset) return;
    const database = this.#usable();
    const reason = "the log ended before the position of the checkpoint";
    const gap = { from: state.endOffset, to: offset, atMs: nowMs, reason };
    this.#transaction(database, () => database.insertGap(partition, gap));
    state.endOffset = offset;
    if (state.oldest === undefined) state.startOffset = offset;
    this.#savePositions();
  }

  /** Notes, durably, that this log continues another one, whose records it does not have. Throws as `append` does. */
  addFormerId(logId: string): void {
    const database = this.#usable();
    const former = formerIdsFrom(database.readSetting(FORMER_LOG_IDS_SETTING));
    if (former.includes(logId)) return;
    const ids = [...former, logId].slice(-FORMER_LOG_IDS_MAX);
    this.#transaction(database, () => database.writeSetting(FORMER_LOG_IDS_SETTING, ids.join(" ")));
  }

  /** Whether checkpoints pin so much that a new base image should release some of it soon. */
  isUnderPressure(): boolean {
    if (this.#database === undefined) return false;
    const pinnedBytes = this.#database.usedBytes() * pinnedShare(this.#partitions);
    return pinnedBytes > this.#options.retentionBytes * PRESSURE_SHARE;
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
    this.#positions.close();
  }

  #state(partition: number): PartitionState {
    const state = this.#partitions[partition];
    if (state === undefined) throw new SwapstatsError("internal", `the log has no partition ${partition}`);
    return state;
  }

  #initialise(database: LogDatabase): void {
    const partitions = database.readSetting("partitions");
    const created = database.readSetting("created_ms");
    if (partitions === undefined || created === undefined) {
      if (partitions !== undefined || created !== undefined || this.#holdsBatches(database)) {
        throw new SwapstatsError("log_damaged", `${this.#path} is damaged: its settings are missing.`);
      }
      this.#createdMs = this.#options.nowMs;
      this.#transaction(database, () => {
        database.writeSetting("partitions", String(this.#options.partitions));
        database.writeSetting("created_ms", String(this.#createdMs));
        database.writeSetting(LOG_ID_SETTING, randomUUID());
      });
    } else {
      this.#createdMs = Number(created);
      if (Number(partitions) !== this.#options.partitions) throw this.#wrongPartitions(partitions);
      // Logs of versions before ids get one now; checkpoints of those versions name none, and fit any log.
      if (database.readSetting(LOG_ID_SETTING) === undefined) {
        this.#transaction(database, () => database.writeSetting(LOG_ID_SETTING, randomUUID()));
      }
    }
    this.#load(database);
  }

  #holdsBatches(database: LogDatabase): boolean {
    for (let p = 0; p < LOG_PARTITIONS_MAX; p++) if (database.first(p) !== undefined) return true;
    return false;
  }

  #wrongPartitions(partitions: string): SwapstatsError {
    const wanted = this.#options.partitions;
    return new SwapstatsError(
      "bad_config",
      `ingest.embedded.partitions is ${wanted}, but the log in ${this.#options.folder} was made with ${partitions}, and a ` +
        `token's state stays in its partition. Set it back to ${partitions}, or use a new data_dir and replay the swaps into it.`,
    );
  }

  /** Reads the range of each partition; floors survive a reopening. */
  #load(database: LogDatabase): void {
    const before = this.#partitions;
    this.#partitions = Array.from({ length: this.#options.partitions }, (_, partition) => {
      const oldest = database.first(partition);
      const newest = database.last(partition);
      const gapEnd = database.gaps(partition).at(-1)?.to ?? 0;
      const endOffset = Math.max(newest === undefined ? 0 : newest.baseOffset + newest.count, gapEnd);
      const startOffset = oldest?.baseOffset ?? endOffset;
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, newest?.arrivalMs ?? 0);
      return { startOffset, endOffset, floor: before[partition]?.floor ?? startOffset, oldest };
    });
  }

  /** Finds partitions that end before their last acknowledged record, and keeps those offsets from being used again. */
  #recordLosses(database: LogDatabase, acknowledged: readonly number[]): void {
    for (const [partition, state] of this.#partitions.entries()) {
      const to = acknowledged[partition] ?? 0;
      const from = state.endOffset;
      if (to <= from || to > LOG_OFFSET_LIMIT) continue;
      const reason = "acknowledged records are missing at the end of the log (damaged or cut)";
      this.#transaction(database, () => database.insertGap(partition, { from, to, atMs: this.#options.nowMs, reason }));
      state.endOffset = to;
      if (state.oldest === undefined) state.startOffset = to;
      this.#problems.push(
        `Partition ${partition} of the log: the records ${from} to ${to - 1} were acknowledged and are missing. The disk ` +
          "or a copy of the folder lost them; send them again if you can.",
      );
    }
  }

  /** Returns the database, opened again after a failure. */
  #usable(): LogDatabase {
    if (this.#database !== undefined) return this.#database;
    const database = this.#options.openDatabase(this.#path);
    try {
      if (!database.emptyWal()) {
        const message = `${this.#path} failed before, and a reader holds its journal. Try again.`;
        throw new SwapstatsError("storage_failed", message, { retryable: true });
      }
      const acknowledged = this.#partitions.map((state) => state.endOffset);
      this.#initialise(database);
      this.#database = database;
      this.#recordLosses(database, acknowledged);
      return database;
    } catch (error) {
      closeQuietly(database);
      this.#database = undefined;
      throw error;
    }
  }

  #transaction(database: LogDatabase, work: () => void): void {
    const oldest = this.#partitions.map((state) => state.oldest);
    const starts = this.#partitions.map((state) => state.startOffset);
    try {
      database.begin();
      work();
      database.commit();
    } catch (error) {
      database.rollback();
      for (const [i, state] of this.#partitions.entries()) {
        state.oldest = oldest[i];
        state.startOffset = starts[i]!;
      }
      const isRoom = error instanceof SwapstatsError && error.code === "log_full";
      if (!isRoom) {
        closeQuietly(database);
        this.#database = undefined;
      }
      throw error;
    }
  }

  /**
   * Inside a transaction: removes expired batches, and those that are in the way of addedBytes; false when there is
   * still no room.
   */
  #makeRoom(database: LogDatabase, addedBytes: number, nowMs: number): boolean {
    const limitBytes = this.#options.retentionBytes;
    const before = database.usedBytes();
    const removedBytesMax = Math.max(REMOVED_BYTES_MIN, addedBytes * REMOVED_PER_ADDED);
    const needed = addedBytes === 0 ? 0 : addedBytes + COMMIT_SLACK_BYTES;
    let used = before;
    for (let removed = 0; removed < REMOVED_ROWS_MAX && before - used < removedBytesMax; removed++) {
      const partition = oldestRemovable(this.#partitions);
      if (partition === undefined) break;
      const state = this.#partitions[partition]!;
      if (used + needed <= limitBytes && !this.#isExpired(state, nowMs)) break;
      database.remove(partition, state.oldest!.baseOffset);
      state.oldest = database.first(partition);
      state.startOffset = state.oldest?.baseOffset ?? state.endOffset;
      used = database.usedBytes();
    }
    return used + needed <= limitBytes;
  }

  #isExpired(state: PartitionState, nowMs: number): boolean {
    return isExpired(state, nowMs - this.#options.retentionMs);
  }

  #full(): SwapstatsError {
    const message =
      `The log is at its limit of ${this.#options.retentionBytes} bytes, and its oldest records are still needed by the ` +
      "checkpoint. Try again in some seconds; if it lasts, raise ingest.embedded.retention_bytes.";
    return new SwapstatsError("log_full", message, { retryable: true });
  }

  /** A failure only makes the check after the next start weaker: the commit itself is on disk. */
  #savePositions(): void {
    try {
      this.#positions.save(this.#partitions.map((state) => state.endOffset));
    } catch {
      // The positions are not needed now, and the next commit writes them again.
    }
  }
}

function closeQuietly(database: LogDatabase): void {
  try {
    database.close();
  } catch {
    // It failed already, and the first error says why.
  }
}

function damagedAtStart(cause: SwapstatsError, folder: string): SwapstatsError {
  const message =
    `${cause.message} Restore the data folder from a backup; or move ${folder} away and start again: the state ` +
    "then goes on from the newest image of its checkpoint, and what came after that is missing and reported as a gap.";
  return new SwapstatsError("log_damaged", message, { cause });
}
