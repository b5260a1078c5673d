/**
 * The few calls to the file system that the stores make, so that tests can make each of them fail, come late, or be
 * lost. What is written or renamed is there after a loss of power only when its file, and then its folder, was synced.
 */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";

/** All reject with the system's error. */
export type FileSystem = {
  /** Makes a folder and those above it; fine if it is there. */
  makeFolder(path: string): Promise<void>;
  /** Names in a folder, in no order. */
  list(path: string): Promise<string[]>;
  /** The whole file, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Creates the file or replaces its content. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Returns when the content of the file is on disk. */
  sync(path: string): Promise<void>;
  /** Returns when the names in the folder (new, renamed, removed) are on disk. */
  syncFolder(path: string): Promise<void>;
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>;
  /** Fine if there is none. */
  remove(path: string): Promise<void>;
};

async function syncPath(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const realFileSystem: FileSystem = {
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true });
  },
  list: (path) => readdir(path),
  read: async (path) => {
    try {
      return await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  write: async (path, bytes) => {
    const handle = await open(path, "w");
    try {
      await handle.writeFile(bytes);
    } finally {
      await handle.close();
    }
  },
  // A file opened anew still hears of a failed write-back that nobody has been told of, so syncing apart from writing is safe.
  sync: (path) => syncPath(path, "r+"),
  syncFolder: (path) => syncPath(path, "r"),
  rename,
  remove: (path) => rm(path, { force: true }),
};
