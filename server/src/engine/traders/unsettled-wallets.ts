/** The wallets of a token's unsettled swaps that count. They are derived from the state, so that a read need not walk the swaps. */
import { mix32 } from "../memory/bytes.ts";
import { layout } from "../memory/layout.ts";
import { NEVER, SwapTimes } from "../swaps/swap-times.ts";
import { REGISTERS } from "./rank-counts.ts";
import type { TraderSketches } from "./trader-sketch.ts";
import type { TraderTables } from "./trader-table.ts";

const u32 = { width: 4, count: 1 } as const;
const f64 = { width: 8, count: 1 } as const;
/** What is known of a wallet, in one line of memory or two: in eight arrays each swap touched five lines. */
const WALLET = layout({
  /** Times of the last unsettled buy and sell, cut to the finest step. */
  BUY_MS: f64,
  SELL_MS: f64,
  /** Times of the last settled buy and sell. */
  SETTLED_BUY_MS: f64,
  SETTLED_SELL_MS: f64,
  WHO: u32,
  /** Register and rank in a sketch. */
  CODE: u32,
  /** Lists of times of unsettled buys and sells. */
  BUYS: u32,
  SELLS: u32,
});
const { BUY_MS, SELL_MS, SETTLED_BUY_MS, SETTLED_SELL_MS, WHO, CODE, BUYS, SELLS } = WALLET;
const DOUBLES = WALLET.BYTES / 8;
const WORDS = WALLET.BYTES / 4;
const FIRST_CAPACITY = 64;

/** Where the token's settled traders are: at most one of both is not 0. */
export type SettledRefs = { readonly table: number; readonly sketch: number };

