/** Writes rows in ClickHouse's format RowBinary: fixed-width little-endian values in the order of the columns, and texts behind their length. */

const CHUNK_BYTES = 1024 * 1024;
/** Each text leaves this room behind itself, so values of fixed width need no check of their own. A row has fewer bytes of these between two texts. */
const FIXED_BYTES_MAX = 256;
/** Longest varint of a length. */
const LENGTH_BYTES_MAX = 5;
const UTF8_BYTES_PER_CHAR_MAX = 3;
const ONE_BYTE_LENGTH_END = 0x80;
const TWO_32 = 2 ** 32;

export class RowBinaryWriter {
  #bytes!: Buffer;
  #view!: DataView;
  #at = 0;

  constructor() {
    this.#use(Buffer.allocUnsafeSlow(CHUNK_BYTES));
  }

  /** Returns what was written since the last call, once it fills a chunk or `isLast`. It belongs to the caller. */
  take(isLast: boolean): Uint8Array | undefined {
    const room = this.#bytes.length - this.#at;
    if (!isLast && room > CHUNK_BYTES / 4) return undefined;
    const taken = this.#bytes.subarray(0, this.#at);
    this.#use(Buffer.allocUnsafeSlow(CHUNK_BYTES));
    this.#at = 0;
    return taken;
  }

  u8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  /** A safe integer that is not negative. Also Int64, and Decimal and DateTime of 64 bits. */
  u64(value: number): void {
    const high = Math.floor(value / TWO_32);
    this.#view.setUint32(this.#at, value - high * TWO_32, true);
    this.#view.setUint32(this.#at + 4, high, true);
    this.#at += 8;
  }

  /** Below 2^127, not negative. Also Decimal of 128 bits. */
  u128(value: bigint): void {
    // The lower 64 bits are taken of the value.
    this.#view.setBigUint64(this.#at, value, true);
    this.#view.setBigUint64(this.#at + 8, value >> 64n, true);
    this.#at += 16;
  }

  f64(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  text(value: string): void {
    const { length } = value;
    this.#reserve(length * UTF8_BYTES_PER_CHAR_MAX + LENGTH_BYTES_MAX + FIXED_BYTES_MAX);
    if (length < ONE_BYTE_LENGTH_END) {
      const written = this.#bytes.write(value, this.#at + 1);
      if (written < ONE_BYTE_LENGTH_END) {
        this.#bytes[this.#at] = written;
        this.#at += 1 + written;
        return;
      }
    }
    let left = Buffer.byteLength(value, "utf8");
    for (; left >= ONE_BYTE_LENGTH_END; left = Math.floor(left / ONE_BYTE_LENGTH_END)) {
      this.#bytes[this.#at++] = (left % ONE_BYTE_LENGTH_END) + ONE_BYTE_LENGTH_END;
    }
    this.#bytes[this.#at++] = left;
    this.#at += this.#bytes.write(value, this.#at);
  }

  /** A Nullable column has a byte that says whether the value is missing, and the value. */
  optionalText(value: string | undefined): void {
    this.u8(value === undefined ? 1 : 0);
    if (value !== undefined) this.text(value);
  }

  optionalF64(value: number | undefined): void {
    this.u8(value === undefined ? 1 : 0);
    if (value !== undefined) this.f64(value);
  }

  optionalU64(value: number | undefined): void {
    this.u8(value === undefined ? 1 : 0);
    if (value !== undefined) this.u64(value);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#use(larger);
  }

  #use(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
