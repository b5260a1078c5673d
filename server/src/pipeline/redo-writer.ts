/**
 * Records that were applied since the last base image, as they came, batch by batch; at a restore they are applied again by
 * the same code. Raw records cost the stream one copy of memory. Decoded events would be a third of the size, but encoding
 * them costs as much as a third of decoding, on the hot path, for files that are read once in a restart.
 *
 * A batch: f64 offset of the first record, u32 count, u32 bytes of payload, then per record f64 arrival and u32 end, then the payload;
 * padded to 8 bytes. Little endian, as every machine that runs this is.
 */
import type { RecordBatch } from "../sources/source.ts";
import { arrivalOf } from "./batch-applier.ts";
import type { RedoBuffer } from "./redo-chain.ts";

const HEADER_BYTES = 16;
const RECORD_BYTES = 12;
const INITIAL_BYTES = 256 * 1024;

export class RedoWriter implements RedoBuffer {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #end = 0;

  get byteLength(): number {
    return this.#end;
  }

  /** All bytes since the last call; the writer begins anew, with memory of its own. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#end);
    this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#end = 0;
    return taken;
  }

  add(batch: RecordBatch): void {
    const payloadBytes = batch.ends[batch.count - 1] as number;
    const bytes = paddedBytes(batch.count, payloadBytes);
    this.#reserve(bytes);
    const buffer = this.#buffer;
    let at = this.#end;
    buffer.writeDoubleLE(batch.baseOffset, at);
    buffer.writeUInt32LE(batch.count, at + 8);
    buffer.writeUInt32LE(payloadBytes, at + 12);
    at += HEADER_BYTES;
    for (let i = 0; i < batch.count; i++, at += RECORD_BYTES) {
      buffer.writeDoubleLE(arrivalOf(batch, i), at);
      buffer.writeUInt32LE(batch.ends[i] as number, at + 8);
    }
    buffer.set(batch.payload.subarray(0, payloadBytes), at);
    buffer.fill(0, at + payloadBytes, this.#end + bytes);
    this.#end += bytes;
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#end + more, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#end);
    this.#buffer = grown;
  }
}

function paddedBytes(count: number, payloadBytes: number): number {
  return (HEADER_BYTES + count * RECORD_BYTES + payloadBytes + 7) & ~7;
}

/** The batches of a redo in order. Throws RangeError where the content is not what `RedoWriter` writes. */
export function* readRedo(content: Uint8Array, partition: number): Generator<RecordBatch> {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  let at = 0;
  while (at < buffer.length) {
    const baseOffset = buffer.readDoubleLE(at);
    const count = buffer.readUInt32LE(at + 8);
    const payloadBytes = buffer.readUInt32LE(at + 12);
    const bytes = paddedBytes(count, payloadBytes);
    if (count === 0 || at + bytes > buffer.length) throw new RangeError(`a redo batch at byte ${at} does not fit`);
    const ends = new Uint32Array(count);
    const arrivalsMs = new Float64Array(count);
    let record = at + HEADER_BYTES;
    for (let i = 0; i < count; i++, record += RECORD_BYTES) {
      arrivalsMs[i] = buffer.readDoubleLE(record);
      ends[i] = buffer.readUInt32LE(record + 8);
    }
    const payload = buffer.subarray(record, record + payloadBytes);
    yield { partition, baseOffset, nextOffset: baseOffset + count, count, payload, ends, arrivalsMs };
    at += bytes;
  }
}
