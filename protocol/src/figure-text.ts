/** Figures as JSON text. Their names, order and form follow from the table of figures. */
import {
  type FigureKind,
  figureKinds,
  figures,
  isAskedFor,
  type PreviousField,
  previousFields,
  type StatsField,
  statsFields,
} from "./figures.ts";
import type { Candle } from "./schemas/tokens.ts";

/** A figure, with the text around its value. */
type Column = { readonly name: StatsField; readonly before: string; readonly after: string };
type Previous = { readonly [Name in PreviousField]: unknown };
type WindowValues = { readonly [Name in Exclude<StatsField, "previous">]?: unknown } & { readonly previous?: Previous };

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
export function windowJson(stats: WindowValues, { columns, hasPrevious }: FigureFilter): string {
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

/** Returns an item of a response with candles. */
export function candleJson(candle: Candle): string {
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
