/**
 * Settled buckets of one token and one step, packed: about 55 bytes each instead of 160. A blob is a header with the sums of
 * its rows, followed by the rows in order of time. A window adds whole blobs by their headers and unpacks only the blobs at its
 * edges. Rows are only appended; two rows may be of the same step (their sum counts).
 */

import { addThree, addTwo } from "../limbs.ts";
import { WIDTH_WORDS } from "../memory/bit-stream.ts";
import { Heap } from "../memory/heap.ts";
import { COLD_BLOB } from "../memory/layout.ts";
import type { BucketRow } from "./bucket-row.ts";
import { RowReader } from "./row-reader.ts";
import { RowWriter } from "./row-writer.ts";

/** With more rows, unpacking at the edges of windows costs more, and the oldest row waits longer for the youngest of its blob. */
const ROWS_MAX = 80;
/** A blob is full when the next row does not fit. This is a size class of the heap, so that rounding wastes nothing. */
const BLOB_BYTES_MAX = 3584;
const FIRST_ROW_BYTES = 56;
const {
  ALLOCATED_BYTES,
  BUYS,
  CLOSE,
  FIRST_TIME,
  HIGH,
  LAST_TIME,
  LEVEL,
  LOW,
  OPEN,
  ROW_BITS,
  ROWS,
  SCALE,
  SELLS,
  START,
  STEPS,
  TOKEN_BUY_0,
  TOKEN_BUY_1,
  TOKEN_BUY_2,
  TOKEN_SELL_0,
  TOKEN_SELL_1,
  TOKEN_SELL_2,
  UNIT,
  USD_BUY_0,
  USD_BUY_1,
  USD_SELL_0,
  USD_SELL_1,
  USED_BITS,
  WIDTHS,
  BYTES: HEADER_BYTES,
  UNITS: HEADER_UNITS,
} = COLD_BLOB;

export class ColdBlobs {
  readonly #heap: Heap;
  readonly #stepsMs: readonly number[];
  readonly #writer = new RowWriter();
  readonly #reader = new RowReader();
  count = 0;
  rows = 0;
  bytes = 0;

  constructor(heap: Heap, stepsMs: readonly number[]) {
    this.#heap = heap;
    this.#stepsMs = stepsMs;
  }

  create(level: number): number {
    const bytes = Heap.roundedBytes(HEADER_BYTES + FIRST_ROW_BYTES);
    const blob = this.#heap.alloc(bytes);
    this.#heap.own(blob, HEADER_UNITS);
    this.#heap.u8[8 * blob + LEVEL] = level;
    this.#heap.u32[2 * blob + ALLOCATED_BYTES] = bytes;
    this.count += 1;
    this.bytes += bytes;
    return blob;
  }

  free(blob: number): void {
    const bytes = this.#heap.u32[2 * blob + ALLOCATED_BYTES];
    this.count -= 1;
    this.rows -= this.rowCount(blob);
    this.bytes -= bytes;
    this.#heap.free(blob, bytes);
  }

  level(blob: number): number {
    return this.#heap.u8[8 * blob + LEVEL];
  }

  rowCount(blob: number): number {
    return this.#heap.u8[8 * blob + ROWS];
  }

  startMs(blob: number): number {
    return this.#heap.f64[blob + START];
  }

  /** Start of the last row. */
  lastStartMs(blob: number): number {
    return this.#heap.f64[blob + START] + this.#heap.u32[2 * blob + STEPS] * this.#stepsMs[this.level(blob)];
  }

  endMs(blob: number): number {
    return this.lastStartMs(blob) + this.#stepsMs[this.level(blob)];
  }

  /** Reads the sum of all rows. */
  total(blob: number, row: BucketRow): void {
    const { u32, f64 } = this.#heap;
    row.startMs = f64[blob + START];
    row.buys = u32[2 * blob + BUYS];
    row.sells = u32[2 * blob + SELLS];
    row.usdBuy0 = f64[blob + USD_BUY_0];
    row.usdBuy1 = f64[blob + USD_BUY_1];
    row.usdSell0 = f64[blob + USD_SELL_0];
    row.usdSell1 = f64[blob + USD_SELL_1];
    row.tokenBuy0 = f64[blob + TOKEN_BUY_0];
    row.tokenBuy1 = f64[blob + TOKEN_BUY_1];
    row.tokenBuy2 = f64[blob + TOKEN_BUY_2];
    row.tokenSell0 = f64[blob + TOKEN_SELL_0];
    row.tokenSell1 = f64[blob + TOKEN_SELL_1];
    row.tokenSell2 = f64[blob + TOKEN_SELL_2];
    row.open = f64[blob + OPEN];
    row.high = f64[blob + HIGH];
    row.low = f64[blob + LOW];
    row.close = f64[blob + CLOSE];
    row.firstMs = f64[blob + FIRST_TIME];
    row.lastMs = f64[blob + LAST_TIME];
  }

  /** Appends a row that is not earlier than the last one. Returns the blob, which may have moved, or 0 when it is full. */
  append(blob: number, row: BucketRow): number {
    const heap = this.#heap;
    const rows = this.rowCount(blob);
    if (rows === ROWS_MAX) return 0;
    const usedBits = heap.u32[2 * blob + USED_BITS];
    this.#write(blob, row, usedBits);
    const { out } = this.#writer;
    const bits = (usedBits & ~31) + out.at;
    const bytes = HEADER_BYTES + 4 * ((bits + 31) >>> 5);
    if (bytes > BLOB_BYTES_MAX && rows > 0) return 0;
    const target = bytes > heap.u32[2 * blob + ALLOCATED_BYTES] ? this.#grow(blob, bytes) : blob;
    const from = 2 * target + ROW_BITS + (usedBits >>> 5);
    const words = (out.at + 31) >>> 5;
    heap.own(target, HEADER_UNITS);
    heap.own(from >>> 1, (words + 2) >>> 1);
    for (let i = 0; i < words; i++) heap.u32[from + i] = out.words[i];
    heap.u32[2 * target + USED_BITS] = bits;
    this.#addToHeader(target, row);
    this.rows += 1;
    return target;
  }

