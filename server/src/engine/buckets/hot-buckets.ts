/**
 * Buckets whose swaps may still change: those younger than the horizon. Each keeps exact sums and extremes, and the
 * list of its remembered events, from which the extremes are found again when one of them leaves. A token's hot buckets form
 * a list in order of time; they never overlap, because new ones are of the finest step and only ageing widens them.
 */

import type { Chain } from "../chains.ts";
import { LIMB } from "../decimal.ts";
import { addLimbs } from "../limbs.ts";
import type { Heap } from "../memory/heap.ts";
import { FLAG_BUY, FLAG_COUNTS, priceAbove, priceOf, type RecordView } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import { ACTIVE_UNITS, AGE_ALL_AT, FINEST_HEAD, HOT_COUNT, HOT_COUNTING, HOT_HEAD, HOT_TAIL, RING } from "../tokens.ts";
import type { BucketRow } from "./bucket-row.ts";
import {
  BUYS,
  CLOSE_RECORD,
  FIRST_RECORD,
  FIRST_TIME,
  HIGH,
  HOT_BUCKET_UNITS,
  LAST_RECORD,
  LAST_TIME,
  LEVEL,
  LOW,
  NEXT,
  OPEN_RECORD,
  PREVIOUS,
  SELLS,
  START,
  SUMS,
  SYMBOLS,
  TOKEN_BUY,
  TOKEN_SELL,
  USD_BUY,
  USD_SELL,
} from "./hot-bucket-layout.ts";
import { LargeBucket } from "./large-bucket.ts";
import type { LevelPlan } from "./levels.ts";

/** A token with this many hot buckets gets a ring: locating by it is one step instead of a walk through up to 120 buckets. */
const RING_BUCKETS_MIN = 12;
const RING_SLOTS = 128;
/** Coarser hot buckets age only once in this span: they are many, and few are due. */
const AGE_ALL_MS = 240_000;
/** A bucket with more events than this keeps heaps of its swaps, once it has lost an extreme. */
const LARGE_RECORDS_MIN = 128;
export const HOT_BUCKET_BYTES = HOT_BUCKET_UNITS * 8;

export class HotBuckets {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #plan: LevelPlan;
  readonly #large = new Map<number, LargeBucket>();
  count = 0;
  /** Events gone through so far to find the extremes of a bucket anew. Not part of the state. */
  rescanned = 0;

  constructor(heap: Heap, records: Records, plan: LevelPlan) {
    this.#heap = heap;
    this.#records = records;
    this.#plan = plan;
  }

  startMs(bucket: number): number {
    return this.#heap.f64[bucket + START];
  }

  endMs(bucket: number): number {
    return this.#heap.f64[bucket + START] + this.#plan.levels[this.level(bucket)].stepMs;
  }

  level(bucket: number): number {
    return this.#heap.u32[2 * bucket + LEVEL];
  }

  next(bucket: number): number {
    return this.#heap.u32[2 * bucket + NEXT];
  }

  previous(bucket: number): number {
    return this.#heap.u32[2 * bucket + PREVIOUS];
  }

  trades(bucket: number): number {
    return this.#heap.u32[2 * bucket + BUYS] + this.#heap.u32[2 * bucket + SELLS];
  }

  firstRecord(bucket: number): number {
    return this.#heap.u32[2 * bucket + FIRST_RECORD];
  }

