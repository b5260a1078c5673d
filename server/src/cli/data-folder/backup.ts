/**
 * Copies a data folder of a running or stopped service. A service starts from the copy as from the original.
 *
 * The order of copying makes the copy consistent: first the positions of feeders, then the checkpoints, then the log. The log in the copy then
 * reaches at least to the position of the checkpoints, and the start applies its further records. It also has what feeders have read up to
 * their positions. In another order a checkpoint or a position could be ahead of the log. If the service removes a file of a checkpoint meanwhile, because a newer checkpoint replaced it, the partition is copied again.
 * If it removes records that the copied checkpoint needs (retention), everything is copied again.
 *
 * The copy of a running service is marked with a gap at the end of its log: the copy lacks records that were acknowledged later, and
 * windows must say so. A stopped service has no later records.
 *
 * The lock and the file of the log's positions are not copied. The service makes new ones.
 */
import { existsSync } from "node:fs";
import { copyFile, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { decodeManifest, partNames, restoreLogOffset } from "../../pipeline/checkpoint/manifest.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { makeFolder } from "../../shared/make-folder.ts";
import { openLogDatabase, openLogReadOnly } from "../../sources/embedded/log-database.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER } from "../../sources/embedded/log-writer.ts";
import { POSITIONS_FOLDER } from "../../sources/feeders/open-feeder.ts";
import { DEAD_LETTER_DATABASE_NAME } from "../../stores/dead-letter-store.ts";
import {
  CHECKPOINTS_FOLDER,
  checkpointPartitions,
  manifestName,
  manifestNumbers,
  partFile,
  partitionFolder,
} from "../../stores/embedded-checkpoint-store.ts";
import { isFolderLocked } from "../../stores/folder-lock.ts";
import { inspectCheckpoints } from "./inspect-folder.ts";
import { verifyLog } from "./verify-log.ts";

const ATTEMPTS_MAX = 5;
const BUSY_TIMEOUT_MS = 5000;

type BackupReport = {
  /** Whether the service was running, and the copy is marked. */
  readonly isMarked: boolean;
  /** For each partition: the position of the copied checkpoint, and where the copied log starts and ends. */
  readonly partitions: readonly { partition: number; nextOffset: number; startOffset: number; endOffset: number }[];
  readonly lines: readonly string[];
};

/**
 * Copies `dataDir` to `target`, which must not exist or be empty, and checks every file of the copy. Throws `not_found`; `usage` for a
 * target that is in use; `log_damaged` or `checkpoint_damaged` where the original is damaged; otherwise `storage_failed`.
 */
export async function backupDataFolder(dataDir: string, target: string): Promise<BackupReport> {
  if (!existsSync(join(dataDir, LOG_FOLDER, LOG_DATABASE_NAME))) {
    throw new SwapstatsError("not_found", `${dataDir} is no data folder: it has no log.`);
  }
  if (existsSync(target) && (await readdir(target)).length > 0) {
    throw new SwapstatsError("usage", `${target} is not empty; a backup goes into a folder of its own.`);
  }
  try {
    for (let attempt = 1; ; attempt++) {
      await copyFeederPositions(dataDir, target);
      await copyCheckpoints(dataDir, target);
      // Checked before the log is copied. If the service stops in between, the mark is merely unnecessary.
      const isMarked = isFolderLocked(dataDir);
      await copyLog(dataDir, target);
      if (isMarked) markEnd(target, Date.now());
      await copyDeadLetters(dataDir, target);
      const report = await check(target, isMarked);
      if (report !== undefined) return report;
      await rm(target, { recursive: true, force: true });
      if (attempt === ATTEMPTS_MAX) {
        const message = `The log of ${dataDir} is removed faster than it can be copied. Raise ingest.embedded.retention_bytes.`;
        throw new SwapstatsError("storage_failed", message);
      }
    }
  } catch (cause) {
    if (cause instanceof SwapstatsError) throw cause;
    const message = `Copying ${dataDir} to ${target} failed: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new SwapstatsError("storage_failed", message, { cause });
  }
}

/** Each file is replaced as a whole, so a copy has an old or a new position. */
async function copyFeederPositions(dataDir: string, target: string): Promise<void> {
  const folder = join(dataDir, POSITIONS_FOLDER);
  if (!existsSync(folder)) return;
  makeFolder(join(target, POSITIONS_FOLDER));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  for (const name of names) await copyDurably(join(folder, name), join(target, POSITIONS_FOLDER, name));
}

async function copyCheckpoints(dataDir: string, target: string): Promise<void> {
  makeFolder(target);
  const folder = join(dataDir, CHECKPOINTS_FOLDER);
  if (!existsSync(folder)) return;
  for (const partition of checkpointPartitions(await readdir(folder))) {
    for (let attempt = 1; !(await copyPartition(dataDir, target, partition)); attempt++) {
      if (attempt < ATTEMPTS_MAX) continue;
      const message = `The checkpoint of partition ${partition} is damaged; \`swapstats checkpoint inspect\` says what of it.`;
      throw new SwapstatsError("checkpoint_damaged", message);
    }
  }
}

