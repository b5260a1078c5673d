/**
 * Upkeep of a token as the high of its chain rises: buckets widen, settle and merge, swaps are forgotten, traders settle, and
 * an empty token retires. All of it is lazy: memory depends on whether it has run, figures never do (except estimates, see
 * `moved`). It runs only when records are applied, so that equal logs give equal bytes of state.
 */
import { BucketRow } from "./buckets/bucket-row.ts";
import type { ColdStore } from "./buckets/cold-store.ts";
import { AGED_BUCKETS_MIN, type HotAgeing } from "./buckets/hot-ageing.ts";
import type { HotBuckets } from "./buckets/hot-buckets.ts";
import type { HotList } from "./buckets/hot-list.ts";
import type { LevelPlan } from "./buckets/levels.ts";
import type { Chain, Chains } from "./chains.ts";
import { WHEEL_GRAIN_MS } from "./chains.ts";
import type { Heap } from "./memory/heap.ts";
import type { Labels } from "./memory/labels.ts";
import { ACTIVE_BLOCK } from "./memory/layout.ts";
import type { SettledWatch } from "./settled-watch.ts";
import type { Inclusions } from "./swaps/inclusions.ts";
import type { RecordOrder } from "./swaps/record-order.ts";
import { FLAG_COUNTS, FLAG_FORGOTTEN, FLAG_GROUPED } from "./swaps/record-view.ts";
import type { Records } from "./swaps/records.ts";
import type { Tokens } from "./tokens.ts";
import type { SettledTraders } from "./traders/settled-traders.ts";
import type { TraderCounts } from "./traders/trader-counts.ts";

const {
  COLD_AT,
  HOT_COUNT,
  HOT_COUNTING,
  HOT_HEAD,
  RECENT_COUNT,
  RECENT_FROM,
  RECENT_HEAD,
  RECENT_TAIL,
  SYMBOL_HOLDER,
  TRADER_SKETCH,
  UNITS: ACTIVE_UNITS,
} = ACTIVE_BLOCK;

/** Packed buckets of a token with fresh swaps age only once in this span: there are many of them, and few are due. */
const COLD_GRAIN_MS = 240_000;
/** Newest counting swaps of a token that are kept beyond the horizon. */
const RECENT_SWAPS_MAX = 100;

/**
 * After settling this many events a visit leaves the rest of the token to the next visit, which is due at once. A token with
 * 1,000 swaps a second has 30,000 of them due at a time, which took 50 ms in one piece. A single bucket is never split.
 */
export const SETTLED_PER_VISIT_MAX = 2_000;

type UpkeepParts = {
  readonly heap: Heap;
  readonly plan: LevelPlan;
  readonly chains: Chains;
  readonly tokens: Tokens;
  readonly records: Records;
  readonly inclusions: Inclusions;
  readonly order: RecordOrder;
  readonly hotList: HotList;
  readonly hot: HotBuckets;
  readonly ageing: HotAgeing;
  readonly cold: ColdStore;
  readonly traders: SettledTraders;
  readonly labels: Labels;
  settledCount: number;
};

export class Upkeep {
  readonly #p: UpkeepParts;
  readonly #traderCounts: TraderCounts;
  readonly #row = new BucketRow();
  /**
   * Tokens whose estimates may have changed since this was emptied: a sketch counts slightly differently from the swaps that it
   * took in.
   */
  readonly moved: number[] = [];
  watch: SettledWatch | undefined;

  constructor(parts: UpkeepParts, traderCounts: TraderCounts) {
    this.#p = parts;
    this.#traderCounts = traderCounts;
  }

  /** Events settled by the last visit. */
  settled = 0;

