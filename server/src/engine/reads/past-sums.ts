/** SpanSums and swaps of the history in the forms in which the engine serves its own. Stores give them as integers. */
import type { Figures } from "../buckets/bucket-row.ts";
import { divideHalfEven, ExactSum, priceText, scaledInteger, scaledText } from "../decimal.ts";
import type { ServedSwap } from "../types.ts";

/** SpanSums are exact. Prices are undefined without a priced swap. */
export type SpanSums = {
  readonly buys: number;
  readonly sells: number;
  readonly usdBuyMicro: bigint;
  readonly usdSellMicro: bigint;
  readonly tokenBuyUnits: bigint;
  readonly tokenSellUnits: bigint;
  readonly open: number | undefined;
  readonly high: number | undefined;
  readonly low: number | undefined;
  readonly close: number | undefined;
  /** Undefined without swaps. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
};

/**
 * A swap as it counted when nothing could change it any more. Its texts are any Unicode, also with the character NUL, but without lone
 * surrogates. Ports name it `SettledRow`.
 */
export type SettledSwap = {
  readonly chainId: number;
  readonly token: string;
  readonly symbol: string | undefined;
  readonly pool: string | undefined;
  readonly who: string | undefined;
  readonly isBuy: boolean;
  /** In units of 10^-18, below 10^38. */
  readonly amountUnits: bigint;
  /** Millionths of a dollar, a safe integer. */
  readonly usdMicro: number;
  /** The price that the event gave. */
  readonly givenPrice: number | undefined;
  /** The price by which it counts in open, high, low and close: given or derived; undefined below the smallest priced trade. */
  readonly price: number | undefined;
  readonly eventTimeMs: number;
  readonly txHash: string;
  readonly logIndex: number;
  /** 0 when the event names none. */
  readonly txIndex: number;
  readonly eventId: string;
  readonly blockNumber: number | undefined;
  readonly blockHash: string | undefined;
  readonly revision: number;
};

/** Replaces `figures` by the sums. */
export function readSums(sums: SpanSums, figures: Figures): Figures {
  figures.clear();
  figures.buys = sums.buys;
  figures.sells = sums.sells;
  figures.usdBuy.addInteger(sums.usdBuyMicro);
  figures.usdSell.addInteger(sums.usdSellMicro);
  figures.tokenBuy.addInteger(sums.tokenBuyUnits);
  figures.tokenSell.addInteger(sums.tokenSellUnits);
  figures.open = sums.open ?? Number.NaN;
  figures.high = sums.high ?? Number.NaN;
  figures.low = sums.low ?? Number.NaN;
  figures.close = sums.close ?? Number.NaN;
  figures.firstMs = sums.firstMs ?? 0;
  figures.lastMs = sums.lastMs ?? 0;
  return figures;
}

/** Returns the figures as sums. */
export function sumsOf(figures: Figures): SpanSums {
  const price = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value);
  return {
    buys: figures.buys,
    sells: figures.sells,
    usdBuyMicro: figures.usdBuy.toBigInt(),
    usdSellMicro: figures.usdSell.toBigInt(),
    tokenBuyUnits: figures.tokenBuy.toBigInt(),
    tokenSellUnits: figures.tokenSell.toBigInt(),
    open: price(figures.open),
    high: price(figures.high),
    low: price(figures.low),
    close: price(figures.close),
    firstMs: figures.trades === 0 ? undefined : figures.firstMs,
    lastMs: figures.trades === 0 ? undefined : figures.lastMs,
  };
}

/** Adds a swap that is later than those of the figures. */
export function addSwap(figures: Figures, { isBuy, usdMicro, amountUnits, price, eventTimeMs }: SettledSwap): void {
  if (figures.trades === 0) figures.firstMs = eventTimeMs;
  figures.lastMs = eventTimeMs;
  if (isBuy) figures.buys += 1;
  else figures.sells += 1;
  (isBuy ? figures.usdBuy : figures.usdSell).addInteger(BigInt(usdMicro));
  (isBuy ? figures.tokenBuy : figures.tokenSell).addInteger(amountUnits);
  if (price === undefined) return;
  if (Number.isNaN(figures.open)) figures.open = price;
  if (!(figures.high >= price)) figures.high = price;
  if (!(figures.low <= price)) figures.low = price;
  figures.close = price;
}

/** Returns the swap as the newest swaps of a token are served. */
export function servedSwap(row: SettledSwap): ServedSwap {
  const amount = new ExactSum();
  amount.addInteger(row.amountUnits);
  const usd = new ExactSum();
  usd.addInteger(BigInt(row.usdMicro));
  const optional = {
    tx_index: row.txIndex === 0 ? undefined : row.txIndex,
    token_symbol: row.symbol,
    pool: row.pool,
    who: row.who,
    price_usd: row.givenPrice === undefined ? undefined : priceText(row.givenPrice),
    block_number: row.blockNumber,
    block_hash: row.blockHash,
    revision: row.revision === 0 ? undefined : row.revision,
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  return {
    chain_id: row.chainId,
    tx_hash: row.txHash,
    log_index: row.logIndex,
    event_id: row.eventId,
    token: row.token,
    side: row.isBuy ? "buy" : "sell",
    amount_token: amount.text(18),
    amount_usd: usd.text(6),
    event_time: row.eventTimeMs,
    ...given,
  };
}

const AMOUNT_PLACES = 18;
const PERCENT_PLACES = 6;

/** Returns the change of a count or volume in percent of the size of the one before, to 6 places half to even; undefined where that is 0. */
export function changeText(now: string, before: string): string | undefined {
  const [to, from] = [scaledInteger(now, AMOUNT_PLACES), scaledInteger(before, AMOUNT_PLACES)];
  if (from === 0n) return undefined;
  const change = divideHalfEven((to - from) * 10n ** BigInt(PERCENT_PLACES + 2), from < 0n ? -from : from);
  if (change === 0n) return "0";
  return change < 0n ? `-${scaledText(String(-change), PERCENT_PLACES)}` : scaledText(String(change), PERCENT_PLACES);
}
