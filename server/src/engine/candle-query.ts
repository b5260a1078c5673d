/** Candles of a token from its buckets, as far back as buckets fine enough are kept. Reads only. */
import { BucketRow, Figures } from "./bucket-row.ts";
import type { ColdStore } from "./cold-store.ts";
import { ExactSum, priceText } from "./decimal.ts";
import type { HotBuckets } from "./hot-buckets.ts";
import type { LevelPlan } from "./levels.ts";
import type { Candle } from "./types.ts";

export type CandleRange = {
  readonly intervalMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  readonly asOfMs: number;
  readonly seenSinceMs: number;
  readonly highMs: number;
};

export class CandleQuery {
  readonly #plan: LevelPlan;
  readonly #hot: HotBuckets;
  readonly #cold: ColdStore;
  readonly #row = new BucketRow();

  constructor(plan: LevelPlan, hot: HotBuckets, cold: ColdStore) {
    this.#plan = plan;
    this.#hot = hot;
    this.#cold = cold;
  }

  /**
   * The first instant of which candles of this interval can be told: buckets younger than it have a step that divides
   * the interval. Infinity when even the finest step does not.
   */
  availableFromMs(range: CandleRange): number {
    const { levels } = this.#plan;
    let keepMs = Number.NEGATIVE_INFINITY;
    for (const level of levels) {
      if (range.intervalMs % level.stepMs !== 0) break;
      keepMs = level.keepMs;
    }
    const { intervalMs } = range;
    const keptMs = Math.ceil((range.highMs - keepMs) / intervalMs) * intervalMs;
    return Math.max(keptMs, Math.floor(range.seenSinceMs / intervalMs) * intervalMs);
  }

  /** In ascending order; with more than `limit` in the range, the newest ones. */
  candles(active: number, range: CandleRange): Candle[] {
    const finest = this.#plan.finestStepMs;
    const { intervalMs } = range;
    const availableMs = this.availableFromMs(range);
    const fromMs = Math.max(Math.ceil(range.fromMs / intervalMs) * intervalMs, availableMs);
    const toMs = Math.ceil(range.toMs / intervalMs) * intervalMs;
    const closeMs = Math.floor(range.asOfMs / finest) * finest + finest;
    const items: Candle[] = [];
    if (active === 0 || !(fromMs < toMs)) return items;
    const figures = new Figures();
    let openMs = Number.NaN;
    const flush = (): void => {
      if (figures.trades > 0) items.push(candle(openMs, figures, range));
      figures.clear();
    };
    const add = (row: BucketRow): void => {
      const slot = Math.floor(row.startMs / intervalMs) * intervalMs;
      if (slot !== openMs) flush();
      openMs = slot;
      figures.add(row);
    };
    this.#cold.eachRow(active, fromMs, Math.min(toMs, closeMs), add);
    this.#eachHotRow(active, fromMs, Math.min(toMs, closeMs), add);
    flush();
    return items.slice(-range.limit);
  }

  #eachHotRow(active: number, fromMs: number, toMs: number, each: (row: BucketRow) => void): void {
    for (let b = this.#hot.firstFrom(active, fromMs); b !== 0 && this.#hot.startMs(b) < toMs; b = this.#hot.next(b)) {
      if (this.#hot.trades(b) === 0) continue;
      this.#hot.read(b, this.#row);
      each(this.#row);
    }
  }
}

function candle(openMs: number, f: Figures, range: CandleRange): Candle {
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
    complete: range.seenSinceMs <= openMs && openMs + range.intervalMs <= range.asOfMs,
  };
}
