/** Reads the newest candles of a span: from its end on, in parts that grow until there are enough. */
import type { CandleSums, Edge, Span, TokenKey } from "../../../ports/history-store.ts";
import { type Ask, candleOf, candlesQuery } from "./queries.ts";
import { heldSpan, type LayoutStream, rangesOf } from "./ranges.ts";
import { DAY_MS, LEVELS } from "./schema.ts";

type Wanted = {
  readonly token: TokenKey;
  readonly interval: { readonly ms: number } | "month";
  readonly span: Span;
  readonly edges: readonly Edge[];
  readonly limit: number;
};

/** Each part is this many times as long as the one before. */
const GROWTH = 4;
const MONTH_MS_MAX = 31 * DAY_MS;

export async function readCandles(
  ask: Ask,
  schema: string,
  streams: readonly LayoutStream[],
  { token, interval, span, edges, limit }: Wanted,
): Promise<CandleSums[]> {
  const held = heldSpan(streams, span);
  const levelMsMax = LEVELS.find(({ ms }) => interval === "month" || interval.ms % ms === 0)?.ms ?? 0;
  const candles: CandleSums[] = [];
  let toMs = held.toMs;
  let lengthMs = (interval === "month" ? MONTH_MS_MAX : interval.ms) * limit;
  while (toMs > held.fromMs && candles.length < limit) {
    const fromMs = Math.max(held.fromMs, startOf(toMs - lengthMs, interval));
    const ranges = rangesOf(streams, { fromMs, toMs }, edges, levelMsMax);
    const rows = await ask(candlesQuery(schema, token, interval, ranges, limit - candles.length));
    candles.push(...rows.map(candleOf));
    toMs = fromMs;
    lengthMs *= GROWTH;
  }
  return candles.reverse();
}

function startOf(timeMs: number, interval: Wanted["interval"]): number {
  if (interval !== "month") return Math.floor(timeMs / interval.ms) * interval.ms;
  const date = new Date(Math.max(0, timeMs));
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}
