/**
 * Buckets whose swaps may still change: those younger than the horizon. Each keeps exact sums and extremes, and the list of its
 * remembered events, from which the extremes are found again when one of them leaves.
 */

import type { Chain } from "../chains.ts";
import { LIMB } from "../decimal.ts";
import { addLimbs } from "../limbs.ts";
import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK, HOT_BUCKET } from "../memory/layout.ts";
import { FLAG_BUY, FLAG_COUNTS, priceAbove, priceOf, type RecordView } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import type { BucketRow } from "./bucket-row.ts";
import type { HotExtremes } from "./hot-extremes.ts";
import type { HotList } from "./hot-list.ts";

const { HOT_COUNTING, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;
const {
  BUYS,
  CLOSE_RECORD,
  FIRST_RECORD,
  FIRST_TIME,
  HIGH,
  LAST_RECORD,
  LAST_TIME,
  LOW,
  OPEN_RECORD,
  SELLS,
  START,
  SYMBOLS,
  TOKEN_BUY_0,
  TOKEN_BUY_1,
  TOKEN_BUY_2,
  TOKEN_SELL_0,
  TOKEN_SELL_1,
  TOKEN_SELL_2,
  USD_BUY_0,
  USD_BUY_1,
  USD_SELL_0,
  USD_SELL_1,
  UNITS: HOT_BUCKET_UNITS,
} = HOT_BUCKET;

export class HotBuckets {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #list: HotList;
  readonly #extremes: HotExtremes;

  constructor(heap: Heap, records: Records, list: HotList, extremes: HotExtremes) {
    this.#heap = heap;
    this.#records = records;
    this.#list = list;
    this.#extremes = extremes;
  }

  /** Removes a bucket from its list and frees it. The caller disposes of its records. */
  remove(active: number, bucket: number): void {
    this.#extremes.dropHeaps(bucket);
    this.#list.remove(active, bucket);
  }

  /** Adds a record, which does not count yet, to the bucket's list. */
  attach(bucket: number, record: number): void {
    const heap = this.#heap;
    heap.own(bucket, HOT_BUCKET_UNITS);
    const first = heap.u32[2 * bucket + FIRST_RECORD];
    if (first === 0) heap.u32[2 * bucket + LAST_RECORD] = record;
    this.#records.setNext(record, first);
    heap.u32[2 * bucket + FIRST_RECORD] = record;
  }

  /** Makes an attached record count. `view` is the record. */
  countIn(active: number, bucket: number, view: RecordView, chain: Chain): void {
    const heap = this.#heap;
    const { u32 } = heap;
    const record = view.ref;
    const buy = (view.flags & FLAG_BUY) !== 0;
    const price = priceAbove(chain.priceMinUsdMicro, view);
    const timeMs = this.#records.timeMs(record);
    heap.own(bucket, HOT_BUCKET_UNITS);
    heap.own(active, ACTIVE_UNITS);
    u32[2 * active + HOT_COUNTING] += 1;
    u32[2 * bucket + (buy ? BUYS : SELLS)] += 1;
    if (view.symbol !== 0) u32[2 * bucket + SYMBOLS] += 1;
    this.#add(bucket, buy, view, 1);
    this.#extremes.add(bucket, record, price, timeMs, chain);
    this.#records.setFlag(record, FLAG_COUNTS, true);
    this.#extremes.addToHeaps(bucket, record);
  }

  /** Removes a counting record from the figures; it stays attached. `view` is the record. */
  countOut(active: number, bucket: number, view: RecordView, chain: Chain): void {
    const heap = this.#heap;
    const { u32 } = heap;
    const record = view.ref;
    const buy = (view.flags & FLAG_BUY) !== 0;
    const price = priceAbove(chain.priceMinUsdMicro, view);
    const timeMs = this.#records.timeMs(record);
    heap.own(bucket, HOT_BUCKET_UNITS);
    heap.own(active, ACTIVE_UNITS);
    u32[2 * active + HOT_COUNTING] -= 1;
    u32[2 * bucket + (buy ? BUYS : SELLS)] -= 1;
    if (view.symbol !== 0) u32[2 * bucket + SYMBOLS] -= 1;
    this.#add(bucket, buy, view, -1);
    this.#records.setFlag(record, FLAG_COUNTS, false);
    this.#extremes.remove(bucket, record, price, timeMs, chain);
  }

  /** Adds the record's amounts to the bucket's sums, or (sign -1) subtracts them; exact either way. */
  #add(bucket: number, buy: boolean, view: RecordView, sign: 1 | -1): void {
    const usdHigh = view.usdMicro >= LIMB ? Math.floor(view.usdMicro / LIMB) : 0;
    const usd = bucket + (buy ? USD_BUY_0 : USD_SELL_0);
    addLimbs(this.#heap.f64, usd, 2, sign, view.usdMicro - usdHigh * LIMB, usdHigh, 0);
    const token = bucket + (buy ? TOKEN_BUY_0 : TOKEN_SELL_0);
    addLimbs(this.#heap.f64, token, 3, sign, view.amount0, view.amount1, view.amount2);
  }

  /** Reads a bucket's figures. */
  read(bucket: number, row: BucketRow): void {
    this.readSums(bucket, row);
    row.open = this.openPrice(bucket);
    row.close = this.closePrice(bucket);
  }

  /** Reads a bucket's figures without its open and close, which must be looked up in their records. */
  readSums(bucket: number, row: BucketRow): void {
    const { u32, f64 } = this.#heap;
    row.startMs = f64[bucket + START];
    row.buys = u32[2 * bucket + BUYS];
    row.sells = u32[2 * bucket + SELLS];
    row.usdBuy0 = f64[bucket + USD_BUY_0];
    row.usdBuy1 = f64[bucket + USD_BUY_1];
    row.usdSell0 = f64[bucket + USD_SELL_0];
    row.usdSell1 = f64[bucket + USD_SELL_1];
    row.tokenBuy0 = f64[bucket + TOKEN_BUY_0];
    row.tokenBuy1 = f64[bucket + TOKEN_BUY_1];
    row.tokenBuy2 = f64[bucket + TOKEN_BUY_2];
    row.tokenSell0 = f64[bucket + TOKEN_SELL_0];
    row.tokenSell1 = f64[bucket + TOKEN_SELL_1];
    row.tokenSell2 = f64[bucket + TOKEN_SELL_2];
    row.high = f64[bucket + HIGH];
    row.low = f64[bucket + LOW];
    row.firstMs = f64[bucket + FIRST_TIME];
    row.lastMs = f64[bucket + LAST_TIME];
  }

  openPrice(bucket: number): number {
    return this.#priceOf(this.#heap.u32[2 * bucket + OPEN_RECORD]);
  }

  closePrice(bucket: number): number {
    return this.#priceOf(this.#heap.u32[2 * bucket + CLOSE_RECORD]);
  }

  #priceOf(record: number): number {
    return record === 0 ? Number.NaN : priceOf(this.#records.read(record));
  }

  #addAmounts(into: number, from: number): void {
    const { f64 } = this.#heap;
    addLimbs(f64, into + USD_BUY_0, 2, 1, f64[from + USD_BUY_0], f64[from + USD_BUY_1], 0);
    addLimbs(f64, into + USD_SELL_0, 2, 1, f64[from + USD_SELL_0], f64[from + USD_SELL_1], 0);
    const [buy0, buy1, buy2] = [f64[from + TOKEN_BUY_0], f64[from + TOKEN_BUY_1], f64[from + TOKEN_BUY_2]];
    addLimbs(f64, into + TOKEN_BUY_0, 3, 1, buy0, buy1, buy2);
    const [sell0, sell1, sell2] = [f64[from + TOKEN_SELL_0], f64[from + TOKEN_SELL_1], f64[from + TOKEN_SELL_2]];
    addLimbs(f64, into + TOKEN_SELL_0, 3, 1, sell0, sell1, sell2);
  }

  /** Adds `from`, which lies wholly after `into`, to it. */
  merge(into: number, from: number): void {
    const heap = this.#heap;
    const { u32, f64 } = heap;
    heap.own(into, HOT_BUCKET_UNITS);
    this.#extremes.dropHeaps(into);
    const hadTrades = this.#list.trades(into) > 0;
    const hasTrades = this.#list.trades(from) > 0;
    u32[2 * into + BUYS] += u32[2 * from + BUYS];
    u32[2 * into + SELLS] += u32[2 * from + SELLS];
    u32[2 * into + SYMBOLS] += u32[2 * from + SYMBOLS];
    this.#addAmounts(into, from);
    if (u32[2 * from + OPEN_RECORD] !== 0) {
      if (u32[2 * into + OPEN_RECORD] === 0) {
        u32[2 * into + OPEN_RECORD] = u32[2 * from + OPEN_RECORD];
        f64[into + HIGH] = f64[from + HIGH];
        f64[into + LOW] = f64[from + LOW];
      } else {
        f64[into + HIGH] = Math.max(f64[into + HIGH], f64[from + HIGH]);
        f64[into + LOW] = Math.min(f64[into + LOW], f64[from + LOW]);
      }
      u32[2 * into + CLOSE_RECORD] = u32[2 * from + CLOSE_RECORD];
    }
    if (hasTrades) {
      if (!hadTrades) f64[into + FIRST_TIME] = f64[from + FIRST_TIME];
      f64[into + LAST_TIME] = f64[from + LAST_TIME];
    }
    if (u32[2 * from + FIRST_RECORD] === 0) return;
    if (u32[2 * into + FIRST_RECORD] === 0) u32[2 * into + FIRST_RECORD] = u32[2 * from + FIRST_RECORD];
    else this.#records.setNext(u32[2 * into + LAST_RECORD], u32[2 * from + FIRST_RECORD]);
    u32[2 * into + LAST_RECORD] = u32[2 * from + LAST_RECORD];
  }
}
