/**
 * Unique traders of a token in windows that share a close and differ in their open: settled last-seen times and the
 * unsettled swaps together, in one pass for all windows. Exact as long as nothing but exact parts are needed: a window that lies wholly
 * within the unsettled swaps is exact even for a token whose settled traders are a sketch.
 *
 * The wallets of a busy token's unsettled swaps are cached between calls; the cache is derived, never part of the state.
 */
import type { Heap } from "./heap.ts";
import type { HotBuckets } from "./hot-buckets.ts";
import type { HashSeed } from "./keyed-hash.ts";
import { FLAG_BUY, FLAG_COUNTS } from "./record-view.ts";
import type { Records } from "./records.ts";
import type { SettledTraders } from "./settled-traders.ts";
import { HOT_COUNTING, HOT_HEAD, TRADER_SKETCH, TRADER_TABLE } from "./tokens.ts";
import { firstOf, TraderTally } from "./trader-tally.ts";
import { type SettledRefs, UnsettledWallets } from "./unsettled-wallets.ts";

/** Tokens with fewer unsettled swaps are counted from scratch each time. */
const CACHE_SWAPS_MIN = 200;
const CACHED_TOKENS_MAX = 256;

export type TraderCount = { traders: number; buyers: number; sellers: number; estimated: boolean };

export class TraderCounts {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #hot: HotBuckets;
  readonly #settled: SettledTraders;
  readonly #salt: number;
  readonly #cache = new Map<number, UnsettledWallets>();
  /** Those of the token that was last counted from scratch. */
  readonly #fresh: UnsettledWallets;

  constructor(heap: Heap, records: Records, hot: HotBuckets, settled: SettledTraders, seed: HashSeed) {
    this.#salt = seed[0] ^ seed[1];
    this.#heap = heap;
    this.#records = records;
    this.#hot = hot;
    this.#settled = settled;
    this.#fresh = new UnsettledWallets(settled.tables, settled.sketches, this.#salt);
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
    const settled = this.#settledOf(active);
    const wallets = this.#wallets(token, active, settled, closeMs);
    const { sketch, table } = settled;
    if (sketch === 0) return this.#countExact(table, wallets, opensMs);
    const settledEndMs = this.#settledEndMs(active);
    const exact = opensMs.filter((openMs) => openMs >= settledEndMs);
    const counts = this.#countExact(table, wallets, exact);
    if (exact.length === opensMs.length) return counts;
    // What is unsettled lies wholly in a window that reaches into what is settled.
    const { buyerRanks, sellerRanks } = wallets;
    const opens = opensMs.slice(exact.length);
    const estimates = this.#settled.sketches.estimates(sketch, opens, buyerRanks, sellerRanks);
    for (const estimate of estimates) counts.push({ ...estimate, estimated: true });
    return counts;
  }

  #settledOf(active: number): SettledRefs {
    if (active === 0) return { table: 0, sketch: 0 };
    const { u32 } = this.#heap;
    return { table: u32[2 * active + TRADER_TABLE], sketch: u32[2 * active + TRADER_SKETCH] };
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

  #wallets(token: number, active: number, settled: SettledRefs, closeMs: number): UnsettledWallets {
    let wallets = this.#cache.get(token);
    if (wallets === undefined || closeMs < wallets.closeMs) {
      this.#cache.delete(token);
      wallets = this.#begun(token, active);
      wallets.begin(settled);
      this.#awaitAll(active, wallets);
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

  /** Wallets to begin with: in the cache, where the token has many. */
  #begun(token: number, active: number): UnsettledWallets {
    if (active === 0 || this.#heap.u32[2 * active + HOT_COUNTING] < CACHE_SWAPS_MIN) return this.#fresh;
    if (this.#cache.size >= CACHED_TOKENS_MAX) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    const wallets = new UnsettledWallets(this.#settled.tables, this.#settled.sketches, this.#salt);
    this.#cache.set(token, wallets);
    return wallets;
  }

  #awaitAll(active: number, wallets: UnsettledWallets): void {
    if (active === 0) return;
    for (let b = this.#heap.u32[2 * active + HOT_HEAD]; b !== 0; b = this.#hot.next(b)) {
      for (let record = this.#hot.firstRecord(b); record !== 0; record = this.#records.next(record)) {
        if ((this.#records.flags(record) & FLAG_COUNTS) !== 0) wallets.waiting.push(record);
      }
    }
  }

  #countExact(table: number, wallets: UnsettledWallets, opensMs: readonly number[]): TraderCount[] {
    if (opensMs.length === 0) return [];
    const tally = new TraderTally(opensMs.length);
    if (table !== 0) this.#settled.tables.tally(table, opensMs, tally);
    const { traders, buyers, sellers } = tally;
    for (let i = 0; i < wallets.count; i++) {
      const buyMs = wallets.buyMs[i];
      const sellMs = wallets.sellMs[i];
      const settledBuyMs = wallets.settledBuyMs[i];
      const settledSellMs = wallets.settledSellMs[i];
      raise(traders, opensMs, Math.max(settledBuyMs, settledSellMs), Math.max(buyMs, sellMs));
      raise(buyers, opensMs, settledBuyMs, buyMs);
      raise(sellers, opensMs, settledSellMs, sellMs);
    }
    const counts: TraderCount[] = [];
    const sum = { traders: 0, buyers: 0, sellers: 0 };
    for (let i = 0; i < opensMs.length; i++) {
      sum.traders += traders[i];
      sum.buyers += buyers[i];
      sum.sellers += sellers[i];
      counts.push({ ...sum, estimated: false });
    }
    return counts;
  }
}

/** A wallet that was counted by one time counts by another one, if that is later. */
function raise(tally: number[], opensMs: readonly number[], fromMs: number, toMs: number): void {
  if (toMs <= fromMs) return;
  const to = firstOf(opensMs, toMs);
  if (to === opensMs.length) return;
  tally[firstOf(opensMs, fromMs)] -= 1;
  tally[to] += 1;
}