export class UnsettledWallets {
  /** Wallets are numbered from 0 up to this; a number changes when another wallet leaves. */
  count = 0;
  /** Ranks by register of the wallets before a close, after `rankBefore`. */
  readonly buyerRanks = new Uint8Array(REGISTERS);
  readonly sellerRanks = new Uint8Array(REGISTERS);
  /** The token has so many unsettled swaps that a read must not collect its wallets again. */
  isKept = false;
  readonly #times = new SwapTimes();
  #f64 = new Float64Array(FIRST_CAPACITY * DOUBLES);
  #u32 = new Uint32Array(this.#f64.buffer);
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
    const list = WORDS * i + (buy ? BUYS : SELLS);
    const head = this.#times.add(this.#u32[list], this.#stepOf(timeMs));
    this.#u32[list] = head;
    this.#f64[DOUBLES * i + (buy ? BUY_MS : SELL_MS)] = this.#times.lastMs(head);
  }

  /** Removes a swap that was noted, because it no longer counts or has settled. */
  drop(who: number, buy: boolean, timeMs: number): void {
    const slot = this.#slotOf(who);
    if (this.#slots[slot] === 0) return;
    const i = this.#slots[slot] - 1;
    const list = WORDS * i + (buy ? BUYS : SELLS);
    const head = this.#times.take(this.#u32[list], this.#stepOf(timeMs));
    this.#u32[list] = head;
    this.#f64[DOUBLES * i + (buy ? BUY_MS : SELL_MS)] = this.#times.lastMs(head);
    if (this.#u32[WORDS * i + BUYS] === 0 && this.#u32[WORDS * i + SELLS] === 0) this.#remove(slot, i);
  }

  /** Looks the wallet's settled times up again. */
  resettle(who: number, table: number): void {
    const known = this.#slots[this.#slotOf(who)];
    if (known !== 0) this.#settle(known - 1, who, table);
  }

  /** The last unsettled buy of wallet i before closeMs, or -Infinity. */
  buyBeforeMs(i: number, closeMs: number): number {
    const lastMs = this.#f64[DOUBLES * i + BUY_MS];
    return lastMs < closeMs ? lastMs : this.#times.lastBeforeMs(this.#u32[WORDS * i + BUYS], closeMs);
  }

  sellBeforeMs(i: number, closeMs: number): number {
    const lastMs = this.#f64[DOUBLES * i + SELL_MS];
    return lastMs < closeMs ? lastMs : this.#times.lastBeforeMs(this.#u32[WORDS * i + SELLS], closeMs);
  }

  /** The last settled buy of wallet i, or -Infinity. */
  settledBuyMs(i: number): number {
    return this.#f64[DOUBLES * i + SETTLED_BUY_MS];
  }

  settledSellMs(i: number): number {
    return this.#f64[DOUBLES * i + SETTLED_SELL_MS];
  }

  /** Sets the ranks to those of the wallets that trade before closeMs. */
  rankBefore(closeMs: number): void {
    const { buyerRanks, sellerRanks } = this;
    buyerRanks.fill(0);
    sellerRanks.fill(0);
    for (let i = 0; i < this.count; i++) {
      const code = this.#u32[WORDS * i + CODE];
      const register = code >>> 6;
      const rank = code & 63;
      if (buyerRanks[register] < rank && this.buyBeforeMs(i, closeMs) !== NEVER) buyerRanks[register] = rank;
      if (sellerRanks[register] < rank && this.sellBeforeMs(i, closeMs) !== NEVER) sellerRanks[register] = rank;
    }
  }

  #whoOf(i: number): number {
    return this.#u32[WORDS * i + WHO];
  }

  /** The slot of the wallet, or the empty slot where it would be. */
  #slotOf(who: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = mix32(who ^ this.#salt) & mask;
    for (;;) {
      const known = slots[slot];
      if (known === 0 || this.#whoOf(known - 1) === who) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #add(slot: number, who: number, table: number): number {
    let at = slot;
    if (2 * this.count === this.#slots.length) {
      this.#grow();
      at = this.#slotOf(who);
    }
    const i = this.count++;
    this.#slots[at] = this.count;
    this.#u32[WORDS * i + WHO] = who;
    this.#u32[WORDS * i + BUYS] = 0;
    this.#u32[WORDS * i + SELLS] = 0;
    this.#f64[DOUBLES * i + BUY_MS] = NEVER;
    this.#f64[DOUBLES * i + SELL_MS] = NEVER;
    this.#settle(i, who, table);
    // Also while settled traders are exact: a sketch may replace the table, and to hash all wallets at once would take too long.
    this.#u32[WORDS * i + CODE] = this.#sketches.registerOf(who) * 64 + this.#sketches.rankOf(who);
    return i;
  }

  #settle(i: number, who: number, table: number): void {
    const entry = table === 0 ? 0 : this.#tables.find(table, who);
    this.#f64[DOUBLES * i + SETTLED_BUY_MS] = entry === 0 ? NEVER : this.#tables.buyMs(table, entry);
    this.#f64[DOUBLES * i + SETTLED_SELL_MS] = entry === 0 ? NEVER : this.#tables.sellMs(table, entry);
  }

  /** Removes wallet i; the last wallet gets its number. */
  #remove(slot: number, i: number): void {
    const last = this.count - 1;
    if (i !== last) {
      this.#slots[this.#slotOf(this.#whoOf(last))] = i + 1;
      this.#u32.copyWithin(WORDS * i, WORDS * last, WORDS * (last + 1));
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
      const home = mix32(this.#whoOf(slots[at] - 1) ^ this.#salt) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = slots[at];
      gap = at;
    }
    slots[gap] = 0;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#f64.length);
    const words = new Uint32Array(larger.buffer);
    words.set(this.#u32);
    this.#f64 = larger;
    this.#u32 = words;
    const slots = new Uint32Array(2 * this.#slots.length);
    for (let i = 0; i < this.count; i++) {
      let slot = mix32(this.#whoOf(i) ^ this.#salt);
      while (slots[slot & (slots.length - 1)] !== 0) slot += 1;
      slots[slot & (slots.length - 1)] = i + 1;
    }
    this.#slots = slots;
  }
}
