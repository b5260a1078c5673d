import { DECIMAL_CHARS_MAX, PRICE_DIGITS, PRICE_EXPONENT_MAX, USD_MICRO_MAX } from "./limits.ts";

/** Digits of a number that are kept. Later digits matter only to rounding, and only whether there are any. */
const DIGITS_KEPT = 64;
const AMOUNT_WHOLE_DIGITS = 20;
const AMOUNT_PLACES = 18;
const AMOUNT2_END = 1e8;
const LIMB_DIGITS = 15;
const LIMB_END = 1e15;
const USD_WHOLE_DIGITS = 10;
const USD_PLACES = 6;
const INTEGER_DIGITS = 16;
const INTEGER_END = 2 ** 53;
const QUOTED_EXPONENT_DIGITS_MAX = 3;
/** Larger exponents are treated as this one, because no record has so many digits. */
const EXPONENT_SATURATED = 1e9;
/** Powers of ten that a double holds exactly. */
const POW10 = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * Converts decimal text in bytes to the numbers of a swap, directly from the digits and never through a rounding double. The
 * `read` methods take the range of a number's text, which follows JSON's grammar unless `quoted`, and return false when it is
 * no decimal or out of its limits. Results are left in the fields.
 */
export class DecimalText {
  usdMicro = 0;
  amount0 = 0;
  amount1 = 0;
  amount2 = 0;
  price = Number.NaN;

  /** Set by #read: the value is 0.d1d2d3... x 10^exponent, where d1 is not 0; zero has no digits. */
  readonly #digits = new Uint8Array(DIGITS_KEPT);
  #exponent = 0;
  #negative = false;
  /** Number of digits from the first to the last that is not 0, including those that were not kept. */
  #significant = 0;

