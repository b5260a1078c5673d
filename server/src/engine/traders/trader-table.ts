/**
 * Settled last-seen times of a token's traders, exact: one entry per wallet with the seconds of its last settled buy and sell.
 * A wallet is in a window if one of them is, or if one of its unsettled swaps is. Open addressing by the
 * ref of the wallet, so that a search need not read the wallet's text.
 */
import { mix32 } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import { TRADER_ENTRY, TRADER_TABLE } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import { firstOf, type TraderTally } from "./trader-tally.ts";

const { BASE_SECOND, COUNT, CAPACITY, ENTRIES, BYTES: HEADER_BYTES } = TRADER_TABLE;
const { WHO, BUY, SELL, BYTES: ENTRY_BYTES } = TRADER_ENTRY;
const ENTRY_WORDS = ENTRY_BYTES / 4;
const FIRST_CAPACITY = 4;
const LOAD_MAX = 0.8;
/** Slots per wallet after a rebuild: a third more wallets fit before the next one. */
const GROWTH = 1.66;
const OFFSET_MAX = 0xffffffff;
/** The base lies this far before the first time, for entries that come out of order. */
const BASE_LEAD_SECONDS = 1000_000_000;

export class TraderTables {
  readonly #heap: Heap;
  readonly #strings: Strings;
  /** Secret, because senders influence the refs of wallets by the order in which they name them. */
  readonly #salt: number;
  bytes = 0;
  /** Slots examined so far beyond the first of each search, as in a hash index. */
  probes = 0;

  constructor(heap: Heap, strings: Strings, salt: number) {
    this.#heap = heap;
    this.#strings = strings;
    this.#salt = salt;
  }

  create(timeMs: number): number {
    const table = this.#allocate(FIRST_CAPACITY);
    this.#heap.f64[table + BASE_SECOND] = Math.floor(timeMs / 1000) - BASE_LEAD_SECONDS;
    return table;
  }

