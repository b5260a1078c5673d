import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";
import type { Batch } from "./rows.ts";

const LINE_FEED = 10;
const NOTHING = Buffer.alloc(0);

/**
 * Cuts batches into lines without copying them. Only a line that crosses the end of a batch is assembled in a separate buffer. A
 * line that is longer than a record may be is cut just above that length: memory stays bounded, and the decoder reports
 * `record_too_large`.
 */
export class LineReader {
  /** The line that `next` found: [start, end) of bytes, without its line feed. Valid until the next call. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** Place of the line. */
  file = -1;
  row = 0;
  #batch: Batch = { file: -1, bytes: NOTHING };
  #position = 0;
  #line = 0;
  #countedFile = -1;
  #counted = 0;
  #carry = Buffer.alloc(64 * 1024);
  #carried = 0;

  /** Adds the next batch, after `next` returned false. */
  push(batch: Batch): void {
    this.#batch = batch;
    this.#position = 0;
    this.#line = 0;
    if (batch.rows === undefined && batch.file !== this.#countedFile) {
      this.#countedFile = batch.file;
      this.#counted = 0;
    }
  }

  /** Finds the next line. Returns false at the end of the batch. */
  next(): boolean {
    const from = this.#position;
    const { bytes } = this.#batch;
    if (from >= bytes.length) return false;
    const feed = bytes.indexOf(LINE_FEED, from);
    if (feed === -1) {
      this.#keep(from, bytes.length);
      this.#position = bytes.length;
      return false;
    }
    this.#position = feed + 1;
    this.#place();
    if (this.#carried > 0) {
      this.#keep(from, feed);
      this.#giveCarried();
      return true;
    }
    this.bytes = bytes;
    this.start = from;
    this.end = Math.min(feed, from + RECORD_BYTES_MAX + 1);
    return true;
  }

  /** Finds the last line of an input that does not end with a line feed. */
  last(): boolean {
    if (this.#carried === 0) return false;
    this.#place();
    this.#giveCarried();
    return true;
  }

  #place(): void {
    const { file, files, rows } = this.#batch;
    const line = this.#line++;
    this.file = files?.[line] ?? file;
    this.row = rows === undefined ? ++this.#counted : (rows[line] as number);
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
    this.#batch.bytes.copy(this.#carry, this.#carried, from, from + length);
    this.#carried += length;
  }
}

/** Returns true for a line of only white space, which NDJSON allows between records. */
export function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 32 && byte !== 13 && byte !== 9) return false;
  }
  return true;
}
