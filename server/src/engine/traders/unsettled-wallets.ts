/**
 * The wallets of a token's unsettled swaps that count. They are derived from the state, so that a read need not walk the swaps.
 *
 * What is known of a wallet lies in one array per field. One record of 48 bytes per wallet, and one of 16 per step, took 200 ns
 * instead of 170 to note a swap and drop another.
 */
import { mix32 } from "../memory/bytes.ts";
import { grown } from "../memory/grown.ts";
import { NEVER, SwapTimes } from "../swaps/swap-times.ts";
import { REGISTERS } from "./rank-counts.ts";
import type { TraderSketches } from "./trader-sketch.ts";
import type { TraderTables } from "./trader-table.ts";

const FIRST_CAPACITY = 64;

/** Where the token's settled traders are: at most one of both is not 0. */
export type SettledRefs = { readonly table: number; readonly sketch: number };

export class UnsettledWallets {
  /**
   * Wallets are numbered from 0 up to this. By number: times of the last unsettled buy and sell, cut to the finest step, and of
   * the last settled ones.
   */
  count = 0;
  buyMs = new Float64Array(FIRST_CAPACITY);
  sellMs = new Float64Array(FIRST_CAPACITY);
  settledBuyMs = new Float64Array(FIRST_CAPACITY);
  settledSellMs = new Float64Array(FIRST_CAPACITY);
  /** Ranks by register of the wallets before a close, after `rankBefore`. */
  readonly buyerRanks = new Uint8Array(REGISTERS);
  readonly sellerRanks = new Uint8Array(REGISTERS);
  /** The token has so many unsettled swaps that a read must not collect its wallets again. */
  isKept = false;
  readonly #times = new SwapTimes();
  #buys = new Uint32Array(FIRST_CAPACITY);
  #sells = new Uint32Array(FIRST_CAPACITY);
  #who = new Uint32Array(FIRST_CAPACITY);
  /** Register and rank in a sketch. */
  #codes = new Uint32Array(FIRST_CAPACITY);
  /** Open addressing by wallet: its number + 1, or 0. Twice as many slots as there is room for wallets. */
  #slots = new Uint32Array(2 * FIRST_CAPACITY);
  readonly #tables: TraderTables;
  readonly #sketches: TraderSketches;
  /** Secret, because senders influence the refs of wallets by the order in which they name them. */
  readonly #salt: number;
  readonly #stepMs: number;

  constructor(tables: TraderTables, sketches: TraderSketches, salt: number, stepMs: number) {
    this.#salt = salt;
    this.#stepMs = stepMs;
    this.#tables = tables;
    this.#sketches = sketches;
  }

  clear(): void {
    this.count = 0;
    this.#times.clear();
    this.#slots.fill(0);
  }

  #stepOf(timeMs: number): number {
    return Math.floor(timeMs / this.#stepMs) * this.#stepMs;
  }

  /** Notes a swap that has begun to count. `table` is the table of the token's settled traders, or 0. */
  note(who: number, buy: boolean, timeMs: number, table: number): void {
    const slot = this.#slotOf(who);
    const i = this.#slots[slot] === 0 ? this.#add(slot, who, table) : this.#slots[slot] - 1;
    const heads = buy ? this.#buys : this.#sells;
    heads[i] = this.#times.add(heads[i], this.#stepOf(timeMs));
    (buy ? this.buyMs : this.sellMs)[i] = this.#times.lastMs(heads[i]);
  }

