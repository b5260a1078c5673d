/**
 * Extremes of a bucket with many swaps, some of which leave: heaps that give the next high, low, open, close or symbol when the
 * current one is gone. For few swaps a new scan is faster; with 4,000 swaps in one second a scan took 6 ms per removal, and all
 * removals together grew with the square of the number of swaps.
 *
 * The heaps are derived from the state and never part of it. A bucket without heaps gets them when it next loses an extreme.
 */
import type { Heap } from "../memory/heap.ts";
import { HOT_BUCKET } from "../memory/layout.ts";
import type { RecordOrder } from "../swaps/record-order.ts";
import { FLAG_COUNTS, priceAbove, RecordView } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";

const { CLOSE_RECORD, FIRST_TIME, HIGH, LAST_TIME, LOW, OPEN_RECORD } = HOT_BUCKET;

const FIRST_CAPACITY = 256;

/**
 * Records by a key, the greatest on top; equal keys by `compare`. Records that no longer count are dropped when they reach the
 * top.
 */
class RecordHeap {
  #refs = new Uint32Array(FIRST_CAPACITY);
  #keys = new Float64Array(FIRST_CAPACITY);
  #count = 0;
  readonly #compare: (a: number, b: number) => number;

  constructor(compare: (a: number, b: number) => number) {
    this.#compare = compare;
  }

  #isAbove(i: number, j: number): boolean {
    const difference = this.#keys[i] - this.#keys[j];
    return difference > 0 || (difference === 0 && this.#compare(this.#refs[i], this.#refs[j]) > 0);
  }

  #swap(i: number, j: number): void {
    const ref = this.#refs[i];
    const key = this.#keys[i];
    this.#refs[i] = this.#refs[j];
    this.#keys[i] = this.#keys[j];
    this.#refs[j] = ref;
    this.#keys[j] = key;
  }

  push(ref: number, key: number): void {
    if (this.#count === this.#refs.length) {
      const refs = this.#refs;
      const keys = this.#keys;
      this.#refs = new Uint32Array(2 * refs.length);
      this.#keys = new Float64Array(2 * refs.length);
      this.#refs.set(refs);
      this.#keys.set(keys);
    }
    let i = this.#count++;
    this.#refs[i] = ref;
    this.#keys[i] = key;
    while (i > 0 && this.#isAbove(i, (i - 1) >>> 1)) {
      this.#swap(i, (i - 1) >>> 1);
      i = (i - 1) >>> 1;
    }
  }

  /** The greatest record that `counts`, or 0. */
  top(counts: (ref: number) => boolean): number {
    while (this.#count > 0 && !counts(this.#refs[0])) this.#pop();
    return this.#count === 0 ? 0 : this.#refs[0];
  }

  /** The key of the record that `top` has returned. */
  get topKey(): number {
    return this.#keys[0];
  }

  #pop(): void {
    this.#count -= 1;
    if (this.#count === 0) return;
    this.#swap(0, this.#count);
    for (let i = 0; ; ) {
      let above = 2 * i + 1;
      if (above >= this.#count) return;
      if (above + 1 < this.#count && this.#isAbove(above + 1, above)) above += 1;
      if (!this.#isAbove(above, i)) return;
      this.#swap(i, above);
      i = above;
    }
  }
}

const equal = (): number => 0;

export class LargeBucket {
  readonly #records: Records;
  readonly #usdMicroMin: number;
  readonly #view = new RecordView();
  readonly #highs = new RecordHeap(equal);
  readonly #lows = new RecordHeap(equal);
  readonly #firsts = new RecordHeap(equal);
  readonly #lasts = new RecordHeap(equal);
  readonly #opens: RecordHeap;
  readonly #closes: RecordHeap;
  readonly #symbols: RecordHeap;

  constructor(records: Records, order: RecordOrder, chainId: number, usdMicroMin: number) {
    this.#records = records;
    this.#usdMicroMin = usdMicroMin;
    this.#opens = new RecordHeap((a, b) => order.compare(b, a, chainId));
    this.#closes = new RecordHeap((a, b) => order.compare(a, b, chainId));
    this.#symbols = new RecordHeap((a, b) => order.compare(a, b, chainId));
  }

  /** Adds a record that has begun to count. It may have counted before. */
  add(ref: number): void {
    const timeMs = this.#records.timeMs(ref);
    const view = this.#records.read(ref, this.#view);
    const price = priceAbove(this.#usdMicroMin, view);
    this.#firsts.push(ref, -timeMs);
    this.#lasts.push(ref, timeMs);
    if (view.symbol !== 0) this.#symbols.push(ref, timeMs);
    if (Number.isNaN(price)) return;
    this.#highs.push(ref, price);
    this.#lows.push(ref, -price);
    this.#opens.push(ref, -timeMs);
    this.#closes.push(ref, timeMs);
  }

  readonly #counts = (ref: number): boolean => (this.#records.flags(ref) & FLAG_COUNTS) !== 0;

  /** Writes the extremes of the counting records into the bucket, which the caller owns. */
  writeExtremes({ u32, f64 }: Heap, bucket: number): void {
    const counts = this.#counts;
    f64[bucket + HIGH] = this.#highs.top(counts) === 0 ? Number.NaN : this.#highs.topKey;
    f64[bucket + LOW] = this.#lows.top(counts) === 0 ? Number.NaN : -this.#lows.topKey;
    u32[2 * bucket + OPEN_RECORD] = this.#opens.top(counts);
    u32[2 * bucket + CLOSE_RECORD] = this.#closes.top(counts);
    f64[bucket + FIRST_TIME] = this.#firsts.top(counts) === 0 ? 0 : -this.#firsts.topKey;
    f64[bucket + LAST_TIME] = this.#lasts.top(counts) === 0 ? 0 : this.#lasts.topKey;
  }

  /** The last record, in the order of close, that counts and names a symbol; or 0. */
  lastWithSymbol(): number {
    return this.#symbols.top(this.#counts);
  }
}
