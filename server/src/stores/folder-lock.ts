/**
 * Allows one process for a data folder. The lock is SQLite's exclusive lock on an empty database, held by an open transaction for the
 * life of the process. The system releases it with the process, also after kill -9, so a stale lock cannot exist. A second file tells
 * people which process holds it.
 *
 * Rejected: a file with a process id alone. The id of a dead process may belong to another one by now, and two starts at the same time
 * may both find it dead. node:fs has no locks. (POSIX locks are dropped when the same process closes any handle of the file, so nothing
 * else here opens it.)
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SwapstatsError } from "../shared/errors.ts";
import { readTextFile } from "../shared/read-regular-file.ts";

export const LOCK_FILE_NAME = "lock";
export const LOCK_OWNER_FILE_NAME = "lock-owner.json";
/** Interval at which the holder checks that its file still exists. */
export const WATCH_INTERVAL_MS = 1000;
const OWNER_BYTES_MAX = 4096;
/** With O_NONBLOCK, the open of a pipe without a reader fails instead of waiting. */
const REPLACE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;
const BUSY = 5;
const NOT_A_DATABASE = 26;
const CORRUPT = 11;

export type FolderLock = { release(): void };

/** Returns a description of the process that holds the lock, as far as it is known. Never throws. */
function describeLockOwner(dataDir: string): string {
  try {
    const owner = JSON.parse(readTextFile(join(dataDir, LOCK_OWNER_FILE_NAME), OWNER_BYTES_MAX));
    return `process ${Number(owner.pid)} on ${String(owner.host)}, since ${String(owner.since)}`;
  } catch {
    return "another process (its name is not readable)";
  }
}

/** Returns whether some process holds the lock now. It takes no lock, so it never prevents a start. */
export function isFolderLocked(dataDir: string): boolean {
  const path = join(dataDir, LOCK_FILE_NAME);
  if (!existsSync(path)) return false;
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return (((error as { errcode?: number }).errcode ?? 0) & 0xff) === BUSY;
  } finally {
    db.close();
  }
}

/**
 * Takes the lock of an existing folder. Throws `data_folder_locked` when another process (or another caller in this one) has it, and
 * `storage_failed` when the folder or the file cannot be written, and therefore not locked.
 *
 * The lock is on a file, so it is lost with the file. The holder checks the file once a second, and re-creates and locks it when it is
 * missing. When another process has locked a new file first, `onLost` is called, and this process must end.
 */
export function lockFolder(dataDir: string, nowMs: number, onLost: (error: SwapstatsError) => void): FolderLock {
  const path = join(dataDir, LOCK_FILE_NAME);
  refuseWithoutFile(path, dataDir);
  let db = openLocked(path, dataDir);
  let held = identityOf(path);
  writeOwner(dataDir, nowMs);
  const watch = setInterval(() => {
    if (identityOf(path) === held) return;
    try {
      const again = openLocked(path, dataDir);
      db.close();
      db = again;
      held = identityOf(path);
      writeOwner(dataDir, nowMs);
    } catch (error) {
      if (!(error instanceof SwapstatsError) || error.code !== "data_folder_locked") return;
      clearInterval(watch);
      onLost(error);
    }
  }, WATCH_INTERVAL_MS).unref();
  return {
    release: () => {
      clearInterval(watch);
      if (!db.isOpen) return;
      removeOwner(dataDir);
      db.close();
    },
  };
}

/** Returns the identity of the file, which differs for another file of the same name. Returns undefined when there is no file. */
function identityOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

function writeOwner(dataDir: string, nowMs: number): void {
  const owner = { pid: process.pid, host: hostname(), since: new Date(nowMs).toISOString() };
  try {
    const fd = openSync(join(dataDir, LOCK_OWNER_FILE_NAME), REPLACE, 0o600);
    try {
      writeFileSync(fd, `${JSON.stringify(owner)}\n`);
    } finally {
      closeSync(fd);
    }
  } catch {
    // The file only improves the message of a second instance. A full disk must not stop this one.
  }
}

function removeOwner(dataDir: string): void {
  try {
    rmSync(join(dataDir, LOCK_OWNER_FILE_NAME), { force: true });
  } catch {
    // It cannot be removed, for example because it is a folder. Without a held lock it has no meaning.
  }
}

/** Throws when the lock file is missing but its recorded holder runs: the file was then removed while it was locked. */
function refuseWithoutFile(path: string, dataDir: string): void {
  if (existsSync(path)) {
    try {
      accessSync(path, constants.W_OK);
    } catch (cause) {
      const message = `Cannot lock the data folder ${dataDir}: ${String(cause)}. The lock needs a writable file. Fix the permissions.`;
      throw new SwapstatsError("storage_failed", message, { cause });
    }
    return;
  }
  if (!isOwnerAlive(dataDir)) return;
  const message =
    `The lock of the data folder ${dataDir} was removed, but ${describeLockOwner(dataDir)}, seems to run. Stop that instance ` +
    `first. If it is another program by now, remove ${LOCK_OWNER_FILE_NAME} and start again.`;
  throw new SwapstatsError("data_folder_locked", message);
}

function isOwnerAlive(dataDir: string): boolean {
  try {
    const owner = JSON.parse(readTextFile(join(dataDir, LOCK_OWNER_FILE_NAME), OWNER_BYTES_MAX));
    if (owner.host !== hostname() || !Number.isSafeInteger(owner.pid) || owner.pid <= 0) return false;
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    // Without permission to signal it, the process exists and belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function openLocked(path: string, dataDir: string): DatabaseSync {
  try {
    return lockDatabase(path);
  } catch (error) {
    const primary = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
    if (primary === BUSY) {
      const message =
        `The data folder ${dataDir} is in use by ${describeLockOwner(dataDir)}. ` +
        "Stop that instance first, or give this one another data_dir.";
      throw new SwapstatsError("data_folder_locked", message, { cause: error });
    }
    // The file should be empty. Damaged content means that no process holds the lock: with a holder the attempt would have ended in BUSY.
    if (primary === NOT_A_DATABASE || primary === CORRUPT) {
      truncateSync(path);
      return lockDatabase(path);
    }
    const message = `Cannot lock the data folder ${dataDir}: ${String(error)}. Check that it exists and can be written.`;
    throw new SwapstatsError("storage_failed", message, { cause: error });
  }
}

function lockDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    db.exec("BEGIN EXCLUSIVE");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
