/**
 * Exact fractions of the audit. It shares no code with the engine and the history stores, so that an error of theirs is not repeated here.
 */

/** The denominator is above zero. */
export type Fraction = { readonly numerator: bigint; readonly denominator: bigint };

/** Significant digits of served prices and ratios. */
const PRICE_DIGITS = 15;

const TEN = 10n;
const sizeOf = (value: bigint): bigint => (value < 0n ? -value : value);

/** Reads a plain decimal, also with an exponent. */
export function fractionOf(text: string): Fraction {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "", places = ""] = mantissa.split(".");
  const shift = Number(exponent) - places.length;
  const digits = BigInt(whole + places);
  return shift >= 0
    ? { numerator: digits * TEN ** BigInt(shift), denominator: 1n }
    : { numerator: digits, denominator: TEN ** BigInt(-shift) };
}

/** Returns the price that an event gave: a double that stands for at most 15 digits. */
export const givenFraction = (price: number): Fraction => fractionOf(price.toPrecision(PRICE_DIGITS));

/** Negative: a is the smaller one. */
export function compareFractions(a: Fraction, b: Fraction): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

export function difference(a: Fraction, b: Fraction): Fraction {
  return {
    numerator: a.numerator * b.denominator - b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

/** Returns (close - open) / open in percent. `open` is above zero. */
export function percentOf(open: Fraction, close: Fraction): Fraction {
  const change = difference(close, open);
  return {
    numerator: change.numerator * open.denominator * 100n,
    denominator: change.denominator * open.numerator,
  };
}

/** Returns the fraction as an integer of 10^-places, rounded half to even. */
export function scaled({ numerator, denominator }: Fraction, places: number): bigint {
  const up = places >= 0 ? TEN ** BigInt(places) : 1n;
  const down = places >= 0 ? 1n : TEN ** BigInt(-places);
  const whole = denominator * down;
  const size = sizeOf(numerator) * up;
  const floor = size / whole;
  const rest = 2n * (size - floor * whole);
  const isUp = rest > whole || (rest === whole && (floor & 1n) === 1n);
  const rounded = isUp ? floor + 1n : floor;
  return numerator < 0n ? -rounded : rounded;
}

/** Returns an integer of 10^-places as a decimal without exponent and without needless zeros. */
export function placesText(value: bigint, places: number): string {
  const digits = sizeOf(value)
    .toString()
    .padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Returns the fraction to 15 significant digits, half to even. */
export function digitsText(value: Fraction): string {
  if (value.numerator === 0n) return "0";
  const places = PRICE_DIGITS - 1 - magnitudeOf(value);
  const rounded = scaled(value, places);
  return places >= 0 ? placesText(rounded, places) : (rounded * TEN ** BigInt(-places)).toString();
}

/** Whether the text is a decimal within one unit of the 15th digit of the value. */
export function isWithinOneUnit(text: string, value: Fraction): boolean {
  const distance = difference(fractionOf(text), value);
  if (value.numerator === 0n) return distance.numerator === 0n;
  return isAtMost(distance, magnitudeOf(value) - PRICE_DIGITS + 1);
}

/** Whether the size of the value is at most 10^exponent. */
export function isAtMost({ numerator, denominator }: Fraction, exponent: number): boolean {
  const limit = exponent >= 0 ? denominator * TEN ** BigInt(exponent) : denominator;
  return (exponent >= 0 ? sizeOf(numerator) : sizeOf(numerator) * TEN ** BigInt(-exponent)) <= limit;
}

/** Returns m with 10^m <= size of the value < 10^(m + 1). The value is not zero. */
function magnitudeOf({ numerator, denominator }: Fraction): number {
  const size = sizeOf(numerator);
  const guess = size.toString().length - denominator.toString().length;
  const power = TEN ** BigInt(guess < 0 ? -guess : guess);
  const isReached = guess >= 0 ? size >= denominator * power : size * power >= denominator;
  return isReached ? guess : guess - 1;
}
