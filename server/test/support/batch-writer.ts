/** Writes record batches byte by byte as the format's description has them, for tests of their reader. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { compressionsAlgorithms, crc32c } from "@platformatic/kafka";

export type WrittenRecord = {
  readonly offset: number;
  readonly timeMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [string, Buffer | null])[];
};

export type Codec = 0 | 1 | 2 | 3 | 4;

export type WrittenBatch = {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly codec: Codec;
  /** Undefined: the producers' times. */
  readonly appendTimeMs?: number | undefined;
  /** Undefined: no transaction. */
  readonly producerId?: number | undefined;
  readonly marker?: "abort" | "commit" | undefined;
  readonly records: readonly WrittenRecord[];
};

const XERIAL_HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
const XERIAL_BLOCK_BYTES = 32 * 1024;

export function writeBatch(batch: WrittenBatch): Buffer {
  const times = batch.records.map(({ timeMs }) => timeMs);
  const baseTimeMs = times[0] ?? 0;
  const plain = Buffer.concat(batch.records.map((record) => writeRecord(record, batch.baseOffset, baseTimeMs)));
  const packed = pack(batch.codec, plain);
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(batch.baseOffset), 0);
  header.writeInt32BE(49 + packed.length, 8);
  header.writeInt32BE(0, 12);
  header.writeInt8(2, 16);
  const flags = (batch.appendTimeMs === undefined ? 0 : 8) | (batch.producerId === undefined ? 0 : 16);
  header.writeInt16BE(batch.codec | flags | (batch.marker === undefined ? 0 : 32), 21);
  header.writeInt32BE(batch.lastOffset - batch.baseOffset, 23);
  header.writeBigInt64BE(BigInt(baseTimeMs), 27);
  header.writeBigInt64BE(BigInt(batch.appendTimeMs ?? Math.max(0, ...times)), 35);
  header.writeBigInt64BE(BigInt(batch.producerId ?? -1), 43);
  header.writeInt16BE(0, 51);
  header.writeInt32BE(0, 53);
  header.writeInt32BE(batch.records.length, 57);
  const whole = Buffer.concat([header, packed]);
  whole.writeUInt32BE(crc32c(whole.subarray(21)), 17);
  return whole;
}

/** The one record of a control batch. */
export function markerRecord(kind: "abort" | "commit", offset: number, timeMs: number): WrittenRecord {
  const key = Buffer.from([0, 0, 0, kind === "abort" ? 0 : 1]);
  return { offset, timeMs, key, value: Buffer.alloc(6), headers: [] };
}

function writeRecord(record: WrittenRecord, baseOffset: number, baseTimeMs: number): Buffer {
  const parts = [
    Buffer.from([0]),
    varint(record.timeMs - baseTimeMs),
    varint(record.offset - baseOffset),
    ...sized(record.key),
    ...sized(record.value),
    varint(record.headers.length),
    ...record.headers.flatMap(([name, value]) => [...sized(Buffer.from(name)), ...sized(value)]),
  ];
  const content = Buffer.concat(parts);
  return Buffer.concat([varint(content.length), content]);
}

function sized(bytes: Buffer | null): Buffer[] {
  return bytes === null ? [varint(-1)] : [varint(bytes.length), bytes];
}

function varint(value: number): Buffer {
  let rest = value < 0 ? (BigInt(-value) << 1n) - 1n : BigInt(value) << 1n;
  const bytes: number[] = [];
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function pack(codec: Codec, plain: Buffer): Buffer {
  if (codec === 1) return gzipSync(plain);
  if (codec === 2) return xerial(plain);
  if (codec === 3) return compressionsAlgorithms.lz4.compressSync(plain);
  if (codec === 4) return zstdCompressSync(plain);
  return plain;
}

/** Snappy in the framing of Java's clients, or without it, each half of the time. */
function xerial(plain: Buffer): Buffer {
  if (plain.length % 2 === 0) return compressionsAlgorithms.snappy.compressSync(plain);
  const parts: Buffer[] = [XERIAL_HEADER];
  for (let at = 0; at < plain.length; at += XERIAL_BLOCK_BYTES) {
    const block = compressionsAlgorithms.snappy.compressSync(plain.subarray(at, at + XERIAL_BLOCK_BYTES));
    const size = Buffer.alloc(4);
    size.writeInt32BE(block.length);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}
