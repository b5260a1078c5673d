/** Writes decimal and hex digits of binary values as ASCII, without a JavaScript string or BigInt. */
import { DECIMAL_BYTES_MAX } from "./decimals.ts";

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const LOWER_X = 0x78;
/** Digits of one group, and their base. A group and a limb of 16 bits together fit into 31 bits. */
const GROUP_DIGITS = 4;
const GROUP = 10_000;
/** Up to here integers are divided as 32 bits. */
const SMALL = 1_000_000_000;
/** Digits of DECIMAL_BYTES_MAX bytes, in whole groups. */
const DIGITS_MAX = 4 * Math.ceil((DECIMAL_BYTES_MAX * 8 * Math.log10(2)) / 4);
export const INTEGER_BYTES_MAX = 21;

const limbs = new Int32Array(DECIMAL_BYTES_MAX / 2);
const digits = new Uint8Array(DIGITS_MAX);
const HEX = new TextEncoder().encode("0123456789abcdef");

/** Writes a safe integer, in at most INTEGER_BYTES_MAX bytes. Returns the position after it. */
export function writeInteger(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  let p = at;
  if (rest < 0) {
    out[p++] = MINUS;
    rest = -rest;
  }
  if (rest < SMALL) return writeSmall(out, p, rest, digitsOf(rest));
  const high = Math.floor(rest / SMALL);
  p = writeSmall(out, p, high, digitsOf(high));
  return writeSmall(out, p, rest - high * SMALL, 9);
}

function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  let count = 5;
  for (let limit = 100_000; value >= limit; limit *= 10) count++;
  return count;
}

/** Writes an integer below 2^31 with this many digits. */
function writeSmall(out: Uint8Array, at: number, value: number, count: number): number {
  let rest = value | 0;
  for (let p = at + count - 1; p >= at; p--) {
    const next = (rest / 10) | 0;
    out[p] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + count;
}

/** Bytes that a decimal of this scale needs at most. */
export const decimalBytesMax = (scale: number): number => DIGITS_MAX + scale + 3;

/**
 * Writes the decimal whose unscaled value is the two's complement in bytes[start, end), the highest byte first, of at most
 * DECIMAL_BYTES_MAX bytes. All places of the scale are written. Returns the position after it.
 */
export function writeDecimal(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  scale: number,
): number {
  const isNegative = end > start && (bytes[start] as number) >= 0x80;
  const first = writeDigits(readLimbs(bytes, start, end, isNegative));
  const count = digits.length - first;
  let p = at;
  if (isNegative) out[p++] = MINUS;
  if (scale > 0 && count <= scale) {
    out[p++] = ZERO;
    out[p++] = POINT;
    for (let i = count; i < scale; i++) out[p++] = ZERO;
    for (let i = first; i < digits.length; i++) out[p++] = digits[i] as number;
    return p;
  }
  const point = digits.length - scale;
  for (let i = first; i < point; i++) out[p++] = digits[i] as number;
  if (count === 0) out[p++] = ZERO;
  if (scale > 0) out[p++] = POINT;
  for (let i = point; i < digits.length; i++) out[p++] = digits[i] as number;
  return p;
}

/** Reads the magnitude as limbs of 16 bits, the lowest first. Returns their number, without high zeros. */
function readLimbs(bytes: Uint8Array, start: number, end: number, isNegative: boolean): number {
  const flip = isNegative ? 0xff : 0;
  let count = 0;
  let carry = isNegative ? 1 : 0;
  for (let p = end - 1; p >= start; p -= 2) {
    const high = p > start ? (bytes[p - 1] as number) ^ flip : 0;
    const limb = ((bytes[p] as number) ^ flip) + (high << 8) + carry;
    carry = limb >> 16;
    limbs[count++] = limb & 0xffff;
  }
  while (count > 0 && limbs[count - 1] === 0) count--;
  return count;
}

/** Writes the digits of the limbs to the end of `digits`. Returns the position of the first one that is not 0. */
function writeDigits(limbCount: number): number {
  let count = limbCount;
  let p = digits.length;
  while (count > 0) {
    let rest = 0;
    for (let i = count - 1; i >= 0; i--) {
      const value = (rest << 16) | (limbs[i] as number);
      const quotient = (value / GROUP) | 0;
      limbs[i] = quotient;
      rest = value - quotient * GROUP;
    }
    while (count > 0 && limbs[count - 1] === 0) count--;
    p -= GROUP_DIGITS;
    writeSmall(digits, p, rest, GROUP_DIGITS);
  }
  while (p < digits.length && digits[p] === ZERO) p++;
  return p;
}

/** Writes 0x and the hex digits of bytes[start, end). Returns the position after them. */
export function writeHex(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  let p = at;
  out[p++] = ZERO;
  out[p++] = LOWER_X;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    out[p++] = HEX[byte >> 4] as number;
    out[p++] = HEX[byte & 15] as number;
  }
  return p;
}
