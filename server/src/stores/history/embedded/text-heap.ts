/** Bytes of texts that columns point into. */

const TEXT_BYTES_MAX = 4;
const HEX_PREFIX = Buffer.from("0x");
/** The two digits of each byte, as a little-endian number. */
const DIGITS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, "0");
  return digits.charCodeAt(0) + digits.charCodeAt(1) * 256;
});

export class TextHeap {
  #bytes: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Returns where the copy begins. */
  copy(bytes: Uint8Array): number {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    this.#at += bytes.length;
    return at;
  }

  /** Returns where the text begins; it ends where the heap ends now. */
  add(text: string): number {
    const at = this.#reserve(text.length * TEXT_BYTES_MAX);
    this.#at += this.#bytes.write(text, at, "utf8");
    return at;
  }

  /** Adds 0x and the digits of the bytes [from, to). Returns where they begin. */
  addHex(bytes: Uint8Array, from: number, to: number): number {
    const at = this.#reserve(HEX_PREFIX.length + 2 * (to - from));
    const out = this.#bytes;
    out[at] = HEX_PREFIX[0]!;
    out[at + 1] = HEX_PREFIX[1]!;
    let end = at + HEX_PREFIX.length;
    for (let i = from; i < to; i++, end += 2) {
      const digits = DIGITS[bytes[i]!]!;
      out[end] = digits & 0xff;
      out[end + 1] = digits >>> 8;
    }
    this.#at = end;
    return at;
  }

  byteAt(at: number): number {
    return this.#bytes[at]!;
  }

  /** The four bytes from `at` on. */
  wordAt(at: number): number {
    return this.#bytes.readUInt32LE(at);
  }

  get end(): number {
    return this.#at;
  }

  #reserve(bytes: number): number {
    if (this.#at + bytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + bytes));
      this.#bytes.copy(larger, 0, 0, this.#at);
      this.#bytes = larger;
    }
    return this.#at;
  }
}
