/** Exact decimal arithmetic on texts. No value passes through a double, and every text and result is bounded. */
import { EXPONENT_MAX, HEX_DIGITS_MAX, NUMBER_CHARS_MAX, QUOTIENT_PLACES, RESULT_DIGITS_MAX } from "../limits.ts";

/** The value `mantissa` / 10^`places`. `places` is 0 or more. */
export type Decimal = { readonly mantissa: bigint; readonly places: number };

const DECIMAL = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?$/;
const HEX = new RegExp(`^-?0[xX][0-9a-fA-F]{1,${HEX_DIGITS_MAX}}$`);
const POWERS: bigint[] = [1n];

/** Returns 10^exponent. */
function power(exponent: number): bigint {
  for (let next = POWERS.length; next <= exponent; next++) POWERS.push((POWERS[next - 1] as bigint) * 10n);
  return POWERS[exponent] as bigint;
}

/**
 * Reads a decimal: digits with an optional sign, point and exponent, or a hexadecimal integer (`0x1f`). Returns undefined for any other
 * text, and for numbers beyond NUMBER_CHARS_MAX and EXPONENT_MAX.
 */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > NUMBER_CHARS_MAX) return undefined;
  const match = DECIMAL.exec(text);
  if (match === null) return HEX.test(text) ? { mantissa: hexValue(text), places: 0 } : undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const shift = Number(exponent);
  if (Math.abs(shift) > EXPONENT_MAX) return undefined;
  const digits = BigInt(whole + fraction);
  return shifted(sign === "-" ? -digits : digits, fraction.length - shift);
}

function hexValue(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

function shifted(mantissa: bigint, places: number): Decimal {
  return places >= 0 ? { mantissa, places } : { mantissa: mantissa * power(-places), places: 0 };
}

/** Returns the value in plain notation: no exponent, no zeros at the end of the fraction, no `-0`. Undefined if it exceeds RESULT_DIGITS_MAX. */
export function formatDecimal({ mantissa, places }: Decimal): string | undefined {
  if (mantissa === 0n) return "0";
  const isNegative = mantissa < 0n;
  const digits = (isNegative ? -mantissa : mantissa).toString().padStart(places + 1, "0");
  const point = digits.length - places;
  let end = digits.length;
  while (end > point && digits.charCodeAt(end - 1) === 0x30) end--;
  if (point > RESULT_DIGITS_MAX || end - point > RESULT_DIGITS_MAX) return undefined;
  const whole = isNegative ? `-${digits.slice(0, point)}` : digits.slice(0, point);
  return end === point ? whole : `${whole}.${digits.slice(point, end)}`;
}

export function add(a: Decimal, b: Decimal): Decimal {
  const places = Math.max(a.places, b.places);
  return { mantissa: aligned(a, places) + aligned(b, places), places };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, negate(b));
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { mantissa: a.mantissa * b.mantissa, places: a.places + b.places };
}

/** Returns a / b to QUOTIENT_PLACES places, half to even. Undefined if b is zero. */
export function divide(a: Decimal, b: Decimal): Decimal | undefined {
  if (b.mantissa === 0n) return undefined;
  const shift = b.places - a.places + QUOTIENT_PLACES;
  const top = magnitude(shift > 0 ? a.mantissa * power(shift) : a.mantissa);
  const bottom = magnitude(shift < 0 ? b.mantissa * power(-shift) : b.mantissa);
  let quotient = top / bottom;
  const rest = 2n * (top % bottom);
  if (rest > bottom || (rest === bottom && quotient % 2n === 1n)) quotient += 1n;
  const isNegative = a.mantissa < 0n !== b.mantissa < 0n;
  return { mantissa: isNegative ? -quotient : quotient, places: QUOTIENT_PLACES };
}

export function negate({ mantissa, places }: Decimal): Decimal {
  return { mantissa: -mantissa, places };
}

export function absolute({ mantissa, places }: Decimal): Decimal {
  return { mantissa: magnitude(mantissa), places };
}

/** Returns the value / 10^count; a negative `count` multiplies. */
export function scaleDown({ mantissa, places }: Decimal, count: number): Decimal {
  return shifted(mantissa, places + count);
}

/** An integer as tokens have it in base units. */
const BASE_UNITS = /^-?[1-9][0-9]{0,99}$/;

/** Returns the text of the integer / 10^count in plain notation, without arithmetic. Undefined for other texts, and a negative count. */
export function shiftPoint(text: string, count: number): string | undefined {
  if (count < 0 || !BASE_UNITS.test(text)) return undefined;
  const sign = text.startsWith("-") ? "-" : "";
  const digits = text.slice(sign.length);
  let end = digits.length;
  const point = end - count;
  while (end > point && digits.charCodeAt(end - 1) === 0x30) end--;
  if (end === point) return text.slice(0, sign.length + point);
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point, end)}`;
  return `${sign}0.${"0".repeat(-point)}${digits.slice(0, end)}`;
}

/** Returns a negative number, 0 or a positive number as a is below, equal to or above b. */
export function compare(a: Decimal, b: Decimal): number {
  const places = Math.max(a.places, b.places);
  const difference = aligned(a, places) - aligned(b, places);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Returns whether every further operation on the value takes bounded time. */
export function isBounded({ mantissa, places }: Decimal): boolean {
  const end = power(2 * RESULT_DIGITS_MAX);
  return mantissa < end && mantissa > -end && places <= 2 * RESULT_DIGITS_MAX;
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);
const aligned = (value: Decimal, places: number): bigint => value.mantissa * power(places - value.places);
