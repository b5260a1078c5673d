/** Candles of a token from its buckets, as far back as fine enough buckets are kept. Reads only. */
import { BucketRow, Figures } from "../buckets/bucket-row.ts";
import type { ColdStore } from "../buckets/cold-store.ts";
import type { HotBuckets } from "../buckets/hot-buckets.ts";
import type { HotList } from "../buckets/hot-list.ts";
import type { LevelPlan } from "../buckets/levels.ts";
import { ExactSum, priceText } from "../decimal.ts";
import type { Candle } from "../types.ts";

type CandleRange = {
  readonly intervalMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  readonly asOfMs: number;
  /** Undefined when nothing was seen, or nothing since a gap. */
  readonly seenSinceMs: number | undefined;
  readonly highMs: number;
};

export class CandleQuery {
  readonly #plan: LevelPlan;
  readonly #list: HotList;
  readonly #hot: HotBuckets;
  readonly #cold: ColdStore;
  readonly #row = new BucketRow();

  constructor(plan: LevelPlan, list: HotList, hot: HotBuckets, cold: ColdStore) {
    this.#plan = plan;
    this.#list = list;
    this.#hot = hot;
    this.#cold = cold;
  }

  /**
   * The time from which candles are available: the start of the memory of this interval, or a later one that is given by the
   * earlier of seen_since and the token's oldest swap; at the start of an interval. Undefined when nothing was ever seen, or
   * when no step divides the interval.
   */
  availableFromMs(active: number, range: CandleRange): number | undefined {
    const { intervalMs } = range;
    const memoryMs = this.memoryFromMs(intervalMs, range.highMs);
    const oldestMs = active === 0 ? Number.POSITIVE_INFINITY : this.#firstStartMs(active, memoryMs);
    const beginsMs = Math.max(memoryMs, Math.min(range.seenSinceMs ?? Number.POSITIVE_INFINITY, oldestMs));
    return Number.isFinite(beginsMs) ? Math.floor(beginsMs / intervalMs) * intervalMs : undefined;
  }

  /**
   * The time from which all buckets are held with steps that divide the interval. Where buckets are dropped for good, this is
   * the edge of a bucket, which may lie within an interval: a candle must contain what windows still count of it. Where a step
   * that is too coarse follows, it is the edge of an interval. Infinity when not even the finest step divides the interval.
   */
  memoryFromMs(intervalMs: number, highMs: number): number {
    const { levels } = this.#plan;
    const last = levels[levels.length - 1];
    let keepMs = Number.NaN;
    for (const level of levels) {
      if (intervalMs % level.stepMs !== 0) break;
      keepMs = level.keepMs;
    }
    if (Number.isNaN(keepMs)) return Number.POSITIVE_INFINITY;
    // The finest step that is kept to the end: older buckets are dropped whatever their step, and younger ones are not coarser.
    const kept = keepMs === last.keepMs ? levels.find((level) => level.keepMs === keepMs) : undefined;
    const grainMs = kept?.stepMs ?? intervalMs;
    return Math.ceil((highMs - keepMs) / grainMs) * grainMs;
  }

  #firstStartMs(active: number, fromMs: number): number {
    const coldMs = this.#cold.firstStartMs(active, fromMs);
    if (coldMs !== Number.POSITIVE_INFINITY) return coldMs;
    let bucket = this.#list.firstFrom(active, fromMs);
    while (bucket !== 0 && this.#list.trades(bucket) === 0) bucket = this.#list.next(bucket);
    return bucket === 0 ? Number.POSITIVE_INFINITY : this.#list.startMs(bucket);
  }

  /**
   * Returns candles in ascending order; when the range has more than `limit`, the newest ones. A candle that is still open, or
   * that begins before seen_since or before memory, is served and marked as not complete.
   */
  candles(active: number, range: CandleRange): Candle[] {
    const finest = this.#plan.finestStepMs;
    const { intervalMs } = range;
    const memoryMs = this.memoryFromMs(intervalMs, range.highMs);
    const fromMs = Math.max(Math.ceil(range.fromMs / intervalMs) * intervalMs, memoryMs);
    const closeMs = Math.floor(range.asOfMs / finest) * finest + finest;
    const toMs = Math.min(Math.ceil(range.toMs / intervalMs) * intervalMs, closeMs);
    if (active === 0 || !(fromMs < toMs)) return [];
    const wholeFromMs = Math.max(memoryMs, range.seenSinceMs ?? Number.POSITIVE_INFINITY);
    // From the newest backwards, in spans of as many intervals as are requested: a day in seconds has 86,400 candles, and
    // writing all of them took 180 ms.
    let items: Candle[] = [];
    let untilMs = toMs;
    for (let span = range.limit * intervalMs; untilMs > fromMs && items.length < range.limit; span *= 4) {
      const startMs = Math.max(fromMs, Math.floor((untilMs - span) / intervalMs) * intervalMs);
      items = [...this.#between(active, startMs, untilMs, range, wholeFromMs), ...items];
      untilMs = startMs;
    }
    return items.slice(-range.limit);
  }

  /** All candles of the buckets that start in [fromMs, toMs). */
  #between(active: number, fromMs: number, toMs: number, range: CandleRange, wholeFromMs: number): Candle[] {
    const { intervalMs } = range;
    const items: Candle[] = [];
    const figures = new Figures();
    let openMs = Number.NaN;
    const flush = (): void => {
      const isWhole = wholeFromMs <= openMs && openMs + intervalMs <= range.asOfMs;
      if (figures.trades > 0) items.push(candle(openMs, figures, isWhole));
      figures.clear();
    };
    const add = (row: BucketRow): void => {
      const slot = Math.floor(row.startMs / intervalMs) * intervalMs;
      if (slot !== openMs) flush();
      openMs = slot;
      figures.add(row);
    };
    this.#cold.eachRow(active, fromMs, toMs, add);
    this.#eachHotRow(active, fromMs, toMs, add);
    flush();
    return items;
  }

  /** Visits the sums of all buckets with trades. */
  eachBucket(active: number, visit: (row: BucketRow) => void): void {
    if (active === 0) return;
    this.#cold.eachRow(active, 0, Number.POSITIVE_INFINITY, visit);
    for (let b = this.#list.firstFrom(active, 0); b !== 0; b = this.#list.next(b)) {
      if (this.#list.trades(b) === 0) continue;
      this.#hot.readSums(b, this.#row);
      visit(this.#row);
    }
  }

  #eachHotRow(active: number, fromMs: number, toMs: number, each: (row: BucketRow) => void): void {
    for (
      let b = this.#list.firstFrom(active, fromMs);
      b !== 0 && this.#list.startMs(b) < toMs;
      b = this.#list.next(b)
    ) {
      if (this.#list.trades(b) === 0) continue;
      this.#hot.read(b, this.#row);
      each(this.#row);
    }
  }
}

/** Returns the candle of these sums. */
export function candle(openMs: number, f: Figures, complete: boolean): Candle {
  const usd = new ExactSum();
  usd.addSum(f.usdBuy);
  usd.addSum(f.usdSell);
  const amount = new ExactSum();
  amount.addSum(f.tokenBuy);
  amount.addSum(f.tokenSell);
  const prices = Number.isNaN(f.open)
    ? {}
    : { open: priceText(f.open), high: priceText(f.high), low: priceText(f.low), close: priceText(f.close) };
  return {
    open_time: openMs,
    ...prices,
    volume_usd: usd.text(6),
    volume_token: amount.text(18),
    trades: f.trades,
    buys: f.buys,
    sells: f.sells,
    complete,
  };
}
