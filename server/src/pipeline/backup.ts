/**
 * A copy of a data folder, of a running service or a stopped one, from which a service starts as from the original.
 *
 * The order makes it consistent: first the checkpoints, then the log. So the log in the copy reaches at least to the position of
 * the checkpoints, and what it has beyond is applied at the start. The other way round a checkpoint could be ahead of
 * the log. If the service removes a file meanwhile (a newer checkpoint has taken its place), that partition is copied anew; if it
 * removes records that the copied checkpoint needs (retention), the whole copy is.
 *
 * Not copied: the lock, and the file of positions, which the service makes anew.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SwapstatsError } from "../shared/errors.ts";
import { openLogReadOnly } from "../sources/embedded-log-database.ts";
import { LOG_DATABASE_NAME, LOG_FOLDER } from "../sources/embedded-log-writer.ts";
import { DEAD_LETTER_DATABASE_NAME } from "../stores/dead-letter-store.ts";
import {
  CHECKPOINTS_FOLDER,
  checkpointPartitions,
  manifestName,
  manifestNumbers,
  partFile,
  partitionFolder,
} from "../stores/embedded-checkpoint-store.ts";
import { inspectCheckpoints, verifyLog } from "./inspect.ts";
import { decodeManifest, partNames } from "./manifest.ts";

const ATTEMPTS_MAX = 5;
const BUSY_TIMEOUT_MS = 5000;

export type BackupReport = {
  /** For each partition: the copied checkpoint's position, and where the copied log begins and ends. */
  readonly partitions: readonly { partition: number; nextOffset: number; startOffset: number; endOffset: number }[];
  readonly lines: readonly string[];
};

/**
 * Copies `dataDir` to `target`, which must not exist or be empty, and checks every file of the copy. Throws `not_found`, `usage` for a
 * target that is in use, `log_damaged` or `checkpoint_damaged` when the original is, `storage_failed` otherwise.
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
      await copyCheckpoints(dataDir, target);
      await copyLog(dataDir, target);
      await copyDeadLetters(dataDir, target);
      const report = await check(target);
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

async function copyCheckpoints(dataDir: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
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

/** The current manifest and its parts; false when something of it was gone before it was copied. */
async function copyPartition(dataDir: string, target: string, partition: number): Promise<boolean> {
  const from = partitionFolder(dataDir, partition);
  const to = partitionFolder(target, partition);
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
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
 * The log as it is at one instant, without free pages. One long read holds the journal of a running service back, which grows
 * by what arrives meanwhile and is cut again afterwards.
 */
async function copyLog(dataDir: string, target: string): Promise<void> {
  await mkdir(join(target, LOG_FOLDER), { recursive: true });
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

async function copyDeadLetters(dataDir: string, target: string): Promise<void> {
  const path = join(dataDir, DEAD_LETTER_DATABASE_NAME);
  if (!existsSync(path)) return;
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  await copyDatabase(db, join(target, DEAD_LETTER_DATABASE_NAME));
}

/** What the copy holds; undefined when its log no longer reaches back to its checkpoints. */
async function check(target: string): Promise<BackupReport | undefined> {
  const checkpoints = await inspectCheckpoints(target);
  const log = await verifyLog(target);
  const findings = [...checkpoints.partitions, ...log.partitions].flatMap((report) => report.findings);
  if (findings.length > 0) {
    throw new SwapstatsError("storage_failed", `The copy ${target} is not sound: ${findings.join("; ")}`);
  }
  const partitions = log.partitions.map(({ partition, startOffset, endOffset }) => {
    const manifest = checkpoints.partitions.find((report) => report.partition === partition)?.manifest;
    return { partition, nextOffset: manifest?.nextOffset ?? 0, startOffset, endOffset };
  });
  if (partitions.some(({ nextOffset, startOffset }) => startOffset > nextOffset)) return undefined;
  const lines = partitions.map(
    ({ partition, nextOffset, startOffset, endOffset }) =>
      `partition ${partition}: checkpoint at offset ${nextOffset}, log from ${startOffset} to ${endOffset}`,
  );
  return { partitions, lines };
}