  /** Removes a swap that was noted, because it no longer counts or has settled. */
  drop(who: number, buy: boolean, timeMs: number): void {
    const slot = this.#slotOf(who);
    if (this.#slots[slot] === 0) return;
    const i = this.#slots[slot] - 1;
    const heads = buy ? this.#buys : this.#sells;
    heads[i] = this.#times.take(heads[i], this.#stepOf(timeMs));
    (buy ? this.buyMs : this.sellMs)[i] = this.#times.lastMs(heads[i]);
    if (this.#buys[i] === 0 && this.#sells[i] === 0) this.#remove(slot, i);
  }

  /** Looks the wallet's settled times up again. */
  resettle(who: number, table: number): void {
    const known = this.#slots[this.#slotOf(who)];
    if (known !== 0) this.#settle(known - 1, who, table);
  }

  /** The last unsettled buy of wallet i before closeMs, or -Infinity. */
  buyBeforeMs(i: number, closeMs: number): number {
    const lastMs = this.buyMs[i];
    return lastMs < closeMs ? lastMs : this.#times.lastBeforeMs(this.#buys[i], closeMs);
  }

  sellBeforeMs(i: number, closeMs: number): number {
    const lastMs = this.sellMs[i];
    return lastMs < closeMs ? lastMs : this.#times.lastBeforeMs(this.#sells[i], closeMs);
  }

  /** Sets the ranks to those of the wallets that trade before closeMs. */
  rankBefore(closeMs: number): void {
    const { buyerRanks, sellerRanks } = this;
    buyerRanks.fill(0);
    sellerRanks.fill(0);
    for (let i = 0; i < this.count; i++) {
      const code = this.#codes[i];
      const register = code >>> 6;
      const rank = code & 63;
      if (buyerRanks[register] < rank && this.buyBeforeMs(i, closeMs) !== NEVER) buyerRanks[register] = rank;
      if (sellerRanks[register] < rank && this.sellBeforeMs(i, closeMs) !== NEVER) sellerRanks[register] = rank;
    }
  }

  /** The slot of the wallet, or the empty slot where it would be. */
  #slotOf(who: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = mix32(who ^ this.#salt) & mask;
    for (;;) {
      const known = slots[slot];
      if (known === 0 || this.#who[known - 1] === who) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #add(slot: number, who: number, table: number): number {
    let at = slot;
    if (this.count === this.#who.length) {
      this.#grow();
      at = this.#slotOf(who);
    }
    const i = this.count++;
    this.#slots[at] = this.count;
    this.#who[i] = who;
    this.#buys[i] = 0;
    this.#sells[i] = 0;
    this.buyMs[i] = NEVER;
    this.sellMs[i] = NEVER;
    this.#settle(i, who, table);
    // Also while settled traders are exact: a sketch may replace the table, and to hash all wallets at once would take too
    // long.
    this.#codes[i] = this.#sketches.registerOf(who) * 64 + this.#sketches.rankOf(who);
    return i;
  }

  #settle(i: number, who: number, table: number): void {
    const entry = table === 0 ? 0 : this.#tables.find(table, who);
    this.settledBuyMs[i] = entry === 0 ? NEVER : this.#tables.buyMs(table, entry);
    this.settledSellMs[i] = entry === 0 ? NEVER : this.#tables.sellMs(table, entry);
  }

  /** Removes wallet i; the last wallet gets its number. */
  #remove(slot: number, i: number): void {
    const last = this.count - 1;
    if (i !== last) {
      this.#slots[this.#slotOf(this.#who[last])] = i + 1;
      this.#who[i] = this.#who[last];
      this.#codes[i] = this.#codes[last];
      this.#buys[i] = this.#buys[last];
      this.#sells[i] = this.#sells[last];
      this.buyMs[i] = this.buyMs[last];
      this.sellMs[i] = this.sellMs[last];
      this.settledBuyMs[i] = this.settledBuyMs[last];
      this.settledSellMs[i] = this.settledSellMs[last];
    }
    this.count = last;
    this.#closeGap(slot);
  }

  /** Empties a slot, and moves later entries whose search would stop at the gap. */
  #closeGap(slot: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = slot;
    for (let at = (gap + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const home = mix32(this.#who[slots[at] - 1] ^ this.#salt) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = slots[at];
      gap = at;
    }
    slots[gap] = 0;
  }

  #grow(): void {
    const capacity = 2 * this.#who.length;
    this.buyMs = grown(this.buyMs, new Float64Array(capacity));
    this.sellMs = grown(this.sellMs, new Float64Array(capacity));
    this.settledBuyMs = grown(this.settledBuyMs, new Float64Array(capacity));
    this.settledSellMs = grown(this.settledSellMs, new Float64Array(capacity));
    this.#who = grown(this.#who, new Uint32Array(capacity));
    this.#codes = grown(this.#codes, new Uint32Array(capacity));
    this.#buys = grown(this.#buys, new Uint32Array(capacity));
    this.#sells = grown(this.#sells, new Uint32Array(capacity));
    const slots = new Uint32Array(2 * capacity);
    for (let i = 0; i < this.count; i++) {
      let slot = mix32(this.#who[i] ^ this.#salt);
      while (slots[slot & (slots.length - 1)] !== 0) slot += 1;
      slots[slot & (slots.length - 1)] = i + 1;
    }
    this.#slots = slots;
  }
}
