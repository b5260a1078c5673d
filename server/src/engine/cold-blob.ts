/**
 * Settled buckets of one token and one step, packed: about 60 bytes each instead of 160. A blob holds up to ROWS_MAX of
 * them in order of time behind a header that sums them up, so that a window reads whole blobs by their headers and
 * unpacks only those at its edges. Rows are only ever appended; two rows may be of the same step (their sum counts).
 *
 * Header: u32 [0] level, [1] rows, [2] bytes allocated, [3] bytes used, [4] buys, [5] sells; f64 [3] start of the first and [4]
 * of the last row, [5..6] and [7..8] dollars bought and sold, [9..11] and [12..14] tokens, [15] open, [16] high, [17] low,
 * [18] close, [19] first and [20] last trade time.
 */
import type { BucketRow } from "./bucket-row.ts";
import { LIMB } from "./decimal.ts";
import type { Heap } from "./heap.ts";

export const ROWS_MAX = 64;
const HEADER_UNITS = 21;
const HEADER_BYTES = HEADER_UNITS * 8;
const ROW_BYTES_MAX = 168;
const FIRST_BYTES = HEADER_BYTES + 120;

const GAP_IS_ONE = 1;
const ONE_TIME = 2;
const HIGH_PARTS = 4;
const HAS_PRICE = 8;
const ONE_PRICE = 16;

const pad = new Uint8Array(ROW_BYTES_MAX);
const bits = new Float64Array(2);
const words = new Uint32Array(bits.buffer);

function putVarint(at: number, value: number): number {
  let rest = value;
  let to = at;
  while (rest >= 128) {
    const high = Math.floor(rest / 128);
    pad[to++] = (rest - high * 128) | 0x80;
    rest = high;
  }
  pad[to++] = rest;
  return to;
}

/** Little-endian bytes of an integer below 2^53, as few as it needs; the count goes to a nibble elsewhere. */
function putInteger(at: number, value: number): number {
  let low = value % 4294967296;
  let high = Math.floor(value / 4294967296);
  let to = at;
  while (low !== 0 || high !== 0) {
    pad[to++] = low & 0xff;
    low = ((low >>> 8) | ((high & 0xff) << 24)) >>> 0;
    high >>>= 8;
  }
  return to;
}

/** The bytes in which two doubles differ, from the lowest up to the last that does. */
function putXor(at: number, value: number, reference: number): number {
  bits[0] = value;
  bits[1] = reference;
  let low = (words[0] ^ words[2]) >>> 0;
  let high = (words[1] ^ words[3]) >>> 0;
  let to = at;
  while (low !== 0 || high !== 0) {
    pad[to++] = low & 0xff;
    low = ((low >>> 8) | ((high & 0xff) << 24)) >>> 0;
    high >>>= 8;
  }
  return to;
}

export class ColdBlobs {
  readonly #heap: Heap;
  readonly #stepsMs: readonly number[];
  #at = 0;
  count = 0;
  rows = 0;
  bytes = 0;

  constructor(heap: Heap, stepsMs: readonly number[]) {
    this.#heap = heap;
    this.#stepsMs = stepsMs;
  }

  create(level: number): number {
    const blob = this.#heap.alloc(FIRST_BYTES);
    this.#heap.own(blob, HEADER_UNITS);
    this.#heap.u32[2 * blob] = level;
    this.#heap.u32[2 * blob + 2] = FIRST_BYTES;
    this.count += 1;
    this.bytes += FIRST_BYTES;
    return blob;
  }

  free(blob: number): void {
    this.count -= 1;
    this.rows -= this.rowCount(blob);
    this.bytes -= this.#heap.u32[2 * blob + 2];
    this.#heap.free(blob, this.#heap.u32[2 * blob + 2]);
  }

  level(blob: number): number {
    return this.#heap.u32[2 * blob];
  }

  rowCount(blob: number): number {
    return this.#heap.u32[2 * blob + 1];
  }

  startMs(blob: number): number {
    return this.#heap.f64[blob + 3];
  }

  /** Start of the last row. */
  lastStartMs(blob: number): number {
    return this.#heap.f64[blob + 4];
  }

  endMs(blob: number): number {
    return this.#heap.f64[blob + 4] + this.#stepsMs[this.level(blob)];
  }

