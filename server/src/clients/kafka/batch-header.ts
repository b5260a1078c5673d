/**
 * The header of a batch of records, format 2, the only one since Kafka 0.11. Source: "Record Batch" in the documentation of
 * Apache Kafka's message format. Big endian:
 *
 *   i64 first offset, i32 bytes that follow, i32 epoch of the leader, i8 format, u32 CRC-32C of all that follows it,
 *   i16 attributes, i32 last offset less first, i64 first time, i64 last time, i64 producer, i16 its epoch, i32 sequence,
 *   i32 records; then the records, packed as the attributes say
 */
import { crc32c, Reader } from "@platformatic/kafka";

export const BATCH_HEADER_BYTES = 61;
/** First offset and length; the length does not include them. */
const LENGTH_END = 12;
const FORMAT = 2;
/** By default brokers accept batches of 1 MiB. */
const BATCH_BYTES_MAX = 256 * 1024 * 1024;
const CRC_FROM = 21;
const CODEC_MASK = 7;
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;
const TWO_32 = 2 ** 32;

export type BatchHeader = {
  /** Begin and end of the batch in the bytes. */
  readonly at: number;
  readonly end: number;
  readonly format: number;
  readonly crc: number;
  readonly codec: number;
  /** The broker set one time for all records; otherwise each record carries its producer's. */
  readonly isLogAppendTime: boolean;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly baseTimeMs: number;
  readonly maxTimeMs: number;
  readonly producerId: number;
  readonly count: number;
};

/**
 * Returns the bytes of the batch that begins at `at`, with its header; undefined where not even its length is there, 0
 * where the length is invalid.
 */
export function batchBytesAt(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < LENGTH_END) return undefined;
  const size = LENGTH_END + bytes.readInt32BE(at + 8);
  return size < BATCH_HEADER_BYTES || size > BATCH_BYTES_MAX ? 0 : size;
}

/** Reads the header at `at`; the whole batch is there. */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader {
  const attributes = bytes.readInt16BE(at + 21);
  const baseOffset = readInt64(bytes, at);
  return {
    at,
    end: at + LENGTH_END + bytes.readInt32BE(at + 8),
    format: bytes[at + 16]!,
    crc: bytes.readUInt32BE(at + 17),
    codec: attributes & CODEC_MASK,
    isLogAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + 23),
    baseTimeMs: readInt64(bytes, at + 27),
    maxTimeMs: readInt64(bytes, at + 35),
    producerId: readInt64(bytes, at + 43),
    count: bytes.readInt32BE(at + 57),
  };
}

/** Returns what is wrong with the batch, by its header and checksum; undefined: nothing. */
export function batchDefect(bytes: Buffer, header: BatchHeader): string | undefined {
  if (header.format !== FORMAT) return `its format is ${header.format}, and format 2 alone is known`;
  const content = bytes.subarray(header.at + CRC_FROM, header.end);
  // The client copies any other kind of buffer than its own first.
  const crc = crc32c(Reader.from(content).buffer as unknown as Buffer);
  if (crc !== header.crc) return `its checksum is ${hex(crc)}, and ${hex(header.crc)} is stored with it`;
  const offsets = header.lastOffset - header.baseOffset + 1;
  if (offsets < 1 || header.count < 0 || header.count > offsets) {
    return `it says that it holds ${header.count} records in ${offsets} offsets`;
  }
  return undefined;
}

/** Exact up to 2^53; offsets, times and producers are far below. */
function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
