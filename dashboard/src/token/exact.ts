/** Exact arithmetic on the decimal strings of the service. Numbers are used only for drawing. */

type Decimal = { readonly units: bigint; readonly places: number };

const PERCENT_PLACES = 6n;

/** Returns the exact sum of decimals, without needless zeros. */
export function sumOf(values: Iterable<string>): string {
  let sum: Decimal = { units: 0n, places: 0 };
  for (const value of values) {
    const [left, right, places] = aligned(sum, decimalOf(value));
    sum = { units: left + right, places };
  }
  return textOf(sum);
}

/** Returns `left - right`, exactly. */
export function differenceOf(left: string, right: string): string {
  const [a, b, places] = aligned(decimalOf(left), decimalOf(right));
  return textOf({ units: a - b, places });
}

/** Returns `value` with the opposite sign. */
export function negated(value: string): string {
  return differenceOf("0", value);
}

/** Returns the relative change in percent with at most 6 places, rounded half away from zero. Undefined: `before` is zero. */
export function percentChange(now: string, before: string): string | undefined {
  const [a, b] = aligned(decimalOf(now), decimalOf(before));
  if (b === 0n) return undefined;
  const base = b < 0n ? -b : b;
  const scaled = (a - b) * 100n * 10n ** PERCENT_PLACES;
  const half = scaled < 0n ? -base : base;
  return textOf({ units: (2n * scaled + half) / (2n * base), places: Number(PERCENT_PLACES) });
}

/** Returns the share of `part` in `whole`, from 0 to 1, for drawing. Undefined: `whole` is zero. */
export function shareOf(part: string, whole: string): number | undefined {
  const [a, b] = aligned(decimalOf(part), decimalOf(whole));
  return b === 0n ? undefined : Number((a * 10_000n) / b) / 10_000;
}

function decimalOf(text: string): Decimal {
  const [whole = "0", fraction = ""] = text.split(".");
  return { units: BigInt(whole + fraction), places: fraction.length };
}

function aligned(left: Decimal, right: Decimal): readonly [bigint, bigint, number] {
  const places = Math.max(left.places, right.places);
  const raise = ({ units, places: own }: Decimal): bigint => units * 10n ** BigInt(places - own);
  return [raise(left), raise(right), places];
}

function textOf({ units, places }: Decimal): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  return sign + whole + (fraction === "" ? "" : `.${fraction}`);
}
