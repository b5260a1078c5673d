import type { SwapEvent } from "../engine/swaps/swap-event.ts";
import { DECIMAL_CHARS_MAX, USD_MICRO_MAX } from "./limits.ts";

/**
 * Decimals as nearly every producer writes them: `digits[.digits]` with at most 15 digits before the point and 18 after it,
 * read four digits at a time. DecimalText reads all other decimals.
 */
const WHOLE_DIGITS_MAX = 15;
const PLACES_MAX = 18;
const HIGH_PLACES = 8;
const POW10 = Float64Array.from({ length: PLACES_MAX + 2 }, (_, exponent) => Number(`1e${exponent}`));
/** Below this many whole dollars no rounding can exceed the limit. */
const USD_WHOLE_END = Math.floor(USD_MICRO_MAX / 1e6);
const MANTISSA_END = 1e15;
/** The point, after the change that makes digits small. */
const POINT = 0x2e ^ 0x30;

/** The number read last: the whole part, and as integers the first eight of its 18 places and the ten after them. */
const PARTS = new Float64Array(16);
const WHOLE = 0;
const HIGH = 1;
const LOW = 2;
const PLACES = 3;

/**
 * Whether buf[start, end) is such a decimal. If so, the functions below refer to it. Up to 3 bytes after `end` are read, and
 * must be in the view.
 */
export function readShort(view: DataView, start: number, end: number): boolean {
  let p = start | 0;
  let count = 4;
  let sum = 0;
  while (count === 4) {
    let digits = view.getInt32(p, true) ^ 0x30303030;
    const stop = (digits | (digits + 0x76767676)) & -0x7f7f7f80;
    if (stop !== 0) {
      count = (31 - Math.clz32(stop & -stop)) >> 3;
      if (count === 0) break;
      digits <<= 32 - 8 * count;
    }
    const pairs = (digits * 10 + (digits >>> 8)) & 0xff00ff;
    sum = sum * POW10[count] + ((pairs & 0xff) * 100 + (pairs >>> 16));
    p = (p + count) | 0;
  }
  if (p === start || p - start > WHOLE_DIGITS_MAX) return false;
  PARTS[WHOLE] = sum;
  PARTS[HIGH] = 0;
  PARTS[LOW] = 0;
  PARTS[PLACES] = 0;
  return p === end || (view.getUint8(p) === 0x2e && readPlaces(view, p + 1, end));
}

/**
 * The bytes are read as four small integers in one little-endian word. A byte is a digit if neither it nor it plus 0x76 reaches
 * 0x80. Fewer than four are shifted up, which puts zeros before them.
 */
function readPlaces(view: DataView, start: number, end: number): boolean {
  let p = start | 0;
  let count = 4;
  let high = 0;
  let low = 0;
  while (count === 4) {
    if (p - start > PLACES_MAX) return false;
    let digits = view.getInt32(p, true) ^ 0x30303030;
    const stop = (digits | (digits + 0x76767676)) & -0x7f7f7f80;
    if (stop !== 0) {
      count = (31 - Math.clz32(stop & -stop)) >> 3;
      if (count === 0) break;
      digits <<= 32 - 8 * count;
    }
    const pairs = (digits * 10 + (digits >>> 8)) & 0xff00ff;
    const value = (pairs & 0xff) * 100 + (pairs >>> 16);
    if (p - start < HIGH_PLACES) high = high * POW10[count] + value;
    else low = low * POW10[count] + value;
    p = (p + count) | 0;
  }
  const places = p - start;
  if (p !== end || places === 0 || places > PLACES_MAX) return false;
  PARTS[HIGH] = places < HIGH_PLACES ? high * POW10[HIGH_PLACES - places] : high;
  PARTS[LOW] = places > HIGH_PLACES ? low * POW10[PLACES_MAX - places] : 0;
  PARTS[PLACES] = places;
  return true;
}

/**
 * Like `readShort`, for decimals with more than 18 places, such as products. LOW then only says whether a place after the eighth
 * is not 0, so only `setShortUsd` may follow: it rounds to 6 places.
 */
export function readManyPlaces(view: DataView, start: number, end: number): boolean {
  if (end - start > DECIMAL_CHARS_MAX) return false;
  let whole = 0;
  let high = 0;
  let low = 0;
  let places = -1;
  for (let p = start; p < end; p++) {
    const digit = view.getUint8(p) ^ 0x30;
    if (digit <= 9) {
      if (places < 0) whole = whole * 10 + digit;
      else if (places++ < HIGH_PLACES) high = high * 10 + digit;
      else low |= digit;
    } else if (digit === POINT && places < 0 && p > start) {
      if (p - start > WHOLE_DIGITS_MAX) return false;
      places = 0;
    } else {
      return false;
    }
  }
  if (places <= PLACES_MAX) return false;
  PARTS[WHOLE] = whole;
  PARTS[HIGH] = high;
  PARTS[LOW] = low;
  PARTS[PLACES] = places;
  return true;
}

/*
 * The setters below put the number read last into the event, and answer false where they leave it to DecimalText. They
 * return no number, as a double that is returned by a call is an allocation.
 */

/** Sets amount_usd in micro-dollars, rounded half to even. */
export function setShortUsd(out: SwapEvent): boolean {
  if (PARTS[WHOLE] >= USD_WHOLE_END) return false;
  const high = PARTS[HIGH] | 0;
  const kept = (high / 100) | 0;
  const rest = high - kept * 100;
  const up = rest > 50 || (rest === 50 && (PARTS[LOW] !== 0 || (kept & 1) === 1));
  out.usdMicro = PARTS[WHOLE] * 1e6 + kept + (up ? 1 : 0);
  return true;
}

/** Sets amount_token times 10^18 in limbs of base 10^15; not for 0. */
export function setShortAmount(out: SwapEvent): boolean {
  const whole = PARTS[WHOLE];
  const high = PARTS[HIGH] | 0;
  const low = PARTS[LOW];
  if (whole === 0 && high === 0 && low === 0) return false;
  const thousandths = (high / 1e5) | 0;
  const upper = whole < 1e12 ? 0 : Math.floor(whole / 1e12);
  out.amount0 = (high - thousandths * 1e5) * 1e10 + low;
  out.amount1 = (whole - upper * 1e12) * 1000 + thousandths;
  out.amount2 = upper;
  return true;
}

/**
 * Sets price_usd if it has at most 15 significant digits; 0 means no price. The mantissa and the power of ten are then exact
 * doubles, so their quotient is rounded once, and correctly.
 */
export function setShortPrice(out: SwapEvent): boolean {
  const places = PARTS[PLACES];
  let mantissa = PARTS[WHOLE] * 1e8 + PARTS[HIGH];
  let scale = 1e8;
  if (places > HIGH_PLACES) {
    if (mantissa >= MANTISSA_END) return false;
    mantissa = mantissa * POW10[places - HIGH_PLACES] + PARTS[LOW] / POW10[PLACES_MAX - places];
    scale = POW10[places];
  }
  if (mantissa >= MANTISSA_END) return false;
  out.priceUsd = mantissa === 0 ? Number.NaN : mantissa / scale;
  return true;
}
