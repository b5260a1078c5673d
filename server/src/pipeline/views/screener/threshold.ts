/**
 * Values of a query as keys of their column, so that a comparison is one of doubles and still exact. A value may have more places or digits
 * than the column; it then lies between two values that a token can have, and equals none.
 */
import { priceText, scaledInteger } from "../../../engine/decimal.ts";
import { RankKey } from "../../../engine/reads/rank-key.ts";
import { compareDecimals } from "../../../shared/decimal-order.ts";

export type Threshold = {
  readonly key: RankKey;
  /** The sign of the value less that of the key. */
  readonly side: number;
};

/** `places`: as of the column. */
export function thresholdOf(decimal: string, places: number | undefined): Threshold {
  const key = new RankKey();
  if (places === undefined) {
    key.setNumber(Number(decimal));
    return { key, side: Number.isFinite(key.k0) ? compareDecimals(decimal, numberText(key.k0)) : 0 };
  }
  // Places behind the last one of the column are cut off.
  key.setInteger(scaledInteger(decimal, places));
  const point = decimal.indexOf(".");
  const isCut = point !== -1 && decimal.length - point - 1 > places;
  return { key, side: isCut ? (decimal.startsWith("-") ? -1 : 1) : 0 };
}

/** Returns the decimal of at most 15 significant digits that a double stands for. */
export function numberText(value: number): string {
  if (value === 0) return "0";
  return value < 0 ? `-${priceText(-value)}` : priceText(value);
}
