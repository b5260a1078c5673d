/**
 * Takes the values out of the records of a batch, and puts them back to back. A record, numbers in it as zigzag varints:
 *
 *   bytes that follow, i8 attributes, time less the batch's, offset less the batch's, bytes of key (-1: null), key,
 *   bytes of value (-1: null), value, headers, each with its name and value
 *
 * Key and headers are passed over. No object is made for a record, and a value is moved once; that, at a million records a second,
 * is what the time goes into. Source: "Record" in the documentation of Apache Kafka's message format.
 */
import type { BatchHeader } from "../../clients/kafka/batch-header.ts";

/** What is filled, record by record; sized by the caller for all records that come. */
export type RecordSink = {
  readonly payload: Buffer;
  /** Where the next value goes, behind the last one's end. */
  payloadAt: number;
  /** Where the payload begins: ends are counted from here. */
  readonly payloadFrom: number;
  readonly ends: Uint32Array;
  readonly arrivalsMs: Float64Array;
  count: number;
};

/** The place of the next byte, in the bytes that are being read; one call of `parseRecords` at a time uses it. */
let cursor = 0;

/**
 * Adds the records with offsets in [from, to) of the unpacked bytes[start, end). Where the sink's payload is the same memory it must
 * not lie behind the records. Throws RangeError where the bytes are not records as the header tells of them; what the sink holds beyond
 * its `count` before the call is then of no worth.
 */
export function parseRecords(
  header: BatchHeader,
  bytes: Buffer,
  start: number,
  end: number,
  from: number,
  to: number,
  sink: RecordSink,
): void {
  const { baseOffset, isLogAppendTime, maxTimeMs, baseTimeMs, count } = header;
  const { payload, payloadFrom, ends, arrivalsMs } = sink;
  const isSame = payload === bytes;
  let write = sink.payloadAt;
  let written = sink.count;
  let last = -1;
  cursor = start;
  for (let i = 0; i < count; i++) {
    const length = readVarint(bytes);
    const recordEnd = cursor + length;
    // The shortest record is one byte of attributes and five numbers of one byte.
    if (length < 6 || recordEnd > end) throw new RangeError(`record ${i} of ${length} bytes does not fit`);
    cursor++;
    const timeDelta = readVarint(bytes);
    const delta = readVarint(bytes);
    const keyBytes = readVarint(bytes);
    if (keyBytes > 0) cursor += keyBytes;
    const valueBytes = Math.max(0, readVarint(bytes));
    const valueAt = cursor;
    if (delta <= last || valueAt + valueBytes >= recordEnd) throw new RangeError(`record ${i} contradicts itself`);
    last = delta;
    cursor = recordEnd;
    const offset = baseOffset + delta;
    if (offset < from || offset >= to) continue;
    if (isSame) payload.copyWithin(write, valueAt, valueAt + valueBytes);
    else bytes.copy(payload, write, valueAt, valueAt + valueBytes);
    write += valueBytes;
    ends[written] = write - payloadFrom;
    arrivalsMs[written++] = isLogAppendTime ? maxTimeMs : baseTimeMs + timeDelta;
  }
  if (cursor !== end) throw new RangeError(`${end - cursor} bytes follow its last record`);
  if (baseOffset + last > header.lastOffset) throw new RangeError("a record lies beyond its last offset");
  sink.payloadAt = write;
  sink.count = written;
}

/** The offsets of the records of a batch that has holes, in order, from `from` on: first of them, and the one behind the first run. */
export function firstRun(
  header: BatchHeader,
  bytes: Buffer,
  start: number,
  end: number,
  from: number,
): { readonly first: number; readonly next: number } | undefined {
  let first = -1;
  let next = -1;
  cursor = start;
  for (let i = 0; i < header.count; i++) {
    const length = readVarint(bytes);
    const recordEnd = cursor + length;
    if (length < 6 || recordEnd > end) throw new RangeError(`record ${i} of ${length} bytes does not fit`);
    cursor++;
    readVarint(bytes);
    const offset = header.baseOffset + readVarint(bytes);
    cursor = recordEnd;
    if (offset < from) continue;
    if (first === -1) first = offset;
    else if (offset !== next) break;
    next = offset + 1;
  }
  return first === -1 ? undefined : { first, next };
}

/** Of a control batch: whether its marker ends a transaction by an abort. Its key is i16 version, i16 kind: 0 abort, 1 commit. */
export function isAbortMarker(header: BatchHeader, bytes: Buffer, start: number): boolean {
  if (header.count === 0) return false;
  cursor = start;
  readVarint(bytes);
  cursor++;
  readVarint(bytes);
  readVarint(bytes);
  const keyBytes = readVarint(bytes);
  return keyBytes >= 4 && cursor + 4 <= header.end && bytes.readInt16BE(cursor + 2) === 0;
}

/** At the cursor; NaN-free: beyond the end a byte counts as 0, and the caller's checks of lengths fail. */
function readVarint(bytes: Buffer): number {
  const first = bytes[cursor++]!;
  if (first < 0x80) return (first >>> 1) ^ -(first & 1);
  const second = bytes[cursor++]!;
  if (second < 0x80) {
    const raw = (first & 0x7f) | (second << 7);
    return (raw >>> 1) ^ -(raw & 1);
  }
  return readLongVarint(bytes, (first & 0x7f) | ((second & 0x7f) << 7));
}

function readLongVarint(bytes: Buffer, low: number): number {
  let raw = low;
  let scale = 2 ** 14;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[cursor++] ?? 0;
    raw += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) break;
  }
  const half = Math.floor(raw / 2);
  return raw - 2 * half === 1 ? -half - 1 : half;
}
