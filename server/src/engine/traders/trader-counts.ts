/**
 * Unique traders of a token in windows that share a close and differ in their open: settled last-seen times and unsettled swaps
 * together, in one pass for all windows. A window within the unsettled swaps is counted exactly, even for a token whose settled
 * traders are a sketch.
 *
 * The wallets of a busy token's unsettled swaps are cached. The cache follows every swap that begins to count, leaves or
 * settles. When each removal emptied the cache, a producer and a reader together could stall applying for 100 ms at will. The
 * cache is derived, never part of the state.
 */

import type { HotList } from "../buckets/hot-list.ts";
import type { Heap } from "../memory/heap.ts";
import type { HashSeed } from "../memory/keyed-hash.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import { FLAG_BUY, FLAG_COUNTS } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import type { SettledTraders } from "./settled-traders.ts";
import { firstOf, TraderTally } from "./trader-tally.ts";
import { type SettledRefs, UnsettledWallets } from "./unsettled-wallets.ts";

const { HOT_COUNTING, HOT_HEAD, TRADER_SKETCH, TRADER_TABLE } = ACTIVE_BLOCK;

/** Tokens with fewer unsettled swaps are counted from scratch at each read. */
const CACHE_SWAPS_MIN = 200;
/** Tokens cached because they were read. Tokens above KEPT_SWAPS_MIN are not among them. */
const CACHED_TOKENS_MAX = 256;
/**
 * A token with this many unsettled swaps is cached whether it is read or not: collecting its wallets at a read takes 0.5 µs per
 * swap, 100 ms with 200,000 swaps, during which no record is applied.
 */
export const KEPT_SWAPS_MIN = 16_384;

export type TraderCount = { traders: number; buyers: number; sellers: number; estimated: boolean };

export class TraderCounts {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #hot: HotList;
  readonly #settled: SettledTraders;
  readonly #salt: number;
  readonly #stepMs: number;
  readonly #cache = new Map<number, UnsettledWallets>();
  #kept = 0;
  /** Wallets of the token that was last counted from scratch. */
  readonly #fresh: UnsettledWallets;

  /** Unsettled swaps scanned so far to collect the wallets of a token. */
  gone = 0;

  constructor(
    heap: Heap,
    records: Records,
    hot: HotList,
    settled: SettledTraders,
    seed: HashSeed,
    finestStepMs: number,
  ) {
    this.#salt = seed[0] ^ seed[1];
    this.#stepMs = finestStepMs;
    this.#heap = heap;
    this.#records = records;
    this.#hot = hot;
    this.#settled = settled;
    this.#fresh = this.#none();
  }

  #none(): UnsettledWallets {
    return new UnsettledWallets(this.#settled.tables, this.#settled.sketches, this.#salt, this.#stepMs);
  }

  /** Notes a record that has begun to count and that its bucket counts already. */
  countedIn(token: number, active: number, record: number): void {
    const wallets = this.#cache.size === 0 ? undefined : this.#cache.get(token);
    if (wallets !== undefined) this.#note(wallets, record, this.#tableOf(active));
    if (wallets?.isKept !== true) this.keep(token, active);
  }