  /** The bucket that holds timeMs, made if there is none. */
  locate(active: number, timeMs: number): number {
    const { u32, f64 } = this.#heap;
    const ring = u32[2 * active + RING];
    const step = Math.floor(timeMs / this.#plan.finestStepMs);
    const startMs = step * this.#plan.finestStepMs;
    if (ring !== 0) {
      const known = u32[2 * ring + (step % RING_SLOTS)];
      if (known !== 0 && f64[known + START] === startMs) return known;
    }
    let bucket = u32[2 * active + HOT_TAIL];
    while (bucket !== 0 && f64[bucket + START] > timeMs) bucket = u32[2 * bucket + PREVIOUS];
    if (bucket !== 0 && timeMs < this.endMs(bucket)) return bucket;
    return this.#insertAfter(active, bucket, startMs);
  }

  /** Enters a bucket of the finest step into the ring, which is made when it begins to pay. */
  #enterRing(active: number, bucket: number): void {
    const heap = this.#heap;
    let ring = heap.u32[2 * active + RING];
    if (ring === 0) {
      if (heap.u32[2 * active + HOT_COUNT] < RING_BUCKETS_MIN) return;
      ring = heap.alloc(4 * RING_SLOTS);
      heap.own(active, ACTIVE_UNITS);
      heap.u32[2 * active + RING] = ring;
    }
    const slot = (heap.f64[bucket + START] / this.#plan.finestStepMs) % RING_SLOTS;
    const known = heap.u32[2 * ring + slot];
    if (known !== 0 && heap.f64[known + START] > heap.f64[bucket + START]) return;
    heap.own(ring + (slot >>> 1), 1);
    heap.u32[2 * ring + slot] = bucket;
  }

  /** A bucket is widened or freed: the ring and the head of the finest ones must not name it. */
  #leaveFinest(active: number, bucket: number): void {
    const heap = this.#heap;
    if (heap.u32[2 * active + FINEST_HEAD] === bucket) {
      heap.own(active, ACTIVE_UNITS);
      heap.u32[2 * active + FINEST_HEAD] = heap.u32[2 * bucket + NEXT];
    }
    if (this.level(bucket) > 0) return;
    const ring = heap.u32[2 * active + RING];
    if (ring === 0) return;
    const slot = (heap.f64[bucket + START] / this.#plan.finestStepMs) % RING_SLOTS;
    if (heap.u32[2 * ring + slot] !== bucket) return;
    heap.own(ring + (slot >>> 1), 1);
    heap.u32[2 * ring + slot] = 0;
  }

  freeRing(active: number): void {
    const ring = this.#heap.u32[2 * active + RING];
    if (ring === 0) return;
    this.#heap.free(ring, 4 * RING_SLOTS);
    this.#heap.own(active, ACTIVE_UNITS);
    this.#heap.u32[2 * active + RING] = 0;
  }

  #insertAfter(active: number, before: number, startMs: number): number {
    const heap = this.#heap;
    const bucket = heap.alloc(HOT_BUCKET_BYTES);
    const { u32, f64 } = heap;
    heap.own(active, ACTIVE_UNITS);
    heap.own(bucket, HOT_BUCKET_UNITS);
    const after = before === 0 ? u32[2 * active + HOT_HEAD] : u32[2 * before + NEXT];
    u32[2 * bucket + PREVIOUS] = before;
    u32[2 * bucket + NEXT] = after;
    f64[bucket + START] = startMs;
    f64[bucket + HIGH] = Number.NaN;
    f64[bucket + LOW] = Number.NaN;
    if (before === 0) u32[2 * active + HOT_HEAD] = bucket;
    else {
      heap.own(before, HOT_BUCKET_UNITS);
      u32[2 * before + NEXT] = bucket;
    }
    if (after === 0) u32[2 * active + HOT_TAIL] = bucket;
    else {
      heap.own(after, HOT_BUCKET_UNITS);
      u32[2 * after + PREVIOUS] = bucket;
    }
    u32[2 * active + HOT_COUNT] += 1;
    this.count += 1;
    const finest = u32[2 * active + FINEST_HEAD];
    if (finest === 0 || f64[finest + START] > startMs) u32[2 * active + FINEST_HEAD] = bucket;
    this.#enterRing(active, bucket);
    return bucket;
  }

  /** Takes a bucket out of its list and frees it; its records are the caller's. */
  remove(active: number, bucket: number): void {
    const heap = this.#heap;
    const { u32 } = heap;
    this.#large.delete(bucket);
    this.#leaveFinest(active, bucket);
    const before = u32[2 * bucket + PREVIOUS];
    const after = u32[2 * bucket + NEXT];
    heap.own(active, ACTIVE_UNITS);
    if (before === 0) u32[2 * active + HOT_HEAD] = after;
    else {
      heap.own(before, HOT_BUCKET_UNITS);
      u32[2 * before + NEXT] = after;
    }
    if (after === 0) u32[2 * active + HOT_TAIL] = before;
    else {
      heap.own(after, HOT_BUCKET_UNITS);
      u32[2 * after + PREVIOUS] = before;
    }
    u32[2 * active + HOT_COUNT] -= 1;
    this.count -= 1;
    heap.free(bucket, HOT_BUCKET_BYTES);
  }

