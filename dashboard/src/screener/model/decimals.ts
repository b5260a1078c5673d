/** Exact arithmetic on decimal texts, as far as the table needs it. */

type Scaled = { readonly digits: bigint; readonly places: number };

function scaled(text: string): Scaled | undefined {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text) ?? [];
  if (whole === "") return undefined;
  return { digits: BigInt(`${sign}${whole}${fraction}`), places: fraction.length };
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Divides, and rounds half to even. */
function divided(numerator: bigint, denominator: bigint): bigint {
  const sign = numerator < 0n === denominator < 0n ? 1n : -1n;
  const [top, bottom] = [magnitude(numerator), magnitude(denominator)];
  const whole = top / bottom;
  const twice = 2n * (top % bottom);
  const isUp = twice > bottom || (twice === bottom && whole % 2n === 1n);
  return sign * (isUp ? whole + 1n : whole);
}

const PERCENT_PLACES = 6;

/**
 * Returns the change of `now` against `before` in percent of the size of `before`, with at most 6 places, as the service computes
 * `change.<name>`. Undefined if `before` is 0 or one of them is no decimal.
 */
export function changePercent(now: string | number, before: string | number): string | undefined {
  const [left, right] = [scaled(String(now)), scaled(String(before))];
  if (left === undefined || right === undefined || right.digits === 0n) return undefined;
  const places = Math.max(left.places, right.places);
  const aligned = ({ digits, places: own }: Scaled): bigint => digits * 10n ** BigInt(places - own);
  const difference = aligned(left) - aligned(right);
  const value = divided(difference * 100n * 10n ** BigInt(PERCENT_PLACES), magnitude(aligned(right)));
  const digits = String(magnitude(value)).padStart(PERCENT_PLACES + 1, "0");
  const fraction = digits.slice(-PERCENT_PLACES).replace(/0+$/, "");
  const text = digits.slice(0, -PERCENT_PLACES) + (fraction === "" ? "" : `.${fraction}`);
  return value < 0n ? `-${text}` : text;
}
