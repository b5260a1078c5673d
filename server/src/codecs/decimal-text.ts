import { DECIMAL_CHARS_MAX, PRICE_DIGITS, PRICE_EXPONENT_MAX, USD_MICRO_MAX } from "./limits.ts";

/** Digits of a number that are kept. Those behind them only matter to rounding, and whether there are any. */
const DIGITS_KEPT = 64;
const AMOUNT_WHOLE_DIGITS = 20;
const AMOUNT_PLACES = 18;
const AMOUNT2_END = 1e8;
const LIMB_DIGITS = 15;
const LIMB_END = 1e15;
const USD_WHOLE_DIGITS = 10;
const USD_PLACES = 6;
/** Below so many whole dollars no rounding of the places can pass the limit. */
const USD_WHOLE_FAST = Math.floor(USD_MICRO_MAX / 1e6);
const INTEGER_DIGITS = 16;
const INTEGER_END = 2 ** 53;
const QUOTED_EXPONENT_DIGITS_MAX = 3;
/** An exponent beyond this is as good as this one, since no record has so many digits. */
const EXPONENT_SATURATED = 1e9;
/** Powers of ten that a double holds exactly. */
const POW10 = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const POW10_INT = Int32Array.from({ length: 10 }, (_, exponent) => 10 ** exponent);

/**
 * Decimal text in bytes to the numbers of a swap, straight from the digits and never through a rounding double. The
 * `read` methods take the range of a number's text, which is JSON's own grammar unless `quoted`, and answer false when it
 * is no decimal or out of its limits; results are left in the fields.
 *
 * Nearly every amount is `digits[.digits]` with at most 15 digits before the point and 18 behind it; such a text is read
 * in one pass into three integers. All others go through an array of digits.
 */
export class DecimalText {
  usdMicro = 0;
  amount0 = 0;
  amount1 = 0;
  amount2 = 0;
  price = Number.NaN;

  /** Left by #readShort: the whole part, and the first and the second nine places, each as an integer. */
  #whole = 0;
  #placesHigh = 0;
  #placesLow = 0;

  /** Left by #readAny: the value is 0.d1d2d3... x 10^exponent with d1 not 0; zero has no digits. */
  readonly #digits = new Uint8Array(DIGITS_KEPT);
  #exponent = 0;
  #negative = false;
  /** Digits from the first to the last that is not 0, also those that were not kept. */
  #significant = 0;

