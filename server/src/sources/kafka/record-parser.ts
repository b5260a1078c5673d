/**
 * Takes the values out of the records of a batch, and puts them back to back. A record, with its numbers as zigzag
 * varints:
 *
 *   bytes that follow, i8 attributes, time less the batch's, offset less the batch's, bytes of key (-1: null), key,
 *   bytes of value (-1: null), value, headers, each with its name and value
 *
 * Key and headers are skipped, or, for a mapping that reads them, kept with the value as they are (mapping/formats/envelope.ts). No object is made for a record, and a value is moved once: at a million records a
 * second, that is most of the time. Source: "Record" in the documentation of Apache Kafka's message format.
 */
import type { BatchHeader } from "../../clients/kafka/batch-header.ts";

/** The target, filled record by record; the caller sizes it for all records. */
export type RecordSink = {
  /** Whether a record is taken from the length of its key to its end. Otherwise its value alone is taken. */
  readonly hasEnvelopes: boolean;
  readonly payload: Buffer;
  /** Place of the next value, behind the last one's end. */
  payloadAt: number;
  /** Begin of the payload, from which ends are counted. */
  readonly payloadFrom: number;
  readonly ends: Uint32Array;
  readonly arrivalsMs: Float64Array;
  count: number;
};

/** The position of the next byte to read; used by one call of `parseRecords` at a time. */
let cursor = 0;

/**
 * Adds the records with offsets in [from, to) of the decompressed bytes[start, end). Where the sink's payload is the
 * same memory, it must not be behind the records. Throws RangeError where the bytes are not records as the header
 * describes them; the sink is then undefined beyond its earlier `count`.
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
  const { payload, payloadFrom, ends, arrivalsMs, hasEnvelopes } = sink;
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
    const envelopeAt = cursor;
    const keyBytes = readVarint(bytes);
    if (keyBytes > 0) cursor += keyBytes;
    const valueBytes = Math.max(0, readVarint(bytes));
    const valueAt = cursor;
    if (delta <= last || valueAt + valueBytes >= recordEnd) throw new RangeError(`record ${i} contradicts itself`);
    last = delta;
    cursor = recordEnd;
    const offset = baseOffset + delta;
    if (offset < from || offset >= to) continue;
    const takenAt = hasEnvelopes ? envelopeAt : valueAt;
    const takenBytes = hasEnvelopes ? recordEnd - envelopeAt : valueBytes;
    if (isSame) payload.copyWithin(write, takenAt, takenAt + takenBytes);
    else bytes.copy(payload, write, takenAt, takenAt + takenBytes);
    write += takenBytes;
    ends[written] = write - payloadFrom;
    arrivalsMs[written++] = isLogAppendTime ? maxTimeMs : baseTimeMs + timeDelta;
  }
  if (cursor !== end) throw new RangeError(`${end - cursor} bytes follow its last record`);
  if (baseOffset + last > header.lastOffset) throw new RangeError("a record lies beyond its last offset");
  sink.payloadAt = write;
  sink.count = written;
}

/**
 * Looks at the offsets of the records of a batch with holes, in order, from `from` on. Returns the first one, and the
 * one behind the first run.
 */
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

/** Whether the marker of a control batch aborts a transaction. Its key is i16 version, i16 kind: 0 abort, 1 commit. */
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

/** Reads at the cursor. Beyond the end a byte counts as 0, never as NaN, and the caller's length checks fail. */
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
