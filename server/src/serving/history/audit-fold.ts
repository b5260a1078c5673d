/**
 * The figures of a span, recomputed from rows: a plain fold with exact numbers, written from the definition of the figures. It shares no code
 * with the engine, its buckets and the sums of the stores.
 */
import type { Volumes, WindowFigures } from "@swapstats/protocol/schemas/figures.ts";
import type { SettledRow, Span } from "../../ports/history-store.ts";
import {
  compareFractions,
  difference,
  digitsText,
  type Fraction,
  fractionOf,
  givenFraction,
  percentOf,
  placesText,
  scaled,
} from "./audit-decimal.ts";

const USD_PLACES = 6;
const TOKEN_PLACES = 18;
const PERCENT_PLACES = 6;
/** Micro-dollars over 10^-18 tokens, as dollars over tokens. */
const RATIO_SCALE = 10n ** 12n;

type RowPosition = Pick<SettledRow, "eventTimeMs" | "blockNumber" | "txIndex" | "logIndex" | "eventId">;

/** A price that counts. `isGiven`: the event gave it, so it is served digit by digit. */
export type AuditedPrice = { readonly value: Fraction; readonly isGiven: boolean };
type PlacedPrice = { readonly at: RowPosition; readonly price: AuditedPrice };

type AuditedPrices = {
  readonly open: AuditedPrice;
  readonly high: AuditedPrice;
  readonly low: AuditedPrice;
  readonly close: AuditedPrice;
  /** Whether some price is not given but follows from the amounts. */
  readonly isSomeDerived: boolean;
};

export type Recomputed = {
  readonly figures: WindowFigures;
  /** Undefined when no swap of the window has a price. */
  readonly prices: AuditedPrices | undefined;
  /** Undefined without trades. */
  readonly vwap: Fraction | undefined;
};

/** Negative: a comes first. */
function compareRows(a: RowPosition, b: RowPosition): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    (a.blockNumber ?? 0) - (b.blockNumber ?? 0) ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId))
  );
}

/** Counts and volumes of some swaps. */
class Sums {
  #buys = 0;
  #sells = 0;
  #usdBuy = 0n;
  #usdSell = 0n;
  #tokenBuy = 0n;
  #tokenSell = 0n;

  add({ isBuy, usdMicro, amountUnits }: SettledRow): void {
    if (isBuy) {
      this.#buys += 1;
      this.#usdBuy += BigInt(usdMicro);
      this.#tokenBuy += amountUnits;
    } else {
      this.#sells += 1;
      this.#usdSell += BigInt(usdMicro);
      this.#tokenSell += amountUnits;
    }
  }

  get trades(): number {
    return this.#buys + this.#sells;
  }

  get usd(): bigint {
    return this.#usdBuy + this.#usdSell;
  }

  get tokens(): bigint {
    return this.#tokenBuy + this.#tokenSell;
  }

