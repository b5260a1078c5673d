/**
 * Figures as numbers that order exactly as their served decimals do, so that a ranking compares doubles and never texts. An integer of
 * the smallest unit becomes up to four doubles, each the nearest to what the ones before leave: 4 x 53 bits hold any sum.
 * Figures with at most 15 significant digits (prices, vwap, price_change) are one double each.
 */
import type { Figures } from "../buckets/bucket-row.ts";
import { ExactSum, LIMB, priceChangePercentText, priceChangeText, priceText, vwapText } from "../decimal.ts";

export const USD_PLACES = 6;
export const TOKEN_PLACES = 18;
const PERCENT_PLACES = 6;
/** An integer below 2^53, of this upper limb at most, is one double. */
const SMALL_LIMB_MAX = 8;
const BIG_LIMB = BigInt(LIMB);

/** Compared from `k0` on. A figure that is absent has NaN there. */
export class RankKey {
  k0 = 0;
  k1 = 0;
  k2 = 0;
  k3 = 0;

  get isPresent(): boolean {
    return !Number.isNaN(this.k0);
  }

  setNumber(value: number): void {
    this.k0 = value;
    this.k1 = 0;
    this.k2 = 0;
    this.k3 = 0;
  }

  setInteger(value: bigint): void {
    this.setNumber(Number(value));
    let rest = value - BigInt(this.k0);
    if (rest === 0n) return;
    this.k1 = Number(rest);
    rest -= BigInt(this.k1);
    if (rest === 0n) return;
    this.k2 = Number(rest);
    this.k3 = Number(rest - BigInt(this.k2));
  }

  setSum(sum: ExactSum): void {
    if (sum.l3 === 0 && sum.l2 === 0) {
      if (sum.l1 <= SMALL_LIMB_MAX) this.setNumber(sum.l1 * LIMB + sum.l0);
      else this.setInteger(BigInt(sum.l1) * BIG_LIMB + BigInt(sum.l0));
    } else this.setInteger(integerOf(sum));
  }
}

function integerOf({ l0, l1, l2, l3 }: ExactSum): bigint {
  return ((BigInt(l3) * BIG_LIMB + BigInt(l2)) * BIG_LIMB + BigInt(l1)) * BIG_LIMB + BigInt(l0);
}

const sum = new ExactSum();

function total(a: ExactSum, b: ExactSum): ExactSum {
  sum.clear();
  sum.addSum(a);
  sum.addSum(b);
  return sum;
}

/** The key of a figure of a window; counts of traders are not in `f`. `field` is the name as served. */
export function rankFigure(f: Figures, field: string, key: RankKey): void {
  const value = rankedValue(f, field);
  if (typeof value === "number") key.setNumber(value);
  else if (typeof value === "bigint") key.setInteger(value);
  else key.setSum(value);
}

/** NaN: the figure is absent. A sum is valid until the next call. */
function rankedValue(f: Figures, field: string): number | bigint | ExactSum {
  switch (field) {
    case "trades":
      return f.trades;
    case "buys":
      return f.buys;
    case "sells":
      return f.sells;
    case "volume_usd":
      return total(f.usdBuy, f.usdSell);
    case "buy_volume_usd":
      return f.usdBuy;
    case "sell_volume_usd":
      return f.usdSell;
    case "net_volume_usd":
      return difference(f.usdBuy, f.usdSell);
    case "volume_token":
      return total(f.tokenBuy, f.tokenSell);
    case "buy_volume_token":
      return f.tokenBuy;
    case "sell_volume_token":
      return f.tokenSell;
    default:
      return f.trades === 0 ? Number.NaN : tradedValue(f, field);
  }
}

/** Figures that a window without trades has not. */
function tradedValue(f: Figures, field: string): number | bigint {
  switch (field) {
    case "first_trade_time":
      return f.firstMs;
    case "last_trade_time":
      return f.lastMs;
    case "vwap":
      return vwapOf(f);
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

function vwapOf(f: Figures): number {
  const usd = new ExactSum();
  usd.addSum(f.usdBuy);
  usd.addSum(f.usdSell);
  return Number(vwapText(usd, total(f.tokenBuy, f.tokenSell)));
}

function difference(a: ExactSum, b: ExactSum): number | bigint {
  if (a.l1 + b.l1 <= SMALL_LIMB_MAX && a.l2 + a.l3 + b.l2 + b.l3 === 0) {
    return (a.l1 - b.l1) * LIMB + (a.l0 - b.l0);
  }
  return integerOf(a) - integerOf(b);
}

function changeOf(f: Figures, field: string): number | bigint {
  if (f.open === f.close) return 0;
  const open = priceText(f.open);
  const close = priceText(f.close);
  if (field === "price_change") return Number(priceChangeText(open, close));
  if (field === "price_change_pct") return scaled(priceChangePercentText(open, close), PERCENT_PLACES);
  return Number.NaN;
}

const PLACES: ReadonlyMap<string, number> = new Map([
  ...["volume_usd", "buy_volume_usd", "sell_volume_usd", "net_volume_usd"].map((f) => [f, USD_PLACES] as const),
  ...["volume_token", "buy_volume_token", "sell_volume_token"].map((f) => [f, TOKEN_PLACES] as const),
  ["price_change_pct", PERCENT_PLACES] as const,
]);

/** The key of a figure's text as served; undefined: the figure is absent. Places that are never served do not count. */
export function rankKeyOfText(text: string | undefined, field: string, key: RankKey): void {
  const places = PLACES.get(field);
  if (text === undefined) key.setNumber(Number.NaN);
  else if (places === undefined) key.setNumber(Number(text));
  else key.setInteger(scaled(text, places));
}

function scaled(text: string, places: number): bigint {
  const point = text.indexOf(".");
  if (point === -1) return BigInt(text) * 10n ** BigInt(places);
  const fraction = text.slice(point + 1, point + 1 + places).padEnd(places, "0");
  return BigInt(text.slice(0, point) + fraction);
}