  /** Hangs a record into the bucket's list, not yet counting. */
  attach(bucket: number, record: number): void {
    const heap = this.#heap;
    heap.own(bucket, HOT_BUCKET_UNITS);
    const first = heap.u32[2 * bucket + FIRST_RECORD];
    if (first === 0) heap.u32[2 * bucket + LAST_RECORD] = record;
    this.#records.setNext(record, first);
    heap.u32[2 * bucket + FIRST_RECORD] = record;
  }

  /** Lets an attached record count. `view` is the record, read. */
  countIn(active: number, bucket: number, view: RecordView, chain: Chain): void {
    const heap = this.#heap;
    const { u32, f64 } = heap;
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
    if (!Number.isNaN(price)) {
      // In order, as most are: no need to look the close up in its record.
      const inOrder = u32[2 * bucket + OPEN_RECORD] !== 0 && timeMs > f64[bucket + LAST_TIME];
      if (inOrder) this.#extendInOrder(bucket, record, price);
      else this.#extend(bucket, record, price, chain);
    }
    if (this.trades(bucket) === 1 || timeMs < f64[bucket + FIRST_TIME]) f64[bucket + FIRST_TIME] = timeMs;
    if (timeMs > f64[bucket + LAST_TIME]) f64[bucket + LAST_TIME] = timeMs;
    this.#records.setFlag(record, FLAG_COUNTS, true);
    if (this.#large.size > 0) this.#large.get(bucket)?.add(record);
  }

  /** Takes a counting record out of the figures again; it stays attached. `view` is the record, read. */
  countOut(active: number, bucket: number, view: RecordView, chain: Chain): void {
    const heap = this.#heap;
    const { u32, f64 } = heap;
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
    if (
      timeMs === f64[bucket + FIRST_TIME] ||
      timeMs === f64[bucket + LAST_TIME] ||
      price === f64[bucket + HIGH] ||
      price === f64[bucket + LOW] ||
      record === u32[2 * bucket + OPEN_RECORD] ||
      record === u32[2 * bucket + CLOSE_RECORD]
    ) {
      this.#rebuildExtremes(bucket, chain);
    }
  }

  /** Adds the record's amounts to the bucket's sums, or (sign -1) takes them out; exact either way. */
  #add(bucket: number, buy: boolean, view: RecordView, sign: 1 | -1): void {
    const usdHigh = view.usdMicro >= LIMB ? Math.floor(view.usdMicro / LIMB) : 0;
    const usd = bucket + (buy ? USD_BUY : USD_SELL);
    addLimbs(this.#heap.f64, usd, 2, sign, view.usdMicro - usdHigh * LIMB, usdHigh, 0);
    const token = bucket + (buy ? TOKEN_BUY : TOKEN_SELL);
    addLimbs(this.#heap.f64, token, 3, sign, view.amount0, view.amount1, view.amount2);
  }

  #extendInOrder(bucket: number, record: number, price: number): void {
    const { u32, f64 } = this.#heap;
    if (price > f64[bucket + HIGH]) f64[bucket + HIGH] = price;
    if (price < f64[bucket + LOW]) f64[bucket + LOW] = price;
    u32[2 * bucket + CLOSE_RECORD] = record;
  }

  #extend(bucket: number, record: number, price: number, chain: Chain): void {
    const { u32, f64 } = this.#heap;
    if (u32[2 * bucket + OPEN_RECORD] === 0) {
      f64[bucket + HIGH] = price;
      f64[bucket + LOW] = price;
      u32[2 * bucket + OPEN_RECORD] = record;
      u32[2 * bucket + CLOSE_RECORD] = record;
      return;
    }
    if (price > f64[bucket + HIGH]) f64[bucket + HIGH] = price;
    if (price < f64[bucket + LOW]) f64[bucket + LOW] = price;
    if (this.#records.compare(record, u32[2 * bucket + CLOSE_RECORD], chain.id) > 0)
      u32[2 * bucket + CLOSE_RECORD] = record;
    else if (this.#records.compare(record, u32[2 * bucket + OPEN_RECORD], chain.id) < 0)
      u32[2 * bucket + OPEN_RECORD] = record;
  }

  #rebuildExtremes(bucket: number, chain: Chain): void {
    const large = this.#large.get(bucket);
    if (large === undefined) {
      if (this.#scanExtremes(bucket, chain) > LARGE_RECORDS_MIN) this.#enlarge(bucket, chain);
      return;
    }
    large.writeExtremes(this.#heap, bucket);
  }

  #enlarge(bucket: number, chain: Chain): LargeBucket {
    const large = new LargeBucket(this.#records, chain.id, chain.priceMinUsdMicro);
    for (let record = this.firstRecord(bucket); record !== 0; record = this.#records.next(record)) {
      this.rescanned += 1;
      if ((this.#records.flags(record) & FLAG_COUNTS) !== 0) large.add(record);
    }
    this.#large.set(bucket, large);
    return large;
  }

  /** The last record of the bucket in the order of close that counts and names a symbol, or 0. */
  lastWithSymbol(bucket: number, chain: Chain): number {
    if (this.#heap.u32[2 * bucket + SYMBOLS] === 0) return 0;
    const large = this.#large.get(bucket);
    if (large !== undefined) return large.lastWithSymbol();
    let last = 0;
    let seen = 0;
    for (let record = this.firstRecord(bucket); record !== 0; record = this.#records.next(record)) {
      seen += 1;
      this.rescanned += 1;
      if (seen > LARGE_RECORDS_MIN) return this.#enlarge(bucket, chain).lastWithSymbol();
      if ((this.#records.flags(record) & FLAG_COUNTS) === 0 || this.#records.symbol(record) === 0) continue;
      if (last === 0 || this.#records.compare(record, last, chain.id) > 0) last = record;
    }
    return last;
  }

  /** Finds the extremes by going through all records; returns how many there are, counting or not. */
  #scanExtremes(bucket: number, chain: Chain): number {
    const { u32, f64 } = this.#heap;
    let seen = 0;
    f64[bucket + HIGH] = Number.NaN;
    f64[bucket + LOW] = Number.NaN;
    u32[2 * bucket + OPEN_RECORD] = 0;
    u32[2 * bucket + CLOSE_RECORD] = 0;
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    for (let record = this.firstRecord(bucket); record !== 0; record = this.#records.next(record)) {
      seen += 1;
      this.rescanned += 1;
      if ((this.#records.flags(record) & FLAG_COUNTS) === 0) continue;
      const timeMs = this.#records.timeMs(record);
      if (timeMs < first) first = timeMs;
      if (timeMs > last) last = timeMs;
      const price = priceAbove(chain.priceMinUsdMicro, this.#records.read(record));
      if (!Number.isNaN(price)) this.#extend(bucket, record, price, chain);
    }
    f64[bucket + FIRST_TIME] = last === 0 ? 0 : first;
    f64[bucket + LAST_TIME] = last;
    return seen;
  }

  /** Reads a bucket's figures. */
  read(bucket: number, row: BucketRow): void {
    this.readSums(bucket, row);
    row.open = this.openPrice(bucket);
    row.close = this.closePrice(bucket);
  }

  /** Reads a bucket's figures without its open and close, which cost a look at their records. */
  readSums(bucket: number, row: BucketRow): void {
    const { u32, f64 } = this.#heap;
    row.startMs = f64[bucket + START];
    row.buys = u32[2 * bucket + BUYS];
    row.sells = u32[2 * bucket + SELLS];
    row.usdBuy0 = f64[bucket + USD_BUY];
    row.usdBuy1 = f64[bucket + USD_BUY + 1];
    row.usdSell0 = f64[bucket + USD_SELL];
    row.usdSell1 = f64[bucket + USD_SELL + 1];
    row.tokenBuy0 = f64[bucket + TOKEN_BUY];
    row.tokenBuy1 = f64[bucket + TOKEN_BUY + 1];
    row.tokenBuy2 = f64[bucket + TOKEN_BUY + 2];
    row.tokenSell0 = f64[bucket + TOKEN_SELL];
    row.tokenSell1 = f64[bucket + TOKEN_SELL + 1];
    row.tokenSell2 = f64[bucket + TOKEN_SELL + 2];
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

  /** The first bucket that starts at or behind fromMs, or 0. */
  firstFrom(active: number, fromMs: number): number {
    const { u32, f64 } = this.#heap;
    let bucket = u32[2 * active + HOT_TAIL];
    let first = 0;
    while (bucket !== 0 && f64[bucket + START] >= fromMs) {
      first = bucket;
      bucket = u32[2 * bucket + PREVIOUS];
    }
    return first;
  }

  /** Widens buckets that are old enough for a coarser step, and merges those that then share one. */
  age(active: number, highMs: number): void {
    const { levels } = this.#plan;
    if (levels.length === 1) return;
    const all = highMs >= this.#heap.f64[active + AGE_ALL_AT];
    if (all) {
      this.#heap.own(active, ACTIVE_UNITS);
      this.#heap.f64[active + AGE_ALL_AT] = highMs + AGE_ALL_MS;
    }
    let bucket = this.#heap.u32[2 * active + (all ? HOT_HEAD : FINEST_HEAD)];
    let finest = 0;
    while (bucket !== 0 && this.startMs(bucket) < highMs - levels[0].keepMs) {
      const next = this.next(bucket);
      const level = this.#levelFor(bucket, highMs);
      if (level !== this.level(bucket)) this.#widen(active, bucket, level);
      else if (level === 0 && finest === 0) finest = bucket;
      bucket = next;
    }
    this.#heap.own(active, ACTIVE_UNITS);
    this.#heap.u32[2 * active + FINEST_HEAD] = finest === 0 ? bucket : finest;
  }

  /** The step that a bucket may have by its age. */
  #levelFor(bucket: number, highMs: number): number {
    const { levels } = this.#plan;
    const startMs = this.startMs(bucket);
    let level = this.level(bucket);
    while (level + 1 < levels.length) {
      const { stepMs } = levels[level + 1];
      if (Math.floor(startMs / stepMs) * stepMs + stepMs > highMs - levels[level].keepMs) break;
      level += 1;
    }
    return level;
  }

  #widen(active: number, bucket: number, level: number): void {
    const { stepMs } = this.#plan.levels[level];
    const startMs = Math.floor(this.startMs(bucket) / stepMs) * stepMs;
    const before = this.previous(bucket);
    if (before !== 0 && this.level(before) === level && this.startMs(before) === startMs) {
      this.#merge(before, bucket);
      this.remove(active, bucket);
      return;
    }
    this.#leaveFinest(active, bucket);
    this.#heap.own(bucket, HOT_BUCKET_UNITS);
    this.#heap.f64[bucket + START] = startMs;
    this.#heap.u32[2 * bucket + LEVEL] = level;
  }

  /** Adds `from`, which lies wholly behind `into`, to it. */
  #merge(into: number, from: number): void {
    const heap = this.#heap;
    const { u32, f64 } = heap;
    heap.own(into, HOT_BUCKET_UNITS);
    this.#large.delete(into);
    const hadTrades = this.trades(into) > 0;
    const hasTrades = this.trades(from) > 0;
    u32[2 * into + BUYS] += u32[2 * from + BUYS];
    u32[2 * into + SELLS] += u32[2 * from + SELLS];
    u32[2 * into + SYMBOLS] += u32[2 * from + SYMBOLS];
    for (const [at, limbs] of SUMS) {
      const third = limbs === 3 ? f64[from + at + 2] : 0;
      addLimbs(f64, into + at, limbs, 1, f64[from + at], f64[from + at + 1], third);
    }
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
