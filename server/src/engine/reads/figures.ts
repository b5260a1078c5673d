/**
 * The figures of a window, as they are served and as rankings compare them. Names and order are those of the protocol's table. A figure
 * that follows from the sums is computed here and nowhere else: its value, and the key by which tokens are ranked.
 */
import type { Figures } from "../buckets/bucket-row.ts";
import {
  differenceText,
  divideHalfEven,
  ExactSum,
  priceChangePercentText,
  priceChangeText,
  priceText,
  scaledInteger,
  scaledText,
  vwapText,
} from "../decimal.ts";
import { SKETCH_ERROR } from "../traders/rank-counts.ts";
import type { TraderCount } from "../traders/trader-counts.ts";
import { differenceKey, type RankKey } from "./rank-key.ts";

const USD_PLACES = 6;
const TOKEN_PLACES = 18;
const PERCENT_PLACES = 6;
/** From a ratio to an integer of 10^-6 percent. */
const PERCENT_SCALE = 100_000_000n;

const usdSum = new ExactSum();
const tokenSum = new ExactSum();

/** Dollars of both sides. The sum is valid until the next call, as that of `tokenOf` is. */
function usdOf(f: Figures): ExactSum {
  return total(usdSum, f.usdBuy, f.usdSell);
}

function tokenOf(f: Figures): ExactSum {
  return total(tokenSum, f.tokenBuy, f.tokenSell);
}

function total(sum: ExactSum, a: ExactSum, b: ExactSum): ExactSum {
  sum.clear();
  sum.addSum(a);
  sum.addSum(b);
  return sum;
}

type Counts = Pick<TraderCount, "traders" | "buyers" | "sellers">;
type WindowBounds = { open_time: number; close_time: number; complete: boolean };
export type VolumeFigures = ReturnType<typeof volumesOf>;
/** Absent figures are absent keys. */
export type WindowStats = WindowBounds &
  VolumeFigures &
  Partial<ReturnType<typeof pricesOf>> &
  Partial<ReturnType<typeof ratiosOf>> &
  Counts &
  Partial<ReturnType<typeof estimateMarksOf>> &
  Partial<ReturnType<typeof tradeTimesOf>> & { previous?: VolumeFigures };

/** Figures by which tokens can be ranked. */
export type RankedFigure = Exclude<
  keyof WindowStats,
  keyof WindowBounds | keyof ReturnType<typeof estimateMarksOf> | "previous"
>;

/** The figures in the order of service, without `previous`, which stands behind them. */
export function windowFigures(bounds: WindowBounds, f: Figures, counts: TraderCount): WindowStats {
  return {
    ...bounds,
    ...volumesOf(f),
    ...(Number.isNaN(f.open) || f.trades === 0 ? {} : pricesOf(f)),
    ...(f.trades === 0 ? {} : ratiosOf(f)),
    traders: counts.traders,
    buyers: counts.buyers,
    sellers: counts.sellers,
    ...(counts.estimated ? estimateMarksOf() : {}),
    ...(f.trades === 0 ? {} : tradeTimesOf(f)),
  };
}

/** Counts and volumes of a span. */
export function volumesOf(f: Figures) {
  return {
    trades: f.trades,
    buys: f.buys,
    sells: f.sells,
    volume_usd: usdOf(f).text(USD_PLACES),
    buy_volume_usd: f.usdBuy.text(USD_PLACES),
    sell_volume_usd: f.usdSell.text(USD_PLACES),
    net_volume_usd: differenceText(f.usdBuy, f.usdSell, USD_PLACES),
    volume_token: tokenOf(f).text(TOKEN_PLACES),
    buy_volume_token: f.tokenBuy.text(TOKEN_PLACES),
    sell_volume_token: f.tokenSell.text(TOKEN_PLACES),
  };
}

/** Of a window in which a swap has a price. */
function pricesOf(f: Figures) {
  const open = priceText(f.open);
  const close = priceText(f.close);
  return {
    open,
    high: priceText(f.high),
    low: priceText(f.low),
    close,
    price_change: priceChangeText(open, close),
    price_change_pct: priceChangePercentText(open, close),
  };
}