/** Copies the current manifest and its parts. Resolves to false when a file was removed before it was copied. */
async function copyPartition(dataDir: string, target: string, partition: number): Promise<boolean> {
  const from = partitionFolder(dataDir, partition);
  const to = partitionFolder(target, partition);
  await rm(to, { recursive: true, force: true });
  makeFolder(to);
  const number = manifestNumbers(await readdir(from)).at(-1);
  if (number === undefined) return true;
  const name = manifestName(number);
  try {
    await copyDurably(join(from, name), join(to, name));
    const handle = await open(join(to, name));
    const bytes = await handle.readFile().finally(() => handle.close());
    const decoded = decodeManifest(bytes, partition);
    if (decoded.kind !== "good") return false;
    for (const part of partNames(decoded.manifest))
      await copyDurably(join(from, partFile(part)), join(to, partFile(part)));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await syncFile(to);
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  await handle.sync().finally(() => handle.close());
}

/**
 * Copies the log as it is at one instant, without free pages. The one long read holds back the journal of a running service. The
 * journal grows by the records that arrive meanwhile, and is truncated afterwards.
 */
async function copyLog(dataDir: string, target: string): Promise<void> {
  makeFolder(join(target, LOG_FOLDER));
  const db = openLogReadOnly(join(dataDir, LOG_FOLDER, LOG_DATABASE_NAME));
  await copyDatabase(db, join(target, LOG_FOLDER, LOG_DATABASE_NAME));
}

async function copyDatabase(db: DatabaseSync, to: string): Promise<void> {
  try {
    db.prepare("VACUUM INTO ?").run(to);
  } finally {
    db.close();
  }
  await syncFile(to);
}

/** Adds a gap after the last record of each partition. */
function markEnd(target: string, nowMs: number): void {
  const database = openLogDatabase(join(target, LOG_FOLDER, LOG_DATABASE_NAME));
  try {
    const partitions = Number(database.readSetting("partitions"));
    const reason = `the folder is a backup of ${new Date(nowMs).toISOString()}, and the service went on after it`;
    database.begin();
    for (let partition = 0; partition < partitions; partition++) {
      const last = database.last(partition);
      const gapEnd = database.gaps(partition).at(-1)?.to ?? 0;
      const from = Math.max(gapEnd, last === undefined ? 0 : last.baseOffset + last.count);
      database.insertGap(partition, { from, to: from + 1, atMs: nowMs, reason });
    }
    database.commit();
    database.emptyWal();
  } finally {
    database.close();
  }
}

async function copyDeadLetters(dataDir: string, target: string): Promise<void> {
  const path = join(dataDir, DEAD_LETTER_DATABASE_NAME);
  if (!existsSync(path)) return;
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  await copyDatabase(db, join(target, DEAD_LETTER_DATABASE_NAME));
}

/** Checks the copy. Resolves to undefined when its log no longer reaches back to its checkpoints. */
async function check(target: string, isMarked: boolean): Promise<BackupReport | undefined> {
  const checkpoints = await inspectCheckpoints(target);
  const log = await verifyLog(target);
  const findings = [...checkpoints.partitions, ...log.partitions].flatMap((report) => report.findings);
  if (findings.length > 0) {
    throw new SwapstatsError("storage_failed", `The copy ${target} is not sound: ${findings.join("; ")}`);
  }
  const partitions: BackupReport["partitions"][number][] = [];
  for (const { partition, records, startOffset, endOffset } of log.partitions) {
    const manifest = checkpoints.partitions.find((report) => report.partition === partition)?.manifest;
    // An empty log starts where it ends, and the mark takes one offset.
    const firstOffset = records === 0 && isMarked ? startOffset - 1 : startOffset;
    if (firstOffset > (manifest === undefined ? 0 : restoreLogOffset(manifest))) return undefined;
    partitions.push({ partition, nextOffset: manifest?.nextOffset ?? 0, startOffset: firstOffset, endOffset });
  }
  const lines = partitions.map(
    ({ partition, nextOffset, startOffset, endOffset }) =>
      `partition ${partition}: checkpoint at offset ${nextOffset}, log from ${startOffset} to ${endOffset}`,
  );
  if (isMarked) lines.push("The service was running: a start from this copy says that what came later is missing.");
  return { isMarked, partitions, lines };
}