  figures(): Volumes {
    return {
      trades: this.trades,
      buys: this.#buys,
      sells: this.#sells,
      volume_usd: placesText(this.usd, USD_PLACES),
      buy_volume_usd: placesText(this.#usdBuy, USD_PLACES),
      sell_volume_usd: placesText(this.#usdSell, USD_PLACES),
      net_volume_usd: placesText(this.#usdBuy - this.#usdSell, USD_PLACES),
      volume_token: placesText(this.tokens, TOKEN_PLACES),
      buy_volume_token: placesText(this.#tokenBuy, TOKEN_PLACES),
      sell_volume_token: placesText(this.#tokenSell, TOKEN_PLACES),
    };
  }
}

/** Adds up the rows of a window in any order, and those of the span before it. Rows outside both change nothing. */
export class AuditFold {
  readonly #window: Span;
  readonly #before: Span | undefined;
  readonly #sums = new Sums();
  readonly #previous = new Sums();
  readonly #buyers = new Set<string>();
  readonly #sellers = new Set<string>();
  #first: PlacedPrice | undefined;
  #last: PlacedPrice | undefined;
  #high: AuditedPrice | undefined;
  #low: AuditedPrice | undefined;
  #isSomeDerived = false;
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Rows that were within one of the spans. */
  rows = 0;

  constructor(window: Span, before: Span | undefined) {
    this.#window = window;
    this.#before = before;
  }

  /** Different wallets held, for limits of memory. */
  get wallets(): number {
    return this.#buyers.size + this.#sellers.size;
  }

  add(row: SettledRow): void {
    if (this.#before !== undefined && isWithin(row, this.#before)) {
      this.rows += 1;
      this.#previous.add(row);
    }
    if (!isWithin(row, this.#window)) return;
    this.rows += 1;
    this.#sums.add(row);
    if (row.who !== undefined) (row.isBuy ? this.#buyers : this.#sellers).add(row.who);
    this.#firstMs = Math.min(this.#firstMs, row.eventTimeMs);
    this.#lastMs = Math.max(this.#lastMs, row.eventTimeMs);
    const price = priceOf(row);
    if (price !== undefined) this.#addPrice(row, price);
  }

  #addPrice(at: RowPosition, price: AuditedPrice): void {
    if (this.#first === undefined || compareRows(at, this.#first.at) < 0) this.#first = { at, price };
    if (this.#last === undefined || compareRows(at, this.#last.at) > 0) this.#last = { at, price };
    this.#high = extreme(this.#high, price, 1);
    this.#low = extreme(this.#low, price, -1);
    this.#isSomeDerived ||= !price.isGiven;
  }

  result(isComplete: boolean): Recomputed {
    const trades = this.#sums.trades;
    const prices = this.#prices();
    const vwap = trades === 0 ? undefined : ratioOf(this.#sums.usd, this.#sums.tokens);
    const figures: WindowFigures = {
      open_time: this.#window.fromMs,
      close_time: this.#window.toMs,
      complete: isComplete,
      ...this.#sums.figures(),
      ...(prices === undefined ? {} : priceFigures(prices)),
      ...(vwap === undefined ? {} : { vwap: digitsText(vwap), avg_trade_usd: this.#average() }),
      traders: this.#buyers.union(this.#sellers).size,
      buyers: this.#buyers.size,
      sellers: this.#sellers.size,
      ...(trades === 0 ? {} : { first_trade_time: this.#firstMs, last_trade_time: this.#lastMs }),
      ...(this.#before === undefined ? {} : { previous: this.#previous.figures() }),
    };
    return { figures, prices, vwap };
  }

  #average(): string {
    const average = { numerator: this.#sums.usd, denominator: BigInt(this.#sums.trades) };
    return placesText(scaled(average, 0), USD_PLACES);
  }

  #prices(): AuditedPrices | undefined {
    const [first, high, low, last] = [this.#first, this.#high, this.#low, this.#last];
    if (first === undefined || high === undefined || low === undefined || last === undefined) return undefined;
    return { open: first.price, high, low, close: last.price, isSomeDerived: this.#isSomeDerived };
  }
}

const isWithin = ({ eventTimeMs }: SettledRow, { fromMs, toMs }: Span): boolean =>
  eventTimeMs >= fromMs && eventTimeMs < toMs;

const ratioOf = (usdMicro: bigint, units: bigint): Fraction => ({
  numerator: usdMicro * RATIO_SCALE,
  denominator: units,
});

/** The row says only whether the swap has a price. Its value follows from what the event gave. */
function priceOf({ price, givenPrice, usdMicro, amountUnits }: SettledRow): AuditedPrice | undefined {
  if (price === undefined) return undefined;
  if (givenPrice !== undefined) return { value: givenFraction(givenPrice), isGiven: true };
  return { value: ratioOf(BigInt(usdMicro), amountUnits), isGiven: false };
}

/** Of equal prices a given one stays: it is compared digit by digit. */
function extreme(best: AuditedPrice | undefined, price: AuditedPrice, direction: 1 | -1): AuditedPrice {
  if (best === undefined) return price;
  const order = compareFractions(price.value, best.value) * direction;
  return order > 0 || (order === 0 && price.isGiven) ? price : best;
}

function priceFigures({ open, high, low, close }: AuditedPrices): Partial<WindowFigures> {
  const [openText, closeText] = [digitsText(open.value), digitsText(close.value)];
  return {
    open: openText,
    high: digitsText(high.value),
    low: digitsText(low.value),
    close: closeText,
    ...changeFigures(openText, closeText),
  };
}

/** Returns the change between two served prices. */
export function changeFigures(open: string, close: string): { price_change: string; price_change_pct: string } {
  const [from, to] = [fractionOf(open), fractionOf(close)];
  return {
    price_change: digitsText(difference(to, from)),
    price_change_pct: placesText(scaled(percentOf(from, to), PERCENT_PLACES), PERCENT_PLACES),
  };
}
