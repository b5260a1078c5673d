/**
 * Exact decimals as texts, as the service sends them. No function here passes a value through a binary fraction, so a rounded
 * figure is the correct rounding of the exact one.
 */

/** A decimal in parts: the value is `sign` times `digits` with the point before the last `places` digits. */
type Parts = { readonly negative: boolean; readonly integer: string; readonly fraction: string };

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/** Returns the parts of a decimal, without leading zeros of the integer. Undefined: the text is no decimal. */
export function partsOf(value: string | number): Parts | undefined {
  const match = DECIMAL.exec(String(value));
  if (match === null) return undefined;
  const exponent = Number(match[4] ?? 0);
  let [integer, fraction] = [match[2] as string, match[3] ?? ""];
  if (exponent > 0) {
    const moved = fraction.padEnd(exponent, "0");
    [integer, fraction] = [integer + moved.slice(0, exponent), moved.slice(exponent)];
  } else if (exponent < 0) {
    const padded = integer.padStart(1 - exponent, "0");
    [integer, fraction] = [padded.slice(0, exponent), padded.slice(exponent) + fraction];
  }
  return { negative: match[1] === "-", integer: integer.replace(/^0+(?=\d)/, ""), fraction };
}

const isZero = ({ integer, fraction }: Parts): boolean => /^0*$/.test(integer + fraction);

/** Rounds half away from zero to `places` decimal places (zero or more). */
export function round(parts: Parts, places: number): Parts {
  if (parts.fraction.length <= places) return { ...parts, fraction: parts.fraction.padEnd(places, "0") };
  const kept = parts.integer + parts.fraction.slice(0, places);
  const up = (parts.fraction[places] as string) >= "5";
  const digits = (BigInt(kept) + (up ? 1n : 0n)).toString().padStart(places + 1, "0");
  const cut = digits.length - places;
  return { negative: parts.negative, integer: digits.slice(0, cut), fraction: digits.slice(cut) };
}

/** Moves the point to the left by `places`. */
export function shift({ negative, integer, fraction }: Parts, places: number): Parts {
  const digits = integer.padStart(places + 1, "0");
  const cut = digits.length - places;
  return { negative, integer: digits.slice(0, cut), fraction: digits.slice(cut) + fraction };
}

export const MINUS = "\u2212";

/** Writes an integer with commas between groups of three digits. */
export const grouped = (integer: string): string => integer.replaceAll(/\B(?=(\d{3})+$)/g, ",");

/** Writes the parts with grouped digits. A rounded zero has no sign. */
export function write(parts: Parts): string {
  const sign = parts.negative && !isZero(parts) ? MINUS : "";
  return `${sign}${grouped(parts.integer)}${parts.fraction === "" ? "" : `.${parts.fraction}`}`;
}

/** Returns -1, 0 or 1. A text that is no decimal counts as 0. */
export function signOf(value: string | number | null | undefined): -1 | 0 | 1 {
  const parts = value === null || value === undefined ? undefined : partsOf(value);
  if (parts === undefined || isZero(parts)) return 0;
  return parts.negative ? -1 : 1;
}