  #allocate(capacity: number): number {
    const size = HEADER_BYTES + ENTRY_BYTES * capacity;
    const table = this.#heap.alloc(size);
    this.#heap.own(table, (size + 7) >>> 3);
    this.#heap.u32[2 * table + CAPACITY] = capacity;
    this.bytes += size;
    return table;
  }

  #release(table: number): void {
    const size = HEADER_BYTES + ENTRY_BYTES * this.#heap.u32[2 * table + CAPACITY];
    this.bytes -= size;
    this.#heap.free(table, size);
  }

  /** Frees the table and its references to wallets. */
  free(table: number): void {
    this.each(table, (who) => this.#strings.release(who));
    this.#release(table);
  }

  count(table: number): number {
    return this.#heap.u32[2 * table + COUNT];
  }

  /** Notes a settled swap. Returns the table, which may have moved. */
  note(table: number, who: number, buy: boolean, timeMs: number, expiredBeforeMs: number): number {
    let target = table;
    let second = Math.floor(timeMs / 1000) - this.#heap.f64[target + BASE_SECOND] + 1;
    if (second > OFFSET_MAX || second < 1) {
      target = this.#rebuild(target, expiredBeforeMs, Math.floor(timeMs / 1000) - BASE_LEAD_SECONDS);
      second = Math.floor(timeMs / 1000) - this.#heap.f64[target + BASE_SECOND] + 1;
    }
    let slot = this.#slot(target, who);
    const { u32 } = this.#heap;
    if (u32[slot + WHO] === 0) {
      if (u32[2 * target + COUNT] + 1 > u32[2 * target + CAPACITY] * LOAD_MAX) {
        target = this.#rebuild(target, expiredBeforeMs, this.#heap.f64[target + BASE_SECOND]);
        slot = this.#slot(target, who);
      }
      this.#heap.own(target, 2);
      this.#heap.own(slot >>> 1, 2);
      this.#heap.u32[2 * target + COUNT] += 1;
      this.#heap.u32[slot + WHO] = who;
      this.#strings.retain(who);
    }
    this.#heap.own(slot >>> 1, 2);
    const at = slot + (buy ? BUY : SELL);
    if (this.#heap.u32[at] < second) this.#heap.u32[at] = second;
    return target;
  }

  #slot(table: number, who: number): number {
    const { u32 } = this.#heap;
    const capacity = u32[2 * table + CAPACITY];
    const entries = 2 * table + ENTRIES;
    let slot = Math.floor((mix32(who ^ this.#salt) * capacity) / 2 ** 32);
    for (;;) {
      const at = entries + ENTRY_WORDS * slot;
      if (u32[at + WHO] === who || u32[at + WHO] === 0) return at;
      this.probes += 1;
      slot = slot + 1 === capacity ? 0 : slot + 1;
    }
  }

  /** Copies the entries that have not expired into a table of the right size with this base. */
  #rebuild(old: number, expiredBeforeMs: number, baseSecond: number): number {
    const shift = this.#heap.f64[old + BASE_SECOND] - baseSecond;
    const expired = expiredBeforeMs / 1000 - this.#heap.f64[old + BASE_SECOND] + 1;
    const table = this.#allocate(Math.max(FIRST_CAPACITY, Math.ceil((this.#live(old, expired) + 1) * GROWTH)));
    this.#heap.f64[table + BASE_SECOND] = baseSecond;
    const { u32 } = this.#heap;
    const from = 2 * old + ENTRIES;
    const end = from + ENTRY_WORDS * u32[2 * old + CAPACITY];
    for (let at = from; at < end; at += ENTRY_WORDS) {
      const who = u32[at + WHO];
      if (who === 0) continue;
      if (Math.max(u32[at + BUY], u32[at + SELL]) < expired) {
        this.#strings.release(who);
        continue;
      }
      const slot = this.#slot(table, who);
      u32[slot + WHO] = who;
      u32[slot + BUY] = u32[at + BUY] === 0 ? 0 : Math.max(0, u32[at + BUY] + shift);
      u32[slot + SELL] = u32[at + SELL] === 0 ? 0 : Math.max(0, u32[at + SELL] + shift);
      u32[2 * table + COUNT] += 1;
    }
    this.#release(old);
    return table;
  }

  #live(table: number, expired: number): number {
    const { u32 } = this.#heap;
    const from = 2 * table + ENTRIES;
    const end = from + ENTRY_WORDS * u32[2 * table + CAPACITY];
    let live = 0;
    for (let at = from; at < end; at += ENTRY_WORDS) {
      if (u32[at + WHO] !== 0 && Math.max(u32[at + BUY], u32[at + SELL]) >= expired) live += 1;
    }
    return live;
  }

  /** Drops wallets not seen since expiredBeforeMs. Returns the table, which may have moved. */
  sweep(table: number, expiredBeforeMs: number): number {
    return this.#rebuild(table, expiredBeforeMs, this.#heap.f64[table + BASE_SECOND]);
  }

  /** Returns the position of the wallet's entry, or 0. It is valid for `buyMs` and `sellMs` until the next note. */
  find(table: number, who: number): number {
    const at = this.#slot(table, who);
    return this.#heap.u32[at + WHO] === 0 ? 0 : at;
  }

  /** The wallet's last settled buy, cut to the second; -Infinity is never. */
  buyMs(table: number, entry: number): number {
    return this.#timeMs(table, this.#heap.u32[entry + BUY]);
  }

  sellMs(table: number, entry: number): number {
    return this.#timeMs(table, this.#heap.u32[entry + SELL]);
  }

  #timeMs(table: number, second: number): number {
    return second === 0 ? Number.NEGATIVE_INFINITY : (this.#heap.f64[table + BASE_SECOND] + second - 1) * 1000;
  }

  /** Counts all wallets by the first window that contains their last buy, sell, or either. The windows open ever earlier. */
  tally(table: number, opensMs: readonly number[], tally: TraderTally): void {
    const { u32 } = this.#heap;
    const base = this.#heap.f64[table + BASE_SECOND] - 1;
    // In seconds of the entries; 1 is the first that is not "never".
    const opens = opensMs.map((openMs) => Math.max(1, Math.ceil(openMs / 1000) - base));
    const from = 2 * table + ENTRIES;
    const end = from + ENTRY_WORDS * u32[2 * table + CAPACITY];
    for (let at = from; at < end; at += ENTRY_WORDS) {
      if (u32[at + WHO] === 0) continue;
      const buy = u32[at + BUY];
      const sell = u32[at + SELL];
      tally.traders[firstOf(opens, buy > sell ? buy : sell)] += 1;
      tally.buyers[firstOf(opens, buy)] += 1;
      tally.sellers[firstOf(opens, sell)] += 1;
    }
  }

  /** Calls `each` with every wallet and its last settled buy and sell, cut to the second; -Infinity is never. */
  each(table: number, each: (who: number, buyMs: number, sellMs: number) => void): void {
    const base = this.#heap.f64[table + BASE_SECOND];
    const capacity = this.#heap.u32[2 * table + CAPACITY];
    const entries = 2 * table + ENTRIES;
    for (let at = entries; at < entries + ENTRY_WORDS * capacity; at += ENTRY_WORDS) {
      // Read again each time: the callback may grow the image.
      const { u32 } = this.#heap;
      const who = u32[at + WHO];
      if (who === 0) continue;
      const buy = u32[at + BUY];
      const sell = u32[at + SELL];
      each(
        who,
        buy === 0 ? Number.NEGATIVE_INFINITY : (base + buy - 1) * 1000,
        sell === 0 ? Number.NEGATIVE_INFINITY : (base + sell - 1) * 1000,
      );
    }
  }
}
