/**
 * Fills a batch of records of one partition byte by byte, in Kafka's format 2. The client's own code makes several objects for each record:
 * filling a topic with millions of swaps would take longer than the measurement.
 */
import { crc32c, Reader } from "@platformatic/kafka";

const HEADER_BYTES = 61;
/** Offset and length, which the length does not include. */
const LENGTH_END = 12;
const CRC_END = 21;
const FORMAT = 2;
/** Numbers, attributes and the header count of a record. */
const RECORD_OVERHEAD_BYTES = 32;

export class BatchBuffer {
  readonly #bytes: Buffer;
  #at = HEADER_BYTES;
  #count = 0;

  constructor(byteLength: number) {
    this.#bytes = Buffer.allocUnsafeSlow(byteLength);
  }

  get count(): number {
    return this.#count;
  }

  hasRoom(keyBytes: number, valueBytes: number): boolean {
    return this.#at + RECORD_OVERHEAD_BYTES + keyBytes + valueBytes <= this.#bytes.length;
  }

  /** Adds a record. Its key is the prefix and text[keyFrom, keyTo), its value is value[0, valueBytes). */
  add(prefix: Buffer, text: Uint8Array, keyFrom: number, keyTo: number, value: Uint8Array, valueBytes: number): void {
    const keyBytes = prefix.length + keyTo - keyFrom;
    const sizes = varintBytes(this.#count) + varintBytes(keyBytes) + varintBytes(valueBytes);
    this.#varint(3 + sizes + keyBytes + valueBytes);
    // Attributes, and no time of its own: the broker sets it.
    this.#bytes[this.#at++] = 0;
    this.#bytes[this.#at++] = 0;
    this.#varint(this.#count);
    this.#varint(keyBytes);
    this.#bytes.set(prefix, this.#at);
    this.#bytes.set(text.subarray(keyFrom, keyTo), this.#at + prefix.length);
    this.#at += keyBytes;
    this.#varint(valueBytes);
    this.#bytes.set(value.subarray(0, valueBytes), this.#at);
    this.#at += valueBytes;
    // No headers.
    this.#bytes[this.#at++] = 0;
    this.#count++;
  }

  /** Returns the whole batch. The bytes belong to the buffer until `clear`. */
  finish(nowMs: number): Buffer {
    const bytes = this.#bytes;
    const whole = bytes.subarray(0, this.#at);
    whole.fill(0, 0, HEADER_BYTES);
    whole.writeInt32BE(this.#at - LENGTH_END, 8);
    whole[16] = FORMAT;
    whole.writeInt32BE(this.#count - 1, 23);
    whole.writeBigInt64BE(BigInt(nowMs), 27);
    whole.writeBigInt64BE(BigInt(nowMs), 35);
    // No producer id, epoch or sequence: the batch is not idempotent.
    whole.fill(0xff, 43, 57);
    whole.writeInt32BE(this.#count, 57);
    const crc = crc32c(Reader.from(whole.subarray(CRC_END)).buffer as unknown as Buffer);
    whole.writeUInt32BE(crc, 17);
    return whole;
  }

  clear(): void {
    this.#at = HEADER_BYTES;
    this.#count = 0;
  }

  /** Zigzag of numbers from 0 to 2^30. */
  #varint(value: number): void {
    let rest = value << 1;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value << 1; rest >= 0x80; rest >>>= 7) bytes++;
  return bytes;
}
