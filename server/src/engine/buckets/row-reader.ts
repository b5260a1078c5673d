/** Reads rows of figures from bits: see row-format.ts. */

import { LIMB } from "../decimal.ts";
import { BitReader, NumberRun } from "../memory/bit-stream.ts";
import type { BucketRow } from "./bucket-row.ts";
import {
  ABOVE,
  BELOW,
  DECIMAL,
  DERIVED,
  DOUBLES,
  derivedPrice,
  doubles,
  expectedAmount,
  GAP_IS_ONE,
  guessAt,
  HAS_BUYS,
  HAS_HIGH_PARTS,
  HAS_SELLS,
  halves,
  KIND,
  LONE,
  LONE_FLAG_BITS,
  listFields,
  MORE_FLAG_BITS,
  NEW_SCALE,
  NEW_UNIT,
  POWERS_OF_TEN,
  SCALE_BITS,
  UNIT_BITS,
  UNITS,
} from "./row-format.ts";

export class RowReader {
  readonly #in = new BitReader();
  readonly #run = new NumberRun();
  #scale = 0;
  #unit = 0;
  /** Numbers of the run that have been read. */
  #at = 0;

  /** Starts at the first row of a blob, at a word of the heap. */
  begin(words: Uint32Array, word: number): void {
    this.#in.begin(words, word);
    this.#scale = 0;
    this.#unit = 0;
  }

  /** Skips the next row. Returns its gap in steps from the row before. */
  skip(): number {
    const flags = this.#numbers();
    return (flags & GAP_IS_ONE) !== 0 ? 1 : this.#run.values[0];
  }

  /** Reads the flags of the next row, and its numbers into the run. */
  #numbers(): number {
    const from = this.#in;
    let flags = from.take(LONE_FLAG_BITS);
    if ((flags & LONE) === 0) flags |= from.take(MORE_FLAG_BITS) << LONE_FLAG_BITS;
    if ((flags & NEW_SCALE) !== 0) this.#scale = from.take(SCALE_BITS);
    if ((flags & NEW_UNIT) !== 0) this.#unit = from.take(UNIT_BITS);
    listFields(this.#run, flags);
    from.numbers(this.#run);
    return flags;
  }

  /** Reads the next row. `row` still holds the start of the row before; `close` is its close or NaN. */
  read(row: BucketRow, close: number, stepMs: number): void {
    const flags = this.#numbers();
    const { values } = this.#run;
    const isLone = (flags & LONE) !== 0;
    const hasBuys = (flags & HAS_BUYS) !== 0;
    const hasSells = (flags & HAS_SELLS) !== 0;
    const highParts = (flags & HAS_HIGH_PARTS) !== 0;
    let at = 0;
    row.startMs += ((flags & GAP_IS_ONE) !== 0 ? 1 : values[at++]) * stepMs;
    row.buys = !hasBuys ? 0 : isLone ? 1 : values[at++];
    row.sells = !hasSells ? 0 : isLone ? 1 : values[at++];
    row.firstMs = row.startMs + values[at++];
    row.lastMs = isLone ? row.firstMs : row.startMs + stepMs - 1 - values[at++];
    row.usdBuy1 = highParts ? values[at++] : 0;
    row.usdSell1 = highParts ? values[at++] : 0;
    row.tokenBuy2 = highParts ? values[at++] : 0;
    row.tokenSell2 = highParts ? values[at++] : 0;
    row.usdBuy0 = hasBuys ? values[at++] : 0;
    row.usdSell0 = hasSells ? values[at++] : 0;
    this.#at = at;
    const kind = flags & KIND;
    if (kind === DECIMAL) this.#decimals(row, close, flags);
    else if (kind === DOUBLES) this.#doubles(row, close, flags);
    const isPriced = kind === DECIMAL || kind === DOUBLES;
    if (isLone && isPriced) this.#loneTokens(row);
    else this.#tokens(row, isPriced ? (row.high + row.low) / 2 : close);
    if (!isPriced) setPrices(row, kind === DERIVED ? derivedPrice(row) : Number.NaN);
  }

  #decimals(row: BucketRow, close: number, flags: number): void {
    const run = this.#run;
    const power = POWERS_OF_TEN[this.#scale];
    const first = guessAt(close, power) + run.signed(this.#at++);
    if ((flags & LONE) !== 0) {
      setPrices(row, first / power);
      return;
    }
    const last = first + run.signed(this.#at++);
    const above = (flags & ABOVE) !== 0 ? run.values[this.#at++] : 0;
    const below = (flags & BELOW) !== 0 ? run.values[this.#at++] : 0;
    row.open = first / power;
    row.close = last / power;
    row.high = (Math.max(first, last) + above) / power;
    row.low = (Math.min(first, last) - below) / power;
  }

  #doubles(row: BucketRow, close: number, flags: number): void {
    const open = this.#double(Number.isNaN(close) ? 0 : close);
    setPrices(row, open);
    if ((flags & LONE) !== 0) return;
    row.close = this.#double(open);
    const top = Math.max(open, row.close);
    row.high = (flags & ABOVE) !== 0 ? this.#double(top) : top;
    const bottom = Math.min(open, row.close);
    row.low = (flags & BELOW) !== 0 ? this.#double(bottom) : bottom;
  }

  #double(reference: number): number {
    doubles[0] = reference;
    halves[1] ^= this.#run.values[this.#at++];
    halves[0] ^= this.#run.values[this.#at++];
    return doubles[0];
  }

  #tokens(row: BucketRow, price: number): void {
    const run = this.#run;
    row.tokenBuy0 = 0;
    row.tokenBuy1 = 0;
    row.tokenSell0 = 0;
    row.tokenSell1 = 0;
    if (row.buys > 0) {
      row.tokenBuy1 = Math.floor(expectedAmount(row.usdBuy0, price)) + run.signed(this.#at++);
      row.tokenBuy0 = run.values[this.#at++] * UNITS[this.#unit];
    }
    if (row.sells > 0) {
      row.tokenSell1 = Math.floor(expectedAmount(row.usdSell0, price)) + run.signed(this.#at++);
      row.tokenSell0 = run.values[this.#at++] * UNITS[this.#unit];
    }
  }

  #loneTokens(row: BucketRow): void {
    const run = this.#run;
    const base = LIMB / UNITS[this.#unit];
    const expected = expectedAmount(row.usdBuy0 + row.usdSell0, row.open);
    const whole = Math.floor(expected);
    let high = whole + run.signed(this.#at++);
    let low = Math.floor((expected - whole) * base) + run.signed(this.#at++);
    if (low < 0) {
      low += base;
      high -= 1;
    } else if (low >= base) {
      low -= base;
      high += 1;
    }
    low *= UNITS[this.#unit];
    row.tokenBuy0 = row.buys > 0 ? low : 0;
    row.tokenBuy1 = row.buys > 0 ? high : 0;
    row.tokenSell0 = row.buys > 0 ? 0 : low;
    row.tokenSell1 = row.buys > 0 ? 0 : high;
  }
}

function setPrices(row: BucketRow, price: number): void {
  row.open = price;
  row.high = price;
  row.low = price;
  row.close = price;
}
