/**
 * High, low, open, close, and first and last trade time of hot buckets: extended by each swap that begins to count, found again
 * when one of them leaves. A bucket of few events is scanned again; one of many gets heaps (large-bucket.ts).
 */
import type { Chain } from "../chains.ts";
import type { Heap } from "../memory/heap.ts";
import { HOT_BUCKET } from "../memory/layout.ts";
import type { RecordOrder } from "../swaps/record-order.ts";
import { FLAG_COUNTS, priceAbove } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import { LargeBucket } from "./large-bucket.ts";

const { BUYS, CLOSE_RECORD, FIRST_RECORD, FIRST_TIME, HIGH, LAST_TIME, LOW, OPEN_RECORD, SELLS, SYMBOLS } = HOT_BUCKET;

/** A bucket with more events than this keeps heaps of its swaps, once it has lost an extreme. */
const LARGE_RECORDS_MIN = 128;

export class HotExtremes {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #order: RecordOrder;
  readonly #large = new Map<number, LargeBucket>();
  /** Events scanned so far to find extremes again. Not part of the state. */
  rescanned = 0;

  constructor(heap: Heap, records: Records, order: RecordOrder) {
    this.#heap = heap;
    this.#records = records;
    this.#order = order;
  }

  /** Drops the heaps of a bucket that is freed, or that takes in the records of another. */
  dropHeaps(bucket: number): void {
    this.#large.delete(bucket);
  }

  /** Extends the extremes by a swap that begins to count and is in the sums already. `price` is NaN for a swap without one. */
  add(bucket: number, record: number, price: number, timeMs: number, chain: Chain): void {
    const { u32, f64 } = this.#heap;
    if (!Number.isNaN(price)) {
      // Most swaps come in order. Then the record of the close need not be read.
      const inOrder = u32[2 * bucket + OPEN_RECORD] !== 0 && timeMs > f64[bucket + LAST_TIME];
      if (inOrder) this.#extendInOrder(bucket, record, price);
      else this.#extend(bucket, record, price, chain);
    }
    const isFirst = u32[2 * bucket + BUYS] + u32[2 * bucket + SELLS] === 1;
    if (isFirst || timeMs < f64[bucket + FIRST_TIME]) f64[bucket + FIRST_TIME] = timeMs;
    if (timeMs > f64[bucket + LAST_TIME]) f64[bucket + LAST_TIME] = timeMs;
  }

  /** Notes a swap that counts (its flag is set) in the heaps of its bucket, if it has any. */
  addToHeaps(bucket: number, record: number): void {
    if (this.#large.size > 0) this.#large.get(bucket)?.add(record);
  }

  /** Finds the extremes again if the swap, which no longer counts, was one of them. */
  remove(bucket: number, record: number, price: number, timeMs: number, chain: Chain): void {
    const { u32, f64 } = this.#heap;
    if (
      timeMs === f64[bucket + FIRST_TIME] ||
      timeMs === f64[bucket + LAST_TIME] ||
      price === f64[bucket + HIGH] ||
      price === f64[bucket + LOW] ||
      record === u32[2 * bucket + OPEN_RECORD] ||
      record === u32[2 * bucket + CLOSE_RECORD]
    ) {
      this.#rebuild(bucket, chain);
    }
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
    if (this.#order.compare(record, u32[2 * bucket + CLOSE_RECORD], chain.id) > 0)
      u32[2 * bucket + CLOSE_RECORD] = record;
    else if (this.#order.compare(record, u32[2 * bucket + OPEN_RECORD], chain.id) < 0)
      u32[2 * bucket + OPEN_RECORD] = record;
  }

  #rebuild(bucket: number, chain: Chain): void {
    const large = this.#large.get(bucket);
    if (large === undefined) {
      if (this.#scan(bucket, chain) > LARGE_RECORDS_MIN) this.#enlarge(bucket, chain);
      return;
    }
    large.writeExtremes(this.#heap, bucket);
  }

  #enlarge(bucket: number, chain: Chain): LargeBucket {
    const large = new LargeBucket(this.#records, this.#order, chain.id, chain.priceMinUsdMicro);
    for (let record = this.#heap.u32[2 * bucket + FIRST_RECORD]; record !== 0; record = this.#records.next(record)) {
      this.rescanned += 1;
      if ((this.#records.flags(record) & FLAG_COUNTS) !== 0) large.add(record);
    }
    this.#large.set(bucket, large);
    return large;
  }

  /** The last record of the bucket, in the order of close, that counts and names a symbol; or 0. */
  lastWithSymbol(bucket: number, chain: Chain): number {
    if (this.#heap.u32[2 * bucket + SYMBOLS] === 0) return 0;
    const large = this.#large.get(bucket);
    if (large !== undefined) return large.lastWithSymbol();
    let last = 0;
    let seen = 0;
    for (let record = this.#heap.u32[2 * bucket + FIRST_RECORD]; record !== 0; record = this.#records.next(record)) {
      seen += 1;
      this.rescanned += 1;
      if (seen > LARGE_RECORDS_MIN) return this.#enlarge(bucket, chain).lastWithSymbol();
      if ((this.#records.flags(record) & FLAG_COUNTS) === 0 || this.#records.symbol(record) === 0) continue;
      if (last === 0 || this.#order.compare(record, last, chain.id) > 0) last = record;
    }
    return last;
  }

  /** Finds the extremes by scanning all records; returns the number of records, counting or not. */
  #scan(bucket: number, chain: Chain): number {
    const { u32, f64 } = this.#heap;
    let seen = 0;
    f64[bucket + HIGH] = Number.NaN;
    f64[bucket + LOW] = Number.NaN;
    u32[2 * bucket + OPEN_RECORD] = 0;
    u32[2 * bucket + CLOSE_RECORD] = 0;
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    for (let record = this.#heap.u32[2 * bucket + FIRST_RECORD]; record !== 0; record = this.#records.next(record)) {
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
}
