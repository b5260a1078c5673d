/**
 * The figures of many windows from one walk over a token's buckets. The edges of all windows divide time into segments. Each
 * bucket is added to its segment only, and a window is the sum of its segments. Adding up each window separately reads the
 * youngest buckets once per window and `previous`: a dozen times with the default windows.
 */
import { BucketRow, Figures } from "../buckets/bucket-row.ts";
import type { ColdStore } from "../buckets/cold-store.ts";
import type { HotBuckets } from "../buckets/hot-buckets.ts";
import type { HotList } from "../buckets/hot-list.ts";

export class WindowSegments {
  readonly #list: HotList;
  readonly #hot: HotBuckets;
  readonly #cold: ColdStore;
  readonly #row = new BucketRow();
  /** Ascending; segment k is [bounds[k], bounds[k + 1]). */
  #bounds: readonly number[] = [];
  #count = 0;
  readonly #figures: Figures[] = [];
  /** By segment: its last hot bucket with a price. Its close is looked up at the end of the walk. */
  readonly #lastPriced: number[] = [];

  constructor(list: HotList, hot: HotBuckets, cold: ColdStore) {
    this.#list = list;
    this.#hot = hot;
    this.#cold = cold;
  }

  /** Adds up the token's buckets between these bounds, which ascend. The other methods refer to this walk until the next one. */
  walk(active: number, bounds: readonly number[]): void {
    this.#bounds = bounds;
    this.#count = bounds.length - 1;
    for (let k = 0; k < this.#count; k++) {
      if (k === this.#figures.length) this.#figures.push(new Figures());
      else this.#figures[k].clear();
      this.#lastPriced[k] = 0;
    }
    if (active === 0) return;
    this.#addCold(active);
    this.#addHot(active);
  }

  /** Sets `figures` to the sum of the segments between two bounds of the walk. */
  sum(fromMs: number, toMs: number, figures: Figures): void {
    figures.clear();
    for (let k = this.#bounds.indexOf(fromMs); k < this.#count && this.#bounds[k] < toMs; k++) {
      figures.addLater(this.#figures[k]);
    }
  }

  /** Adds the segments between two bounds of the walk to the front of `figures`, which begins at the second one. */
  extend(fromMs: number, toMs: number, figures: Figures): void {
    for (let k = this.#bounds.indexOf(toMs) - 1; k >= 0 && this.#bounds[k] >= fromMs; k--) {
      figures.addEarlier(this.#figures[k]);
    }
  }

  /**
   * Returns the segment of a bucket. `near` is the segment of the bucket before, usually the same. -1 and `count` lie outside.
   */
  #segmentOf(startMs: number, near: number): number {
    const bounds = this.#bounds;
    let k = near;
    while (k < this.#count && startMs >= bounds[k + 1]) k += 1;
    while (k >= 0 && startMs < bounds[k]) k -= 1;
    return k;
  }

  #addCold(active: number): void {
    const { blobs } = this.#cold;
    const firstMs = this.#bounds[0];
    const closeMs = this.#bounds[this.#count];
    const blobCount = this.#cold.count(active);
    let k = 0;
    const add = (row: BucketRow): void => {
      k = this.#segmentOf(row.startMs, k);
      if (k >= 0 && k < this.#count) this.#figures[k].add(row);
      else k = Math.min(Math.max(k, 0), this.#count - 1);
    };
    for (let i = 0; i < blobCount; i++) {
      const blob = this.#cold.blobAt(active, i);
      const startMs = blobs.startMs(blob);
      if (startMs >= closeMs) break;
      const endMs = blobs.endMs(blob);
      if (endMs <= firstMs) continue;
      const segment = this.#segmentOf(startMs, k);
      if (segment >= 0 && endMs <= this.#bounds[segment + 1]) {
        blobs.total(blob, this.#row);
        this.#figures[segment].add(this.#row);
        k = segment;
      } else blobs.unpack(blob, this.#row, add);
    }
  }

  #addHot(active: number): void {
    const list = this.#list;
    const hot = this.#hot;
    const row = this.#row;
    const closeMs = this.#bounds[this.#count];
    let k = 0;
    for (let b = list.firstFrom(active, this.#bounds[0]); b !== 0; b = list.next(b)) {
      const startMs = list.startMs(b);
      if (startMs >= closeMs) break;
      if (list.trades(b) === 0) continue;
      k = this.#segmentOf(startMs, k);
      const figures = this.#figures[k];
      hot.readSums(b, row);
      row.open = row.high;
      if (!Number.isNaN(row.high)) {
        if (Number.isNaN(figures.open)) row.open = hot.openPrice(b);
        this.#lastPriced[k] = b;
      }
      figures.add(row);
    }
    for (k = 0; k < this.#count; k++) {
      if (this.#lastPriced[k] !== 0) this.#figures[k].close = hot.closePrice(this.#lastPriced[k]);
    }
  }
}
