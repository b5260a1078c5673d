/**
 * What a data folder holds, and whether it is sound: for `swapstats checkpoint inspect` and `swapstats log verify`. Nothing is
 * written and no lock is taken, so both work beside a running service; what it removes meanwhile is not taken for damage.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Manifest, PartRef } from "../../pipeline/checkpoint/manifest.ts";
import { checkpointBytes, decodeManifest, deltasFrom, isIntact } from "../../pipeline/checkpoint/manifest.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { logKey, openLogReadOnly, readGaps, readSetting, sqliteError } from "../../sources/embedded/log-database.ts";
import { readBatch } from "../../sources/embedded/log-format.ts";
import { readPositions } from "../../sources/embedded/log-positions.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER, LOG_POSITIONS_NAME } from "../../sources/embedded/log-writer.ts";
import {
  CHECKPOINTS_FOLDER,
  checkpointPartitions,
  manifestName,
  manifestNumbers,
  partFile,
  partitionFolder,
} from "../../stores/embedded-checkpoint-store.ts";

/** A manifest that is swapped while its parts are read is read again this often. */
export const ATTEMPTS_MAX = 5;
/** Rows of the log that are read in one transaction: a long one would hold the journal of a running service. */
const ROWS_PER_READ = 64;
/** Findings that are listed for one partition; a log that is damaged all over would fill the screen. */
const FINDINGS_MAX = 50;

export type CheckpointReport = {
  readonly partition: number;
  /** Undefined: no manifest can be read. */
  readonly manifest: Manifest | undefined;
  readonly bytes: number;
  /** Plain sentences; empty: all is sound. */
  readonly findings: readonly string[];
  /** Files that no manifest names: left by a crash, removed by the next owner. */
  readonly unnamed: readonly string[];
};

export type CheckpointsReport = {
  readonly isSound: boolean;
  readonly partitions: readonly CheckpointReport[];
  /** The report for people, a line each. */
  readonly lines: readonly string[];
};

export type LogPartitionReport = {
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: number;
  readonly batches: number;
  readonly bytes: number;
  /** Arrival of the oldest and newest batch, ms. */
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  readonly gaps: number;
  readonly findings: readonly string[];
};

export type LogReport = {
  readonly isSound: boolean;
  readonly createdMs: number;
  readonly partitions: readonly LogPartitionReport[];
  readonly lines: readonly string[];
};

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Reads every checkpoint of a data folder and checks each of its files. Throws `not_found` when there is no such folder. */
export async function inspectCheckpoints(dataDir: string): Promise<CheckpointsReport> {
  requireFolder(dataDir);
  const folder = join(dataDir, CHECKPOINTS_FOLDER);
  const names = existsSync(folder) ? await readdir(folder) : [];
  const partitions: CheckpointReport[] = [];
  for (const partition of checkpointPartitions(names)) partitions.push(await inspectPartition(dataDir, partition));
  const lines = partitions.flatMap((report) => describeCheckpoint(report, "files"));
  if (partitions.length === 0) lines.push(`No checkpoint below ${folder}: the service has not written one yet.`);
  return { isSound: partitions.every((report) => report.findings.length === 0), partitions, lines };
}

function requireFolder(dataDir: string): void {
  if (existsSync(dataDir)) return;
  throw new SwapstatsError("not_found", `There is no data folder ${dataDir}. Name another one with --data-dir.`);
}

async function inspectPartition(dataDir: string, partition: number): Promise<CheckpointReport> {
  const folder = partitionFolder(dataDir, partition);
  for (let attempt = 1; ; attempt++) {
    const before = manifestNumbers(await readdir(folder)).at(-1);
    const report = await inspectOnce(folder, partition);
    const after = manifestNumbers(await readdir(folder)).at(-1);
    if (before === after || report.findings.length === 0 || attempt === ATTEMPTS_MAX) return report;
  }
}

