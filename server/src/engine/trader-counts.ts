/**
 * Unique traders of a token in windows that share a close and differ in their open: settled last-seen times and the
 * unsettled swaps together. Exact as long as nothing but exact parts are needed: a window that lies wholly within the unsettled
 * swaps is exact even for a token whose settled traders are a sketch.
 *
 * The wallets of a busy token's unsettled swaps are cached between calls; the cache is derived, never part of the state.
 */
import type { Heap } from "./heap.ts";
import type { HotBuckets } from "./hot-buckets.ts";
import { FLAG_BUY, FLAG_COUNTS } from "./record-view.ts";
import type { Records } from "./records.ts";
import type { SettledTraders } from "./settled-traders.ts";
import { HOT_COUNTING, HOT_HEAD, TRADER_SKETCH, TRADER_TABLE } from "./tokens.ts";
import { estimate, REGISTERS } from "./trader-sketch.ts";

/** Tokens with fewer unsettled swaps are counted from scratch each time. */
const CACHE_SWAPS_MIN = 200;
const CACHED_TOKENS_MAX = 256;

export type TraderCount = { traders: number; buyers: number; sellers: number; estimated: boolean };

/** Wallets of unsettled swaps that count, with the times of their last buy and sell before a close. */
class UnsettledWallets {
  readonly indexOf = new Map<number, number>();
  buyMs: number[] = [];
  sellMs: number[] = [];
  code: number[] = [];
  /** Swaps at or beyond the close when last asked. */
  waiting: number[] = [];
  /** The close up to which swaps are noted; a cache cannot go back behind it. */
  closeMs = Number.NEGATIVE_INFINITY;

  note(who: number, buy: boolean, timeMs: number): void {
    let i = this.indexOf.get(who);
    if (i === undefined) {
      i = this.buyMs.length;
      this.indexOf.set(who, i);
      this.buyMs.push(Number.NEGATIVE_INFINITY);
      this.sellMs.push(Number.NEGATIVE_INFINITY);
      this.code.push(-1);
    }
    const times = buy ? this.buyMs : this.sellMs;
    if (times[i] < timeMs) times[i] = timeMs;
  }
}

export class TraderCounts {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #hot: HotBuckets;
  readonly #settled: SettledTraders;
  readonly #cache = new Map<number, UnsettledWallets>();

  constructor(heap: Heap, records: Records, hot: HotBuckets, settled: SettledTraders) {
    this.#heap = heap;
    this.#records = records;
    this.#hot = hot;
    this.#settled = settled;
  }

