/**
 * Cuts a JSON array, or objects over several lines, into one line for each value, without holding the document. It looks only at
 * brackets and strings. The decoder checks whether a value is valid JSON.
 *
 * A line feed inside a string is not JSON: a quote is missing. The value ends there and becomes a dead letter, and the next `{`
 * starts another value. A missing quote therefore costs one value, not the rest of the file.
 */
import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";

const LINE_FEED = 10;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const SPACE = 0x20;

export class JsonValues {
  /** Lines of NDJSON that the last `push` or `end` found, and their number. */
  #out: Buffer = Buffer.allocUnsafe(64 * 1024);
  #used = 0;
  /** Start of the current value in the output. */
  #valueStart = 0;
  #count = 0;
  #depth = 0;
  #inValue = false;
  #inString = false;
  #escaped = false;
  #resyncing = false;
  #inArray: boolean | undefined;
  #ended = false;

  /** Returns the lines of the values that ended in the chunk. Valid until the next call. */
  push(chunk: Buffer): { bytes: Buffer; count: number } {
    this.#begin();
    for (let at = 0; at < chunk.length; at++) this.#take(chunk[at] as number);
    return { bytes: this.#out.subarray(0, this.#valueStart), count: this.#count };
  }

  /** Returns the last value if it is not ended. `isCut`: the document is cut. */
  end(): { bytes: Buffer; count: number; isCut: boolean } {
    this.#begin();
    const isCut = this.#inArray === true && !this.#ended;
    const isInside = this.#inValue;
    if (this.#inValue) this.#finish();
    return { bytes: this.#out.subarray(0, this.#valueStart), count: this.#count, isCut: isCut || isInside };
  }

  /** Keeps only the current value. */
  #begin(): void {
    this.#out.copyWithin(0, this.#valueStart, this.#used);
    this.#used -= this.#valueStart;
    this.#valueStart = 0;
    this.#count = 0;
  }

  #take(byte: number): void {
    if (!this.#inValue) {
      this.#between(byte);
      return;
    }
    if (this.#inString) {
      this.#insideString(byte);
      return;
    }
    if (this.#depth === 0 && (byte === COMMA || byte === CLOSE_ARRAY || byte <= SPACE)) {
      this.#finish();
      this.#between(byte);
      return;
    }
    this.#put(byte <= SPACE ? SPACE : byte);
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (--this.#depth <= 0) this.#finish();
    }
  }

  #insideString(byte: number): void {
    if (byte === LINE_FEED) {
      this.#finish();
      this.#resyncing = true;
      return;
    }
    this.#put(byte);
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #between(byte: number): void {
    if (byte <= SPACE || byte === COMMA) return;
    if (this.#inArray === undefined) {
      this.#inArray = byte === OPEN_ARRAY;
      if (this.#inArray) return;
    }
    if (byte === CLOSE_ARRAY && !this.#resyncing) {
      this.#ended = true;
      return;
    }
    if (this.#resyncing && byte !== OPEN_OBJECT) {
      if (byte === CLOSE_ARRAY) this.#ended = true;
      return;
    }
    // Several arrays in a row are read as one.
    if (this.#ended && byte === OPEN_ARRAY) {
      this.#ended = false;
      return;
    }
    this.#resyncing = false;
    this.#inValue = true;
    this.#depth = 0;
    this.#take(byte);
  }

  #finish(): void {
    this.#inValue = false;
    this.#inString = false;
    this.#escaped = false;
    this.#depth = 0;
    this.#count++;
    this.#out = grown(this.#out, this.#used + 1);
    this.#out[this.#used++] = LINE_FEED;
    this.#valueStart = this.#used;
  }

  /** Drops bytes beyond the limit of a record. The decoder then reports that it is too large. */
  #put(byte: number): void {
    if (this.#used - this.#valueStart > RECORD_BYTES_MAX) return;
    if (this.#used === this.#out.length) this.#out = grown(this.#out, this.#used + 1);
    this.#out[this.#used++] = byte;
  }
}

function grown(buffer: Buffer, length: number): Buffer {
  if (length <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafe(Math.max(length, buffer.length * 2));
  buffer.copy(larger);
  return larger;
}
