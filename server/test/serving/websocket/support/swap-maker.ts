import type { Random } from "../../../support/seed.ts";

type Swap = Record<string, unknown> & { event_time: number };

/** Swaps as a chain sends them: in any order within grace, some announced twice, some removed and included again. */
export class SwapMaker {
  readonly #tokens: readonly string[];
  readonly #random: Random;
  readonly #present: Swap[] = [];
  #count = 0;

  /** `tokens`: their ids. */
  constructor(tokens: readonly string[], random: Random) {
    this.#tokens = tokens;
    this.#random = random;
  }

  batch(size: number): Swap[] {
    return Array.from({ length: size }, () => {
      if (this.#present.length > 0 && this.#random.chance(0.2)) return this.#removal();
      if (this.#present.length > 0 && this.#random.chance(0.05)) return this.#random.pick(this.#present);
      // Some are beyond grace, which only the counter of late swaps shows. The others soon leave the shortest window.
      const ageMs = this.#random.chance(0.05) ? 130_000 : 5_000 + this.#random.below(4_000);
      return this.swap(this.#random.pick(this.#tokens), ageMs);
    });
  }

  swap(id: string, ageMs: number): Swap {
    const [chain, token] = id.split(":");
    this.#count += 1;
    const swap = {
      chain_id: Number(chain),
      tx_hash: `t${this.#count}`,
      log_index: 1,
      token,
      token_symbol: `S${this.#random.below(3)}`,
      who: `w${this.#random.below(5)}`,
      side: this.#random.chance(0.5) ? "buy" : "sell",
      amount_token: `${1 + this.#random.below(1_000)}.${this.#random.below(1_000)}`,
      amount_usd: `${this.#random.below(100)}.${this.#random.below(1_000_000)}`,
      event_time: Date.now() - ageMs,
      block_number: this.#count,
    };
    this.#present.push(swap);
    return swap;
  }

  /** Removes an announced swap; half of the time it is announced again in another block. */
  #removal(): Swap {
    const index = this.#random.below(this.#present.length);
    const [swap] = this.#present.splice(index, 1) as [Swap];
    if (this.#random.chance(0.5)) return { ...swap, removed: true };
    const again = { ...swap, block_number: 1_000_000 + this.#count, event_time: swap.event_time + 1 };
    this.#present.push(again);
    return again;
  }
}
