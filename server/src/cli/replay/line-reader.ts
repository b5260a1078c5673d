import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";

const LINE_FEED = 10;

/**
 * Cuts chunks of bytes into lines without copying them; only a line that goes over the end of a chunk is put together in
 * a buffer of its own. A line longer than a record may be is cut to just above that length, so that memory stays bounded
 * and the decoder says `record_too_large`.
 */
export class LineReader {
  /** The line that `next` found: [start, end) of bytes, without its line feed; valid until the next call. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #position = 0;
  #carry = Buffer.alloc(64 * 1024);
  #carried = 0;

  /** Gives the next chunk, once `next` has said that it needs one. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#position = 0;
  }

  /** Finds the next line; false when the chunk is used up. */
  next(): boolean {
    const from = this.#position;
    const chunk = this.#chunk;
    if (from >= chunk.length) return false;
    const feed = chunk.indexOf(LINE_FEED, from);
    if (feed === -1) {
      this.#keep(from, chunk.length);
      this.#position = chunk.length;
      return false;
    }
    this.#position = feed + 1;
    if (this.#carried > 0) {
      this.#keep(from, feed);
      this.#giveCarried();
      return true;
    }
    this.bytes = chunk;
    this.start = from;
    this.end = Math.min(feed, from + RECORD_BYTES_MAX + 1);
    return true;
  }

  /** The last line, where the input does not end with a line feed. */
  last(): boolean {
    if (this.#carried === 0) return false;
    this.#giveCarried();
    return true;
  }

  #giveCarried(): void {
    this.bytes = this.#carry;
    this.start = 0;
    this.end = this.#carried;
    this.#carried = 0;
  }

  #keep(from: number, to: number): void {
    const length = Math.min(to - from, RECORD_BYTES_MAX + 1 - this.#carried);
    if (this.#carried + length > this.#carry.length) {
      const larger = Buffer.alloc(Math.max(this.#carried + length, this.#carry.length * 2));
      this.#carry.copy(larger, 0, 0, this.#carried);
      this.#carry = larger;
    }
    this.#chunk.copy(this.#carry, this.#carried, from, from + length);
    this.#carried += length;
  }
}

/** True for a line of white space alone, which NDJSON allows between records. */
export function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 32 && byte !== 13 && byte !== 9) return false;
  }
  return true;
}