  /** Continues the writer at the end of the blob, and writes the row. */
  #write(blob: number, row: BucketRow, usedBits: number): void {
    const { u8, u32, f64 } = this.#heap;
    const writer = this.#writer;
    const stepMs = this.#stepsMs[u8[8 * blob + LEVEL]];
    const isFirst = u8[8 * blob + ROWS] === 0;
    const { widthWords } = writer.out;
    for (let i = 0; i < WIDTH_WORDS; i++) widthWords[i] = u32[2 * blob + WIDTHS + i];
    writer.scale = u8[8 * blob + SCALE];
    writer.unit = u8[8 * blob + UNIT];
    const lastWord = 2 * blob + ROW_BITS + (usedBits >>> 5);
    writer.out.begin(u32[lastWord], usedBits & 31);
    const gap = isFirst ? 0 : (row.startMs - this.lastStartMs(blob)) / stepMs;
    writer.write(row, gap, isFirst ? Number.NaN : f64[blob + CLOSE], stepMs);
  }

  #grow(blob: number, bytesNeeded: number): number {
    const heap = this.#heap;
    const old = heap.u32[2 * blob + ALLOCATED_BYTES];
    const wanted = HEADER_BYTES + (old - HEADER_BYTES) * 1.5;
    const bytes = Heap.roundedBytes(Math.max(bytesNeeded, Math.min(wanted, BLOB_BYTES_MAX)));
    const moved = heap.alloc(bytes);
    heap.own(moved, bytes >>> 3);
    heap.u8.copyWithin(8 * moved, 8 * blob, 8 * blob + old);
    heap.u32[2 * moved + ALLOCATED_BYTES] = bytes;
    this.bytes += bytes - old;
    heap.free(blob, old);
    return moved;
  }

  #addToHeader(blob: number, row: BucketRow): void {
    const { u8, u32, f64 } = this.#heap;
    const isFirst = u8[8 * blob + ROWS] === 0;
    if (isFirst) {
      f64[blob + START] = row.startMs;
      f64[blob + OPEN] = Number.NaN;
      f64[blob + HIGH] = Number.NaN;
      f64[blob + LOW] = Number.NaN;
      f64[blob + CLOSE] = Number.NaN;
      f64[blob + FIRST_TIME] = row.firstMs;
    }
    u32[2 * blob + STEPS] = (row.startMs - f64[blob + START]) / this.#stepsMs[u8[8 * blob + LEVEL]];
    u8[8 * blob + ROWS] += 1;
    u8[8 * blob + SCALE] = this.#writer.scale;
    u8[8 * blob + UNIT] = this.#writer.unit;
    const { widthWords } = this.#writer.out;
    for (let i = 0; i < WIDTH_WORDS; i++) u32[2 * blob + WIDTHS + i] = widthWords[i];
    u32[2 * blob + BUYS] += row.buys;
    u32[2 * blob + SELLS] += row.sells;
    addTwo(f64, blob + USD_BUY_0, row.usdBuy0, row.usdBuy1);
    addTwo(f64, blob + USD_SELL_0, row.usdSell0, row.usdSell1);
    addThree(f64, blob + TOKEN_BUY_0, row.tokenBuy0, row.tokenBuy1, row.tokenBuy2);
    addThree(f64, blob + TOKEN_SELL_0, row.tokenSell0, row.tokenSell1, row.tokenSell2);
    f64[blob + LAST_TIME] = row.lastMs;
    if (Number.isNaN(row.open)) return;
    if (Number.isNaN(f64[blob + OPEN])) {
      f64[blob + OPEN] = row.open;
      f64[blob + HIGH] = row.high;
      f64[blob + LOW] = row.low;
    } else {
      if (row.high > f64[blob + HIGH]) f64[blob + HIGH] = row.high;
      if (row.low < f64[blob + LOW]) f64[blob + LOW] = row.low;
    }
    f64[blob + CLOSE] = row.close;
  }

  /** Calls `each` for every row in order, with the reused object `row`. `each` must neither unpack nor append. */
  unpack(blob: number, row: BucketRow, each: (row: BucketRow) => void): void {
    const stepMs = this.#stepsMs[this.level(blob)];
    const count = this.rowCount(blob);
    let close = Number.NaN;
    row.startMs = this.startMs(blob);
    this.#reader.begin(this.#heap.u32, 2 * blob + ROW_BITS);
    for (let i = 0; i < count; i++) {
      this.#reader.read(row, close, stepMs);
      if (!Number.isNaN(row.close)) close = row.close;
      each(row);
    }
  }

  /** Start of the first row at or after fromMs, or Infinity. */
  firstStartMs(blob: number, fromMs: number): number {
    const stepMs = this.#stepsMs[this.level(blob)];
    const count = this.rowCount(blob);
    let startMs = this.startMs(blob);
    this.#reader.begin(this.#heap.u32, 2 * blob + ROW_BITS);
    for (let i = 0; i < count; i++) {
      startMs += this.#reader.skip() * stepMs;
      if (startMs >= fromMs) return startMs;
    }
    return Number.POSITIVE_INFINITY;
  }
}
