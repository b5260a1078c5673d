import type { SwapEvent } from "../../engine/swaps/swap-event.ts";

/** Detects swaps that are out of order by more than grace, by the highest event time of each chain. */
export class DisorderWatch {
  readonly #graceOf: (chainId: number) => number;
  readonly #highs = new Map<number, { highMs: number; readonly graceMs: number }>();
  #chainId = -1;
  #chain = { highMs: 0, graceMs: 0 };

  constructor(graceOf: (chainId: number) => number) {
    this.#graceOf = graceOf;
  }

  /** Returns false for an event that is behind by more than grace. */
  inOrder(event: SwapEvent): boolean {
    if (event.chainId !== this.#chainId) this.#choose(event.chainId);
    const chain = this.#chain;
    if (event.eventTimeMs >= chain.highMs) {
      chain.highMs = event.eventTimeMs;
      return true;
    }
    return event.eventTimeMs >= chain.highMs - chain.graceMs;
  }

  #choose(chainId: number): void {
    let chain = this.#highs.get(chainId);
    if (chain === undefined) {
      chain = { highMs: 0, graceMs: this.#graceOf(chainId) };
      this.#highs.set(chainId, chain);
    }
    this.#chainId = chainId;
    this.#chain = chain;
  }
}
