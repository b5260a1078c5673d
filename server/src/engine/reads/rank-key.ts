/**
 * Figures as numbers that order exactly as their served decimals do, so that a ranking compares doubles and never texts. An integer of
 * the smallest unit becomes up to four doubles, each the nearest to what the ones before leave: 4 x 53 bits hold any sum.
 * Figures with at most 15 significant digits (prices, vwap, price_change) are one double each.
 */
import { type ExactSum, LIMB, scaledInteger } from "../decimal.ts";

/** An integer below 2^53, of this upper limb at most, is one double. */
const SMALL_LIMB_MAX = 8;
const BIG_LIMB = BigInt(LIMB);

/** Compared from `k0` on. An absent figure has NaN there. */
export class RankKey {
  k0 = 0;
  k1 = 0;
  k2 = 0;
  k3 = 0;

  get isPresent(): boolean {
    return !Number.isNaN(this.k0);
  }

  setNumber(value: number): void {
    this.k0 = value;
    this.k1 = 0;
    this.k2 = 0;
    this.k3 = 0;
  }

  setInteger(value: bigint): void {
    this.setNumber(Number(value));
    let rest = value - BigInt(this.k0);
    if (rest === 0n) return;
    this.k1 = Number(rest);
    rest -= BigInt(this.k1);
    if (rest === 0n) return;
    this.k2 = Number(rest);
    this.k3 = Number(rest - BigInt(this.k2));
  }

  setSum(sum: ExactSum): void {
    if (sum.l3 === 0 && sum.l2 === 0) {
      if (sum.l1 <= SMALL_LIMB_MAX) this.setNumber(sum.l1 * LIMB + sum.l0);
      else this.setInteger(BigInt(sum.l1) * BIG_LIMB + BigInt(sum.l0));
    } else this.setInteger(integerOf(sum));
  }
}

function integerOf({ l0, l1, l2, l3 }: ExactSum): bigint {
  return ((BigInt(l3) * BIG_LIMB + BigInt(l2)) * BIG_LIMB + BigInt(l1)) * BIG_LIMB + BigInt(l0);
}

/** The exact difference of two sums. A small one becomes the same number as with `setInteger`. */
export function differenceKey(a: ExactSum, b: ExactSum): number | bigint {
  if (a.l1 + b.l1 <= SMALL_LIMB_MAX && a.l2 + a.l3 + b.l2 + b.l3 === 0) {
    return (a.l1 - b.l1) * LIMB + (a.l0 - b.l0);
  }
  return integerOf(a) - integerOf(b);
}

/**
 * Sets the key of a figure's text as served; undefined: the figure is absent. `places`: the most decimal places that the figure has;
 * undefined: it has at most 15 significant digits.
 */
export function rankKeyOfText(text: string | undefined, places: number | undefined, key: RankKey): void {
  if (text === undefined) key.setNumber(Number.NaN);
  else if (places === undefined) key.setNumber(Number(text));
  else key.setInteger(scaledInteger(text, places));
}
