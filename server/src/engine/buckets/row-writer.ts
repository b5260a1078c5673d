/** Writes rows of figures as bits: see row-format.ts. */

import { LIMB } from "../decimal.ts";
import { BitWriter, NumberRun } from "../memory/bit-stream.ts";
import type { BucketRow } from "./bucket-row.ts";
import {
  ABOVE,
  BELOW,
  BUYS,
  CLOSE,
  DECIMAL,
  DERIVED,
  DOUBLES,
  derivedPrice,
  doubles,
  expectedAmount,
  FIRST,
  GAP,
  GAP_IS_ONE,
  guessAt,
  HAS_BUYS,
  HAS_HIGH_PARTS,
  HAS_SELLS,
  HIGH_PARTS,
  halves,
  isDecimal,
  isMultiple,
  KIND,
  LAST,
  LONE,
  LONE_FLAG_BITS,
  LONE_TOKEN_0,
  LONE_TOKEN_1,
  MANTISSA_MAX,
  MORE_FLAG_BITS,
  NEW_SCALE,
  NEW_UNIT,
  NO_PRICE,
  OPEN,
  POWERS_OF_TEN,
  PRICE_HIGH,
  PRICE_LOW,
  SCALE_BITS,
  SELLS,
  SPREAD,
  TOKEN_0,
  TOKEN_1,
  UNIT_BITS,
  UNITS,
  USD,
} from "./row-format.ts";

/** Index in `halves` at which the second of `doubles` begins. */
const REFERENCE = 2;
/** Most words that the flags and numbers of a row take. */
const ROW_WORDS_MAX = 48;

export class RowWriter {
  readonly out = new BitWriter(ROW_WORDS_MAX);
  readonly #run = new NumberRun();
  /** State after the rows so far. The caller keeps it between two rows, with the widths. */
  scale = 0;
  unit = 0;

