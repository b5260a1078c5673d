/**
 * What the log thread can tell a sender at once about swaps that it takes: how many came behind the watermark of their chain, and how many are
 * too far ahead. The state judges for good, in the same order; this repeats the two comparisons with what has gone through this
 * thread since the start. So it knows no swap from before, and takes late copies of swaps that count for late ones.
 */

export type ArrivalTiming = {
  readonly graceMs: number;
  readonly maxSkewMs: number;
  readonly chains: ReadonlyMap<number, { readonly graceMs?: number; readonly maxSkewMs?: number }>;
};

export type Arrived = { readonly chainId: number; readonly eventTimeMs: number; readonly removed: boolean };

/** Chains of all partitions whose newest time is remembered; a sender may name any number. */
export const JUDGED_CHAINS_MAX = 10_000;

export class ArrivalJudge {
  readonly #timing: ArrivalTiming;
  /** By `<partition>:<chain>`. */
  readonly #highs = new Map<string, number>();

  constructor(timing: ArrivalTiming) {
    this.#timing = timing;
  }

  /** Undefined: as far as is known here, it will count. */
  judge(
    partition: number,
    { chainId, eventTimeMs, removed }: Arrived,
    arrivalMs: number,
  ): "late" | "quarantined" | undefined {
    const chain = this.#timing.chains.get(chainId);
    if (eventTimeMs > arrivalMs + (chain?.maxSkewMs ?? this.#timing.maxSkewMs)) return "quarantined";
    const key = `${partition}:${chainId}`;
    const highMs = this.#highs.get(key);
    if (highMs === undefined ? this.#highs.size < JUDGED_CHAINS_MAX : eventTimeMs > highMs) {
      this.#highs.set(key, eventTimeMs);
      return undefined;
    }
    const isBehind = highMs !== undefined && eventTimeMs < highMs - (chain?.graceMs ?? this.#timing.graceMs);
    return isBehind && !removed ? "late" : undefined;
  }
}
