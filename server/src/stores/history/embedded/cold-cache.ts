/** Copies of objects, and of parts of objects, in a folder of bounded size. Those that were not read for the longest time make room for others. */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { readdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { realFileSystem } from "../../file-system.ts";

export const CACHE_FOLDER = "cache";
/** Ends the names of copies that are being written. */
export const UNFINISHED = ".new";
/** Of the file system's own count, which leaves out holes. */
const BLOCK_BYTES = 512;

/** A copy, by its path below the folder of the history. `bytes` leave out the holes that its length has. */
export type Copy = { readonly path: string; readonly length: number; readonly bytes: number };
/** Whether a running query may read the copy. */
type IsRead = (path: string) => boolean;

export class ColdCache {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #isRead: IsRead;
  /** Copies that are being written, by path. */
  readonly #arriving = new Map<string, { readonly bytes: number; readonly done: Promise<void> }>();
  /** The last step that looks at the cache, or removes copies. */
  #looked: Promise<unknown> = Promise.resolve();

  /** `folder` is that of the history. Copies that are read stay, even beyond the limit. */
  constructor(folder: string, bytesMax: number, isRead: IsRead) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#isRead = isRead;
  }

  /** Whether the copy is there. It is then the one that was read last. */
  has(copy: Copy): Promise<boolean> {
    return this.#inTurn(() => this.#touch(copy));
  }

  /** Resolves when the copy is there. `write` makes it at the given path, with room for it; calls for one copy share it. */
  bring(copy: Copy, write: (temporary: string) => Promise<void>): Promise<void> {
    const running = this.#arriving.get(copy.path);
    if (running !== undefined) return running.done;
    const done = this.#bring(copy, write).finally(() => this.#arriving.delete(copy.path));
    this.#arriving.set(copy.path, { bytes: copy.bytes, done });
    return done;
  }

  /** Removes the copies whose paths begin so. */
  async remove(path: string): Promise<void> {
    for (const name of await readdir(join(this.#folder, CACHE_FOLDER))) {
      if (`${CACHE_FOLDER}/${name}`.startsWith(path))
        await realFileSystem.remove(join(this.#folder, CACHE_FOLDER, name));
    }
  }

  async #bring(copy: Copy, write: (temporary: string) => Promise<void>): Promise<void> {
    const isHeld = await this.#inTurn(async () => {
      if (await this.#touch(copy)) return true;
      await this.#makeRoom();
      return false;
    });
    if (isHeld) return;
    const { path } = copy;
    // Another process may write the same copy.
    const temporary = join(this.#folder, `${path}-${randomBytes(4).toString("hex")}${UNFINISHED}`);
    try {
      await write(temporary);
      await realFileSystem.rename(temporary, join(this.#folder, path));
    } catch (error) {
      await realFileSystem.remove(temporary).catch(() => {});
      throw error;
    }
  }

  /** A copy of another length was cut when the machine lost power. */
  async #touch({ path, length }: Copy): Promise<boolean> {
    const now = new Date();
    try {
      if ((await stat(join(this.#folder, path))).size !== length) return false;
      await utimes(join(this.#folder, path), now, now);
      return true;
    } catch {
      return false;
    }
  }

  async #makeRoom(): Promise<void> {
    const names = (await readdir(join(this.#folder, CACHE_FOLDER))).filter((name) => !name.endsWith(UNFINISHED));
    const held = await Promise.all(
      names.map(async (name) => {
        const stats = await stat(join(this.#folder, CACHE_FOLDER, name)).catch(() => undefined);
        return { path: `${CACHE_FOLDER}/${name}`, bytes: bytesOnDisk(stats), usedMs: stats?.mtimeMs ?? 0 };
      }),
    );
    let total = held.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { bytes } of this.#arriving.values()) total += bytes;
    for (const { path, bytes } of held.sort((a, b) => a.usedMs - b.usedMs)) {
      if (total <= this.#bytesMax) return;
      if (this.#isRead(path)) continue;
      await realFileSystem.remove(join(this.#folder, path));
      total -= bytes;
    }
  }

  /** One at a time: a copy that is being removed would be found. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#looked.then(step);
    this.#looked = done.catch(() => {});
    return done;
  }
}

function bytesOnDisk(stats: Stats | undefined): number {
  return stats === undefined ? 0 : Math.min(stats.size, stats.blocks * BLOCK_BYTES);
}
