/** Settled swaps of a market for the benchmarks of the history: tokens by Zipf's law, wallets that trade often, real lengths of ids. */
import { createHash } from "node:crypto";
import type { SettledRow } from "../../server/src/ports/history-store.ts";

const TOKENS = 10_000;
const WALLETS = 50_000;
const SWAPS_PER_BLOCK = 150;

const hex = (label: string, digits: number): string =>
  `0x${createHash("sha256").update(label).digest("hex").slice(0, digits)}`;

export class Market {
  readonly #tokens = Array.from({ length: TOKENS }, (_, i) => ({
    ...{ token: hex(`token${i}`, 40), symbol: `TKN${i}`, pool: hex(`pool${i}`, 40) },
  }));
  readonly #wallets = Array.from({ length: WALLETS }, (_, i) => hex(`wallet${i}`, 40));
  readonly #weights: Float64Array;
  #made = 0;
  #blockHash = "";
  #state = 42;

  constructor() {
    let sum = 0;
    this.#weights = Float64Array.from({ length: TOKENS }, (_, i) => (sum += 1 / (i + 1)));
  }

  /** The address of the token of this rank. */
  token(rank: number): string {
    return this.#tokens[rank]!.token;
  }

  /** Makes the next swap. `rank` chooses its token; without it Zipf's law does. */
  swap(eventTimeMs: number, rank = this.#rank()): SettledRow {
    const n = this.#made++;
    const { token, symbol, pool } = this.#tokens[rank]!;
    const usdMicro = Math.floor(10 ** (6 + 4 * this.#next()));
    const price = (1 + rank) * (0.9 + 0.2 * this.#next());
    const txHash = hex(`tx${n}`, 64);
    const block = Math.floor(n / SWAPS_PER_BLOCK);
    if (n % SWAPS_PER_BLOCK === 0) this.#blockHash = hex(`block${block}`, 64);
    return {
      ...{ chainId: 1, token, symbol, pool },
      who: this.#wallets[Math.floor(WALLETS * this.#next() ** 3)],
      isBuy: this.#next() < 0.5,
      amountUnits: BigInt(Math.floor((usdMicro / price) * 1e6)) * 10n ** 6n + BigInt(n % 1_000),
      ...{ usdMicro, givenPrice: undefined, price, eventTimeMs, txHash },
      ...{ logIndex: n % 400, txIndex: n % SWAPS_PER_BLOCK, eventId: `1:${txHash}:${n % 400}` },
      ...{ blockNumber: 18_000_000 + block, blockHash: this.#blockHash, revision: 0 },
    };
  }

  #next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  /** By Zipf's law. */
  #rank(): number {
    const wanted = this.#next() * this.#weights.at(-1)!;
    let [low, high] = [0, TOKENS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#weights[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
