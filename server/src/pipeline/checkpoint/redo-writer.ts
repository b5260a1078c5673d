/**
 * The records that were applied since the last base image, batch by batch. A restore applies them again by the same code. Three forms:
 *
 * - Where the source keeps the records, the redo says at which offsets they are, and holds none of them. Copying them into a store cost as
 *   much as half of applying them.
 * - Elsewhere the records as they came. They cost the stream one copy of memory. Decoded events would be a third of the size, but encoding them
 *   costs as much as a third of decoding, on the hot path, for files that are read once in a restart.
 * - What a mapping made of them. A mapping may be another one at the restore.
 *
 * A batch: f64 offset of the first record, u32 count, u32 bytes of payload, then the arrivals (one f64 if it is the same for all,
 * marked by the highest bit of count, else one a record), then a u32 end for each record, then the payload; padded to 8 bytes. The second
 * highest bit of count marks a batch of mapped records (mapped/kept-records.ts). A range of offsets: f64 first offset, u32 with the third highest
 * bit alone, u32 0, f64 end. Little endian, as every machine that runs this is.
 */

import type { RecordBatch } from "../../ports/source.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import type { RedoBuffer, TakenRedo } from "./redo-chain.ts";

const HEADER_BYTES = 16;
const ARRIVAL_BYTES = 8;
const END_BYTES = 4;
const INITIAL_BYTES = 256 * 1024;
/** Deltas are cut at about the same size, the next one a little above it as often as not. */
const SPARE = 1.125;
const SAME_ARRIVAL = 0x80000000;
const MAPPED = 0x40000000;
const RANGE = 0x20000000;
const RANGE_BYTES = HEADER_BYTES + 8;

/** The offsets [from, to) of the log. */
export type OffsetSpan = { readonly from: number; readonly to: number };

/** What was read back. `isMapped`: the records of the batch are in the form of mapped/kept-records.ts. */
type RedoEntry =
  | { readonly type: "batch"; readonly batch: RecordBatch; readonly isMapped: boolean }
  | { readonly type: "range"; readonly range: OffsetSpan };

export class RedoWriter implements RedoBuffer {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #end = 0;
  /** Place of the last entry, if it is a range. */
  #rangeAt: number | undefined;
  #logFrom: number | undefined;
  #logBytes = 0;

  get byteLength(): number {
    return this.#end;
  }

  /** Returns everything since the last call. The writer continues with new memory. */
  take(): TakenRedo {
    const taken = { content: this.#buffer.subarray(0, this.#end), logFrom: this.#logFrom, logBytes: this.#logBytes };
    this.#rangeAt = undefined;
    this.#logFrom = undefined;
    this.#logBytes = 0;
    // The next delta will be about as large as this one. Growing to it would copy all of it again, and leave as much garbage.
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, Math.ceil(this.#end * SPARE)));
    this.#end = 0;
    return taken;
  }

  /** Adds the offsets of a batch of at least one record. The source gives the same records again. */
  addRange({ baseOffset, nextOffset, count, ends }: RecordBatch): void {
    this.#logFrom ??= baseOffset;
    this.#logBytes += ends[count - 1]!;
    // No record lies between two consecutive batches.
    if (this.#rangeAt === undefined) {
      this.#reserve(RANGE_BYTES);
      this.#rangeAt = this.#end;
      this.#buffer.writeDoubleLE(baseOffset, this.#end);
      this.#buffer.writeUInt32LE(RANGE, this.#end + 8);
      this.#buffer.writeUInt32LE(0, this.#end + 12);
      this.#end += RANGE_BYTES;
    }
    this.#buffer.writeDoubleLE(nextOffset, this.#rangeAt + HEADER_BYTES);
  }

  /** Adds a batch of at least one record. */
  add(batch: RecordBatch, isMapped = false): void {
    const { count, arrivalsMs } = batch;
    const isSame = typeof arrivalsMs === "number";
    const payloadBytes = batch.ends[count - 1]!;
    const bytes = paddedBytes(isSame ? 1 : count, count, payloadBytes);
    this.#reserve(bytes);
    const buffer = this.#buffer;
    let at = this.#end;
    buffer.writeDoubleLE(batch.baseOffset, at);
    buffer.writeUInt32LE(count + (isSame ? SAME_ARRIVAL : 0) + (isMapped ? MAPPED : 0), at + 8);
    buffer.writeUInt32LE(payloadBytes, at + 12);
    at += HEADER_BYTES;
    if (isSame) {
      buffer.writeDoubleLE(arrivalsMs, at);
      at += ARRIVAL_BYTES;
    } else {
      buffer.set(bytesOf(arrivalsMs, count * ARRIVAL_BYTES), at);
      at += count * ARRIVAL_BYTES;
    }
    buffer.set(bytesOf(batch.ends, count * END_BYTES), at);
    at += count * END_BYTES;
    buffer.set(batch.payload.subarray(0, payloadBytes), at);
    buffer.fill(0, at + payloadBytes, this.#end + bytes);
    this.#end += bytes;
    this.#rangeAt = undefined;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#end + more, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#end);
    freeMemory(this.#buffer);
    this.#buffer = grown;
  }
}

function bytesOf(array: Float64Array | Uint32Array, byteLength: number): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, byteLength);
}

function paddedBytes(arrivals: number, count: number, payloadBytes: number): number {
  return (HEADER_BYTES + arrivals * ARRIVAL_BYTES + count * END_BYTES + payloadBytes + 7) & ~7;
}

/** Yields the entries of a redo in order. Throws RangeError when `RedoWriter` did not write the content. */
export function* readRedo(content: Uint8Array, partition: number): Generator<RedoEntry> {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  let at = 0;
  while (at < buffer.length) {
    const baseOffset = buffer.readDoubleLE(at);
    const countAndMark = buffer.readUInt32LE(at + 8);
    if (countAndMark === RANGE) {
      yield { type: "range", range: { from: baseOffset, to: buffer.readDoubleLE(at + HEADER_BYTES) } };
      at += RANGE_BYTES;
      continue;
    }
    const isSame = countAndMark >= SAME_ARRIVAL;
    const isMapped = (countAndMark & MAPPED) !== 0;
    const count = countAndMark & (RANGE - 1);
    const payloadBytes = buffer.readUInt32LE(at + 12);
    const arrivals = isSame ? 1 : count;
    const bytes = paddedBytes(arrivals, count, payloadBytes);
    if (count === 0 || at + bytes > buffer.length) throw new RangeError(`a redo batch at byte ${at} does not fit`);
    const arrivalsAt = at + HEADER_BYTES;
    const endsAt = arrivalsAt + arrivals * ARRIVAL_BYTES;
    const payloadAt = endsAt + count * END_BYTES;
    // Copies, because numbers in the content need not be aligned.
    const arrivalBytes = buffer.subarray(arrivalsAt, endsAt);
    const arrivalsMs = isSame ? buffer.readDoubleLE(arrivalsAt) : new Float64Array(new Uint8Array(arrivalBytes).buffer);
    const ends = new Uint32Array(new Uint8Array(buffer.subarray(endsAt, payloadAt)).buffer);
    const payload = buffer.subarray(payloadAt, payloadAt + payloadBytes);
    const batch = { partition, baseOffset, nextOffset: baseOffset + count, count, payload, ends, arrivalsMs };
    yield { type: "batch", batch, isMapped };
    at += bytes;
  }
}
