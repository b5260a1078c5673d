/** Rational numbers for the model: a numerator and a denominator above 0. Nothing is rounded, but for quotients. */
export type Fraction = { readonly top: bigint; readonly bottom: bigint };

const QUOTIENT = 10n ** 18n;

/** Reads digits with a sign, a point and an exponent, or hexadecimal digits. */
export function fractionOf(text: string): Fraction | undefined {
  if (text.length > 400) return undefined;
  const hex = /^(-?)(0x[0-9a-f]{1,64})$/i.exec(text);
  if (hex !== null) return { top: hex[1] === "-" ? -BigInt(hex[2] ?? "") : BigInt(hex[2] ?? ""), bottom: 1n };
  const match = /^([+-]?)([0-9]*)(\.[0-9]*)?(?:e([+-]?[0-9]+))?$/i.exec(text);
  const digits = `${match?.[2] ?? ""}${(match?.[3] ?? "").slice(1)}`;
  const exponent = Number(match?.[4] ?? 0);
  if (match === null || digits === "" || Math.abs(exponent) > 400) return undefined;
  const places = Math.max(0, (match[3]?.length ?? 1) - 1);
  const top = (match[1] === "-" ? -1n : 1n) * BigInt(digits) * 10n ** BigInt(Math.max(0, exponent));
  return { top, bottom: 10n ** BigInt(places + Math.max(0, -exponent)) };
}

export const sum = (a: Fraction, b: Fraction): Fraction => ({
  top: a.top * b.bottom + b.top * a.bottom,
  bottom: a.bottom * b.bottom,
});
export const product = (a: Fraction, b: Fraction): Fraction => ({
  top: a.top * b.top,
  bottom: a.bottom * b.bottom,
});
export const opposite = (a: Fraction): Fraction => ({ top: -a.top, bottom: a.bottom });

/** Rounds a / b to 18 places; a result in the middle goes to the even neighbour. */
export function quotient(a: Fraction, b: Fraction): Fraction | undefined {
  if (b.top === 0n) return undefined;
  const isNegative = a.top < 0n !== b.top < 0n;
  const top = size(a.top * b.bottom) * QUOTIENT;
  const bottom = size(a.bottom * b.top);
  const twice = (2n * top) / bottom;
  const isExact = (2n * top) % bottom === 0n;
  let rounded = twice / 2n;
  if (twice % 2n === 1n && !(isExact && rounded % 2n === 0n)) rounded += 1n;
  return { top: isNegative ? -rounded : rounded, bottom: QUOTIENT };
}

export function order(a: Fraction, b: Fraction): number {
  const difference = sum(a, opposite(b)).top;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Writes a fraction that ends, in plain notation. Undefined if it has more than 1000 digits before or after the point. */
export function plainText({ top, bottom }: Fraction): string | undefined {
  const whole = size(top) / bottom;
  let rest = size(top) % bottom;
  let fraction = "";
  while (rest !== 0n && fraction.length <= 1000) {
    fraction += String((rest * 10n) / bottom);
    rest = (rest * 10n) % bottom;
  }
  if (String(whole).length > 1000 || fraction.length > 1000) return undefined;
  return `${top < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

const size = (value: bigint): bigint => (value < 0n ? -value : value);
