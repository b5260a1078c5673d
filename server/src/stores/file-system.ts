/**
 * The few calls to the file system that the stores make, so that tests can make each of them fail, come late, or be lost. A write or a
 * rename survives a loss of power only after its file, and then its folder, was synced.
 */
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";

/** All reject with the system's error. */
export type FileSystem = {
  /** Creates a folder and its parents. It may exist. */
  makeFolder(path: string): Promise<void>;
  /** Names in a folder, in no order. */
  list(path: string): Promise<string[]>;
  /** Reads the whole file; undefined when there is none. Rejects for anything but a regular file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Creates the file or replaces its content. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Resolves when the content of the file is on disk. */
  sync(path: string): Promise<void>;
  /** Resolves when the names in the folder (new, renamed, removed) are on disk. */
  syncFolder(path: string): Promise<void>;
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>;
  /** The file need not exist. */
  remove(path: string): Promise<void>;
};

// Opening a pipe would wait for its other end, for ever and in a thread that no signal reaches; with this it does not.
const READ = constants.O_RDONLY | constants.O_NONBLOCK;
const REPLACE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

/** A device need not end, and a pipe gives its content once. */
async function readRegular(path: string): Promise<Uint8Array> {
  const handle = await open(path, READ);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error(`it is ${stats.isDirectory() ? "a folder" : "not a regular file"}`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

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
      return await readRegular(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  write: async (path, bytes) => {
    const handle = await open(path, REPLACE);
    try {
      await handle.writeFile(bytes);
    } finally {
      await handle.close();
    }
  },
  // Linux reports an unreported write-back error also to a file that is opened later. Syncing separately from writing is therefore safe.
  sync: (path) => syncPath(path, "r+"),
  syncFolder: (path) => syncPath(path, "r"),
  rename,
  remove: (path) => rm(path, { force: true }),
};
