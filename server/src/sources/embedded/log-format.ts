/**
 * The form of a batch in the embedded log: a header, the values of the records back to back, and where each ends. One
 * crc32 covers all of it, position and arrival included, so that a batch that is cut, flipped, or found at a place that is
 * not its own is never taken for a good one. Little endian.
 *
 *   0  u32  magic "SWB1"          16  f64  arrival, ms since 1970
 *   4  u32  crc32 of all else     24  u32  count of records
 *   8  f64  offset of the first   28  u32  partition
 *  32  u32  bytes of payload      36  payload, then count x u32 ends
 */
import { crc32 } from "node:zlib";

const MAGIC = 0x31425753;
const CRC_AT = 4;
const AFTER_CRC = 8;
const BATCH_HEADER_BYTES = 36;
/** Bytes of an end, added to each record's own. */
export const RECORD_OVERHEAD_BYTES = 4;
const INITIAL_BYTES = 64 * 1024;

export type StoredBatch = {
  readonly partition: number;
  readonly baseOffset: number;
  readonly count: number;
  readonly arrivalMs: number;
  readonly payload: Uint8Array;
  readonly ends: Uint32Array;
};

function checksum(batch: Uint8Array): number {
  return crc32(batch.subarray(AFTER_CRC), crc32(batch.subarray(0, CRC_AT)));
}

/** Collects the records of one partition into a batch; its buffer is reused after `clear`. */
export class BatchBuilder {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #end = BATCH_HEADER_BYTES;
  #ends = new Uint32Array(256);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes of the finished batch. */
  get byteLength(): number {
    return this.#end + this.#count * RECORD_OVERHEAD_BYTES;
  }

  /** Copies source[start, end) as the next record. */
  add(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length + RECORD_OVERHEAD_BYTES);
    this.#buffer.set(source.subarray(start, end), this.#end);
    this.#end += length;
    if (this.#count === this.#ends.length) {
      const grown = new Uint32Array(this.#ends.length * 2);
      grown.set(this.#ends);
      this.#ends = grown;
    }
    this.#ends[this.#count++] = this.#end - BATCH_HEADER_BYTES;
  }

  /**
   * Returns the batch for this position; the bytes are valid until the next call of `add` or `clear`. It may be
   * finished again for another one.
   */
  finish(partition: number, baseOffset: number, arrivalMs: number): Uint8Array {
    this.#reserve(0);
    const batch = this.#buffer.subarray(0, this.byteLength);
    batch.writeUInt32LE(MAGIC, 0);
    batch.writeDoubleLE(baseOffset, 8);
    batch.writeDoubleLE(arrivalMs, 16);
    batch.writeUInt32LE(this.#count, 24);
    batch.writeUInt32LE(partition, 28);
    batch.writeUInt32LE(this.#end - BATCH_HEADER_BYTES, 32);
    const ends = new Uint8Array(this.#ends.buffer, 0, this.#count * RECORD_OVERHEAD_BYTES);
    batch.set(ends, this.#end);
    batch.writeUInt32LE(checksum(batch), CRC_AT);
    return batch;
  }

  clear(): void {
    this.#end = BATCH_HEADER_BYTES;
    this.#count = 0;
  }

  #reserve(more: number): void {
    const needed = this.byteLength + more;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#end);
    this.#buffer = grown;
  }
}

/**
 * Reads the batch that belongs to (partition, baseOffset). Returns a text that says what is wrong with a damaged one.
 * node:sqlite returns null for a blob whose chain of pages is broken.
 */
export function readBatch(bytes: Uint8Array | null, partition: number, baseOffset: number): StoredBatch | string {
  if (bytes === null) return "its pages cannot be read";
  if (bytes.length < BATCH_HEADER_BYTES) return `only ${bytes.length} bytes are left of it`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return "it does not begin as a batch does";
  if (view.getUint32(CRC_AT, true) !== checksum(bytes)) return "its checksum does not match its content";
  const count = view.getUint32(24, true);
  const payloadBytes = view.getUint32(32, true);
  if (bytes.length !== BATCH_HEADER_BYTES + payloadBytes + count * RECORD_OVERHEAD_BYTES || count === 0) {
    return "its lengths do not fit";
  }
  if (view.getUint32(28, true) !== partition || view.getFloat64(8, true) !== baseOffset) {
    return "it is a batch of another position";
  }
  const endsAt = bytes.byteOffset + BATCH_HEADER_BYTES + payloadBytes;
  const ends = new Uint32Array(bytes.buffer.slice(endsAt, endsAt + count * RECORD_OVERHEAD_BYTES) as ArrayBuffer);
  const payload = bytes.subarray(BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + payloadBytes);
  return { partition, baseOffset, count, arrivalMs: view.getFloat64(16, true), payload, ends };
}
