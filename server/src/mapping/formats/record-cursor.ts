/**
 * Reads the bytes of one record of a binary format. Every read is checked against the end of the record, before it allocates anything:
 * a length that the record only claims costs nothing.
 */
import { isUtf8 } from "../../codecs/utf8.ts";
import { DECIMAL_BYTES_MAX } from "./decimals.ts";
import { IS_PLAIN, SPAN, Span } from "./tree.ts";

/** Records, arrays and maps inside one another. */
export const VALUE_DEPTH_MAX = 100;
/**
 * Values of one record. Without a limit, a few bytes could announce any number of values that have no bytes themselves (Avro's null,
 * records of nothing). A record of 1 MiB whose values have bytes stays below it.
 */
export const VALUES_MAX = 2 * 1024 * 1024;
const EMPTY = new Uint8Array(0);

/** A record that is not in its format. The message completes "the record cannot be read: ". */
export class MalformedRecord extends Error {}

export class RecordCursor {
  at = 0;
  end = 0;
  /** Halves of the last varint or fixed 64 bits. */
  low = 0;
  high = 0;
  depth = 0;
  #start = 0;
  #values = 0;
  #bytes: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);

  /** Begins a record. Records of the same buffer, one after another, share its views. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.end = end;
    this.#start = start;
    this.rewind(start);
  }

  /** Begins to read the record at this position. */
  rewind(at: number): void {
    this.at = at;
    this.depth = 0;
    this.#values = 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Reads a value that ends where the record ends. */
  whole<T>(read: (cursor: RecordCursor) => T): T {
    const value = read(this);
    if (this.left > 0) this.fail(`${this.left} bytes follow the end of the value`);
    return value;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Throws MalformedRecord with the place in the record. */
  fail(what: string): never {
    throw new MalformedRecord(`${what}, at byte ${this.at - this.#start}`);
  }

  /** Values that were accounted for. */
  get spent(): number {
    return this.#values;
  }

  /** Accounts for values that are about to be made. */
  spend(values: number): void {
    this.#values += values;
    if (this.#values > VALUES_MAX) this.fail(`it has more than ${VALUES_MAX} values`);
  }

  /** Enters a record, an array or a map. The caller lowers `depth` when it leaves. */
  enter(): void {
    if (++this.depth > VALUE_DEPTH_MAX) this.fail(`values are nested more than ${VALUE_DEPTH_MAX} deep`);
  }

  /** Moves over `count` bytes, and returns the position before them. */
  skip(count: number): number {
    const before = this.at;
    if (!(count >= 0 && count <= this.end - before)) this.fail("the record ends inside a value");
    this.at = before + count;
    return before;
  }

  byte(): number {
    return this.#bytes[this.skip(1)] as number;
  }

  /** Returns the byte here if it is a whole varint, and moves over it; otherwise -1. Most varints have one byte. */
  #shortVarint(): number {
    if (this.at >= this.end) return -1;
    const byte = this.#bytes[this.at] as number;
    if (byte >= 0x80) return -1;
    this.at++;
    return byte;
  }

  /** Reads a varint of at most 10 bytes into `low` and `high`. Bits above 64 are dropped. */
  varint(): void {
    const short = this.#shortVarint();
    if (short < 0) {
      this.#longVarint();
      return;
    }
    this.low = short;
    this.high = 0;
  }

  #longVarint(): void {
    const bytes = this.#bytes;
    const end = this.end;
    let p = this.at;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (p >= end) this.fail("the record ends inside a number");
      const byte = bytes[p++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.at = p;
        this.low = low;
        this.high = high;
        return;
      }
    }
    this.fail("a number has more than 10 bytes");
  }

  /** Reads a varint as an unsigned number that may have lost precision above 2^53. For lengths and tags. */
  length(): number {
    const short = this.#shortVarint();
    if (short >= 0) return short;
    this.#longVarint();
    return (this.high >>> 0) * 4_294_967_296 + (this.low >>> 0);
  }

