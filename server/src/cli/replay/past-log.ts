/** A new embedded log whose records have their event times as arrivals. */
import { join } from "node:path";
import { SwapstatsError } from "../../shared/errors.ts";
import { type LogDatabase, openLogDatabase } from "../../sources/embedded/log-database.ts";
import { BatchBuilder, RECORD_OVERHEAD_BYTES } from "../../sources/embedded/log-format.ts";
import { openPositionsFile } from "../../sources/embedded/log-positions.ts";
import {
  EmbeddedLogWriter,
  LOG_BATCH_BYTES_MAX,
  LOG_DATABASE_NAME,
  LOG_POSITIONS_NAME,
  realLogParts,
} from "../../sources/embedded/log-writer.ts";

/** A batch has one arrival, the one of its last record. It is at most this much later than the others. */
const BATCH_SPAN_MS = 1000;
const COMMIT_BYTES = 4 * 1024 * 1024;

type PastLogLimits = {
  readonly partitions: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
};

type Partition = { readonly batch: BatchBuilder; firstMs: number; arrivalMs: number; endOffset: number };

export class PastLog {
  /** Number of records, and the event times of the first and the last. */
  count = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = Number.NEGATIVE_INFINITY;
  readonly #folder: string;
  readonly #limits: PastLogLimits;
  readonly #partitions: Partition[];
  #database: LogDatabase | undefined;
  #uncommitted = 0;
  readonly #nowMs: number;

  /** `folder` exists and is empty. Retention removes nothing from the log, because there is no checkpoint yet. */
  constructor(folder: string, limits: PastLogLimits, nowMs: number) {
    this.#nowMs = nowMs;
    this.#folder = folder;
    this.#limits = limits;
    // The log writer of the service writes the settings of a new log.
    new EmbeddedLogWriter({ ...limits, folder, nowMs, ...realLogParts }).close();
    this.#database = openLogDatabase(join(folder, LOG_DATABASE_NAME));
    this.#database.begin();
    this.#partitions = Array.from({ length: limits.partitions }, () => ({
      ...{ batch: new BatchBuilder(), firstMs: 0, arrivalMs: 0, endOffset: 0 },
    }));
  }

  /** Copies the record. Throws `log_full` above `ingest.embedded.retention_bytes`, or when the disk is full. */
  add(partition: number, eventTimeMs: number, bytes: Uint8Array, start: number, end: number): void {
    this.firstMs = Math.min(this.firstMs, eventTimeMs);
    this.lastMs = Math.max(this.lastMs, eventTimeMs);
    // Arrivals never decrease, so a swap that is out of order within grace gets the latest arrival before it.
    const arrivalMs = Math.min(this.lastMs, this.#nowMs);
    const into = this.#partitions[partition] as Partition;
    const { batch } = into;
    const isFull = batch.byteLength + end - start + RECORD_OVERHEAD_BYTES > LOG_BATCH_BYTES_MAX;
    if (batch.count > 0 && (isFull || arrivalMs - into.firstMs >= BATCH_SPAN_MS)) this.#put(partition);
    if (batch.count === 0) into.firstMs = arrivalMs;
    into.arrivalMs = arrivalMs;
    batch.add(bytes, start, end);
    this.count++;
    this.#uncommitted += end - start + RECORD_OVERHEAD_BYTES;
    if (this.#uncommitted >= COMMIT_BYTES) this.#commit();
  }

  /** Writes buffered records and the settings. `isWhole`: no record since the first one is missing. */
  finish(isWhole: boolean): void {
    const database = this.#database as LogDatabase;
    for (let partition = 0; partition < this.#partitions.length; partition++) this.#put(partition);
    if (isWhole && this.count > 0) database.writeSetting("created_ms", String(this.firstMs));
    database.commit();
    this.#checkRoom(database);
    database.emptyWal();
    const positions = openPositionsFile(join(this.#folder, LOG_POSITIONS_NAME), this.#partitions.length);
    positions.save(this.#partitions.map(({ endOffset }) => endOffset));
    positions.close();
  }

  close(): void {
    const database = this.#database;
    this.#database = undefined;
    if (database === undefined) return;
    database.rollback();
    database.close();
  }

  #put(partition: number): void {
    const into = this.#partitions[partition] as Partition;
    const { batch, endOffset } = into;
    if (batch.count === 0) return;
    const { arrivalMs } = into;
    const row = { baseOffset: endOffset, count: batch.count, arrivalMs };
    (this.#database as LogDatabase).insert(partition, row, batch.finish(partition, endOffset, arrivalMs));
    into.endOffset += batch.count;
    batch.clear();
  }

  #commit(): void {
    const database = this.#database as LogDatabase;
    database.commit();
    this.#checkRoom(database);
    database.begin();
    this.#uncommitted = 0;
  }

  #checkRoom(database: LogDatabase): void {
    if (database.usedBytes() <= this.#limits.retentionBytes) return;
    const message = `the swaps need more than the ${this.#limits.retentionBytes} bytes of ingest.embedded.retention_bytes; raise it in the configuration (--config), also for the service, or give fewer swaps`;
    throw new SwapstatsError("log_full", message);
  }
}
