import {
  compareRational,
  type Decimal,
  divideHalfEven,
  formatPlaces,
  power10,
  type Rational,
  toRational,
} from "./decimal.ts";
import type { ModelEvent } from "./model-event.ts";

/** Sums of some swaps, as served. */
type ModelSums = {
  readonly trades: number;
  readonly buys: number;
  readonly sells: number;
  readonly volume_usd: string;
  readonly buy_volume_usd: string;
  readonly sell_volume_usd: string;
  readonly net_volume_usd: string;
  readonly volume_token: string;
  readonly buy_volume_token: string;
  readonly sell_volume_token: string;
};

/** A price with its exact value; `given` when the event gave it. */
export type ModelPrice = { readonly given: Decimal | undefined; readonly exact: Rational };

export type ModelFigures = {
  readonly sums: ModelSums;
  readonly traders: number;
  readonly buyers: number;
  readonly sellers: number;
  readonly firstTradeMs: number | undefined;
  readonly lastTradeMs: number | undefined;
  readonly vwap: Rational | undefined;
  readonly avgTradeUsd: string | undefined;
  /** Prices of the swaps in the order of open and close; empty when none has one. */
  readonly prices: readonly ModelPrice[];
};

export type ModelStats = ModelFigures & {
  readonly openMs: number;
  readonly closeMs: number;
  readonly complete: boolean;
  readonly previous: ModelSums | undefined;
};

/** Order of open and close: (event_time, block_number or 0, tx_index or 0, log_index, event_id as bytes). */
export function compareClose(a: ModelEvent, b: ModelEvent): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    (a.blockNumber ?? 0) - (b.blockNumber ?? 0) ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId))
  );
}

export function sumsOf(events: readonly ModelEvent[]): ModelSums {
  const buys = events.filter((event) => event.side === "buy");
  const sells = events.filter((event) => event.side === "sell");
  const [buyUsd, sellUsd] = [addUp(buys, "usd"), addUp(sells, "usd")];
  const [buyAmount, sellAmount] = [addUp(buys, "amount"), addUp(sells, "amount")];
  return {
    trades: events.length,
    buys: buys.length,
    sells: sells.length,
    volume_usd: formatPlaces(buyUsd + sellUsd, 6),
    buy_volume_usd: formatPlaces(buyUsd, 6),
    sell_volume_usd: formatPlaces(sellUsd, 6),
    net_volume_usd: formatPlaces(buyUsd - sellUsd, 6),
    volume_token: formatPlaces(buyAmount + sellAmount, 18),
    buy_volume_token: formatPlaces(buyAmount, 18),
    sell_volume_token: formatPlaces(sellAmount, 18),
  };
}

function addUp(events: readonly ModelEvent[], field: "usd" | "amount"): bigint {
  return events.reduce((sum, event) => sum + event[field], 0n);
}

/** Figures of swaps given in the order of open and close. Swaps below the minimum have no price. */
export function statsOf(events: readonly ModelEvent[], priceMinUsdMicro: number): ModelFigures {
  const amount = addUp(events, "amount");
  return {
    sums: sumsOf(events),
    traders: countWallets(events),
    buyers: countWallets(events.filter((event) => event.side === "buy")),
    sellers: countWallets(events.filter((event) => event.side === "sell")),
    firstTradeMs: events.at(0)?.eventTimeMs,
    lastTradeMs: events.at(-1)?.eventTimeMs,
    vwap: events.length === 0 ? undefined : { numerator: addUp(events, "usd") * power10(12), denominator: amount },
    avgTradeUsd:
      events.length === 0 ? undefined : formatPlaces(divideHalfEven(addUp(events, "usd"), BigInt(events.length)), 6),
    prices: events
      .filter((event) => event.usd >= BigInt(priceMinUsdMicro))
      .map(priceOf)
      .filter((price) => price !== undefined),
  };
}

function countWallets(events: readonly ModelEvent[]): number {
  return new Set(events.map((event) => event.who).filter((who) => who !== undefined)).size;
}

/** The given price, else usd / amount of the rounded amounts, else none. */
export function priceOf(event: ModelEvent): ModelPrice | undefined {
  if (event.price !== undefined) return { given: event.price, exact: toRational(event.price) };
  if (event.usd === 0n) return undefined;
  return { given: undefined, exact: { numerator: event.usd * power10(12), denominator: event.amount } };
}

export function highOf(prices: readonly ModelPrice[]): ModelPrice {
  return prices.reduce((best, price) => (compareRational(price.exact, best.exact) > 0 ? price : best));
}

export function lowOf(prices: readonly ModelPrice[]): ModelPrice {
  return prices.reduce((best, price) => (compareRational(price.exact, best.exact) < 0 ? price : best));
}