  /** Does the upkeep of one token and schedules the next visit. */
  visit(token: number, chain: Chain): void {
    this.settled = 0;
    const { tokens } = this.#p;
    const hadSketch = this.#hasSketch(token);
    const unsettledFromMs = this.#unsettledFromMs(token);
    this.#look(token, chain);
    if (!hadSketch && !this.#hasSketch(token)) return;
    if (this.#unsettledFromMs(token) === unsettledFromMs && this.#hasSketch(token)) return;
    tokens.touch(token);
    this.moved.push(token);
  }

  #hasSketch(token: number): boolean {
    const active = this.#p.tokens.active(token);
    return active !== 0 && this.#p.heap.u32[2 * active + TRADER_SKETCH] !== 0;
  }

  /** Start of the first bucket that has not settled; it changes whenever a bucket settles. Infinity when all have settled. */
  #unsettledFromMs(token: number): number {
    const { heap, hotList, tokens } = this.#p;
    const active = tokens.active(token);
    const head = active === 0 ? 0 : heap.u32[2 * active + HOT_HEAD];
    return head === 0 ? Number.POSITIVE_INFINITY : hotList.startMs(head);
  }

  #look(token: number, chain: Chain): void {
    const { heap, hotList, ageing, cold, tokens, chains } = this.#p;
    const active = tokens.active(token);
    if (active === 0) return;
    const settlesMs = chain.highMs - chain.hotMs;
    ageing.age(active, chain.highMs, settlesMs);
    for (;;) {
      const bucket = heap.u32[2 * active + HOT_HEAD];
      if (bucket === 0 || hotList.endMs(bucket) > settlesMs) break;
      if (this.settled >= SETTLED_PER_VISIT_MAX) {
        chains.schedule(chain, token, 0);
        return;
      }
      const events = this.#settle(token, active, bucket, chain);
      if (events === 0) break;
      this.settled += events;
    }
    const head = heap.u32[2 * active + HOT_HEAD];
    this.#ageCold(active, head === 0, chain.highMs);
    if (head === 0 && cold.count(active) === 0) {
      this.#retire(token, active);
      return;
    }
    chains.schedule(chain, token, head === 0 ? cold.nextDueMs(active) : this.#nextMs(active, head, chain));
  }

