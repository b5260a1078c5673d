/**
 * Tells a sender at once how many of its swaps came behind the watermark of their chain, and how many are too far
 * ahead. The state decides, in the same order; this class repeats its two comparisons with the swaps of this thread
 * since the start. It knows no earlier swap, and counts a late copy of a swap as late.
 */

export type ArrivalTiming = {
  readonly graceMs: number;
  readonly maxSkewMs: number;
  readonly chains: ReadonlyMap<number, { readonly graceMs?: number; readonly maxSkewMs?: number }>;
};

type Arrived = { readonly chainId: number; readonly eventTimeMs: number; readonly removed: boolean };

/** Chains of all partitions whose newest time is kept; a sender may name any number. */
export const JUDGED_CHAINS_MAX = 10_000;

export class ArrivalJudge {
  readonly #timing: ArrivalTiming;
  /** By `<partition>:<chain>`. */
  readonly #highs = new Map<string, number>();

  constructor(timing: ArrivalTiming) {
    this.#timing = timing;
  }

  /** Undefined: as far as is known here, the swap will count. */
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