  /** Reads a zigzag varint. */
  zigzag(): number | bigint {
    const short = this.#shortVarint();
    if (short >= 0) return (short >>> 1) ^ -(short & 1);
    this.#longVarint();
    this.undoZigzag();
    return this.signed();
  }

  undoZigzag(): void {
    const sign = -(this.low & 1);
    const { low, high } = this;
    this.low = ((low >>> 1) | (high << 31)) ^ sign;
    this.high = (high >>> 1) ^ sign;
  }

  /** Reads 8 bytes, the lowest first, into `low` and `high`. */
  fixed64(): void {
    const at = this.skip(8);
    this.low = this.#view.getInt32(at, true);
    this.high = this.#view.getInt32(at + 4, true);
  }

  fixed32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** Returns `low` and `high` as a signed integer. */
  signed(): number | bigint {
    const high = this.high | 0;
    const low = this.low >>> 0;
    if (high >= -0x20_0000 && high < 0x20_0000) return high * 4_294_967_296 + low;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** Returns `low` and `high` as an unsigned integer. */
  unsigned(): number | bigint {
    const high = this.high >>> 0;
    const low = this.low >>> 0;
    if (high < 0x20_0000) return high * 4_294_967_296 + low;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** Returns a float whose shortest decimal text is that of the 32 bits. */
  float(littleEndian = true): number {
    return shortestOf(this.#view.getFloat32(this.skip(4), littleEndian));
  }

  double(littleEndian = true): number {
    return this.#view.getFloat64(this.skip(8), littleEndian);
  }

  /** Reads UTF-8 of this many bytes. */
  text(length: number): Span {
    const start = this.skip(length);
    const end = this.at;
    const bytes = this.#bytes;
    let p = start;
    while (p + 4 <= end && isPlainWord(this.#view.getInt32(p, true))) p += 4;
    while (p < end && IS_PLAIN[bytes[p] as number] === 1) p++;
    if (p === end) return new Span(bytes, start, end, SPAN.plain, 0);
    if (!isUtf8(bytes, p, end)) this.fail("a text is not UTF-8");
    return new Span(bytes, start, end, SPAN.text, 0);
  }

  /** Reads bytes whose text is 0x and hex digits. */
  hex(length: number): Span {
    const start = this.skip(length);
    return new Span(this.#bytes, start, this.at, SPAN.hex, 0);
  }

  /** Reads a decimal with this many places, whose unscaled value has this many bytes, the highest first. */
  decimal(length: number, scale: number): Span {
    if (length > DECIMAL_BYTES_MAX) this.fail(`a decimal has ${length} bytes; at most ${DECIMAL_BYTES_MAX} are read`);
    const start = this.skip(length);
    return new Span(this.#bytes, start, this.at, SPAN.decimal, scale);
  }

  /** Reads a signed integer of 1, 2 or 4 bytes, the highest first. */
  bigEndian(length: number): number {
    const at = this.skip(length);
    if (length === 1) return this.#view.getInt8(at);
    return length === 2 ? this.#view.getInt16(at) : this.#view.getInt32(at);
  }
}

/** Whether IS_PLAIN holds for all four bytes: none is 0x80 or more, below 0x20, a quote or a backslash. May refuse others. */
function isPlainWord(word: number): boolean {
  const quote = word ^ 0x2222_2222;
  const backslash = word ^ 0x5c5c_5c5c;
  // A subtraction borrows from the high bit of a byte that is too small. Only bytes behind such a one can be refused by mistake.
  const small = (word - 0x2020_2020) | (quote - 0x0101_0101) | (backslash - 0x0101_0101);
  return ((word | small) & 0x8080_8080) === 0;
}

const FLOAT_SUBNORMAL = 2 ** -126;

/** Returns the double whose decimal text is the shortest one that rounds to this float. Any text of 6 digits survives a float. */
function shortestOf(float: number): number {
  if (!Number.isFinite(float) || (Number.isInteger(float) && Math.abs(float) <= 16_777_216)) return float;
  for (let digits = Math.abs(float) < FLOAT_SUBNORMAL ? 1 : 6; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return Number(float.toPrecision(9));
}