  /** Reads the sum of all rows. */
  total(blob: number, row: BucketRow): void {
    const { u32, f64 } = this.#heap;
    row.startMs = f64[blob + 3];
    row.buys = u32[2 * blob + 4];
    row.sells = u32[2 * blob + 5];
    row.usdBuy0 = f64[blob + 5];
    row.usdBuy1 = f64[blob + 6];
    row.usdSell0 = f64[blob + 7];
    row.usdSell1 = f64[blob + 8];
    row.tokenBuy0 = f64[blob + 9];
    row.tokenBuy1 = f64[blob + 10];
    row.tokenBuy2 = f64[blob + 11];
    row.tokenSell0 = f64[blob + 12];
    row.tokenSell1 = f64[blob + 13];
    row.tokenSell2 = f64[blob + 14];
    row.open = f64[blob + 15];
    row.high = f64[blob + 16];
    row.low = f64[blob + 17];
    row.close = f64[blob + 18];
    row.firstMs = f64[blob + 19];
    row.lastMs = f64[blob + 20];
  }

  /** Appends a row, not earlier than the last one. Returns the blob, which may have moved. */
  append(blob: number, row: BucketRow): number {
    const size = this.#pack(blob, row);
    const heap = this.#heap;
    let target = blob;
    const used = heap.u32[2 * blob + 3];
    if (HEADER_BYTES + used + size > heap.u32[2 * blob + 2]) {
      const grown = Math.ceil((heap.u32[2 * blob + 2] - HEADER_BYTES) * 1.5) + HEADER_BYTES;
      target = this.#move(blob, Math.max(grown, HEADER_BYTES + used + size));
    }
    heap.own(target, HEADER_UNITS);
    const at = 8 * target + HEADER_BYTES + used;
    heap.own(at >>> 3, (size + 15) >>> 3);
    for (let i = 0; i < size; i++) heap.u8[at + i] = pad[i];
    this.#addToHeader(target, row, used + size);
    this.rows += 1;
    if (this.rowCount(target) === ROWS_MAX) target = this.#move(target, HEADER_BYTES + used + size);
    return target;
  }