  /** A record of the token has begun to count. */
  countedIn(token: number, record: number): void {
    if (this.#cache.size === 0) return;
    this.#cache.get(token)?.waiting.push(record);
  }

  /** A record of the token counts no longer, or was settled: what is cached may name it. */
  forget(token: number): void {
    if (this.#cache.size > 0) this.#cache.delete(token);
  }

  /** Counts for windows [opensMs[i], closeMs); opens descend (the shortest window first). */
  count(token: number, active: number, opensMs: readonly number[], closeMs: number): TraderCount[] {
    const wallets = this.#wallets(token, active, closeMs);
    const sketch = active === 0 ? 0 : this.#heap.u32[2 * active + TRADER_SKETCH];
    const settledEndMs = this.#settledEndMs(active);
    const exact = opensMs.filter((openMs) => sketch === 0 || openMs >= settledEndMs);
    const counts = this.#countExact(active, wallets, exact);
    for (const openMs of opensMs.slice(exact.length)) counts.push(this.#estimate(sketch, wallets, openMs));
    return counts;
  }

  /** Windows that open here or later are counted exactly. */
  exactFromMs(active: number): number {
    const isEstimated = active !== 0 && this.#heap.u32[2 * active + TRADER_SKETCH] !== 0;
    return isEstimated ? this.#settledEndMs(active) : Number.NEGATIVE_INFINITY;
  }

  /** Everything settled is before this. */
  #settledEndMs(active: number): number {
    const head = active === 0 ? 0 : this.#heap.u32[2 * active + HOT_HEAD];
    return head === 0 ? Number.POSITIVE_INFINITY : this.#hot.startMs(head);
  }

  #wallets(token: number, active: number, closeMs: number): UnsettledWallets {
    let wallets = this.#cache.get(token);
    if (wallets === undefined || closeMs < wallets.closeMs) {
      this.#cache.delete(token);
      wallets = new UnsettledWallets();
      if (active !== 0) {
        for (let b = this.#heap.u32[2 * active + HOT_HEAD]; b !== 0; b = this.#hot.next(b)) {
          for (let record = this.#hot.firstRecord(b); record !== 0; record = this.#records.next(record)) {
            if ((this.#records.flags(record) & FLAG_COUNTS) !== 0) wallets.waiting.push(record);
          }
        }
        if (this.#heap.u32[2 * active + HOT_COUNTING] >= CACHE_SWAPS_MIN) this.#remember(token, wallets);
      }
    }
    wallets.closeMs = closeMs;
    const still: number[] = [];
    for (const record of wallets.waiting) {
      const timeMs = this.#records.timeMs(record);
      if (timeMs >= closeMs) still.push(record);
      else {
        const who = this.#records.who(record);
        if (who !== 0) wallets.note(who, (this.#records.flags(record) & FLAG_BUY) !== 0, timeMs);
      }
    }
    wallets.waiting = still;
    return wallets;
  }

  #remember(token: number, wallets: UnsettledWallets): void {
    if (this.#cache.size >= CACHED_TOKENS_MAX) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(token, wallets);
  }

  #countExact(active: number, wallets: UnsettledWallets, opensMs: readonly number[]): TraderCount[] {
    const n = opensMs.length;
    const any = new Array<number>(n + 1).fill(0);
    const buys = new Array<number>(n + 1).fill(0);
    const sells = new Array<number>(n + 1).fill(0);
    const firstWindow = (timeMs: number): number => {
      let i = 0;
      while (i < n && timeMs < opensMs[i]) i += 1;
      return i;
    };
    const add = (buyMs: number, sellMs: number): void => {
      any[firstWindow(Math.max(buyMs, sellMs))] += 1;
      buys[firstWindow(buyMs)] += 1;
      sells[firstWindow(sellMs)] += 1;
    };
    const table = active === 0 ? 0 : this.#heap.u32[2 * active + TRADER_TABLE];
    const seen = new Set<number>();
    if (table !== 0) {
      this.#settled.tables.each(table, (who, buyMs, sellMs) => {
        const i = wallets.indexOf.get(who);
        if (i === undefined) {
          add(buyMs, sellMs);
          return;
        }
        seen.add(i);
        add(Math.max(buyMs, wallets.buyMs[i]), Math.max(sellMs, wallets.sellMs[i]));
      });
    }
    for (let i = 0; i < wallets.buyMs.length; i++) {
      if (!seen.has(i)) add(wallets.buyMs[i], wallets.sellMs[i]);
    }
    const counts: TraderCount[] = [];
    const sum = { traders: 0, buyers: 0, sellers: 0 };
    for (let i = 0; i < n; i++) {
      sum.traders += any[i];
      sum.buyers += buys[i];
      sum.sellers += sells[i];
      counts.push({ ...sum, estimated: false });
    }
    return counts;
  }

  #estimate(sketch: number, wallets: UnsettledWallets, openMs: number): TraderCount {
    const { sketches } = this.#settled;
    const buyers = new Uint8Array(REGISTERS);
    const sellers = new Uint8Array(REGISTERS);
    sketches.eachEntry(sketch, (register, buy, rank, ms) => {
      if (ms < openMs) return;
      const side = buy ? buyers : sellers;
      if (side[register] < rank) side[register] = rank;
    });
    for (const [who, i] of wallets.indexOf) {
      if (wallets.code[i] < 0) wallets.code[i] = sketches.registerOf(who) * 64 + sketches.rankOf(who);
      const register = wallets.code[i] >>> 6;
      const rank = wallets.code[i] & 63;
      if (wallets.buyMs[i] >= openMs && buyers[register] < rank) buyers[register] = rank;
      if (wallets.sellMs[i] >= openMs && sellers[register] < rank) sellers[register] = rank;
    }
    const both = buyers.map((rank, i) => Math.max(rank, sellers[i]));
    return { traders: estimate(both), buyers: estimate(buyers), sellers: estimate(sellers), estimated: true };
  }
}