  readUsd(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (this.#readShort(buf, start, end) && this.#whole < USD_WHOLE_FAST) {
      const kept = (this.#placesHigh / 1000) | 0;
      const rest = this.#placesHigh - kept * 1000;
      const up = rest > 500 || (rest === 500 && (this.#placesLow !== 0 || (kept & 1) === 1));
      this.usdMicro = this.#whole * 1e6 + kept + (up ? 1 : 0);
      return true;
    }
    if (!this.#readAny(buf, start, end, quoted) || this.#exponent > USD_WHOLE_DIGITS) return false;
    const up = this.#roundsUp(this.#exponent + USD_PLACES);
    const micro = this.#digitsFrom(-USD_PLACES, USD_WHOLE_DIGITS + USD_PLACES) + (up ? 1 : 0);
    if (micro > USD_MICRO_MAX || (this.#negative && micro > 0)) return false;
    this.usdMicro = micro;
    return true;
  }

  readAmount(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (this.#readShort(buf, start, end)) {
      const thousandths = (this.#placesHigh / 1e6) | 0;
      const high = this.#whole < 1e12 ? 0 : Math.floor(this.#whole / 1e12);
      this.amount0 = (this.#placesHigh - thousandths * 1e6) * 1e9 + this.#placesLow;
      this.amount1 = (this.#whole - high * 1e12) * 1000 + thousandths;
      this.amount2 = high;
    } else {
      if (!this.#readAny(buf, start, end, quoted) || this.#exponent > AMOUNT_WHOLE_DIGITS || this.#negative) return false;
      this.#sumLimbs(this.#roundsUp(this.#exponent + AMOUNT_PLACES));
    }
    return this.amount2 < AMOUNT2_END && (this.amount0 !== 0 || this.amount1 !== 0 || this.amount2 !== 0);
  }

  readPrice(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
    if (this.#readShort(buf, start, end)) {
      // Both quotients are of exact integers below 2^53 and 10^22, so the division rounds once and rightly.
      if (this.#placesLow === 0 && this.#whole < 1e6) {
        this.price = (this.#whole * 1e9 + this.#placesHigh) / 1e9;
        return this.price > 0;
      }
      if (this.#whole === 0 && this.#placesHigh < 1e6) {
        this.price = (this.#placesHigh * 1e9 + this.#placesLow) / 1e18;
        return true;
      }
    }
    if (!this.#readAny(buf, start, end, quoted) || this.#negative || this.#significant === 0) return false;
    const count = Math.min(this.#significant, PRICE_DIGITS);
    let exponent = this.#exponent;
    let mantissa = 0;
    for (let i = 0; i < count; i++) mantissa = mantissa * 10 + this.#digits[i];
    if (this.#roundsUp(PRICE_DIGITS) && ++mantissa === POW10[PRICE_DIGITS]) {
      mantissa = POW10[PRICE_DIGITS - 1];
      exponent++;
    }
    // The value is at least 10^(exponent - 1), and 10^60 itself is the only one allowed with that exponent.
    if (exponent <= -PRICE_EXPONENT_MAX || exponent > PRICE_EXPONENT_MAX + 1) return false;
    if (exponent === PRICE_EXPONENT_MAX + 1 && mantissa !== POW10[count - 1]) return false;
    this.price = toDouble(mantissa, exponent - count);
    return true;
  }

  /**
   * The value of a JSON number that is an integer (`1.0` and `1e3` are), exact to 2^53 - 1 and +-2^53 for whatever is
   * beyond; NaN when it is none.
   */
  readInteger(buf: Uint8Array, start: number, end: number): number {
    this.#readAny(buf, start, end, false);
    if (this.#significant === 0) return 0;
    if (this.#significant > this.#exponent) return Number.NaN;
    const size =
      this.#exponent > INTEGER_DIGITS ? INTEGER_END : Math.min(this.#digitsFrom(0, INTEGER_DIGITS), INTEGER_END);
    return this.#negative ? -size : size;
  }

  /** Whether the text has the common shape, which is then in whole, placesHigh and placesLow. */
  #readShort(buf: Uint8Array, start: number, end: number): boolean {
    let p = start;
    let digit = 0;
    let sum = 0;
    let chunkEnd = start + 9 < end ? start + 9 : end;
    while (p < chunkEnd && (digit = buf[p] - 0x30) >= 0 && digit <= 9) {
      sum = (sum * 10 + digit) | 0;
      p++;
    }
    if (p === start) return false;
    this.#whole = sum;
    if (p === start + 9) {
      chunkEnd = start + 15 < end ? start + 15 : end;
      sum = 0;
      while (p < chunkEnd && (digit = buf[p] - 0x30) >= 0 && digit <= 9) {
        sum = (sum * 10 + digit) | 0;
        p++;
      }
      this.#whole = this.#whole * POW10_INT[p - start - 9] + sum;
    }
    this.#placesHigh = 0;
    this.#placesLow = 0;
    return p === end || (buf[p] === 0x2e && this.#readPlaces(buf, p + 1, end));
  }

  #readPlaces(buf: Uint8Array, start: number, end: number): boolean {
    let p = start;
    let digit = 0;
    let sum = 0;
    let chunkEnd = start + 9 < end ? start + 9 : end;
    while (p < chunkEnd && (digit = buf[p] - 0x30) >= 0 && digit <= 9) {
      sum = (sum * 10 + digit) | 0;
      p++;
    }
    if (p === start) return false;
    this.#placesHigh = sum * POW10_INT[start + 9 - p];
    if (p < start + 9 || p === end) return p === end;
    chunkEnd = start + 18 < end ? start + 18 : end;
    sum = 0;
    while (p < chunkEnd && (digit = buf[p] - 0x30) >= 0 && digit <= 9) {
      sum = (sum * 10 + digit) | 0;
      p++;
    }
    this.#placesLow = sum * POW10_INT[start + 18 - p];
    return p === end;
  }

  /** Any decimal; the time it takes grows with the length of the text alone, whatever its exponent. */
  #readAny(buf: Uint8Array, start: number, end: number, quoted: boolean): boolean {
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
    return p === end || this.#readExponent(buf, p, end, quoted);
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

  /** Half to even: whether the value, cut to its first `keep` digits, has to grow by one in the last of them. */
  #roundsUp(keep: number): boolean {
    if (keep < 0 || keep >= this.#significant) return false;
    const digit = this.#digits[keep];
    if (digit !== 5 || this.#significant > keep + 1) return digit >= 5;
    return keep > 0 && (this.#digits[keep - 1] & 1) === 1;
  }

  /** The integer that `count` digits make, the lowest of them being that of 10^lowest. */
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
