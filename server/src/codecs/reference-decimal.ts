/** Exact decimals of any size by text and BigInt, for the reference decoder. Time is linear in the text. */

/** value = digits x 10^exponent; digits have no needless zeros on either side and are empty for zero. */
export type Decimal = { readonly isNegative: boolean; readonly digits: string; readonly exponent: number };

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** Exponents beyond this are as good as infinite for any number that fits a record. */
const EXPONENT_MAX = 100_000_000;
/** No field has more digits before its point. */
const WHOLE_DIGITS_MAX = 64;

/** Reads a decimal, or gives undefined for text that is none. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  const all = whole + fraction;
  let from = 0;
  while (from < all.length && all[from] === "0") from += 1;
  let to = all.length;
  while (to > from && all[to - 1] === "0") to -= 1;
  const scale = Math.max(-EXPONENT_MAX, Math.min(EXPONENT_MAX, Number(power)));
  return { isNegative: sign === "-", digits: all.slice(from, to), exponent: scale - fraction.length + all.length - to };
}

/** The digits without their last `cut` ones, rounded half to even. */
function roundedOff(digits: string, cut: number): bigint {
  if (cut > digits.length) return 0n;
  const kept = BigInt(digits.slice(0, digits.length - cut) || "0");
  const rest = digits.slice(digits.length - cut);
  const isUp = rest > "5" ? rest[0] !== "5" || rest.length > 1 : rest === "5" && kept % 2n === 1n;
  return isUp ? kept + 1n : kept;
}

/** The number in units of 10^-places, rounded half to even; undefined when it is negative (after rounding) or far beyond any limit. */
export function roundToPlaces({ isNegative, digits, exponent }: Decimal, places: number): bigint | undefined {
  if (digits === "") return 0n;
  if (digits.length + exponent > WHOLE_DIGITS_MAX) return undefined;
  const shift = exponent + places;
  const value = shift >= 0 ? BigInt(digits) * 10n ** BigInt(shift) : roundedOff(digits, -shift);
  return isNegative && value > 0n ? undefined : value;
}

/** The number as an integer below 2^53, or undefined when it is none. */
export function toInteger({ isNegative, digits, exponent }: Decimal): number | undefined {
  if (digits === "") return 0;
  if (exponent < 0 || digits.length + exponent > 16) return undefined;
  const value = Number(digits) * 10 ** exponent;
  return isNegative ? -value : Number.isSafeInteger(value) ? value : undefined;
}

/** The number rounded to so many significant digits (half to even), as text; undefined for zero and less. */
export function toSignificant({ isNegative, digits, exponent }: Decimal, count: number): string | undefined {
  if (isNegative || digits === "") return undefined;
  const cut = Math.max(0, digits.length - count);
  return `${roundedOff(digits, cut)}e${exponent + cut}`;
}
