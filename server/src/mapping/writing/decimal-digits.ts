import type { EventBytes, Piece } from "./event-bytes.ts";

/** Digits of the two halves of a factor, which are exact in doubles. */
const HALF_DIGITS = 12;
const FACTOR_DIGITS_MAX = 2 * HALF_DIGITS;
const CHUNK_DIGITS = 6;
const CHUNK_END = 1e6;
/** The product is computed with limbs of six digits. Sums of their products are exact in doubles. */
const LIMB_END = 1e6;
const PRODUCT_LIMBS = 8;
const PRODUCT_DIGITS = 6 * PRODUCT_LIMBS;
/** Digits of an integer that is scaled: 256 bits have 78. */
const SCALED_DIGITS_MAX = 80;
/** Places behind the point of results. With more, the exact arithmetic of values/decimals.ts takes over. */
const PLACES_MAX = 60;
const ZERO = 0x30;
const POINT = 0x2e;
const QUOTE = 0x22;
const HYPHEN = 0x2d;
const EXPONENT = 0x65;
const POW10 = Float64Array.from({ length: HALF_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** The decimal (high x 10^12 + low) / 10^places. */
export class Factor {
  high = 0;
  low = 0;
  places = 0;

  get isZero(): boolean {
    return this.low === 0 && this.high === 0;
  }

  /** Reads `digits[.digits][e-digits]`. Returns false for anything else, and for more than FACTOR_DIGITS_MAX digits. */
  read(bytes: Uint8Array, start: number, textEnd: number): boolean {
    const shift = exponentOf(bytes, start, textEnd);
    const end = shift === 0 ? textEnd : textEnd - (shift < 10 ? 3 : 4);
    let point = -1;
    let count = 0;
    let first = 0;
    let second = 0;
    // Digits are summed up six at a time, because products of small integers are faster than those of doubles.
    let chunk = 0;
    let chunkDigits = 0;
    for (let p = start; p < end; p++) {
      const digit = bytes[p]! - ZERO;
      if (digit >= 0 && digit <= 9) {
        chunk = (chunk * 10 + digit) | 0;
        count++;
        if (++chunkDigits < CHUNK_DIGITS) continue;
        if (count <= HALF_DIGITS) first = first * CHUNK_END + chunk;
        else second = second * CHUNK_END + chunk;
        chunk = 0;
        chunkDigits = 0;
      } else if (digit === POINT - ZERO && point < 0 && p > start && p < end - 1) {
        point = p;
      } else {
        return false;
      }
    }
    if (count <= HALF_DIGITS) first = first * POW10[chunkDigits]! + chunk;
    else second = second * POW10[chunkDigits]! + chunk;
    if (count === 0 || count > FACTOR_DIGITS_MAX) return false;
    this.places = shift + (point < 0 ? 0 : end - point - 1);
    if (count <= HALF_DIGITS) {
      this.high = 0;
      this.low = first;
      return true;
    }
    // The first half moves up by the digits of the second.
    const moved = POW10[count - HALF_DIGITS]!;
    const kept = POW10[FACTOR_DIGITS_MAX - count]!;
    this.high = Math.floor(first / kept);
    this.low = (first - this.high * kept) * moved + second;
    return true;
  }
}

/** Returns 7 for a text that ends with `e-7`, as JavaScript writes small numbers; of one or two digits. 0 for any other text. */
function exponentOf(bytes: Uint8Array, start: number, end: number): number {
  for (let digits = 1; digits <= 2; digits++) {
    const sign = end - digits - 1;
    if (sign <= start || bytes[sign] !== HYPHEN) continue;
    if ((bytes[sign - 1]! | 0x20) !== EXPONENT) return 0;
    const ones = bytes[end - 1]! - ZERO;
    const tens = digits === 1 ? 0 : bytes[end - 2]! - ZERO;
    const isNumber = ones >= 0 && ones <= 9 && tens >= 0 && tens <= 9 && (digits === 1 || tens > 0);
    return isNumber ? 10 * tens + ones : 0;
  }
  return 0;
}

const product = new Uint8Array(PRODUCT_DIGITS + 1);
const productView = new DataView(product.buffer);
/** Three ASCII digits of each number below 1000, as little-endian words. */
const THREE_DIGITS = Int32Array.from({ length: 1000 }, (_, number) => {
  const text = String(number).padStart(3, "0");
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16);
});
const sums = new Float64Array(PRODUCT_LIMBS);

/** Writes a member whose value is the exact product. Returns false when it has too many places. */
export function writeProduct(out: EventBytes, head: Piece, a: Factor, b: Factor): boolean {
  if (a.places + b.places > PLACES_MAX) return false;
  const a1 = Math.floor(a.low / LIMB_END);
  const a0 = a.low - a1 * LIMB_END;
  const b1 = Math.floor(b.low / LIMB_END);
  const b0 = b.low - b1 * LIMB_END;
  let limbs = 4;
  sums[0] = a0 * b0;
  sums[1] = a0 * b1 + a1 * b0;
  sums[2] = a1 * b1;
  sums[3] = 0;
  if (a.high !== 0 || b.high !== 0) {
    const a3 = Math.floor(a.high / LIMB_END);
    const a2 = a.high - a3 * LIMB_END;
    const b3 = Math.floor(b.high / LIMB_END);
    const b2 = b.high - b3 * LIMB_END;
    limbs = PRODUCT_LIMBS;
    sums[2] = a0 * b2 + a1 * b1 + a2 * b0;
    sums[3] = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
    sums[4] = a1 * b3 + a2 * b2 + a3 * b1;
    sums[5] = a2 * b3 + a3 * b2;
    sums[6] = a3 * b3;
    sums[7] = 0;
  }
  let carry = 0;
  for (let limb = 0; limb < limbs; limb++) {
    const sum = sums[limb]! + carry;
    carry = Math.floor(sum / LIMB_END);
    sums[limb] = sum - carry * LIMB_END;
  }
  const start = PRODUCT_DIGITS - 6 * limbs;
  let at = start;
  for (let limb = limbs - 1; limb >= 0; limb--) {
    const value = sums[limb]! | 0;
    const thousands = (value / 1000) | 0;
    // The fourth byte of a word is overwritten by the next one.
    productView.setInt32(at, THREE_DIGITS[thousands]!, true);
    productView.setInt32(at + 3, THREE_DIGITS[value - 1000 * thousands]!, true);
    at += 6;
  }
  return writeScaled(out, head, product, start, PRODUCT_DIGITS, a.places + b.places);
}

/**
 * Writes a member whose value is the integer of the ASCII digits, divided by 10^places, in plain notation and in quotes. Returns false
 * when it has too many places or digits.
 */
export function writeScaled(
  out: EventBytes,
  head: Piece,
  digits: Uint8Array,
  start: number,
  end: number,
  places: number,
  isNegative = false,
): boolean {
  if (places < 0 || places > PLACES_MAX || end - start > SCALED_DIGITS_MAX) return false;
  let from = start;
  while (from < end && digits[from] === ZERO) from++;
  const point = end - places;
  let to = end;
  while (to > from && to > point && digits[to - 1] === ZERO) to--;
  out.piece(head);
  out.room(end - start + places + 5);
  const { bytes } = out;
  let at = out.at;
  bytes[at++] = QUOTE;
  if (isNegative && from < to) bytes[at++] = HYPHEN;
  if (from >= point || from >= to) bytes[at++] = ZERO;
  for (let p = from; p < point && p < to; p++) bytes[at++] = digits[p]!;
  if (to > point && from < to) {
    bytes[at++] = POINT;
    for (let p = point; p < from; p++) bytes[at++] = ZERO;
    for (let p = Math.max(point, from); p < to; p++) bytes[at++] = digits[p]!;
  }
  bytes[at++] = QUOTE;
  out.at = at;
  return true;
}
