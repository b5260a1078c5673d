/**
 * Settled swaps as bytes. The applying thread writes them in this form, and they keep it until a store reads them. A chunk holds swaps of
 * consecutive sequences:
 *
 *   chunk   u32 form, u32 swaps, f64 sequence of the first; then groups
 *   group   swaps of one token: u32 swaps, u32 words of the group, u32 chain, f64 smallest priced trade in millionths of a dollar,
 *           u32 bytes of the token; the token; then rows
 *   row     the record as the engine holds it (RECORD of engine/memory/layout.ts and swaps/records.ts) from its time on. In place of the
 *           identity hash stand the lengths of four strings, one byte each: trader, block hash, pool, symbol. In place of its size, pool
 *           and symbol stands the number of words of its variable part. The strings follow. Length SAME: as in the row before
 *
 * All parts begin at whole words, numbers are little endian. Copying the record's words takes a third of the time of formatting its fields.
 */

import { sevenBytesAt } from "../engine/memory/bytes.ts";
import { PART } from "../engine/swaps/record-view.ts";

/** Rows of consecutive sequences. `bytes` holds both numbers as well. */
export type SettledChunk = {
  readonly fromSequence: number;
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
};

/** Sizes of the fixed parts, for the writer and the reader. */
export const settledForm = {
  FORM: 1,
  CHUNK_WORDS: 4,
  GROUP_WORDS: 6,
  ROW_WORDS: 4,
  WORD_BYTES: 4,
  /** Length of a string that is that of the row before. Real ones have at most 128 bytes. */
  SAME: 255,
} as const;

const { FORM, CHUNK_WORDS, WORD_BYTES } = settledForm;
const CHUNK_BYTES = CHUNK_WORDS * WORD_BYTES;
/** Byte offsets in the head of a chunk. */
const CHUNK_COUNT = 4;
const CHUNK_SEQUENCE = 8;
const SEVEN_BYTES = 7;
const { HAS_BLOCK, HAS_EVENT_ID, HAS_REVISION, HAS_TX_INDEX } = PART;

/** Reads the variable part of a record. */
export class VariablePart {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++];
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = bytes[this.at++];
      value += (byte & 0x7f) * scale;
    }
    return value;
  }

  sevenBytes(): number {
    const value = sevenBytesAt(this.#bytes, this.at);
    this.at += SEVEN_BYTES;
    return value;
  }

  /** Returns the end of the part, which has these optional parts. The position is behind the labels. */
  end(parts: number): number {
    const before = [HAS_TX_INDEX, HAS_BLOCK, HAS_REVISION].filter((part) => (parts & part) !== 0).length;
    // Log index, optional numbers, dollars; the lowest limb; two limbs.
    for (let i = 0; i < before + 2; i++) this.varint();
    this.at += SEVEN_BYTES;
    for (let i = 0; i < 2; i++) this.varint();
    return (parts & HAS_EVENT_ID) === 0 ? this.at : this.at + 1 + this.#bytes[this.at];
  }
}

/** Returns what a chunk says of itself. Throws RangeError for other bytes. */
export function settledChunkOf(bytes: Uint8Array<ArrayBuffer>): SettledChunk {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const form = bytes.length < CHUNK_BYTES ? undefined : view.getUint32(0, true);
  if (form !== FORM) throw new RangeError(`settled swaps are in form ${form}; this version reads form ${FORM}`);
  return { fromSequence: view.getFloat64(CHUNK_SEQUENCE, true), count: view.getUint32(CHUNK_COUNT, true), bytes };
}
