/** One file of lines: a plain file that may grow, or a gzip file that is complete. Offsets of a gzip file count its content. */

import { hash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { createGunzip } from "node:zlib";

/** Bytes at the beginning of a file, and before a position, by which the file is recognised under another name or number. */
const MARK_BYTES = 1024;
const GZIP_MAGIC = [0x1f, 0x8b];

export type LineFile = {
  readonly path: string;
  /** Device and number of the file. A renamed file keeps it, a copy has another one. */
  readonly id: string;
  /** Bytes on disk now; for gzip undefined, because the length of its content is not known. */
  size(): Promise<number | undefined>;
  /** Time of the last change. */
  changedMs(): Promise<number>;
  /** Returns the bytes at an offset, at most so many. Fewer, or none, at the end. */
  readAt(offset: number, bytesMax: number): Promise<Buffer>;
  close(): Promise<void>;
};

/** Opens a regular file. Rejects with the system's error. */
export async function openLineFile(path: string): Promise<LineFile> {
  // Opening a pipe would wait for its writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw new Error("it is not a regular file");
    const id = `${stats.dev}:${stats.ino}`;
    const magic = Buffer.alloc(GZIP_MAGIC.length);
    await handle.read(magic, 0, magic.length, 0);
    const isGzip = GZIP_MAGIC.every((byte, i) => magic[i] === byte);
    return isGzip ? new GzipFile(path, id, handle) : new PlainFile(path, id, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Returns a hash of the first and the last bytes before an offset. They were read already, and never change. The first ones alone would
 * not do: a header may be the same in all files.
 */
export async function markOf(file: LineFile, offset: number): Promise<string> {
  const length = Math.min(offset, MARK_BYTES);
  if (length === 0) return "";
  const first = Buffer.from(await file.readAt(0, length));
  const last = await file.readAt(offset - length, length);
  return markOfBytes(first, last);
}

/** The same of a file whose first bytes are given. */
export function markOfStart(bytes: Uint8Array, offset: number): string {
  const length = Math.min(offset, MARK_BYTES);
  return length === 0 ? "" : markOfBytes(bytes.subarray(0, length), bytes.subarray(offset - length, offset));
}

function markOfBytes(first: Uint8Array, last: Uint8Array): string {
  return hash("sha256", Buffer.concat([first, last])).slice(0, 32);
}

class PlainFile implements LineFile {
  readonly path: string;
  readonly id: string;
  readonly #handle: FileHandle;

  constructor(path: string, id: string, handle: FileHandle) {
    this.path = path;
    this.id = id;
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async changedMs(): Promise<number> {
    return (await this.#handle.stat()).mtimeMs;
  }

  async readAt(offset: number, bytesMax: number): Promise<Buffer> {
    const length = Math.min(bytesMax, Math.max(0, (await this.size()) - offset));
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Reads forward, and keeps the bytes that were asked for last, and a few before them. To go back further it begins again. */
class GzipFile implements LineFile {
  readonly path: string;
  readonly id: string;
  readonly #handle: FileHandle;
  #chunks: AsyncIterator<Buffer> | undefined;
  /** The first bytes, for `markOf`. */
  #head: Buffer = Buffer.alloc(0);
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(path: string, id: string, handle: FileHandle) {
    this.path = path;
    this.id = id;
    this.#handle = handle;
  }

  async size(): Promise<undefined> {
    return undefined;
  }

  async changedMs(): Promise<number> {
    return (await this.#handle.stat()).mtimeMs;
  }

  async readAt(offset: number, bytesMax: number): Promise<Buffer> {
    const end = offset + bytesMax;
    if (end <= this.#head.length) return this.#head.subarray(offset, end);
    if (this.#chunks === undefined || offset < this.#windowStart) this.#begin();
    let parts = [this.#window];
    let length = this.#window.length;
    while (this.#windowStart + length < end) {
      if (this.#windowStart + length <= offset) {
        this.#windowStart += length;
        parts = [];
        length = 0;
      }
      const piece = await this.#next();
      if (piece === undefined) break;
      parts.push(piece);
      length += piece.length;
    }
    const bytes = Buffer.concat(parts);
    const at = Math.min(length, Math.max(0, offset - this.#windowStart));
    const found = bytes.subarray(at, at + bytesMax);
    // `markOf` looks back a little.
    const dropped = Math.max(0, at - MARK_BYTES);
    this.#windowStart += dropped;
    this.#window = bytes.subarray(dropped);
    return found;
  }

  async close(): Promise<void> {
    await this.#chunks?.return?.();
    await this.#handle.close();
  }

  #begin(): void {
    const bytes = createReadStream(this.path, { fd: this.#handle, autoClose: false, start: 0 });
    const content = bytes.pipe(createGunzip());
    bytes.on("error", (error) => content.destroy(error));
    this.#chunks = content[Symbol.asyncIterator]();
    this.#window = Buffer.alloc(0);
    this.#windowStart = 0;
    this.#head = Buffer.alloc(0);
  }

  async #next(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks!.next();
    if (done === true) return undefined;
    if (this.#head.length < MARK_BYTES) this.#head = Buffer.concat([this.#head, value]).subarray(0, MARK_BYTES);
    return value;
  }
}
