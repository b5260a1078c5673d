/**
 * Reads records with their keys out of the batches of one fetch response. For data that is read seldom: the source has
 * a reader of its own, which skips keys and makes no object of a record. Source: "Record" in the documentation of
 * Apache Kafka's message format.
 */
import { BATCH_HEADER_BYTES, type BatchHeader, batchBytesAt, batchDefect, readBatchHeader } from "./batch-header.ts";
import { CODEC_NONE, unpack } from "./decompress.ts";

/** Views, valid during the call. A record without a value is a tombstone. */
export type OnRecord = (offset: number, key: Buffer | undefined, value: Buffer | undefined) => void;

/**
 * Hands over all records at and behind `from`, in order. Returns the offset behind the last whole batch; undefined
 * where there is none. Throws RangeError where a batch does not match its checksum, or its records are invalid.
 */
export function readRecords(bytes: Buffer, from: number, onRecord: OnRecord): number | undefined {
  let next: number | undefined;
  let at = 0;
  for (;;) {
    const size = batchBytesAt(bytes, at);
    if (size === undefined || at + size > bytes.length) return next;
    if (size === 0) throw new RangeError("the length of a batch is senseless");
    const header = readBatchHeader(bytes, at);
    const defect = batchDefect(bytes, header);
    if (defect !== undefined) throw new RangeError(`the batch at offset ${header.baseOffset} is damaged: ${defect}`);
    if (!header.isControl && header.lastOffset >= from) readBatch(bytes, header, from, onRecord);
    next = header.lastOffset + 1;
    at = header.end;
  }
}

function readBatch(bytes: Buffer, header: BatchHeader, from: number, onRecord: OnRecord): void {
  const packed = bytes.subarray(header.at + BATCH_HEADER_BYTES, header.end);
  const input = new RecordInput(header.codec === CODEC_NONE ? packed : unpack(header.codec, packed));
  for (let left = header.count; left > 0; left--) {
    const end = input.varint() + input.at;
    input.at++;
    input.varint();
    const offset = header.baseOffset + input.varint();
    const key = input.field();
    const value = input.field();
    if (input.at > end || end > input.bytes.length) throw new RangeError(`the record at offset ${offset} does not fit`);
    input.at = end;
    if (offset >= from) onRecord(offset, key, value);
  }
}

class RecordInput {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Undefined: null. */
  field(): Buffer | undefined {
    const length = this.varint();
    if (length < 0) return undefined;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Reads a number as a zigzag varint. */
  varint(): number {
    let raw = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = this.bytes.readUInt8(this.at++);
      raw += (byte & 0x7f) * scale;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    }
    throw new RangeError("a number in a record is too long");
  }
}