  /** Caches the wallets of a token if it has many unsettled swaps. */
  keep(token: number, active: number): void {
    if (this.#heap.u32[2 * active + HOT_COUNTING] < KEPT_SWAPS_MIN) return;
    let wallets = this.#cache.get(token);
    if (wallets === undefined) {
      wallets = this.#none();
      this.#noteAll(active, wallets);
      this.#cache.set(token, wallets);
    }
    wallets.isKept = true;
    this.#kept += 1;
  }

  /** Notes a record that no longer counts. */
  countedOut(token: number, record: number): void {
    if (this.#cache.size === 0) return;
    const wallets = this.#cache.get(token);
    if (wallets !== undefined) this.#drop(wallets, record);
  }

  /** Notes that these counting records have settled. They are still held. */
  settledOut(token: number, active: number, counting: readonly number[]): void {
    const wallets = this.#cache.get(token);
    if (wallets === undefined) return;
    if (wallets.isKept && this.#heap.u32[2 * active + HOT_COUNTING] < KEPT_SWAPS_MIN / 2) {
      wallets.isKept = false;
      this.#kept -= 1;
    }
    const table = this.#tableOf(active);
    for (const record of counting) {
      this.#drop(wallets, record);
      const who = this.#records.who(record);
      if (who !== 0) wallets.resettle(who, table);
    }
  }

  /** Drops the wallets of a token that has retired. */
  forget(token: number): void {
    if (this.#cache.get(token)?.isKept === true) this.#kept -= 1;
    this.#cache.delete(token);
  }

  #note(wallets: UnsettledWallets, record: number, table: number): void {
    const who = this.#records.who(record);
    if (who === 0) return;
    const buy = (this.#records.flags(record) & FLAG_BUY) !== 0;
    wallets.note(who, buy, this.#records.timeMs(record), table);
  }

  #drop(wallets: UnsettledWallets, record: number): void {
    const who = this.#records.who(record);
    if (who === 0) return;
    wallets.drop(who, (this.#records.flags(record) & FLAG_BUY) !== 0, this.#records.timeMs(record));
  }

  #tableOf(active: number): number {
    return this.#heap.u32[2 * active + TRADER_TABLE];
  }

  /** Counts for windows [opensMs[i], closeMs); opens descend (the shortest window first). */
  count(token: number, active: number, opensMs: readonly number[], closeMs: number): TraderCount[] {
    const settled = this.#settledOf(active);
    const wallets = this.#wallets(token, active);
    const { sketch, table } = settled;
    if (sketch === 0) return this.#countExact(table, wallets, opensMs, closeMs);
    const settledEndMs = this.#settledEndMs(active);
    const exact = opensMs.filter((openMs) => openMs >= settledEndMs);
    const counts = this.#countExact(table, wallets, exact, closeMs);
    if (exact.length === opensMs.length) return counts;
    // A window that reaches back to settled swaps contains all unsettled ones.
    wallets.rankBefore(closeMs);
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

  /** Windows that open at this time or later are counted exactly. */
  exactFromMs(active: number): number {
    const isEstimated = active !== 0 && this.#heap.u32[2 * active + TRADER_SKETCH] !== 0;
    return isEstimated ? this.#settledEndMs(active) : Number.NEGATIVE_INFINITY;
  }

  /** Everything settled is before this. */
  #settledEndMs(active: number): number {
    const head = active === 0 ? 0 : this.#heap.u32[2 * active + HOT_HEAD];
    return head === 0 ? Number.POSITIVE_INFINITY : this.#hot.startMs(head);
  }

  #wallets(token: number, active: number): UnsettledWallets {
    const known = this.#cache.get(token);
    if (known !== undefined) return known;
    const wallets = this.#begun(token, active);
    this.#noteAll(active, wallets);
    return wallets;
  }

  /** Returns an empty set of wallets, which is cached if the token has many unsettled swaps. */
  #begun(token: number, active: number): UnsettledWallets {
    if (active === 0 || this.#heap.u32[2 * active + HOT_COUNTING] < CACHE_SWAPS_MIN) {
      this.#fresh.clear();
      return this.#fresh;
    }
    if (this.#cache.size - this.#kept >= CACHED_TOKENS_MAX) this.#dropOldest();
    const wallets = this.#none();
    this.#cache.set(token, wallets);
    return wallets;
  }

  #dropOldest(): void {
    for (const [token, { isKept }] of this.#cache) {
      if (isKept) continue;
      this.#cache.delete(token);
      return;
    }
  }

  #noteAll(active: number, wallets: UnsettledWallets): void {
    if (active === 0) return;
    const table = this.#tableOf(active);
    for (let b = this.#heap.u32[2 * active + HOT_HEAD]; b !== 0; b = this.#hot.next(b)) {
      for (let record = this.#hot.firstRecord(b); record !== 0; record = this.#records.next(record)) {
        this.gone += 1;
        if ((this.#records.flags(record) & FLAG_COUNTS) !== 0) this.#note(wallets, record, table);
      }
    }
  }

  #countExact(table: number, wallets: UnsettledWallets, opensMs: readonly number[], closeMs: number): TraderCount[] {
    if (opensMs.length === 0) return [];
    const tally = new TraderTally(opensMs.length);
    if (table !== 0) this.#settled.tables.tally(table, opensMs, tally);
    const { traders, buyers, sellers } = tally;
    for (let i = 0; i < wallets.count; i++) {
      const buyMs = wallets.buyBeforeMs(i, closeMs);
      const sellMs = wallets.sellBeforeMs(i, closeMs);
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

/** Moves a wallet from the window of one time to the window of another, if that is later. */
function raise(tally: number[], opensMs: readonly number[], fromMs: number, toMs: number): void {
  if (toMs <= fromMs) return;
  const to = firstOf(opensMs, toMs);
  if (to === opensMs.length) return;
  tally[firstOf(opensMs, fromMs)] -= 1;
  tally[to] += 1;
}
