/**
 * Writes the wire format of protobuf into one growing buffer. Rejected: `BinaryWriter` of `@bufbuild/protobuf`, which makes an object for every
 * text and every message inside another.
 */

const VARINT_BYTES_MAX = 10;
/** Texts up to this length are copied by a loop, which is faster for them than a call of `Buffer`. */
const LOOP_CHARS_MAX = 24;
const ASCII_MAX = 0x7f;

export class WireWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** Returns a copy of the bytes that were written, and begins again. */
  finish(): Buffer {
    const result = Buffer.allocUnsafeSlow(this.#at);
    this.#bytes.copy(result, 0, 0, this.#at);
    this.#at = 0;
    return result;
  }

  /** Writes an unsigned 32-bit integer, such as a tag. */
  uint32(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    let rest = value >>> 0;
    while (rest > ASCII_MAX) {
      this.#bytes[this.#at++] = (rest & ASCII_MAX) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  /** Writes a safe integer as a 64-bit integer, in two's complement. */
  int64(value: number): void {
    if (value >= 0 && value < 2 ** 32) {
      this.uint32(value);
      return;
    }
    this.#reserve(VARINT_BYTES_MAX);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  /** Writes a text behind its length. */
  text(value: string): void {
    const chars = value.length;
    this.#reserve(VARINT_BYTES_MAX + 3 * chars);
    if (chars <= LOOP_CHARS_MAX && this.#ascii(value)) return;
    const bytes = Buffer.byteLength(value);
    this.uint32(bytes);
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** Writes bytes behind their length. */
  bytes(value: Uint8Array): void {
    this.#reserve(VARINT_BYTES_MAX + value.length);
    this.uint32(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Writes what `write` writes behind its length. */
  nested(write: () => void): void {
    this.#reserve(VARINT_BYTES_MAX);
    const start = this.#at++;
    write();
    const bytes = this.#at - start - 1;
    if (bytes <= ASCII_MAX) {
      this.#bytes[start] = bytes;
      return;
    }
    // The length takes more than the one byte that was left free.
    const lengthBytes = varintBytesOf(bytes);
    this.#reserve(lengthBytes);
    this.#bytes.copyWithin(start + lengthBytes, start + 1, this.#at);
    this.#at = start;
    this.uint32(bytes);
    this.#at += bytes;
  }

  /** Returns false, and has written nothing, if the text has other characters. */
  #ascii(value: string): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > ASCII_MAX) return false;
      bytes[start + 1 + i] = code;
    }
    bytes[start] = value.length;
    this.#at = start + 1 + value.length;
    return true;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#at);
    this.#bytes = grown;
  }
}

function varintBytesOf(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > ASCII_MAX; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
