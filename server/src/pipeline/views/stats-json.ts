/** Figures as JSON text. Their names, order and form follow from the protocol's table. */
import {
  type FigureKind,
  figureKinds,
  figures,
  isAskedFor,
  previousFields,
  type StatsField,
  statsFields,
} from "@swapstats/protocol/figures.ts";
import type { JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { WindowStats } from "../../engine/reads/figures.ts";
import type { Candle, ServedSwap, TokenInfo } from "../../engine/types.ts";

/** A figure, with the text around its value. */
type Column = { readonly name: StatsField; readonly before: string; readonly after: string };

/** A selection of figures of a window. */
export type FigureFilter = {
  readonly columns: readonly Column[];
  readonly hasPrevious: boolean;
};

const BOUNDS: ReadonlySet<string> = new Set(["open_time", "close_time"]);

/**
 * Returns the selection of a request's `fields`; an empty list selects all. `edges` false leaves out open_time and close_time, which
 * follow from as_of and the step.
 */
export function figureFilter(fields: readonly string[], edges = true): FigureFilter {
  const asked = new Set(fields);
  const names = statsFields.filter((name) => isAskedFor(name, asked) && (edges || !BOUNDS.has(name)));
  return { columns: names.flatMap(columnOf), hasPrevious: names.includes("previous") };
}

/** Figures that are objects have no column. */
function columnOf(name: StatsField): Column[] {
  const kind: FigureKind = figures[name].kind;
  const { form } = figureKinds[kind];
  if (form === "object") return [];
  const quote = form === "text" ? '"' : "";
  return [{ name, before: `,"${name}":${quote}`, after: quote }];
}

export const ALL_FIGURES: FigureFilter = figureFilter([]);
const PREVIOUS_COLUMNS = previousFields.flatMap(columnOf);

/**
 * Returns the JSON text of a window's figures. Decimals need no escaping. Measured: 2.5 us a window; code written out for each figure takes
 * 1.7 us, and the engine 20 us to compute the figures.
 */
export function windowJson(stats: WindowStats, { columns, hasPrevious }: FigureFilter): string {
  const { previous } = stats;
  const text = valuesJson(stats, columns);
  return previous === undefined || !hasPrevious
    ? `{${text.slice(1)}}`
    : `{${text.slice(1)},"previous":{${valuesJson(previous, PREVIOUS_COLUMNS).slice(1)}}}`;
}

/** Returns members with a comma in front of each. An absent figure has none. */
function valuesJson(values: Partial<Record<StatsField, unknown>>, columns: readonly Column[]): string {
  let text = "";
  for (const { name, before, after } of columns) {
    const value = values[name];
    if (value !== undefined) text += `${before}${value}${after}`;
  }
  return text;
}

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

function candleJson(candle: Candle): string {
  let text = `{"open_time":${candle.open_time}`;
  if (candle.open !== undefined) text += `,"open":"${candle.open}"`;
  if (candle.high !== undefined) text += `,"high":"${candle.high}"`;
  if (candle.low !== undefined) text += `,"low":"${candle.low}"`;
  if (candle.close !== undefined) text += `,"close":"${candle.close}"`;
  return (
    `${text},"volume_usd":"${candle.volume_usd}","volume_token":"${candle.volume_token}"` +
    `,"trades":${candle.trades},"buys":${candle.buys},"sells":${candle.sells},"complete":${candle.complete}}`
  );
}
