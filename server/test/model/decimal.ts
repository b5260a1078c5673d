/**
 * Decimal arithmetic of the model, on integers of any size: slow and simple, so that it can be verified by reading.
 * A Decimal is coefficient x 10^exponent, exactly.
 */
export type Decimal = { readonly coefficient: bigint; readonly exponent: number };

/** An exact quotient; the denominator is above zero. */
export type Rational = { readonly numerator: bigint; readonly denominator: bigint };

/** Larger exponents are cut to this one, which is far outside every limit. It keeps 10^exponent computable. */
const exponentLimit = 5000;

export function power10(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

/** Reads the text of a JSON number or of a decimal string that is known to have the right form. */
export function parseDecimal(text: string): Decimal {
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
  if (match === null) throw new Error(`not a decimal: ${text}`);
  const [, sign, whole, fraction = "", exponentText = "0"] = match;
  const magnitude = BigInt(`${whole}${fraction}`);
  if (magnitude === 0n) return { coefficient: 0n, exponent: 0 };
  const exponent = Number(exponentText) - fraction.length;
  const clamped = Math.max(-exponentLimit - text.length, Math.min(exponentLimit, exponent));
  return { coefficient: sign === "-" ? -magnitude : magnitude, exponent: clamped };
}

/** numerator / denominator rounded to an integer, half to even. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (numerator < 0n) return -divideHalfEven(-numerator, denominator);
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
}

/** The value x 10^places as an integer, rounded half to even. */
export function toPlaces(value: Decimal, places: number): bigint {
  const shift = value.exponent + places;
  if (shift >= 0) return value.coefficient * power10(shift);
  return divideHalfEven(value.coefficient, power10(-shift));
}

/** Keeps 15 significant digits, half to even; without trailing zeros in the coefficient. Zero stays zero. */
export function toDigits15(value: Decimal): Decimal {
  let { coefficient, exponent } = value;
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString().length;
  if (digits > 15) {
    coefficient = divideHalfEven(coefficient, power10(digits - 15));
    exponent += digits - 15;
  }
  return stripZeros({ coefficient, exponent });
}

function stripZeros(value: Decimal): Decimal {
  let { coefficient, exponent } = value;
  if (coefficient === 0n) return { coefficient: 0n, exponent: 0 };
  while (coefficient % 10n === 0n) {
    coefficient /= 10n;
    exponent += 1;
  }
  return { coefficient, exponent };
}

export function toRational(value: Decimal): Rational {
  if (value.exponent >= 0) return { numerator: value.coefficient * power10(value.exponent), denominator: 1n };
  return { numerator: value.coefficient, denominator: power10(-value.exponent) };
}

/** Negative, zero or positive: a is below, equal to or above b. */
export function compareRational(a: Rational, b: Rational): number {
  const left = a.numerator * b.denominator;
  const right = b.numerator * a.denominator;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The quotient to 15 significant digits, half to even. */
export function rationalToDigits15(value: Rational): Decimal {
  if (value.numerator === 0n) return { coefficient: 0n, exponent: 0 };
  const negative = value.numerator < 0n;
  const numerator = negative ? -value.numerator : value.numerator;
  let exponent = numerator.toString().length - value.denominator.toString().length - 15;
  let coefficient = scaledQuotient(numerator, value.denominator, exponent);
  while (coefficient >= power10(15)) {
    exponent += 1;
    coefficient = scaledQuotient(numerator, value.denominator, exponent);
  }
  return stripZeros({ coefficient: negative ? -coefficient : coefficient, exponent });
}

function scaledQuotient(numerator: bigint, denominator: bigint, exponent: number): bigint {
  if (exponent >= 0) return divideHalfEven(numerator, denominator * power10(exponent));
  return divideHalfEven(numerator * power10(-exponent), denominator);
}

/** Plain text without an exponent and without trailing zeros. */
export function formatDecimal(value: Decimal): string {
  const { coefficient, exponent } = stripZeros(value);
  if (coefficient === 0n) return "0";
  const sign = coefficient < 0n ? "-" : "";
  const digits = (coefficient < 0n ? -coefficient : coefficient).toString();
  if (exponent >= 0) return sign + digits + "0".repeat(exponent);
  const padded = digits.padStart(1 - exponent, "0");
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

/** An integer count of 10^-places as text. */
export function formatPlaces(value: bigint, places: number): string {
  return formatDecimal({ coefficient: value, exponent: -places });
}