  /** Writes a row after what `out` holds. `gap` is in steps from the row before; `close` is the close of that row, or NaN. */
  write(row: BucketRow, gap: number, close: number, stepMs: number): void {
    const { out } = this;
    const run = this.#run;
    run.count = 0;
    const isLone = row.buys + row.sells === 1;
    const highParts = row.usdBuy1 + row.usdSell1 + row.tokenBuy2 + row.tokenSell2 > 0;
    if (gap !== 1) run.add(GAP, gap);
    if (row.buys > 0 && !isLone) run.add(BUYS, row.buys);
    if (row.sells > 0 && !isLone) run.add(SELLS, row.sells);
    run.add(FIRST, row.firstMs - row.startMs);
    if (!isLone) run.add(LAST, row.startMs + stepMs - 1 - row.lastMs);
    if (highParts) addHighParts(run, row);
    if (row.buys > 0) run.add(USD, row.usdBuy0);
    if (row.sells > 0) run.add(USD, row.usdSell0);
    const priceFlags = this.#prices(row, close, isLone);
    const unit = this.#unitFor(row);
    const flags =
      priceFlags |
      (gap === 1 ? GAP_IS_ONE : 0) |
      (row.buys > 0 ? HAS_BUYS : 0) |
      (row.sells > 0 ? HAS_SELLS : 0) |
      (isLone ? LONE : 0) |
      (highParts ? HAS_HIGH_PARTS : 0) |
      (unit !== this.unit ? NEW_UNIT : 0);
    out.put(flags & ((1 << LONE_FLAG_BITS) - 1), LONE_FLAG_BITS);
    if (!isLone) out.put(flags >>> LONE_FLAG_BITS, MORE_FLAG_BITS);
    if ((flags & NEW_SCALE) !== 0) out.put(this.scale, SCALE_BITS);
    if (unit !== this.unit) out.put(unit, UNIT_BITS);
    this.unit = unit;
    const kind = flags & KIND;
    const isPriced = kind === DECIMAL || kind === DOUBLES;
    const price = isPriced ? (row.high + row.low) / 2 : close;
    if (isLone && isPriced) {
      this.#loneTokens(
        row.tokenBuy0 + row.tokenSell0,
        row.tokenBuy1 + row.tokenSell1,
        row.usdBuy0 + row.usdSell0,
        price,
      );
    } else {
      if (row.buys > 0) this.#tokens(row.tokenBuy0, row.tokenBuy1, row.usdBuy0, price);
      if (row.sells > 0) this.#tokens(row.tokenSell0, row.tokenSell1, row.usdSell0, price);
    }
    out.numbers(run);
  }

  /** Adds the prices to the run. Returns their flags. */
  #prices(row: BucketRow, close: number, isLone: boolean): number {
    if (Number.isNaN(row.open)) return NO_PRICE;
    if (isLone && derivedPrice(row) === row.open) return DERIVED;
    const scale = this.#scaleFor(row, isLone);
    if (scale < 0) return this.#doubles(row, close, isLone);
    const flags = DECIMAL | (scale === this.scale ? 0 : NEW_SCALE);
    this.scale = scale;
    const run = this.#run;
    const power = POWERS_OF_TEN[scale];
    const first = Math.round(row.open * power);
    run.addSigned(OPEN, first - guessAt(close, power));
    if (isLone) return flags;
    const last = Math.round(row.close * power);
    run.addSigned(CLOSE, last - first);
    const above = Math.round(row.high * power) - Math.max(first, last);
    if (above > 0) run.add(SPREAD, above);
    const below = Math.min(first, last) - Math.round(row.low * power);
    if (below > 0) run.add(SPREAD, below);
    return flags | (above > 0 ? ABOVE : 0) | (below > 0 ? BELOW : 0);
  }

  /** The smallest scale, at least the current one, at which all prices of the row are integers; -1 if there is none. */
  #scaleFor(row: BucketRow, isLone: boolean): number {
    for (let scale = this.scale; scale < POWERS_OF_TEN.length; scale++) {
      const power = POWERS_OF_TEN[scale];
      if (row.high * power >= MANTISSA_MAX) return -1;
      if (!isDecimal(row.open, power)) continue;
      if (isLone) return scale;
      if (isDecimal(row.close, power) && isDecimal(row.high, power) && isDecimal(row.low, power)) return scale;
    }
    return -1;
  }

  #doubles(row: BucketRow, close: number, isLone: boolean): number {
    this.#double(row.open, Number.isNaN(close) ? 0 : close);
    if (isLone) return DOUBLES;
    this.#double(row.close, row.open);
    const top = Math.max(row.open, row.close);
    if (row.high !== top) this.#double(row.high, top);
    const bottom = Math.min(row.open, row.close);
    if (row.low !== bottom) this.#double(row.low, bottom);
    return DOUBLES | (row.high !== top ? ABOVE : 0) | (row.low !== bottom ? BELOW : 0);
  }

  #double(value: number, reference: number): void {
    doubles[0] = value;
    doubles[1] = reference;
    this.#run.add(PRICE_HIGH, (halves[1] ^ halves[REFERENCE + 1]) >>> 0);
    this.#run.add(PRICE_LOW, (halves[0] ^ halves[REFERENCE]) >>> 0);
  }

  /** The current unit as long as it divides the amounts, otherwise the largest unit that does. */
  #unitFor(row: BucketRow): number {
    const { tokenBuy0, tokenSell0 } = row;
    const fits = (unit: number): boolean => isMultiple(tokenBuy0, UNITS[unit]) && isMultiple(tokenSell0, UNITS[unit]);
    if (this.unit > 0 && fits(this.unit)) return this.unit;
    if (!fits(1)) return 0;
    return fits(3) ? 3 : fits(2) ? 2 : 1;
  }

  #tokens(limb0: number, limb1: number, usd0: number, price: number): void {
    this.#run.addSigned(TOKEN_1, limb1 - Math.floor(expectedAmount(usd0, price)));
    this.#run.add(TOKEN_0, limb0 / UNITS[this.unit]);
  }

  #loneTokens(limb0: number, limb1: number, usd0: number, price: number): void {
    const base = LIMB / UNITS[this.unit];
    const expected = expectedAmount(usd0, price);
    const whole = Math.floor(expected);
    let low = limb0 / UNITS[this.unit] - Math.floor((expected - whole) * base);
    let high = limb1 - whole;
    if (low > base / 2) {
      low -= base;
      high += 1;
    } else if (low < -base / 2) {
      low += base;
      high -= 1;
    }
    this.#run.addSigned(LONE_TOKEN_1, high);
    this.#run.addSigned(LONE_TOKEN_0, low);
  }
}

function addHighParts(run: NumberRun, row: BucketRow): void {
  run.add(HIGH_PARTS, row.usdBuy1);
  run.add(HIGH_PARTS, row.usdSell1);
  run.add(HIGH_PARTS, row.tokenBuy2);
  run.add(HIGH_PARTS, row.tokenSell2);
}
