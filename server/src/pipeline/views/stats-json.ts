/** Figures as JSON text. Their names, order and form follow from the protocol's table. */
import { candleJson, type FigureFilter, windowJson } from "@swapstats/protocol/figure-text.ts";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import type { Candle, ServedSwap, TokenInfo } from "../../engine/types.ts";

/** Returns the figures of a window as an object, for comparison with those of another moment. */
export function windowData(stats: WindowStats, { columns, hasPrevious }: FigureFilter): JsonObject {
  const data: Record<string, unknown> = {};
  for (const { name } of columns) if (stats[name] !== undefined) data[name] = stats[name];
  if (hasPrevious && stats.previous !== undefined) data.previous = stats.previous;
  return data as JsonObject;
}

/** Returns the members in front of the windows: id, symbol and counters, with a comma at the end. */
export function tokenHeadJson(info: TokenInfo, isSplit: boolean): string {
  const symbol = info.symbol === undefined ? "" : `"symbol":${JSON.stringify(info.symbol)},`;
  const split = isSplit ? `"split":true,` : "";
  const counters =
    `"late":${info.late},"removed":${info.removed},"unresolved":${info.unresolved},` +
    `"replaced":${info.replaced},"removals_unmatched":${info.removalsUnmatched},`;
  return `"id":${JSON.stringify(info.id)},${symbol}${split}${counters}`;
}

/** Returns the members of a response about a token, from its id to its windows, which have these names. */
export function statsBody(
  info: TokenInfo,
  isSplit: boolean,
  names: readonly string[],
  windows: readonly WindowStats[],
  filter: FigureFilter,
): string {
  let text = "";
  for (const [i, stats] of windows.entries()) text += `${i === 0 ? "" : ","}"${names[i]}":${windowJson(stats, filter)}`;
  return `${tokenHeadJson(info, isSplit)}"windows":{${text}}`;
}

/** Returns the members behind id and interval of a response with candles. */
export function candlesBody(availableFromMs: number | undefined, candles: readonly Candle[]): string {
  return `${availableFrom(availableFromMs)}"items":[${candles.map(candleJson).join(",")}]`;
}

/** Returns the members behind the id of a response with swaps. */
export function swapsBody(availableFromMs: number | undefined, swaps: readonly ServedSwap[]): string {
  return `${availableFrom(availableFromMs)}"items":[${swaps.map((swap) => JSON.stringify(swap)).join(",")}]`;
}

function availableFrom(ms: number | undefined): string {
  return ms === undefined ? "" : `"available_from":${ms},`;
}
