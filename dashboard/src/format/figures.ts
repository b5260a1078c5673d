/**
 * Short forms of figures, for columns and headlines, and their exact values, for titles. A missing figure is a dash. Short forms have three
 * significant digits and a unit: k (thousand), M (million), B (billion), T (trillion).
 */
import { grouped, MINUS, partsOf, round, shift, signOf, write } from "./decimal.ts";

export type Value = string | number | null | undefined;
type Parts = NonNullable<ReturnType<typeof partsOf>>;

/** Stands for a figure that has no value. */
export const NO_VALUE = "\u2013";
/** Narrow space that does not break, between a number and its unit. */
export const THIN = "\u202f";
const UNITS = ["", "k", "M", "B", "T"] as const;
const SHORT_DIGITS = 3;
/** Digits of prices below 1,000 and from 1 on have this many places at most, so that columns align. */
const PRICE_DIGITS = 5;
/** From this number of zeros after the point on, a price shows their number instead. */
const ZEROS_COUNTED = 4;
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";

function withParts(value: Value, form: (parts: Parts) => string): string {
  const parts = value === null || value === undefined ? undefined : partsOf(value);
  return parts === undefined ? NO_VALUE : form(parts);
}

/** Writes a magnitude with three significant digits and a unit; below 1,000 with `smallPlaces` places. */
function short(parts: Parts, smallPlaces: number): string {
  for (let unit = Math.floor((parts.integer.length - 1) / 3); ; unit += 1) {
    const top = Math.min(unit, UNITS.length - 1);
    const moved = shift(parts, top * 3);
    const places = (digits: number): number => (top === 0 ? smallPlaces : Math.max(0, SHORT_DIGITS - digits));
    // 99.96 k rounds to 100.0 k, which has a digit too many.
    const { integer } = round(moved, places(moved.integer.length));
    const rounded = round(moved, places(integer.length));
    // 999.96 k rounds to 1,000 k, which is 1.00 M.
    if (rounded.integer.length > 3 && top < UNITS.length - 1) continue;
    return top === 0 ? write(rounded) : `${write(rounded)}${THIN}${UNITS[top]}`;
  }
}

const unsigned = (parts: Parts): Parts => ({ ...parts, negative: false });
const signed = (parts: Parts, text: string): string =>
  parts.negative && /[1-9]/.test(text) ? `${MINUS}${text}` : text;

/** An amount of dollars: `$1.24 M`, `$12.30`, `−$204 k`. An amount that rounds to zero cents is `<$0.01`. */
export function formatUsd(value: Value): string {
  return withParts(value, (parts) => {
    const text = short(unsigned(parts), 2);
    if (!/[1-9]/.test(text)) return signOf(value) === 0 ? "$0.00" : "<$0.01";
    return signed(parts, `$${text}`);
  });
}

/** A number of things: `1,234` below 10,000, then `12.3 k`. */
export function formatCount(value: Value): string {
  return withParts(value, (parts) => {
    const whole = round(unsigned(parts), 0);
    return signed(parts, whole.integer.length <= 4 ? grouped(whole.integer) : short(whole, 0));
  });
}

/** An amount of a token: three significant digits from 1,000 on, four places below. */
export function formatAmount(value: Value): string {
  return withParts(value, (parts) => {
    if (parts.integer.length > 3) return signed(parts, short(unsigned(parts), 0));
    return signed(parts, small(unsigned(parts), 4));
  });
}

/** Dollars for one token: `64,821.70`, `3,247.85`, `1.0018`, `0.06482`, `0.0₅1234`. */
export function formatPrice(value: Value): string {
  return withParts(value, (parts) => {
    if (parts.integer.length > 6) return signed(parts, short(unsigned(parts), 2));
    return signed(parts, small(unsigned(parts), PRICE_DIGITS));
  });
}

/** Writes a magnitude with `digits` significant digits, at least two places from 100 on, and counted zeros if it is tiny. */
function small(parts: Parts, digits: number): string {
  if (parts.integer !== "0") return write(round(parts, Math.max(2, digits - parts.integer.length)));
  const zeros = /^0*/.exec(parts.fraction)?.[0].length ?? 0;
  if (zeros === parts.fraction.length) return "0";
  const shown = digits - 1;
  if (zeros < ZEROS_COUNTED) return write(round(parts, zeros + shown));
  const { fraction } = round(parts, zeros + shown);
  // Rounding can carry into the last zero: 0.0000999999 becomes 0.0001000.
  const left = /^0*/.exec(fraction)?.[0].length ?? 0;
  if (left < ZEROS_COUNTED) return write(round(parts, left + shown));
  const count = [...String(left)].map((digit) => SUBSCRIPTS[Number(digit)]).join("");
  return `0.0${count}${fraction.slice(left).replace(/0+$/, "")}`;
}

/** A change in percent: `+0.79%`, `−12.4%`, `+1.20 k%`, `0.00%`. */
export function formatPercent(value: Value): string {
  return withParts(value, (parts) => {
    const size = unsigned(parts);
    const text = size.integer.length > 3 ? short(size, 0) : write(round(size, size.integer.length > 1 ? 1 : 2));
    const sign = !/[1-9]/.test(text) ? "" : parts.negative ? MINUS : "+";
    return `${sign}${text}%`;
  });
}

/** The exact value with grouped digits: `−1,234,567.000001`. `unit` is written behind it. */
export function exact(value: Value, unit = ""): string {
  return withParts(value, (parts) => `${write(parts)}${unit === "" || unit === "%" ? unit : ` ${unit}`}`);
}

/** The exact amount of dollars: `−$1,234.56`. */
export function exactUsd(value: Value): string {
  return withParts(value, (parts) => signed(parts, `$${write(unsigned(parts))}`));
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes: `812 B`, `64.0 KiB`. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return NO_VALUE;
  let [size, unit] = [bytes, 0];
  while (size >= 1023.95 && unit < BYTE_UNITS.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${unit === 0 ? Math.round(size) : size.toFixed(size < 100 ? 1 : 0)}${THIN}${BYTE_UNITS[unit]}`;
}
