/**
 * One process a data folder. The lock is SQLite's exclusive lock on an empty database, held by an open transaction for the
 * life of the process: the system drops it with the process, also after kill -9, so a stale lock cannot exist. Beside it stands,
 * for people, who holds it.
 *
 * Why not a file with a process id alone: the id of a dead process may belong to another one by now, and two starts at once may both
 * find it dead. node:fs has no locks. (POSIX locks fall when the same process closes any handle of the file, so nothing else here
 * opens it.)
 */
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SwapstatsError } from "../shared/errors.ts";

export const LOCK_FILE_NAME = "lock";
export const LOCK_OWNER_FILE_NAME = "lock-owner.json";
const BUSY = 5;
const NOT_A_DATABASE = 26;
const CORRUPT = 11;

export type FolderLock = { release(): void };

/** Who holds the lock, as far as it is known; never throws. */
export function describeLockOwner(dataDir: string): string {
  try {
    const owner = JSON.parse(readFileSync(join(dataDir, LOCK_OWNER_FILE_NAME), "utf8"));
    return `process ${Number(owner.pid)} on ${String(owner.host)}, since ${String(owner.since)}`;
  } catch {
    return "another process (its name is not readable)";
  }
}

/** Whether some process holds the lock at this moment. Takes nothing, so it never stands in the way of a start. */
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
 * Takes the lock of an existing folder, or throws `data_folder_locked` when another process (or another caller in this one) has it,
 * `storage_failed` when the folder cannot be written.
 */
export function lockFolder(dataDir: string, nowMs: number): FolderLock {
  const path = join(dataDir, LOCK_FILE_NAME);
  const db = openLocked(path, dataDir);
  const owner = { pid: process.pid, host: hostname(), since: new Date(nowMs).toISOString() };
  try {
    writeFileSync(join(dataDir, LOCK_OWNER_FILE_NAME), `${JSON.stringify(owner)}\n`);
  } catch {
    // It only helps the message of a second instance; a full disk must not stop this one.
  }
  return {
    release: () => {
      if (db.isOpen) db.close();
    },
  };
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
    // The file should be empty. What stands in it by damage is nobody's: a holder would have made the attempt end in BUSY.
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