  readUsd(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (!this.#read(buf, start, end, quoted) || this.#exponent > USD_WHOLE_DIGITS) return false;
    const up = this.#roundsUp(this.#exponent + USD_PLACES);
    const micro = this.#digitsFrom(-USD_PLACES, USD_WHOLE_DIGITS + USD_PLACES) + (up ? 1 : 0);
    if (micro > USD_MICRO_MAX || (this.#negative && micro > 0)) return false;
    this.usdMicro = micro;
    return true;
  }

  readAmount(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (!this.#read(buf, start, end, quoted) || this.#exponent > AMOUNT_WHOLE_DIGITS || this.#negative) return false;
    this.#sumLimbs(this.#roundsUp(this.#exponent + AMOUNT_PLACES));
    return this.amount2 < AMOUNT2_END && (this.amount0 !== 0 || this.amount1 !== 0 || this.amount2 !== 0);
  }

  /** Zero, in any spelling, means no price: `price` is NaN then. */
  readPrice(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (!this.#read(buf, start, end, quoted)) return false;
    this.price = Number.NaN;
    if (this.#significant === 0) return true;
    if (this.#negative) return false;
    const count = Math.min(this.#significant, PRICE_DIGITS);
    let exponent = this.#exponent;
    let mantissa = 0;
    for (let i = 0; i < count; i++) mantissa = mantissa * 10 + this.#digits[i];
    if (this.#roundsUp(PRICE_DIGITS) && ++mantissa === POW10[PRICE_DIGITS]) {
      mantissa = POW10[PRICE_DIGITS - 1];
      exponent++;
    }
    // The value is at least 10^(exponent - 1), and only 10^60 itself is allowed with that exponent.
    if (exponent <= -PRICE_EXPONENT_MAX || exponent > PRICE_EXPONENT_MAX + 1) return false;
    if (exponent === PRICE_EXPONENT_MAX + 1 && mantissa !== POW10[count - 1]) return false;
    this.price = toDouble(mantissa, exponent - count);
    return true;
  }

  /**
   * Returns the value of a JSON number that is an integer (`1.0` and `1e3` are): exact up to 2^53 - 1, +-2^53 for anything
   * larger, NaN when it is no integer.
   */
  readInteger(buf: Uint8Array, start: number, end: number): number {
    this.#read(buf, start, end, false);
    if (this.#significant === 0) return 0;
    if (this.#significant > this.#exponent) return Number.NaN;
    const size =
      this.#exponent > INTEGER_DIGITS ? INTEGER_END : Math.min(this.#digitsFrom(0, INTEGER_DIGITS), INTEGER_END);
    return this.#negative ? -size : size;
  }

  /** Reads any decimal. The time grows only with the length of the text, whatever its exponent. */
  #read(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (quoted && end - start > DECIMAL_CHARS_MAX) return false;
    let p = start;
    this.#negative = p < end && buf[p] === 0x2d;
    if (this.#negative) p++;
    this.#significant = 0;
    let seen = 0;
    let wholeDigits = 0;
    let point = -1;
    const from = p;
    for (; p < end; p++) {
      const digit = buf[p] - 0x30;
      if (digit >= 0 && digit <= 9) {
        if (point < 0 && (seen > 0 || digit > 0)) wholeDigits++;
        else if (point >= 0 && seen === 0 && digit === 0) wholeDigits--;
        if (seen === 0 && digit === 0) continue;
        if (seen < DIGITS_KEPT) this.#digits[seen] = digit;
        seen++;
        if (digit !== 0) this.#significant = seen;
      } else if (digit === -2 && point < 0 && p > from) {
        point = p;
      } else {
        break;
      }
    }
    if (p === from || p === point + 1) return false;
    this.#exponent = wholeDigits;
    if (p < end && !this.#readExponent(buf, p, end, quoted)) return false;
    if (this.#significant === 0) this.#exponent = 0;
    return true;
  }

  #readExponent(buf: Uint8Array, at: number, end: number, quoted: boolean): boolean {
    if ((buf[at] | 0x20) !== 0x65) return false;
    let p = at + 1;
    const negative = p < end && buf[p] === 0x2d;
    if (negative || (p < end && buf[p] === 0x2b)) p++;
    if (p === end || (quoted && end - p > QUOTED_EXPONENT_DIGITS_MAX)) return false;
    let sum = 0;
    for (; p < end; p++) {
      const digit = buf[p] - 0x30;
      if (digit < 0 || digit > 9) return false;
      sum = Math.min(sum * 10 + digit, EXPONENT_SATURATED);
    }
    this.#exponent += negative ? -sum : sum;
    return true;
  }

  /** Rounds half to even: returns whether the value, cut to its first `keep` digits, grows by one in the last of them. */
  #roundsUp(keep: number): boolean {
    if (keep < 0 || keep >= this.#significant) return false;
    const digit = this.#digits[keep];
    if (digit !== 5 || this.#significant > keep + 1) return digit >= 5;
    return keep > 0 && (this.#digits[keep - 1] & 1) === 1;
  }

  /** Returns the integer of `count` digits, of which the lowest is that of 10^lowest. */
  #digitsFrom(lowest: number, count: number): number {
    const kept = Math.min(this.#significant, DIGITS_KEPT);
    const first = this.#exponent - lowest - count;
    let sum = 0;
    for (let i = first; i < first + count; i++) sum = sum * 10 + (i >= 0 && i < kept ? this.#digits[i] : 0);
    return sum;
  }

  #sumLimbs(roundUp: boolean): void {
    this.amount0 = this.#digitsFrom(-AMOUNT_PLACES, LIMB_DIGITS) + (roundUp ? 1 : 0);
    this.amount1 = this.#digitsFrom(LIMB_DIGITS - AMOUNT_PLACES, LIMB_DIGITS);
    this.amount2 = this.#digitsFrom(2 * LIMB_DIGITS - AMOUNT_PLACES, LIMB_DIGITS);
    if (this.amount0 === LIMB_END) {
      this.amount0 = 0;
      this.amount1++;
    }
    if (this.amount1 === LIMB_END) {
      this.amount1 = 0;
      this.amount2++;
    }
  }
}

/** The double nearest to mantissa x 10^exponent, for a mantissa below 2^53. */
function toDouble(mantissa: number, exponent: number): number {
  if (exponent >= 0 && exponent <= 22) return mantissa * POW10[exponent];
  if (exponent < 0 && exponent >= -22) return mantissa / POW10[-exponent];
  return Number(`${mantissa}e${exponent}`);
}
