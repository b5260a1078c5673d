/**
 * A bounded file for fetched records that have no room in memory: a ring of pages, allocated and released in one order.
 * It need not survive the process, because the brokers have the same records and positions come from checkpoints:
 * nothing is synced to the disk, and the file of an earlier process is removed at the start. Each piece has a checksum,
 * which is verified when it is read back.
 */
import { mkdirSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { SwapstatsError } from "../../../shared/errors.ts";

/** Size of a page. It also bounds the number of pieces, and the memory for their list. */
export const SPILL_PAGE_BYTES = 4096;

/** The pages of a piece, its length and its checksum. */
export type SpillPlace = {
  readonly page: number;
  readonly pages: number;
  /** Pages at the end of the file that were skipped, because the piece did not fit there. */
  readonly skipped: number;
  readonly byteLength: number;
  readonly crc: number;
};

/** Counted in this process: a partition may be opened again while its previous file is being closed. */
let filesOpened = 0;

/** Removes the files of an earlier process. */
export function clearSpill(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export class SpillFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #pages: number;
  #file: FileHandle | undefined;
  /** Writes run one after the other, so that two never write to the same page. */
  #last: Promise<unknown> = Promise.resolve();
  #next = 0;
  #used = 0;
  #isClosed = false;

  constructor(folder: string, partition: number, bytesMax: number) {
    this.#folder = folder;
    this.#path = join(folder, `partition-${partition}.${filesOpened++}.spill`);
    this.#pages = Math.floor(bytesMax / SPILL_PAGE_BYTES);
  }

  get path(): string {
    return this.#path;
  }

  /** Bytes of the allocated pages. */
  get usedBytes(): number {
    return this.#used * SPILL_PAGE_BYTES;
  }

  /** Allocates pages for these bytes and takes their checksum; undefined: there is no room. */
  allocate(bytes: Buffer): SpillPlace | undefined {
    const pages = Math.ceil(bytes.length / SPILL_PAGE_BYTES);
    // A piece is contiguous: the rest at the end of the file may be too short.
    const isAtEnd = this.#next + pages > this.#pages;
    const skipped = isAtEnd ? this.#pages - this.#next : 0;
    if (pages > this.#pages || this.#used + skipped + pages > this.#pages) return undefined;
    const page = isAtEnd ? 0 : this.#next;
    this.#next = page + pages;
    this.#used += skipped + pages;
    return { page, pages, skipped, byteLength: bytes.length, crc: crc32(bytes) };
  }

  /** Releases the pages of the oldest piece. */
  free({ pages, skipped }: SpillPlace): void {
    this.#used -= pages + skipped;
    if (this.#used > 0) return;
    this.#next = 0;
    this.#shorten();
  }

  /** Releases all pages. */
  reset(): void {
    if (this.#used === 0) return;
    this.#used = 0;
    this.#next = 0;
    this.#shorten();
  }

  /** Rejects with `storage_failed`. The bytes may be used again after it has settled. */
  write(place: SpillPlace, bytes: Buffer): Promise<void> {
    return this.#inTurn(async () => {
      const file = await this.#open();
      const from = place.page * SPILL_PAGE_BYTES;
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, from + done);
        done += bytesWritten;
      }
    });
  }

  /** Fills `into`, which has the length of the piece. Rejects with `storage_failed`, also on a wrong checksum. */
  async read(place: SpillPlace, into: Buffer): Promise<void> {
    try {
      const file = await this.#open();
      const from = place.page * SPILL_PAGE_BYTES;
      for (let done = 0; done < place.byteLength; ) {
        const { bytesRead } = await file.read(into, done, place.byteLength - done, from + done);
        if (bytesRead === 0) throw new Error(`it ends at ${from + done}`);
        done += bytesRead;
      }
      if (crc32(into) !== place.crc) throw new Error(`the checksum of ${place.byteLength} bytes at ${from} is wrong`);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
    await this.#file?.close().catch(() => {});
    rmSync(this.#path, { force: true });
  }

  /**
   * A stall of an hour should not keep its room on the disk for ever. A failure to cut the file only keeps that room.
   */
  #shorten(): void {
    this.#inTurn(async () => {
      if (this.#used === 0) await this.#file?.truncate(0);
    }).catch(() => {});
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(() => {
      if (this.#isClosed) throw new Error("it was closed");
      return work();
    });
    this.#last = done.catch(() => {});
    return done.catch((error) => {
      throw this.#failure(error);
    });
  }

  async #open(): Promise<FileHandle> {
    if (this.#file === undefined) {
      mkdirSync(this.#folder, { recursive: true });
      this.#file = await open(this.#path, "w+");
    }
    return this.#file;
  }

  #failure(cause: unknown): SwapstatsError {
    const message = `The spill file ${this.#path} failed: ${(cause as Error).message}`;
    return new SwapstatsError("storage_failed", message, { cause, retryable: true });
  }
}
