/**
 * Old files of the history in S3, with a bounded cache on disk. A query of one token reads ranges: the footer of a file says which row groups may have the
 * token (rows are sorted by tokens), and each of those becomes a file of its own in the cache, with holes where the others are. Other queries read most of a
 * file, and have the whole. DuckDB could read ranges of objects itself, but only by an extension that is downloaded.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { isS3Error, S3Bucket } from "../../../clients/s3/bucket.ts";
import type { S3Config } from "../../../config/build/stores.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import type { CatalogFile } from "./catalog.ts";
import { CACHE_FOLDER, ColdCache, type Copy } from "./cold-cache.ts";
import { type ByteRange, footerBytes, MARK, mayHave, type Piece, piecesOf, TAIL_BYTES } from "./row-groups.ts";

/** A day of swaps over a slow line takes the longest. */
const LIMIT_MS = 120_000;
/** The part of a file that is read first: its footer, and filters of columns. */
const END_PART = 1 / 64;
const END_BYTES_MIN = 16 * 1024;
const END_BYTES_MAX = 1024 * 1024;
/** A footer has some kilobytes for each row group. */
const FOOTER_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of the ends of files that are kept in memory. */
const ENDS_BYTES_MAX = 32 * 1024 * 1024;
/** Of one request; they are in memory. */
const RANGE_BYTES_MAX = 8 * 1024 * 1024;
/** Requests of one query at a time. */
const REQUESTS_MAX = 4;
/** Beyond this part of a file the whole costs less. */
const PIECES_PART_MAX = 0.6;

export type ColdSetup = { readonly s3: S3Config; readonly afterMs: number; readonly cacheBytes: number };
type Named = Pick<CatalogFile, "path" | "bytes">;
/** The last bytes of a file, and its row groups; undefined where its footer is not understood. */
type FileEnd = { readonly bytes: Uint8Array; readonly pieces: readonly Piece[] | undefined };

export class ColdTier {
  readonly #bucket: S3Bucket;
  readonly #folder: string;
  readonly #setup: ColdSetup;
  readonly #cache: ColdCache;
  /** Paths of copies that queries read. */
  readonly #held = new Set<ReadonlySet<string>>();
  /** By path; the last ones were used last. */
  readonly #ends = new Map<string, FileEnd>();
  /** Those that are being read, by path. */
  readonly #endsRead = new Map<string, Promise<FileEnd>>();