async function inspectOnce(folder: string, partition: number): Promise<CheckpointReport> {
  const names = await readdir(folder);
  const findings: string[] = [];
  const known = new Set<string>();
  const checked = new Set<string>();
  let current: Manifest | undefined;
  // Newest first; the older one is what serves when the newer one is damaged.
  for (const number of manifestNumbers(names).toReversed()) {
    const name = manifestName(number);
    known.add(name);
    const bytes = await readFile(join(folder, name)).catch(() => undefined);
    if (bytes === undefined) continue;
    const decoded = decodeManifest(bytes, partition);
    if (decoded.kind === "damaged") findings.push(`${join(folder, name)}: ${decoded.reason}`);
    if (decoded.kind === "newer")
      findings.push(`${join(folder, name)}: format ${decoded.format} is of a newer version`);
    if (decoded.kind !== "good") continue;
    const { manifest } = decoded;
    for (const part of [...manifest.bases.flatMap((base) => base.parts), ...manifest.deltas]) {
      known.add(partFile(part.name));
      // Parts that the older manifest alone names may be gone already.
      if (current === undefined && !checked.has(part.name)) await checkPart(folder, part, findings);
      checked.add(part.name);
    }
    if (current === undefined) findings.push(...checkChain(manifest));
    current ??= manifest;
  }
  const unnamed = names.filter((name) => !known.has(name));
  return {
    partition,
    manifest: current,
    bytes: current === undefined ? 0 : checkpointBytes(current),
    findings,
    unnamed,
  };
}

async function checkPart(folder: string, part: PartRef, findings: string[]): Promise<void> {
  const path = join(folder, partFile(part.name));
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) findings.push(`${path}: missing or not readable`);
  else if (bytes.length !== part.bytes) findings.push(`${path}: ${bytes.length} bytes, should have ${part.bytes}`);
  else if (!isIntact(part, bytes)) findings.push(`${path}: the checksum does not match`);
}

/** Whether the deltas reach from the newest image to the end. */
export function checkChain(manifest: Manifest): string[] {
  return manifest.bases.slice(0, 1).flatMap((base) => {
    const { end } = deltasFrom(manifest.deltas, base.offset);
    if (end === manifest.nextOffset) return [];
    return [`the redo behind offset ${base.offset} ends at ${end}, and the manifest says ${manifest.nextOffset}`];
  });
}

/** Lines for people; `things` is what a store's parts are called. */
export function describeCheckpoint(report: CheckpointReport, things: "files" | "parts"): string[] {
  const { partition, manifest, bytes, findings, unnamed } = report;
  const lines: string[] = [];
  if (manifest === undefined) {
    lines.push(`partition ${partition}: no readable manifest`);
  } else {
    const { bases, deltas, nextOffset, epoch, owner, writtenAtMs, asOfMs } = manifest;
    lines.push(
      `partition ${partition}: next offset ${nextOffset}, written ${iso(writtenAtMs)} by ${owner}, epoch ${epoch}, ` +
        `${bases.length} base images, ${deltas.length} deltas, ${bytes} bytes`,
    );
    if (asOfMs > 0) lines.push(`  as of       ${iso(asOfMs)}`);
    for (const base of bases) {
      lines.push(
        `  base image  offset ${base.offset}, ${base.parts.length} parts, ${base.bytes} bytes, taken ${iso(base.takenAtMs)}`,
      );
    }
    for (const delta of deltas.filter(({ afterGap }) => afterGap))
      lines.push(`  gap         before offset ${delta.from}`);
  }
  for (const finding of findings) lines.push(`  DAMAGED     ${finding}`);
  if (unnamed.length > 0)
    lines.push(`  ${unnamed.length} ${things} that no manifest names; the next start removes them`);
  if (findings.length === 0) lines.push("  sound");
  return lines;
}

/**
 * Reads the whole log of a data folder, and checks every batch and that none is missing. Throws `not_found` without a log, and
 * `log_damaged` when its database cannot be read at all. `onProgress` hears of bytes read and in all.
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
    // Before the database: a running service writes them after a commit, so they are never ahead of it.
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
      // The service may have removed the oldest batches since they were read, never others.
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
    // A running service on the same machine gets its turn, and so does the progress line.
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
