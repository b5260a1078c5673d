/** The figures of one bucket in plain fields. Hot and packed buckets are read into it, and windows add it up. */
import { ExactSum } from "../decimal.ts";

export class BucketRow {
  startMs = 0;
  buys = 0;
  sells = 0;
  usdBuy0 = 0;
  usdBuy1 = 0;
  usdSell0 = 0;
  usdSell1 = 0;
  tokenBuy0 = 0;
  tokenBuy1 = 0;
  tokenBuy2 = 0;
  tokenSell0 = 0;
  tokenSell1 = 0;
  tokenSell2 = 0;
  /** All four prices are NaN when no swap of the bucket has a price. */
  open = Number.NaN;
  high = Number.NaN;
  low = Number.NaN;
  close = Number.NaN;
  firstMs = 0;
  lastMs = 0;
}

/** Sums of rows that are added in order of time. */
export class Figures {
  buys = 0;
  sells = 0;
  readonly usdBuy = new ExactSum();
  readonly usdSell = new ExactSum();
  readonly tokenBuy = new ExactSum();
  readonly tokenSell = new ExactSum();
  open = Number.NaN;
  high = Number.NaN;
  low = Number.NaN;
  close = Number.NaN;
  firstMs = 0;
  lastMs = 0;

  get trades(): number {
    return this.buys + this.sells;
  }

  clear(): void {
    this.buys = 0;
    this.sells = 0;
    this.usdBuy.clear();
    this.usdSell.clear();
    this.tokenBuy.clear();
    this.tokenSell.clear();
    this.open = Number.NaN;
    this.high = Number.NaN;
    this.low = Number.NaN;
    this.close = Number.NaN;
    this.firstMs = 0;
    this.lastMs = 0;
  }

  add(row: BucketRow): void {
    if (row.buys + row.sells === 0) return;
    if (this.trades === 0) this.firstMs = row.firstMs;
    this.lastMs = row.lastMs;
    this.buys += row.buys;
    this.sells += row.sells;
    this.usdBuy.add(row.usdBuy0, row.usdBuy1, 0);
    this.usdSell.add(row.usdSell0, row.usdSell1, 0);
    this.tokenBuy.add(row.tokenBuy0, row.tokenBuy1, row.tokenBuy2);
    this.tokenSell.add(row.tokenSell0, row.tokenSell1, row.tokenSell2);
    if (Number.isNaN(row.open)) return;
    if (Number.isNaN(this.open)) {
      this.open = row.open;
      this.high = row.high;
      this.low = row.low;
    } else {
      if (row.high > this.high) this.high = row.high;
      if (row.low < this.low) this.low = row.low;
    }
    this.close = row.close;
  }

  /** Adds figures of a later span. */
  addLater(later: Figures): void {
    if (later.trades === 0) return;
    if (this.trades === 0) this.firstMs = later.firstMs;
    this.lastMs = later.lastMs;
    this.#addCounts(later);
    if (Number.isNaN(later.open)) return;
    if (Number.isNaN(this.open)) this.open = later.open;
    this.close = later.close;
    this.#widen(later);
  }

  /** Adds figures of an earlier span. */
  addEarlier(earlier: Figures): void {
    if (earlier.trades === 0) return;
    if (this.trades === 0) this.lastMs = earlier.lastMs;
    this.firstMs = earlier.firstMs;
    this.#addCounts(earlier);
    if (Number.isNaN(earlier.open)) return;
    if (Number.isNaN(this.close)) this.close = earlier.close;
    this.open = earlier.open;
    this.#widen(earlier);
  }

  #addCounts(other: Figures): void {
    this.buys += other.buys;
    this.sells += other.sells;
    this.usdBuy.addSum(other.usdBuy);
    this.usdSell.addSum(other.usdSell);
    this.tokenBuy.addSum(other.tokenBuy);
    this.tokenSell.addSum(other.tokenSell);
  }

  #widen(other: Figures): void {
    if (!(this.high >= other.high)) this.high = other.high;
    if (!(this.low <= other.low)) this.low = other.low;
  }
}
