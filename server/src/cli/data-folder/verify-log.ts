/**
 * Verifies the embedded log of a data folder. Nothing is written and no lock is taken, so it works beside a running service. Records
 * that the service removes during the verification are not reported as damage.
 */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { SwapstatsError } from "../../shared/errors.ts";
import { logKey, openLogReadOnly, readGaps, readSetting, sqliteError } from "../../sources/embedded/log-database.ts";
import { readBatch } from "../../sources/embedded/log-format.ts";
import { readPositions } from "../../sources/embedded/log-positions.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER, LOG_POSITIONS_NAME } from "../../sources/embedded/log-writer.ts";
import { requireFolder } from "./require-folder.ts";

/** Rows of the log that are read in one transaction. A long one would hold back the journal of a running service. */
const ROWS_PER_READ = 64;
/** Findings that are listed for one partition. A log that is damaged everywhere would fill the screen. */
const FINDINGS_MAX = 50;

type LogPartitionReport = {
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: number;
  readonly batches: number;
  readonly bytes: number;
  /** Arrival of the oldest and of the newest batch. Undefined: there is none. */
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly gaps: number;
  readonly findings: readonly string[];
};

type LogReport = {
  readonly isSound: boolean;
  readonly createdMs: number;
  readonly partitions: readonly LogPartitionReport[];
  readonly lines: readonly string[];
};

/**
 * Reads the whole log of a data folder. Checks every batch, and that no batch is missing. Throws `not_found` without a log, and
 * `log_damaged` when its database cannot be read at all. `onProgress` receives the bytes read so far and the bytes of the log.
 */
export async function verifyLog(
  dataDir: string,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => {},
): Promise<LogReport> {
  requireFolder(dataDir);
  const folder = join(dataDir, LOG_FOLDER);
  const path = join(folder, LOG_DATABASE_NAME);
  if (!existsSync(path)) throw new SwapstatsError("not_found", `There is no log in ${folder}.`);
  const totalBytes = (await stat(path)).size;
  const db = openLogReadOnly(path);
  try {
    const count = Number(readSetting(db, path, "partitions"));
    const createdMs = Number(readSetting(db, path, "created_ms"));
    if (Number.isNaN(count + createdMs)) throw new SwapstatsError("log_damaged", `${path}: its settings are missing.`);
    // Read before the database: a running service writes positions after a commit, so they are never ahead of it.
    const acknowledged = readPositions(join(folder, LOG_POSITIONS_NAME), count);
    const partitions: LogPartitionReport[] = [];
    let doneBytes = 0;
    for (let partition = 0; partition < count; partition++) {
      const report = await verifyPartition(db, partition, acknowledged?.[partition] ?? 0, (bytes) => {
        doneBytes += bytes;
        onProgress(doneBytes, totalBytes);
      });
      partitions.push(report);
    }
    const lines = [`log of ${count} partitions, made ${iso(createdMs)}`, ...partitions.flatMap(describeLog)];
    if (acknowledged === undefined)
      lines.push(`no readable ${join(folder, LOG_POSITIONS_NAME)}: a cut end would not be noticed`);
    return { isSound: partitions.every(({ findings }) => findings.length === 0), createdMs, partitions, lines };
  } catch (cause) {
    throw sqliteError(cause, path);
  } finally {
    db.close();
  }
}

type Row = { key: number; count: number; arrival_ms: number; batch: Uint8Array | null };

async function verifyPartition(
  db: DatabaseSync,
  partition: number,
  acknowledgedEnd: number,
  onBytes: (bytes: number) => void,
): Promise<LogPartitionReport> {
  const base = logKey(partition, 0);
  const gaps = readGaps(db, partition);
  const read = db.prepare(
    "SELECT key, count, arrival_ms, batch FROM batches WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
  );
  const findings: string[] = [];
  let total = { startOffset: -1, endOffset: 0, records: 0, batches: 0, bytes: 0 };
  let oldestMs: number | undefined;
  let newestMs: number | undefined;
  for (;;) {
    const rows = read.all(base + total.endOffset, logKey(partition + 1, 0), ROWS_PER_READ) as Row[];
    if (rows.length === 0) break;
    for (const row of rows) {
      const offset = row.key - base;
      // Meanwhile the service may have removed the oldest batches, never others.
      if (total.batches > 0 && offset !== total.endOffset && !isGap(gaps, total.endOffset, offset)) {
        findings.push(`the records ${total.endOffset} to ${offset - 1} are missing`);
      }
      const batch = readBatch(row.batch, partition, offset);
      if (typeof batch === "string") findings.push(`the batch at offset ${offset} is damaged: ${batch}`);
      else if (batch.count !== row.count || batch.arrivalMs !== row.arrival_ms) {
        findings.push(`the batch at offset ${offset} does not match the table's columns`);
      }
      oldestMs ??= row.arrival_ms;
      newestMs = row.arrival_ms;
      const startOffset = total.batches === 0 ? offset : total.startOffset;
      const { records, batches, bytes } = total;
      total = {
        startOffset,
        endOffset: offset + row.count,
        records: records + row.count,
        batches: batches + 1,
        bytes: bytes + (row.batch?.length ?? 0),
      };
      onBytes(row.batch?.length ?? 0);
    }
    // Yields to the progress line, and to a running service on the same machine.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const endOffset = Math.max(total.endOffset, gaps.at(-1)?.to ?? 0);
  if (endOffset < acknowledgedEnd)
    findings.push(`the records ${endOffset} to ${acknowledgedEnd - 1} were acknowledged and are missing`);
  const startOffset = total.batches === 0 ? endOffset : total.startOffset;
  const kept = findings.slice(0, FINDINGS_MAX);
  if (findings.length > FINDINGS_MAX) kept.push(`... and ${findings.length - FINDINGS_MAX} more`);
  return { partition, ...total, startOffset, endOffset, oldestMs, newestMs, gaps: gaps.length, findings: kept };
}

function isGap(gaps: readonly { from: number; to: number }[], from: number, to: number): boolean {
  return gaps.some((gap) => gap.from === from && gap.to === to);
}

function describeLog(report: LogPartitionReport): string[] {
  const { partition, startOffset, endOffset, records, batches, bytes, oldestMs, newestMs, gaps, findings } = report;
  const when = oldestMs === undefined || newestMs === undefined ? "" : `, arrived ${iso(oldestMs)} to ${iso(newestMs)}`;
  const lines = [
    `partition ${partition}: offsets ${startOffset} to ${endOffset}, ${records} records in ${batches} batches, ${bytes} bytes${when}`,
  ];
  if (gaps > 0) lines.push(`  ${gaps} gaps of records that were lost earlier`);
  for (const finding of findings) lines.push(`  DAMAGED  ${finding}`);
  if (findings.length === 0) lines.push("  sound");
  return lines;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
