import type { TokenRef } from "./types.ts";

/** Follows which swaps count. It costs nothing while no one watches. */
export type CountedWatch = {
  /**
   * Called during `apply`, after the state has changed: the swap of record `before` no longer counts (0: none), and that of record `after`
   * counts now (0: none). `PartitionEngine.countedSwap` and `countedAmount` read the records until the call returns.
   */
  changed(token: TokenRef, before: number, after: number): void;
};

/** What a counting swap adds to the sums of its side. */
export type CountedAmount = { readonly timeMs: number; readonly isBuy: boolean; readonly usdMicro: number };

/** Sums of the swaps of a token that count, in one of its buckets. Dollars are integers of 10^-6 in two limbs of base 10^15. */
export type BucketSums = {
  readonly startMs: number;
  readonly buys: number;
  readonly sells: number;
  readonly usdBuy0: number;
  readonly usdBuy1: number;
  readonly usdSell0: number;
  readonly usdSell1: number;
};