/** Of a window with trades. */
function ratiosOf(f: Figures) {
  return {
    vwap: vwapText(usdOf(f), tokenOf(f)),
    avg_trade_usd: scaledText(String(averageTrade(f)), USD_PLACES),
  };
}

/** Millionths of a dollar, half to even. The window has trades. */
function averageTrade(f: Figures): bigint {
  return divideHalfEven(usdOf(f).toBigInt(), BigInt(f.trades));
}

function estimateMarksOf() {
  return { traders_estimated: true as const, traders_error: SKETCH_ERROR };
}

/** Of a window with trades. */
function tradeTimesOf(f: Figures) {
  return { first_trade_time: f.firstMs, last_trade_time: f.lastMs };
}

/** The key of a figure of a window. Counts of traders are not in `f`. */
export function rankFigure(f: Figures, field: Exclude<RankedFigure, keyof Counts>, key: RankKey): void {
  const value = rankedValue(f, field);
  if (typeof value === "number") key.setNumber(value);
  else if (typeof value === "bigint") key.setInteger(value);
  else key.setSum(value);
}

/**
 * The key of the change of a count or volume against another span, in percent of the size of the other one, to 6 places half to even.
 * Absent where the other one is 0.
 */
export function changeKey(now: Figures, before: Figures, field: keyof VolumeFigures, key: RankKey): void {
  const from = integerValue(before, field);
  if (from === 0n) {
    key.setNumber(Number.NaN);
    return;
  }
  const change = (integerValue(now, field) - from) * PERCENT_SCALE;
  key.setInteger(divideHalfEven(change, from < 0n ? -from : from));
}

/** The figure in its smallest unit. */
function integerValue(f: Figures, field: keyof VolumeFigures): bigint {
  const value = rankedValue(f, field);
  if (typeof value === "bigint") return value;
  return typeof value === "number" ? BigInt(value) : value.toBigInt();
}

/** NaN: the figure is absent. A sum is valid until the next call. */
function rankedValue(f: Figures, field: Exclude<RankedFigure, keyof Counts>): number | bigint | ExactSum {
  switch (field) {
    case "trades":
      return f.trades;
    case "buys":
      return f.buys;
    case "sells":
      return f.sells;
    case "volume_usd":
      return usdOf(f);
    case "buy_volume_usd":
      return f.usdBuy;
    case "sell_volume_usd":
      return f.usdSell;
    case "net_volume_usd":
      return differenceKey(f.usdBuy, f.usdSell);
    case "volume_token":
      return tokenOf(f);
    case "buy_volume_token":
      return f.tokenBuy;
    case "sell_volume_token":
      return f.tokenSell;
    default:
      return f.trades === 0 ? Number.NaN : tradedValue(f, field);
  }
}

type Traded =
  | keyof ReturnType<typeof pricesOf>
  | keyof ReturnType<typeof ratiosOf>
  | keyof ReturnType<typeof tradeTimesOf>;

/** Figures that a window without trades does not have. */
function tradedValue(f: Figures, field: Traded): number | bigint {
  switch (field) {
    case "first_trade_time":
      return f.firstMs;
    case "last_trade_time":
      return f.lastMs;
    case "vwap":
      return Number(vwapText(usdOf(f), tokenOf(f)));
    case "avg_trade_usd":
      return averageTrade(f);
    case "open":
      return servedPrice(f.open);
    case "high":
      return servedPrice(f.high);
    case "low":
      return servedPrice(f.low);
    case "close":
      return servedPrice(f.close);
    default:
      return Number.isNaN(f.open) ? Number.NaN : changeOf(f, field);
  }
}

/** A price as its text says it, which rounds to 15 digits. NaN: there is none. */
function servedPrice(price: number): number {
  return Number(price.toPrecision(15));
}

function changeOf(f: Figures, field: "price_change" | "price_change_pct"): number | bigint {
  if (f.open === f.close) return 0;
  const open = priceText(f.open);
  const close = priceText(f.close);
  return field === "price_change"
    ? Number(priceChangeText(open, close))
    : scaledInteger(priceChangePercentText(open, close), PERCENT_PLACES);
}
