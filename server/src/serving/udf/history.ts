/** Bars of a symbol, as `/history` responds with them: columns of times in seconds, prices, and volume in dollars. */
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type { Candle, Candles } from "@swapstats/protocol/schemas/tokens.ts";
import type { PastQueries } from "../history/past-queries.ts";
import { ProblemError } from "../problems.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { intervalOf, servedResolutions } from "./resolutions.ts";
import { findSymbol } from "./symbols.ts";

export type HistoryQuery = {
  readonly symbol: string;
  readonly resolution: string;
  /** Seconds since 1970, inclusive. */
  readonly from: number | undefined;
  /** Seconds since 1970, exclusive. */
  readonly to: number;
  /** Bars before `to`; it wins over `from`. */
  readonly countback: number | undefined;
};

/** A candle of swaps that all came without a price has no bar. */
type Bar = Candle & Required<Pick<Candle, "open" | "high" | "low" | "close">>;

/**
 * Resolves to the JSON text of the bars, or of `no_data` with the time of the newest bar before the range, so that the front end goes on from there. Decimals are
 * written as JSON numbers with all their digits. Rejects with ProblemError.
 */
export async function historyText(
  executor: QueryExecutor,
  past: PastQueries | undefined,
  query: HistoryQuery,
): Promise<string> {
  const interval = intervalOf(query.resolution);
  if (interval === undefined || !executor.intervals.names.includes(interval)) {
    const served = servedResolutions(executor.intervals.names).join(", ");
    throw new ProblemError("invalid_parameters", `resolution must be one of ${served}.`);
  }
  const { id } = await findSymbol(executor, query.symbol);
  const bars = async (fromMs: number | undefined, toMs: number, limit: number): Promise<readonly Bar[]> => {
    const { text } = await (past ?? executor).candles(id, { interval, fromMs, toMs, limit });
    return (JSON.parse(text) as Candles).items.filter((candle): candle is Bar => candle.close !== undefined);
  };
  const { countback } = query;
  const limit = Math.min(countback ?? requestLimits.candlesMax, requestLimits.candlesMax);
  const fromMs = countback === undefined && query.from !== undefined ? query.from * 1_000 : undefined;
  const found = await bars(fromMs, query.to * 1_000, limit);
  if (found.length > 0) return barsText(found);
  const [older] = fromMs === undefined ? [] : await bars(undefined, fromMs, 1);
  return older === undefined ? '{"s":"no_data"}' : `{"s":"no_data","nextTime":${older.open_time / 1_000}}`;
}

function barsText(bars: readonly Bar[]): string {
  const column = (figure: (bar: Bar) => string | number): string => `[${bars.map(figure).join(",")}]`;
  return (
    `{"s":"ok","t":${column(({ open_time: openMs }) => openMs / 1_000)},"o":${column(({ open }) => open)},"h":${column(({ high }) => high)},` +
    `"l":${column(({ low }) => low)},"c":${column(({ close }) => close)},"v":${column((bar) => bar.volume_usd)}}`
  );
}