  #ageCold(active: number, isDue: boolean, highMs: number): void {
    const { heap, cold } = this.#p;
    if (!isDue && highMs < heap.f64[active + COLD_AT]) return;
    cold.age(active, highMs);
    heap.own(active, ACTIVE_UNITS);
    heap.f64[active + COLD_AT] = highMs + COLD_GRAIN_MS;
  }

  /** The high at which a token whose first hot bucket is `head` is visited again. */
  #nextMs(active: number, head: number, chain: Chain): number {
    const { heap, hotList } = this.#p;
    const isAged = heap.u32[2 * active + HOT_COUNT] >= AGED_BUCKETS_MIN;
    return isAged ? chain.highMs + WHEEL_GRAIN_MS : hotList.endMs(head) + chain.hotMs;
  }

  /**
   * Settles the oldest hot bucket, unless one of its swaps is still remembered because of a later inclusion or removal: then it
   * and all later buckets wait. Returns the number of its events, at least 1, or 0 if it waits.
   */
  #settle(token: number, active: number, bucket: number, chain: Chain): number {
    const { records, inclusions, hotList, hot, cold } = this.#p;
    for (let record = hotList.firstRecord(bucket); record !== 0; record = records.next(record)) {
      const flags = records.flags(record);
      if ((flags & FLAG_GROUPED) === 0 || (flags & FLAG_FORGOTTEN) !== 0) continue;
      const entry = inclusions.entryOf(record, records.identityHash(record));
      if (inclusions.lastMs(entry) >= chain.highMs - chain.horizonMs) return 0;
    }
    let events = 0;
    for (let record = hotList.firstRecord(bucket); record !== 0; record = records.next(record)) {
      events += 1;
      if ((records.flags(record) & FLAG_FORGOTTEN) !== 0) continue;
      const hash = records.identityHash(record);
      inclusions.forget(hash, inclusions.entryOf(record, hash));
    }
    if (hotList.trades(bucket) > 0) {
      hot.read(bucket, this.#row);
      cold.settle(active, hotList.level(bucket), this.#row);
    }
    this.#settleRecords(token, active, bucket, chain);
    hot.remove(active, bucket);
    return Math.max(1, events);
  }

  #settleRecords(token: number, active: number, bucket: number, chain: Chain): void {
    const { heap, records, order, hotList, traders } = this.#p;
    const counting: number[] = [];
    const rest: number[] = [];
    for (let record = hotList.firstRecord(bucket); record !== 0; record = records.next(record)) {
      if ((records.flags(record) & FLAG_COUNTS) !== 0) counting.push(record);
      else rest.push(record);
    }
    for (const record of rest) records.free(record);
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + HOT_COUNTING] -= counting.length;
    if (counting.length === 0) return;
    this.#p.settledCount += counting.length;
    if (this.watch !== undefined) this.watch.settled(token, counting);
    for (const record of counting) traders.note(active, record, chain.highMs);
    this.#traderCounts.settledOut(token, active, counting);
    this.#settleSymbol(token, active, counting, chain);
    if (heap.u32[2 * active + HOT_COUNTING] >= RECENT_SWAPS_MAX) {
      this.#dropRecent(active, hotList.endMs(bucket));
      for (const record of counting) records.free(record);
      return;
    }
    counting.sort((a, b) => order.compare(a, b, chain.id));
    for (const record of counting) this.#pushRecent(active, record);
  }

  #settleSymbol(token: number, active: number, counting: readonly number[], chain: Chain): void {
    const { heap, records, order, tokens } = this.#p;
    let best = 0;
    let symbol = 0;
    for (const record of counting) {
      const own = records.symbol(record);
      if (record === heap.u32[2 * active + SYMBOL_HOLDER]) {
        heap.own(active, ACTIVE_UNITS);
        heap.u32[2 * active + SYMBOL_HOLDER] = 0;
      }
      if (own === 0) continue;
      if (best === 0 || order.compare(record, best, chain.id) > 0) {
        best = record;
        symbol = own;
      }
    }
    if (best !== 0) tokens.setSettledSymbol(token, symbol);
  }

  #pushRecent(active: number, record: number): void {
    const { heap, records } = this.#p;
    heap.own(active, ACTIVE_UNITS);
    records.setNext(record, 0);
    const tail = heap.u32[2 * active + RECENT_TAIL];
    if (tail === 0) heap.u32[2 * active + RECENT_HEAD] = record;
    else records.setNext(tail, record);
    heap.u32[2 * active + RECENT_TAIL] = record;
    heap.u32[2 * active + RECENT_COUNT] += 1;
    if (heap.u32[2 * active + RECENT_COUNT] > RECENT_SWAPS_MAX) this.#shiftRecent(active);
  }

  #shiftRecent(active: number): void {
    const { heap, records } = this.#p;
    const head = heap.u32[2 * active + RECENT_HEAD];
    const next = records.next(head);
    heap.u32[2 * active + RECENT_HEAD] = next;
    if (next === 0) heap.u32[2 * active + RECENT_TAIL] = 0;
    heap.u32[2 * active + RECENT_COUNT] -= 1;
    heap.f64[active + RECENT_FROM] = Math.max(heap.f64[active + RECENT_FROM], records.timeMs(head) + 1);
    records.free(head);
  }

  #dropRecent(active: number, fromMs: number): void {
    const { heap } = this.#p;
    heap.own(active, ACTIVE_UNITS);
    while (heap.u32[2 * active + RECENT_HEAD] !== 0) this.#shiftRecent(active);
    heap.f64[active + RECENT_FROM] = Math.max(heap.f64[active + RECENT_FROM], fromMs);
  }

  #retire(token: number, active: number): void {
    const { tokens, traders, labels, hotList } = this.#p;
    this.#dropRecent(active, 0);
    traders.free(active);
    labels.free(active);
    hotList.freeRing(active);
    tokens.retire(token);
    this.#traderCounts.forget(token);
    if (!tokens.isKnown(token)) tokens.remove(token);
  }
}
