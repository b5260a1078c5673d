/** Reads candles of a token page by page, the newest first. */
import type { Candle } from "../../engine/types.ts";
import type { Piecewise } from "../thread-share.ts";
import type { FoundToken } from "./token-lookup.ts";

/** Candles that are made in a piece. */
const CANDLES_PER_PIECE = 500;

type CandleRange = {
  readonly intervalMs: number;
  readonly fromMs: number;
  /** Infinity: up to the as-of. */
  readonly toMs?: number;
  readonly limit: number;
};

/** Returns the newest candles of the range in ascending order, and the time from which candles are available. */
export function* newestCandles(
  { home, token }: FoundToken,
  { intervalMs, fromMs, toMs = Number.POSITIVE_INFINITY, limit }: CandleRange,
  asOf: number,
): Piecewise<{ readonly availableFromMs: number | undefined; readonly items: readonly Candle[] }> {
  const pages: Candle[][] = [];
  let untilMs = toMs;
  let left = limit;
  let firstAvailableMs: number | undefined;
  for (;;) {
    const asked = Math.min(left, CANDLES_PER_PIECE);
    const { availableFromMs, items } = home.engine.candles(token, intervalMs, fromMs, untilMs, asked, asOf);
    if (pages.length === 0) firstAvailableMs = availableFromMs;
    pages.push(items);
    left -= items.length;
    const [first] = items;
    if (first === undefined || items.length < asked || left === 0) break;
    untilMs = first.open_time;
    yield;
  }
  return { availableFromMs: firstAvailableMs, items: pages.reverse().flat() };
}
