/**
 * Dollars of a swap, exactly. A pool with a dollar token gives them itself: they are the amount of that token. Any other pool is priced
 * through a pool with a dollar token that shares a token with it, by the price of that pool's last earlier swap.
 */
import type { PoolSwap } from "./swap-logs.ts";

/** Places of a dollar amount; it is rounded half to even. */
const USD_PLACES = 18;
const Q192 = 2n ** 192n;

/** Dollars for one base unit of the other token, both in base units. */
type Ratio = { readonly dollars: bigint; readonly units: bigint };

/**
 * Returns the price of the token that is not the dollar as a short text for positions: the square root of v3, or the two amounts of a v2
 * swap. Undefined: the swap has no price.
 */
export function priceText(swap: PoolSwap, dollarIs0: boolean): string | undefined {
  if (swap.sqrtPrice !== undefined) return swap.sqrtPrice > 0n ? swap.sqrtPrice.toString(16) : undefined;
  const dollars = magnitude(dollarIs0 ? swap.amount0 : swap.amount1);
  const units = magnitude(dollarIs0 ? swap.amount1 : swap.amount0);
  return dollars > 0n && units > 0n ? `${dollars.toString(16)}/${units.toString(16)}` : undefined;
}

/** Reads a text of `priceText`. */
export function readPrice(text: string, dollarIs0: boolean): Ratio {
  const [first = "0", second] = text.split("/");
  if (second !== undefined) return { dollars: BigInt(`0x${first}`), units: BigInt(`0x${second}`) };
  // The square is the amount of token 1 for one unit of token 0, times 2^192.
  const square = BigInt(`0x${first}`) ** 2n;
  return dollarIs0 ? { dollars: Q192, units: square } : { dollars: square, units: Q192 };
}

/** Returns the dollars of an amount in base units, with at most 18 places. */
export function dollarText(amount: bigint, price: Ratio, dollarDecimals: number): string {
  const numerator = magnitude(amount) * price.dollars * 10n ** BigInt(USD_PLACES);
  return decimalText(quotient(numerator, price.units * 10n ** BigInt(dollarDecimals)), USD_PLACES);
}

/** Returns an amount in base units as a decimal, without a sign and exactly. */
export function amountText(amount: bigint, decimals: number): string {
  return decimalText(magnitude(amount), decimals);
}

export function magnitude(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}

/** Rounds half to even. Both are positive or zero. */
function quotient(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator;
  const twice = (numerator - whole * denominator) * 2n;
  const isUp = twice > denominator || (twice === denominator && whole % 2n === 1n);
  return isUp ? whole + 1n : whole;
}

/** `value` times 10^-places, without needless zeros. */
function decimalText(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0");
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  const whole = digits.slice(0, digits.length - places);
  return places === 0 || fraction === "" ? whole : `${whole}.${fraction}`;
}
