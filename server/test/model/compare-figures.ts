import { statsFields } from "@swapstats/protocol/figures.ts";
import {
  compareRational,
  type Decimal,
  formatDecimal,
  parseDecimal,
  power10,
  type Rational,
  toRational,
} from "./decimal.ts";
import type { ModelCandle } from "./naive-model.ts";
import { highOf, lowOf, type ModelPrice, type ModelStats } from "./naive-stats.ts";

/** Served figures of a window, as a JSON object. */
export type Served = Readonly<Record<string, unknown>>;

/** `estimate`: the share by which traders, buyers and sellers may differ when the response says that they are estimated. */
export type Tolerance = { readonly estimate: number };

const exactOnly: Tolerance = { estimate: 0 };
const priceNames = ["open", "high", "low", "close"] as const;
const absentWithoutPrice = [...priceNames, "price_change", "price_change_pct"] as const;
const known: ReadonlySet<string> = new Set(statsFields);

/** Every difference between served figures and the model's, one line each. */
export function differences(served: Served, model: ModelStats, tolerance: Tolerance = exactOnly): string[] {
  const found: string[] = [];
  const expectEqual = (name: string, expected: unknown) => {
    const actual = served[name];
    if (JSON.stringify(actual) !== JSON.stringify(expected)) {
      found.push(`${name}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
    }
  };
  expectEqual("open_time", model.openMs);
  expectEqual("close_time", model.closeMs);
  expectEqual("complete", model.complete);
  for (const [name, value] of Object.entries(model.sums)) expectEqual(name, value);
  expectEqual("first_trade_time", model.firstTradeMs);
  expectEqual("last_trade_time", model.lastTradeMs);
  found.push(...previousDifferences(served.previous as Served | undefined, model));
  found.push(...walletDifferences(served, model, tolerance));
  found.push(...ratioDifferences("vwap", served.vwap, model.vwap));
  expectEqual("avg_trade_usd", model.avgTradeUsd);
  found.push(...priceDifferences(served, model.prices));
  for (const [name, value] of Object.entries(served)) {
    if (!known.has(name)) found.push(`unknown field ${name}`);
    if (value === undefined || value === null) found.push(`${name}: a figure without a value must be absent`);
  }
  return found;
}

/** Like `differences`, for a candle; `openMs` of the model's candle is its start. */
export function candleDifferences(served: Served, model: ModelCandle): string[] {
  const { open: _o, high: _h, low: _l, close: _c, ...rest } = served;
  const { sums, prices } = model.stats;
  const { volume_usd, volume_token, trades, buys, sells } = sums;
  const { openMs: open_time, complete } = model;
  const [actual, expected] = [
    sortedText(rest),
    sortedText({ open_time, volume_usd, volume_token, trades, buys, sells, complete }),
  ];
  const found = actual === expected ? [] : [`${actual} instead of ${expected}`];
  if (prices.length > 0) return [...found, ...extremeDifferences(served, prices)];
  return [
    ...found,
    ...priceNames.filter((name) => served[name] !== undefined).map((name) => `${name} without a price`),
  ];
}

function previousDifferences(served: Served | undefined, model: ModelStats): string[] {
  const actual = served === undefined ? undefined : sortedText(served);
  const expected = model.previous === undefined ? undefined : sortedText(model.previous);
  return actual === expected ? [] : [`previous: ${actual} instead of ${expected}`];
}

function sortedText(fields: object): string {
  return JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function walletDifferences(served: Served, model: ModelStats, tolerance: Tolerance): string[] {
  const found: string[] = [];
  const isEstimated = served.traders_estimated !== undefined;
  if (isEstimated && served.traders_estimated !== true) found.push("traders_estimated is neither true nor absent");
  if (isEstimated !== (typeof served.traders_error === "string")) found.push("traders_error and _estimated differ");
  if (isEstimated && tolerance.estimate === 0) found.push("wallets are estimated although they are few");
  for (const name of ["traders", "buyers", "sellers"] as const) {
    const actual = served[name] as number;
    const allowed = isEstimated ? tolerance.estimate * model[name] + 2 : 0;
    if (!Number.isInteger(actual) || Math.abs(actual - model[name]) > allowed) {
      found.push(`${name}: ${actual} instead of ${model[name]}${isEstimated ? ", estimated" : ""}`);
    }
  }
  return found;
}

function priceDifferences(served: Served, prices: readonly ModelPrice[]): string[] {
  if (prices.length === 0) {
    return absentWithoutPrice.filter((name) => served[name] !== undefined).map((name) => `${name} without a price`);
  }
  const found = extremeDifferences(served, prices);
  if (found.length > 0) return found;
  const open = parseDecimal(served.open as string);
  const close = parseDecimal(served.close as string);
  return [...changeDifferences(served.price_change, open, close), ...percentDifferences(served, open, close)];
}

function extremeDifferences(served: Served, prices: readonly ModelPrice[]): string[] {
  const expected = {
    open: prices[0] as ModelPrice,
    high: highOf(prices),
    low: lowOf(prices),
    close: prices.at(-1) as ModelPrice,
  };
  return priceNames.flatMap((name) => onePriceDifference(name, served[name], expected[name], prices));
}

/**
 * A given price is served to the digit. A derived one may differ by a unit. Where both kinds lie within a unit of the extreme,
 * either may be it.
 */
function onePriceDifference(name: string, actual: unknown, price: ModelPrice, prices: readonly ModelPrice[]): string[] {
  const mayBeDerived =
    price.given === undefined ||
    ((name === "high" || name === "low") &&
      prices.some((other) => other.given === undefined && isWithinUnits(other.exact, price.exact, 2n)));
  if (mayBeDerived) return ratioDifferences(name, actual, price.exact);
  const expected = formatDecimal(price.given as Decimal);
  return actual === expected ? [] : [`${name}: ${JSON.stringify(actual)} instead of ${expected} as given`];
}

/** Whether `text` is a plain decimal of at most 15 digits within one unit of the 15th digit of `exact`. */
function ratioDifferences(name: string, text: unknown, exact: Rational | undefined): string[] {
  if (exact === undefined) return text === undefined ? [] : [`${name} has a value although there is none`];
  if (typeof text !== "string") return [`${name}: absent instead of about ${approximate(exact)}`];
  if (!/^-?\d+(\.\d+)?$/.test(text) || formatDecimal(parseDecimal(text)) !== text) return [`${name}: form of ${text}`];
  const actual = parseDecimal(text);
  const digits = actual.coefficient.toString().replace("-", "").replace(/0+$/, "").length;
  if (digits > 15) return [`${name}: ${text} has ${digits} digits`];
  if (isWithinUnits(toRational(actual), exact, 1n)) return [];
  return [`${name}: ${text} instead of about ${approximate(exact)}`];
}

function changeDifferences(text: unknown, open: Decimal, close: Decimal): string[] {
  return ratioDifferences("price_change", text, subtract(toRational(close), toRational(open)));
}

/** 6 places, within 0.000001 of the exact percentage. */
function percentDifferences(served: Served, open: Decimal, close: Decimal): string[] {
  const text = served.price_change_pct;
  if (typeof text !== "string") return ["price_change_pct is absent"];
  if (!/^-?\d+(\.\d{1,6})?$/.test(text) || formatDecimal(parseDecimal(text)) !== text) {
    return [`price_change_pct: form of ${text}`];
  }
  const start = toRational(open);
  const change = subtract(toRational(close), start);
  const exact = {
    numerator: change.numerator * start.denominator * 100n,
    denominator: change.denominator * start.numerator,
  };
  const distance = absolute(subtract(toRational(parseDecimal(text)), exact));
  if (compareRational(distance, { numerator: 1n, denominator: power10(6) }) <= 0) return [];
  return [`price_change_pct: ${text} instead of about ${approximate(exact)}`];
}

/** Whether a and b differ by at most this many units of the 15th digit of b. */
function isWithinUnits(a: Rational, b: Rational, units: bigint): boolean {
  const distance = absolute(subtract(a, b));
  if (b.numerator === 0n) return distance.numerator === 0n;
  const exponent = magnitudeOf(absolute(b)) - 14;
  const unit = toRational({ coefficient: units, exponent });
  return compareRational(distance, unit) <= 0;
}

/** m with 10^m <= value < 10^(m + 1), for a value above zero. */
function magnitudeOf(value: Rational): number {
  let m = value.numerator.toString().length - value.denominator.toString().length;
  while (compareRational(value, toRational({ coefficient: 1n, exponent: m })) < 0) m -= 1;
  while (compareRational(value, toRational({ coefficient: 1n, exponent: m + 1 })) >= 0) m += 1;
  return m;
}

function subtract(a: Rational, b: Rational): Rational {
  return {
    numerator: a.numerator * b.denominator - b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function absolute(value: Rational): Rational {
  return value.numerator < 0n ? { ...value, numerator: -value.numerator } : value;
}

function approximate(value: Rational): string {
  return formatDecimal({ coefficient: (value.numerator * power10(40)) / value.denominator, exponent: -40 });
}
