/** The wallets of a token's unsettled swaps that count: derived from the state, so that windows need not go through the swaps. */
import { mix32 } from "./bytes.ts";
import { REGISTERS } from "./rank-counts.ts";
import type { TraderSketches } from "./trader-sketch.ts";
import type { TraderTables } from "./trader-table.ts";

const NEVER = Number.NEGATIVE_INFINITY;
const FIRST_CAPACITY = 64;

/** Where the token's settled traders are: at most one of both is not 0. */
export type SettledRefs = { readonly table: number; readonly sketch: number };

export class UnsettledWallets {
  /** Wallets; by index below it the times of their last unsettled and last settled buy and sell. */
  count = 0;
  /** As of a hash index: slots looked at beyond the first. */
  probes = 0;
  buyMs = new Float64Array(FIRST_CAPACITY);
  sellMs = new Float64Array(FIRST_CAPACITY);
  settledBuyMs = new Float64Array(FIRST_CAPACITY);
  settledSellMs = new Float64Array(FIRST_CAPACITY);
  /** Ranks by register, where the settled traders are a sketch. */
  buyerRanks: Uint8Array | undefined;
  sellerRanks: Uint8Array | undefined;
  /** Swaps at or beyond the close when last asked. */
  waiting: number[] = [];
  /** The close up to which swaps are noted; they cannot be taken back to an earlier one. */
  closeMs = NEVER;
  #who = new Uint32Array(FIRST_CAPACITY);
  #code = new Uint32Array(FIRST_CAPACITY);
  /** Open addressing by wallet: its index and 1, or 0. Twice as many as there is room for wallets. */
  #slots = new Uint32Array(2 * FIRST_CAPACITY);
  readonly #tables: TraderTables;
  readonly #sketches: TraderSketches;
  /** Secret, because whoever chooses the order of wallets has a say in their refs. */
  readonly #salt: number;
  #settled: SettledRefs = { table: 0, sketch: 0 };

  constructor(tables: TraderTables, sketches: TraderSketches, salt: number) {
    this.#salt = salt;
    this.#tables = tables;
    this.#sketches = sketches;
  }

  /** Makes them those of a token with these settled traders, none yet. */
  begin(settled: SettledRefs): void {
    this.#settled = settled;
    this.count = 0;
    this.closeMs = NEVER;
    this.waiting = [];
    this.#slots.fill(0);
    if (settled.sketch === 0) return;
    this.buyerRanks = cleared(this.buyerRanks);
    this.sellerRanks = cleared(this.sellerRanks);
  }

  /** Notes a swap before the close. */
  note(who: number, buy: boolean, timeMs: number): void {
    const i = this.#indexOf(who);
    const times = buy ? this.buyMs : this.sellMs;
    const isFirst = times[i] === NEVER;
    if (times[i] < timeMs) times[i] = timeMs;
    const ranks = buy ? this.buyerRanks : this.sellerRanks;
    if (!isFirst || this.#settled.sketch === 0 || ranks === undefined) return;
    const register = this.#code[i] >>> 6;
    const rank = this.#code[i] & 63;
    if (ranks[register] < rank) ranks[register] = rank;
  }

  #indexOf(who: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = mix32(who ^ this.#salt);
    for (;;) {
      slot &= mask;
      const known = slots[slot];
      if (known === 0) break;
      if (this.#who[known - 1] === who) return known - 1;
      this.probes += 1;
      slot += 1;
    }
    if (this.count === this.#who.length) {
      this.#grow();
      return this.#indexOf(who);
    }
    slots[slot] = this.count + 1;
    return this.#add(who);
  }

  #add(who: number): number {
    const i = this.count++;
    const { table, sketch } = this.#settled;
    this.#who[i] = who;
    this.buyMs[i] = NEVER;
    this.sellMs[i] = NEVER;
    const entry = table === 0 ? 0 : this.#tables.find(table, who);
    this.settledBuyMs[i] = entry === 0 ? NEVER : this.#tables.buyMs(table, entry);
    this.settledSellMs[i] = entry === 0 ? NEVER : this.#tables.sellMs(table, entry);
    if (sketch !== 0) this.#code[i] = this.#sketches.registerOf(who) * 64 + this.#sketches.rankOf(who);
    return i;
  }

  #grow(): void {
    const capacity = 2 * this.#who.length;
    this.buyMs = grown(this.buyMs, new Float64Array(capacity));
    this.sellMs = grown(this.sellMs, new Float64Array(capacity));
    this.settledBuyMs = grown(this.settledBuyMs, new Float64Array(capacity));
    this.settledSellMs = grown(this.settledSellMs, new Float64Array(capacity));
    this.#who = grown(this.#who, new Uint32Array(capacity));
    this.#code = grown(this.#code, new Uint32Array(capacity));
    const slots = new Uint32Array(2 * capacity);
    for (let i = 0; i < this.count; i++) {
      let slot = mix32(this.#who[i] ^ this.#salt);
      while (slots[slot & (slots.length - 1)] !== 0) slot += 1;
      slots[slot & (slots.length - 1)] = i + 1;
    }
    this.#slots = slots;
  }
}

function cleared(ranks: Uint8Array | undefined): Uint8Array {
  return ranks?.fill(0) ?? new Uint8Array(REGISTERS);
}

function grown<A extends Float64Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old);
  return larger;
}