  /** `folder` is that of the history. Connects at the first call. */
  constructor(folder: string, setup: ColdSetup) {
    this.#folder = folder;
    this.#setup = setup;
    this.#bucket = new S3Bucket(setup.s3, LIMIT_MS);
    const isRead = (path: string): boolean => [...this.#held].some((paths) => paths.has(path));
    this.#cache = new ColdCache(folder, setup.cacheBytes, isRead);
  }

  /** Copies whose paths `fetch` adds to this set stay until it is released. */
  hold(): Set<string> {
    const held = new Set<string>();
    this.#held.add(held);
    return held;
  }

  release(held: ReadonlySet<string>): void {
    this.#held.delete(held);
  }

  /** Path of the copy in the cache, below the folder of the history. Those of its row groups begin so. */
  static cachedPath(path: string): string {
    return `${CACHE_FOLDER}/${path.replaceAll("/", "_")}`;
  }

  /** Whether a file that ends at this time is old enough. */
  takes(toMs: number, nowMs: number): boolean {
    return toMs <= nowMs - this.#setup.afterMs;
  }

  /** Resolves when the object has all bytes of the file. Rejects with `storage_failed` (retryable) when S3 is away. */
  async upload({ path, bytes }: Named): Promise<void> {
    const address = { Bucket: this.#bucket.name, Key: this.#keyOf(path) };
    await this.#bucket.call(`write ${path} of the history`, async (client, options) => {
      const Body = createReadStream(join(this.#folder, path));
      await client.send(new PutObjectCommand({ ...address, Body, ContentLength: bytes }), options);
      const { ContentLength: held } = await client.send(new HeadObjectCommand(address), options);
      if (held !== bytes) throw new Error(`the object has ${held} bytes instead of ${bytes}`);
    });
  }

  /**
   * Brings what a query needs of the file into the cache. Resolves with the paths below the folder of the history that have all its rows, or all those of
   * `token`, as far as row groups tell them apart. Adds them to `held`. Rejects with `storage_failed` (retryable).
   */
  async fetch(file: Named, token: string | undefined, held: Set<string>): Promise<string[]> {
    const whole = wholeOf(file);
    held.add(whole.path);
    if (token === undefined || (await this.#cache.has(whole))) return this.#fetchWhole(file, whole);
    const end = await this.#endOf(file);
    const pieces = end.pieces?.filter((piece) => mayHave(piece, token));
    if (pieces === undefined || bytesOf(pieces) > file.bytes * PIECES_PART_MAX) return this.#fetchWhole(file, whole);
    const named = pieces.map((piece) => ({ piece, path: `${whole.path}.${piece.index}` }));
    for (const { path } of named) held.add(path);
    for (let i = 0; i < named.length; i += REQUESTS_MAX) {
      const some = named.slice(i, i + REQUESTS_MAX).map(({ piece, path }) => {
        const copy = { path, length: endOf(piece) + piece.footer.length, bytes: bytesOf([piece]) };
        return this.#cache.bring(copy, (temporary) => this.#writePiece(file, end, piece, temporary));
      });
      await Promise.all(some);
    }
    return named.map(({ path }) => path);
  }

  /** The object need not exist. */
  async remove({ path }: Pick<Named, "path">): Promise<void> {
    await this.#cache.remove(ColdTier.cachedPath(path));
    await this.#bucket.call(`remove ${path} of the history`, async (client, options) => {
      try {
        await client.send(new DeleteObjectCommand({ Bucket: this.#bucket.name, Key: this.#keyOf(path) }), options);
      } catch (error) {
        if (!isS3Error(error, "NoSuchKey")) throw error;
      }
    });
  }

  close(): void {
    this.#bucket.close();
  }

  async #fetchWhole(file: Named, whole: Copy): Promise<string[]> {
    await this.#cache.bring(whole, (temporary) => this.#download(file, temporary));
    return [whole.path];
  }

  async #download({ path, bytes }: Named, temporary: string): Promise<void> {
    await this.#bucket.call(`read ${path} of the history`, async (client, options) => {
      const address = { Bucket: this.#bucket.name, Key: this.#keyOf(path) };
      const object = await client.send(new GetObjectCommand(address), options);
      const handle = await open(temporary, "w");
      try {
        // Node's client gives a stream of the body.
        for await (const part of object.Body as unknown as AsyncIterable<Uint8Array>) await handle.writeFile(part);
      } finally {
        await handle.close();
      }
      requireBytes(path, (await stat(temporary)).size, bytes);
    });
  }

  /** Writes a Parquet file of one row group, whose bytes stand where they stand in the whole file. */
  async #writePiece(file: Named, end: FileEnd, { ranges, footer }: Piece, temporary: string): Promise<void> {
    const handle = await open(temporary, "w");
    try {
      await writeAt(handle, MARK, 0);
      for (const range of ranges) {
        for (let { from } = range; from < range.to; from += RANGE_BYTES_MAX) {
          const part = { from, to: Math.min(from + RANGE_BYTES_MAX, range.to) };
          await writeAt(handle, withinEnd(file, end.bytes, part) ?? (await this.#read(file, part)), from);
        }
      }
      await writeAt(handle, footer, endOf({ ranges }));
    } finally {
      await handle.close();
    }
  }

  /** The ends that were used last stay in memory. Calls for one file share its reading. */
  #endOf(file: Named): Promise<FileEnd> {
    const known = this.#ends.get(file.path);
    if (known !== undefined) {
      this.#ends.delete(file.path);
      this.#ends.set(file.path, known);
      return Promise.resolve(known);
    }
    const running = this.#endsRead.get(file.path);
    if (running !== undefined) return running;
    const reading = this.#readEnd(file).finally(() => this.#endsRead.delete(file.path));
    this.#endsRead.set(file.path, reading);
    return reading;
  }

  async #readEnd(file: Named): Promise<FileEnd> {
    const first = Math.min(END_BYTES_MAX, Math.max(END_BYTES_MIN, Math.ceil(file.bytes * END_PART)), file.bytes);
    let bytes = await this.#read(file, { from: file.bytes - first, to: file.bytes });
    const needed = (footerBytes(bytes) ?? 0) + TAIL_BYTES;
    if (needed > first && needed <= Math.min(file.bytes, FOOTER_BYTES_MAX)) {
      bytes = await this.#read(file, { from: file.bytes - needed, to: file.bytes });
    }
    const end = { bytes, pieces: await piecesOf(bytes, file.bytes).catch(() => undefined) };
    this.#ends.set(file.path, end);
    let total = this.#ends.values().reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const [path, { bytes }] of this.#ends) {
      if (total <= ENDS_BYTES_MAX || path === file.path) break;
      this.#ends.delete(path);
      total -= bytes.length;
    }
    return end;
  }

  async #read({ path, bytes }: Named, { from, to }: ByteRange): Promise<Uint8Array> {
    return this.#bucket.call(`read ${path} of the history`, async (client, options) => {
      const address = { Bucket: this.#bucket.name, Key: this.#keyOf(path), Range: `bytes=${from}-${to - 1}` };
      const { Body, ContentLength, ContentRange } = await client.send(new GetObjectCommand(address), options);
      if (ContentRange === undefined) throw new Error("the server gives no ranges of objects");
      requireBytes(path, Number(ContentRange.split("/")[1]), bytes);
      if (ContentLength !== to - from)
        throw new Error(`the server gave ${ContentLength} bytes instead of ${to - from}`);
      return Body!.transformToByteArray();
    });
  }

  #keyOf(path: string): string {
    return `${this.#setup.s3.prefix}history/${path}`;
  }
}

const wholeOf = ({ path, bytes }: Named): Copy => ({ path: ColdTier.cachedPath(path), length: bytes, bytes });

/** Place of the footer in the file of a row group. */
const endOf = ({ ranges }: Pick<Piece, "ranges">): number => ranges.at(-1)?.to ?? MARK.length;

const bytesOf = (pieces: readonly Piece[]): number =>
  pieces.flatMap(({ ranges }) => ranges).reduce((sum, { from, to }) => sum + to - from, 0);

/** Returns the range out of the last bytes of the file, if they have it. */
function withinEnd(file: Named, end: Uint8Array, { from, to }: ByteRange): Uint8Array | undefined {
  const first = file.bytes - end.length;
  return from < first ? undefined : end.subarray(from - first, to - first);
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

function requireBytes(path: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new SwapstatsError("storage_failed", `The object of ${path} has ${found} bytes instead of ${expected}.`);
}