  #move(blob: number, bytes: number): number {
    const heap = this.#heap;
    const moved = heap.alloc(bytes);
    const used = HEADER_BYTES + heap.u32[2 * blob + 3];
    heap.u8.copyWithin(8 * moved, 8 * blob, 8 * blob + used);
    heap.u32[2 * moved + 2] = bytes;
    this.bytes += bytes - heap.u32[2 * blob + 2];
    heap.free(blob, heap.u32[2 * blob + 2]);
    return moved;
  }

  #addToHeader(blob: number, row: BucketRow, used: number): void {
    const { u32, f64 } = this.#heap;
    const first = u32[2 * blob + 1] === 0;
    u32[2 * blob + 1] += 1;
    u32[2 * blob + 3] = used;
    u32[2 * blob + 4] += row.buys;
    u32[2 * blob + 5] += row.sells;
    if (first) {
      f64[blob + 3] = row.startMs;
      f64[blob + 15] = Number.NaN;
      f64[blob + 16] = Number.NaN;
      f64[blob + 17] = Number.NaN;
      f64[blob + 18] = Number.NaN;
      f64[blob + 19] = row.firstMs;
    }
    f64[blob + 4] = row.startMs;
    addTwo(f64, blob + 5, row.usdBuy0, row.usdBuy1);
    addTwo(f64, blob + 7, row.usdSell0, row.usdSell1);
    addThree(f64, blob + 9, row.tokenBuy0, row.tokenBuy1, row.tokenBuy2);
    addThree(f64, blob + 12, row.tokenSell0, row.tokenSell1, row.tokenSell2);
    if (!Number.isNaN(row.open)) {
      if (Number.isNaN(f64[blob + 15])) {
        f64[blob + 15] = row.open;
        f64[blob + 16] = row.high;
        f64[blob + 17] = row.low;
      } else {
        if (row.high > f64[blob + 16]) f64[blob + 16] = row.high;
        if (row.low < f64[blob + 17]) f64[blob + 17] = row.low;
      }
      f64[blob + 18] = row.close;
    }
    f64[blob + 20] = row.lastMs;
  }

  /** Packs the row behind what the blob holds, into the pad; returns its size. */
  #pack(blob: number, row: BucketRow): number {
    const { f64 } = this.#heap;
    const stepMs = this.#stepsMs[this.level(blob)];
    const gap = this.rowCount(blob) === 0 ? 0 : (row.startMs - f64[blob + 4]) / stepMs;
    const highParts = row.usdBuy1 + row.usdSell1 + row.tokenBuy2 + row.tokenSell2 > 0;
    const hasPrice = !Number.isNaN(row.open);
    const onePrice = hasPrice && row.open === row.high && row.open === row.low && row.open === row.close;
    pad[0] =
      (gap === 1 ? GAP_IS_ONE : 0) |
      (row.firstMs === row.lastMs ? ONE_TIME : 0) |
      (highParts ? HIGH_PARTS : 0) |
      (hasPrice ? HAS_PRICE : 0) |
      (onePrice ? ONE_PRICE : 0);
    let at = gap === 1 ? 1 : putVarint(1, gap);
    at = putVarint(at, row.buys);
    at = putVarint(at, row.sells);
    at = putIntegers(at, row);
    if (highParts) {
      at = putVarint(at, row.usdBuy1);
      at = putVarint(at, row.usdSell1);
      at = putVarint(at, row.tokenBuy2);
      at = putVarint(at, row.tokenSell2);
    }
    if (hasPrice) at = putPrices(at, row, f64[blob + 18], onePrice, this.rowCount(blob) === 0);
    at = putVarint(at, row.firstMs - row.startMs);
    if (row.firstMs !== row.lastMs) at = putVarint(at, row.lastMs - row.firstMs);
    return at;
  }

  /** Calls `each` for every row in order; the row object is `row`, reused. */
  unpack(blob: number, row: BucketRow, each: (row: BucketRow) => void): void {
    const { u8 } = this.#heap;
    const stepMs = this.#stepsMs[this.level(blob)];
    const count = this.rowCount(blob);
    let startMs = this.startMs(blob);
    let close = Number.NaN;
    this.#at = 8 * blob + HEADER_BYTES;
    for (let i = 0; i < count; i++) {
      const flags = u8[this.#at++];
      const gap = (flags & GAP_IS_ONE) !== 0 ? 1 : this.#varint(u8);
      startMs += gap * stepMs;
      row.startMs = startMs;
      row.buys = this.#varint(u8);
      row.sells = this.#varint(u8);
      this.#integers(u8, row);
      const highParts = (flags & HIGH_PARTS) !== 0;
      row.usdBuy1 = highParts ? this.#varint(u8) : 0;
      row.usdSell1 = highParts ? this.#varint(u8) : 0;
      row.tokenBuy2 = highParts ? this.#varint(u8) : 0;
      row.tokenSell2 = highParts ? this.#varint(u8) : 0;
      if ((flags & HAS_PRICE) !== 0) {
        this.#prices(u8, row, close, (flags & ONE_PRICE) !== 0);
        close = row.close;
      } else {
        row.open = Number.NaN;
        row.high = Number.NaN;
        row.low = Number.NaN;
        row.close = Number.NaN;
      }
      row.firstMs = startMs + this.#varint(u8);
      row.lastMs = (flags & ONE_TIME) !== 0 ? row.firstMs : row.firstMs + this.#varint(u8);
      each(row);
    }
  }

  /** Start of the first row at or behind fromMs, or Infinity; passes over what the rows hold. */
  firstStartMs(blob: number, fromMs: number): number {
    const { u8 } = this.#heap;
    const stepMs = this.#stepsMs[this.level(blob)];
    const count = this.rowCount(blob);
    let startMs = this.startMs(blob);
    this.#at = 8 * blob + HEADER_BYTES;
    for (let i = 0; i < count; i++) {
      const flags = u8[this.#at++];
      startMs += ((flags & GAP_IS_ONE) !== 0 ? 1 : this.#varint(u8)) * stepMs;
      if (startMs >= fromMs) return startMs;
      this.#skipRow(u8, flags);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** From behind a row's gap to the next row. */
  #skipRow(u8: Uint8Array, flags: number): void {
    this.#skipVarints(u8, 2);
    let at = this.#at;
    this.#at = at + 3 + nibbles(u8[at]) + nibbles(u8[at + 1]) + nibbles(u8[at + 2]);
    if ((flags & HIGH_PARTS) !== 0) this.#skipVarints(u8, 4);
    at = this.#at;
    if ((flags & ONE_PRICE) !== 0) this.#at = at + 1 + (u8[at] & 15);
    else if ((flags & HAS_PRICE) !== 0) this.#at = at + 2 + nibbles(u8[at]) + nibbles(u8[at + 1]);
    this.#skipVarints(u8, (flags & ONE_TIME) !== 0 ? 1 : 2);
  }

  #skipVarints(u8: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) while (u8[this.#at++] >= 128);
  }

  #varint(u8: Uint8Array): number {
    let byte = u8[this.#at++];
    let value = byte & 0x7f;
    let scale = 128;
    while (byte >= 128) {
      byte = u8[this.#at++];
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    return value;
  }

  #integer(u8: Uint8Array, length: number): number {
    let value = 0;
    for (let i = length - 1; i >= 0; i--) value = value * 256 + u8[this.#at + i];
    this.#at += length;
    return value;
  }

  #integers(u8: Uint8Array, row: BucketRow): void {
    const a = u8[this.#at];
    const b = u8[this.#at + 1];
    const c = u8[this.#at + 2];
    this.#at += 3;
    row.usdBuy0 = this.#integer(u8, a & 15);
    row.usdSell0 = this.#integer(u8, a >>> 4);
    row.tokenBuy0 = this.#integer(u8, b & 15);
    row.tokenBuy1 = this.#integer(u8, b >>> 4);
    row.tokenSell0 = this.#integer(u8, c & 15);
    row.tokenSell1 = this.#integer(u8, c >>> 4);
  }

  #xor(u8: Uint8Array, length: number, reference: number): number {
    bits[0] = reference;
    for (let i = 0; i < length; i++) {
      if (i < 4) words[0] ^= u8[this.#at + i] << (8 * i);
      else words[1] ^= u8[this.#at + i] << (8 * (i - 4));
    }
    this.#at += length;
    return bits[0];
  }

  #prices(u8: Uint8Array, row: BucketRow, before: number, one: boolean): void {
    const reference = Number.isNaN(before) ? 0 : before;
    const a = u8[this.#at++];
    if (one) {
      row.open = this.#xor(u8, a & 15, reference);
      row.high = row.open;
      row.low = row.open;
      row.close = row.open;
      return;
    }
    const b = u8[this.#at++];
    row.open = this.#xor(u8, a & 15, reference);
    row.close = this.#xor(u8, a >>> 4, row.open);
    row.high = this.#xor(u8, b & 15, Math.max(row.open, row.close));
    row.low = this.#xor(u8, b >>> 4, Math.min(row.open, row.close));
  }
}

/** The sum of the two lengths that a byte holds. */
function nibbles(byte: number): number {
  return (byte & 15) + (byte >>> 4);
}

function putIntegers(start: number, row: BucketRow): number {
  let at = start + 3;
  let from = at;
  at = putInteger(at, row.usdBuy0);
  pad[start] = at - from;
  from = at;
  at = putInteger(at, row.usdSell0);
  pad[start] |= (at - from) << 4;
  from = at;
  at = putInteger(at, row.tokenBuy0);
  pad[start + 1] = at - from;
  from = at;
  at = putInteger(at, row.tokenBuy1);
  pad[start + 1] |= (at - from) << 4;
  from = at;
  at = putInteger(at, row.tokenSell0);
  pad[start + 2] = at - from;
  from = at;
  at = putInteger(at, row.tokenSell1);
  pad[start + 2] |= (at - from) << 4;
  return at;
}

function putPrices(start: number, row: BucketRow, before: number, one: boolean, first: boolean): number {
  const reference = first || Number.isNaN(before) ? 0 : before;
  let at = start + (one ? 1 : 2);
  let from = at;
  at = putXor(at, row.open, reference);
  pad[start] = at - from;
  if (one) return at;
  from = at;
  at = putXor(at, row.close, row.open);
  pad[start] |= (at - from) << 4;
  from = at;
  at = putXor(at, row.high, Math.max(row.open, row.close));
  pad[start + 1] = at - from;
  from = at;
  at = putXor(at, row.low, Math.min(row.open, row.close));
  pad[start + 1] |= (at - from) << 4;
  return at;
}

function addTwo(f64: Float64Array, at: number, l0: number, l1: number): void {
  const a = f64[at] + l0;
  f64[at] = a >= LIMB ? a - LIMB : a;
  f64[at + 1] += l1 + (a >= LIMB ? 1 : 0);
}

function addThree(f64: Float64Array, at: number, l0: number, l1: number, l2: number): void {
  const a = f64[at] + l0;
  const b = f64[at + 1] + l1 + (a >= LIMB ? 1 : 0);
  f64[at] = a >= LIMB ? a - LIMB : a;
  f64[at + 1] = b >= LIMB ? b - LIMB : b;
  f64[at + 2] += l2 + (b >= LIMB ? 1 : 0);
}
