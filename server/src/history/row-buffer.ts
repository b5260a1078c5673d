/** The place for rows that wait for the history store: memory first, then files, both bounded. */
import type { Spool, SpoolRef } from "./spool.ts";

/** Waiting rows, in memory or in a file. */
export type Held = { readonly bytes: number; place: Uint8Array<ArrayBuffer> | SpoolRef | undefined };

/** A full buffer has room again when this part of its files is free. */
const FREE_AGAIN = 0.25;

type RowBufferOptions = { readonly memoryBytes: number; readonly spoolBytes: number; readonly spool: Spool };

export class RowBuffer {
  readonly #options: RowBufferOptions;
  #memoryBytes = 0;
  #isFull = false;
  /** Why the files cannot be written; undefined when they can. */
  #problem: string | undefined;

  constructor(options: RowBufferOptions) {
    this.#options = options;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get spoolBytes(): number {
    return this.#options.spool.bytes;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  get isFull(): boolean {
    const { spoolBytes } = this.#options;
    if (this.#isFull && this.spoolBytes <= spoolBytes * (1 - FREE_AGAIN) && this.#hasMemory(0)) this.#isFull = false;
    return this.#isFull;
  }

  /** Whether waiting rows take a large part of the memory for them. */
  get isPressed(): boolean {
    return this.#memoryBytes > this.#options.memoryBytes / 2;
  }

  /** Keeps the content; undefined when there is no room. `isForced`: it is then kept in memory all the same. */
  put(content: Uint8Array<ArrayBuffer>, isForced: boolean): Held | undefined {
    const bytes = content.length;
    if (!this.isFull) {
      if (this.#hasMemory(bytes)) return this.#inMemory(content);
      const place = this.#spooled(content);
      if (place !== undefined) return { bytes, place };
      this.#isFull = true;
    }
    return isForced ? this.#inMemory(content) : undefined;
  }

  /** Throws the system's error when its file cannot be read. */
  get({ place }: Held): Uint8Array<ArrayBuffer> {
    if (place === undefined) throw new Error("these rows were released");
    return place instanceof Uint8Array ? place : this.#options.spool.get(place);
  }

  release(held: Held): void {
    if (held.place === undefined) return;
    if (held.place instanceof Uint8Array) this.#memoryBytes -= held.bytes;
    else this.#options.spool.release(held.place);
    held.place = undefined;
  }

  #hasMemory(bytes: number): boolean {
    return this.#memoryBytes + bytes <= this.#options.memoryBytes;
  }

  #inMemory(content: Uint8Array<ArrayBuffer>): Held {
    this.#memoryBytes += content.length;
    return { bytes: content.length, place: content };
  }

  #spooled(content: Uint8Array): SpoolRef | undefined {
    const { spool, spoolBytes } = this.#options;
    if (spool.bytes + content.length > spoolBytes) return undefined;
    try {
      const place = spool.put(content);
      this.#problem = undefined;
      return place;
    } catch (error) {
      this.#problem = `Rows that wait for the history store cannot be written to the data folder: ${(error as Error).message}`;
      return undefined;
    }
  }
}
