/** The candles of a channel as the bars of a chart. Prices stay strings here; `chart.ts` alone makes numbers of them, for drawing. */
import { type Candle, type CandleInterval, candleIntervals } from "@swapstats/client";

/** One interval of the time axis. Without a candle nothing was traded in it. */
export type Bar = { readonly openTime: number; readonly candle?: Candle };

/** A closed bar that a late swap or a removal changed. */
export type BarCorrection = {
  readonly openTime: number;
  /** `removed`: the bar lost swaps. `late`: it gained swaps, or changed in another way. */
  readonly kind: "late" | "removed";
};

/** Bars of one chart, so that a token that trades once an hour does not make a chart of a million empty seconds. */
export const BARS_MAX = 4_000;
/** Longest pause that is drawn at its length, in intervals. The labels of the time axis show the jump of a longer one. */
const PAUSE_BARS_MAX = 60;
/** A swap within this time is on its way like any other. Later ones correct what a reader has already seen. */
export const LATE_AFTER_MS = 3_000;

/** Intervals of which the longest that makes a chart is shown when the reader has chosen none. */
const USUAL_INTERVALS = ["5s", "15s", "1m"] as const;
/** Bars that make a chart. */
const BARS_WANTED = 40;

/** Returns the interval to show first of a token whose swaps reach back this far. */
export function usualInterval(reachMs: number): CandleInterval {
  return USUAL_INTERVALS.findLast((name) => reachMs >= BARS_WANTED * candleIntervals[name]) ?? USUAL_INTERVALS[0];
}

/** Returns candles of a channel in ascending order. */
export const inOrder = (items: Readonly<Record<string, Candle>>): readonly Candle[] =>
  Object.values(items).sort((a, b) => a.open_time - b.open_time);

/**
 * Returns the bars of candles in ascending order, with empty bars where nothing was traded, up to the interval of `asOfMs`.
 * Pauses are cut to a length at which the chart has at most BARS_MAX bars, or to `pauseMax` bars.
 */
export function barsOf(
  candles: readonly Candle[],
  intervalMs: number,
  asOfMs: number,
  pauseMax = pauseOf(candles.length),
): readonly Bar[] {
  if (candles.length === 0) return [];
  const bars: Bar[] = [];
  const pauseUntil = (end: number): void => {
    const last = bars.at(-1);
    if (last === undefined) return;
    const missing = Math.min(pauseMax, (end - last.openTime) / intervalMs - 1);
    for (let left = missing; left >= 1; left--) bars.push({ openTime: end - left * intervalMs });
  };
  for (const candle of candles) {
    pauseUntil(candle.open_time);
    bars.push({ openTime: candle.open_time, candle });
  }
  pauseUntil((Math.floor(asOfMs / intervalMs) + 1) * intervalMs);
  return bars;
}

const pauseOf = (candles: number): number => Math.min(PAUSE_BARS_MAX, Math.max(0, Math.floor(BARS_MAX / candles) - 1));

/** Longest pause before the candles of the channel. It does not depend on their number, so that bars stay in their places when earlier ones come. */
export const EARLIER_PAUSE_MAX = 4;

/**
 * Returns the bars that a chart of `before` has to draw again to show `after`, oldest first. "all": bars came or went elsewhere
 * than at the end, so the chart takes the whole list.
 */
export function changedBars(before: readonly Bar[], after: readonly Bar[]): readonly Bar[] | "all" {
  if (before.length === 0 || after.length < before.length) return "all";
  const changed: Bar[] = [];
  for (const [index, bar] of after.entries()) {
    const old = before[index];
    if (old !== undefined && old.openTime !== bar.openTime) return "all";
    if (old === undefined || old.candle !== bar.candle) changed.push(bar);
  }
  return changed;
}

/** Returns the corrections of bars that had been closed for a while at `seenUntilMs` (see `sight.ts`), oldest first. */
export function correctionsBetween(
  before: Readonly<Record<string, Candle>>,
  after: Readonly<Record<string, Candle>>,
  intervalMs: number,
  seenUntilMs: number,
): readonly BarCorrection[] {
  // Before the first bar that both have, bars come and go because of the channel's limit.
  const firstOf = (items: object): number => Math.min(...Object.keys(items).map(Number));
  const firstCommon = Math.max(firstOf(before), firstOf(after));
  const corrections: BarCorrection[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const openTime = Number(key);
    if (openTime < firstCommon || openTime + intervalMs + LATE_AFTER_MS > seenUntilMs) continue;
    const [old, now] = [before[key], after[key]];
    if (old === now || isSameButComplete(old, now)) continue;
    const lost = (now?.trades ?? 0) < (old?.trades ?? 0);
    corrections.push({ openTime, kind: lost ? "removed" : "late" });
  }
  return corrections.sort((a, b) => a.openTime - b.openTime);
}

const TRADE_MEMBERS = [
  "open",
  "high",
  "low",
  "close",
  "volume_usd",
  "volume_token",
  "trades",
  "buys",
  "sells",
] as const;

function isSameButComplete(old: Candle | undefined, now: Candle | undefined): boolean {
  return TRADE_MEMBERS.every((name) => old?.[name] === now?.[name]);
}

/**
 * Returns the power of ten by which prices are multiplied for drawing, so that the chart works with numbers near 1. A chart rounds
 * coordinates to steps of a price, and steps of 10^-15 are below what its arithmetic resolves.
 */
export function drawingExponent(bars: readonly Bar[]): number {
  const close = bars.findLast(({ candle }) => candle?.close !== undefined)?.candle?.close;
  const value = Number(close ?? "0");
  return value > 0 ? 0 - Math.floor(Math.log10(value)) : 0;
}
