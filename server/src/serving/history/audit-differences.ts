/**
 * Compares served figures with recomputed ones. Sums, counts and times are equal. Derived prices and ratios may differ by one unit of their last
 * digit, and estimated wallets by a multiple of their stated error.
 */
import type { PreviousField } from "@swapstats/protocol/figures.ts";
import { previousFields } from "@swapstats/protocol/figures.ts";
import type { Volumes, WindowFigures } from "@swapstats/protocol/schemas/figures.ts";
import type { Audit } from "@swapstats/protocol/schemas/history.ts";
import { difference, type Fraction, fractionOf, isAtMost, isWithinOneUnit, percentOf } from "./audit-decimal.ts";
import { type AuditedPrice, changeFigures, type Recomputed } from "./audit-fold.ts";

/** An estimate may miss the count by this many standard errors. A right one does so less than once in ten million times. */
const ESTIMATE_ERRORS = 5.5;
/** Wallets by which an estimate of few of them may be off. */
const ESTIMATE_SLACK = 2;

type AuditDifference = Audit["differences"][number];
type Value = string | number | boolean | undefined;

/** The figures that are equal or wrong. */
const EXACT = [...previousFields, "avg_trade_usd", "first_trade_time", "last_trade_time"] as const;
const BOUNDS = ["open_time", "close_time"] as const;
const WALLETS = ["traders", "buyers", "sellers"] as const;
const PRICES = ["open", "high", "low", "close"] as const;

/** Returns the differences, in the order of the figures. `complete` is not compared: rows do not say it. */
export function differencesOf(served: WindowFigures, recomputed: Recomputed): AuditDifference[] {
  const found: AuditDifference[] = [];
  const { figures, vwap } = recomputed;
  const note = (field: string, one: Value, other: Value): void => {
    found.push({
      field,
      ...(one === undefined ? {} : { served: String(one) }),
      ...(other === undefined ? {} : { recomputed: String(other) }),
    });
  };
  for (const name of [...BOUNDS, ...EXACT]) if (served[name] !== figures[name]) note(name, served[name], figures[name]);
  for (const name of PRICES) {
    if (!isSamePrice(name, served[name], recomputed)) note(name, served[name], figures[name]);
  }
  noteChanges(served, figures, note);
  if (!isSameRatio(served.vwap, vwap)) note("vwap", served.vwap, figures.vwap);
  for (const name of WALLETS) {
    if (!isSameCount(served[name], figures[name], toleranceOf(served))) note(name, served[name], figures[name]);
  }
  notePrevious(served.previous, figures.previous, note);
  return found;
}

type Note = (field: string, served: Value, recomputed: Value) => void;

/** A given price is served digit by digit. Of a given and a derived one that are as good as equal, either may be the extreme. */
function isSamePrice(
  name: (typeof PRICES)[number],
  text: string | undefined,
  { figures, prices }: Recomputed,
): boolean {
  if (prices === undefined || text === undefined) return text === figures[name];
  const price: AuditedPrice = prices[name];
  const isExtreme = name === "high" || name === "low";
  if (price.isGiven && !(isExtreme && prices.isSomeDerived)) return text === figures[name];
  return isWithinOneUnit(text, price.value);
}

function isSameRatio(text: string | undefined, value: Fraction | undefined): boolean {
  if (text === undefined || value === undefined) return text === value;
  return isWithinOneUnit(text, value);
}

/** The changes follow from open and close as they are served. */
function noteChanges(served: WindowFigures, figures: WindowFigures, note: Note): void {
  const { open, close, price_change: change, price_change_pct: percent } = served;
  if (open === undefined || close === undefined) {
    if (change !== undefined) note("price_change", change, figures.price_change);
    if (percent !== undefined) note("price_change_pct", percent, figures.price_change_pct);
    return;
  }
  const expected = changeFigures(open, close);
  const [from, to] = [fractionOf(open), fractionOf(close)];
  if (change === undefined || !isWithinOneUnit(change, difference(to, from))) {
    note("price_change", change, expected.price_change);
  }
  if (percent === undefined || !isAtMost(difference(fractionOf(percent), percentOf(from, to)), -6)) {
    note("price_change_pct", percent, expected.price_change_pct);
  }
}

/** Returns the share by which served wallets may differ from the count. 0: they are counted, not estimated. */
export const toleranceOf = ({ traders_estimated: isEstimated, traders_error: error }: WindowFigures): number =>
  isEstimated === true ? ESTIMATE_ERRORS * Number(error ?? 0) : 0;

function isSameCount(served: number | undefined, count: number | undefined, tolerance: number): boolean {
  if (tolerance === 0 || served === undefined || count === undefined) return served === count;
  return Math.abs(served - count) <= tolerance * count + ESTIMATE_SLACK;
}

function notePrevious(served: Volumes | undefined, recomputed: Volumes | undefined, note: Note): void {
  for (const name of previousFields) {
    const [one, other]: Value[] = [volumeOf(served, name), volumeOf(recomputed, name)];
    if (one !== other) note(`previous.${name}`, one, other);
  }
}

const volumeOf = (volumes: Volumes | undefined, name: PreviousField): Value => volumes?.[name];
