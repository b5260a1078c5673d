/**
 * The SQL of sums. Swaps and rows of the tables of sums are brought to the same columns ("parts"), and parts of any kind are merged by the same
 * expressions. The first and last price of a span are found by the order of swaps: time, block, transaction, log index, event id.
 */
import type { TokenKey } from "../../../ports/history-store.ts";
import type { RangeStream, TableRange } from "./ranges.ts";
import { msOf, timeLiteral } from "./schema.ts";

/** Behind the time, the order of swaps as bytes: big-endian numbers, then the event id. */
const ORDER = `int8send(coalesce(block_number, 0)) || int8send(tx_index) || int8send(log_index) || convert_to(event_id, 'UTF8')`;

const ifPriced = (value: string): string => `CASE WHEN price IS NOT NULL THEN ${value} END`;
const ifNamed = (value: string): string => `CASE WHEN token_symbol IS NOT NULL THEN ${value} END`;
const ifSide = (side: string, value: string, otherwise: string): string =>
  `CASE WHEN side = '${side}' THEN ${value} ELSE ${otherwise} END`;

const PART_COLUMNS = [
  ...["symbol", "symbol_time", "symbol_order", "buys", "sells", "usd_buy", "usd_sell", "token_buy", "token_sell"],
  ...[
    "open",
    "open_time",
    "open_order",
    "high",
    "low",
    "close",
    "close_time",
    "close_order",
    "first_time",
    "last_time",
  ],
];

const OF_SWAPS: Readonly<Record<string, string>> = {
  symbol: "token_symbol",
  symbol_time: ifNamed("event_time"),
  symbol_order: ifNamed(ORDER),
  buys: ifSide("buy", "1::bigint", "0"),
  sells: ifSide("sell", "1::bigint", "0"),
  usd_buy: ifSide("buy", "amount_usd", "0::numeric"),
  usd_sell: ifSide("sell", "amount_usd", "0::numeric"),
  token_buy: ifSide("buy", "amount_token", "0::numeric"),
  token_sell: ifSide("sell", "amount_token", "0::numeric"),
  open: "price",
  open_time: ifPriced("event_time"),
  open_order: ifPriced(ORDER),
  high: "price",
  low: "price",
  close: "price",
  close_time: ifPriced("event_time"),
  close_order: ifPriced(ORDER),
  first_time: "event_time",
  last_time: "event_time",
};

/** Returns the columns of a part, made of the rows of a table. `start` is added as the first one. */
export function partColumns(table: TableRange["table"], start: string): string {
  const columns =
    table === "swaps" ? PART_COLUMNS.map((column) => `${OF_SWAPS[column]} AS ${column}`) : [...PART_COLUMNS];
  return [`chain_id`, `token`, `${start} AS start_time`, ...columns].join(", ");
}

/** Returns the expression of the first or last one, by the order of swaps, of a value that some parts do not have. */
function endOf(name: "symbol" | "open" | "close", column: "" | "_time" | "_order" = ""): string {
  const direction = name === "open" ? "" : " DESC";
  const order = `${name}_time${direction}, ${name}_order${direction}`;
  return `(array_agg(${name}${column} ORDER BY ${order}) FILTER (WHERE ${name} IS NOT NULL))[1]`;
}

const sumOf = (column: string): string => `coalesce(sum(${column}), 0)`;

/** How parts are merged, by column. */
const MERGES: Readonly<Record<string, string>> = {
  symbol: endOf("symbol"),
  symbol_time: endOf("symbol", "_time"),
  symbol_order: endOf("symbol", "_order"),
  buys: sumOf("buys"),
  sells: sumOf("sells"),
  usd_buy: sumOf("usd_buy"),
  usd_sell: sumOf("usd_sell"),
  token_buy: sumOf("token_buy"),
  token_sell: sumOf("token_sell"),
  open: endOf("open"),
  open_time: endOf("open", "_time"),
  open_order: endOf("open", "_order"),
  high: "max(high)",
  low: "min(low)",
  close: endOf("close"),
  close_time: endOf("close", "_time"),
  close_order: endOf("close", "_order"),
  first_time: "min(first_time)",
  last_time: "max(last_time)",
};

const merged = (columns: readonly string[]): string =>
  columns.map((column) => `${MERGES[column]} AS ${column}`).join(", ");

/** Columns of a table of sums behind the stream, the token and the start, and the expressions that fill them from parts. */
export const LEVEL_COLUMNS: readonly string[] = PART_COLUMNS;
export const LEVEL_VALUES = merged(PART_COLUMNS);

const READ = PART_COLUMNS.filter((column) => !/^symbol|_order$|^(open|close)_time$/.test(column));
/** What a reader of sums needs. Times are in ms. */
export const MERGED = READ.map((column) =>
  column.endsWith("_time") ? `${msOf(MERGES[column] as string)} AS ${column}` : `${MERGES[column]} AS ${column}`,
).join(", ");
/** The expression of the newest symbol. */
export const NEWEST_SYMBOL = MERGES.symbol as string;

/** Returns the condition that a row belongs to the range. Numbers are written into the text, so that the server can leave out partitions. */
export function inRange({ table, fromMs, toMs, streams }: TableRange): string {
  const time = table === "swaps" ? "event_time" : "start_time";
  return `${time} >= ${timeLiteral(fromMs)} AND ${time} < ${timeLiteral(toMs)} AND (${ofStreams(streams)})`;
}

function ofStreams(streams: readonly RangeStream[]): string {
  const whole = streams.filter(({ edge }) => edge === undefined).map(({ id }) => id);
  return [
    ...(whole.length === 0 ? [] : [`stream = ANY ('{${whole.join(",")}}'::int[])`]),
    ...streams.flatMap(({ id, edge }) => (edge === undefined ? [] : [`(stream = ${id} AND sequence < ${edge})`])),
  ].join(" OR ");
}

/** Returns the parts of all ranges, as a subquery. Without ranges it has no rows. `where` is added to each. */
export function partsOf(schema: string, ranges: readonly TableRange[], where: string): string {
  if (ranges.length === 0) {
    return `(SELECT ${partColumns("swap_days", "start_time")} FROM ${schema}.swap_days WHERE false${where}) parts`;
  }
  const selects = ranges.map((range) => {
    const start = range.table === "swaps" ? "event_time" : "start_time";
    return `SELECT ${partColumns(range.table, start)} FROM ${schema}.${range.table} WHERE ${inRange(range)}${where}`;
  });
  return `(${selects.join(" UNION ALL ")}) parts`;
}

/** The condition of one token, whose chain and address are parameters. */
export const OF_TOKEN = " AND token = $1 AND chain_id = $2::bigint";
export const tokenValues = ({ token, chainId }: TokenKey): string[] => [escapedText(token), String(chainId)];

/**
 * PostgreSQL has no text with the character NUL. It is written as 01 01, and 01 as 01 02: other texts stay as they are, and all keep their
 * order.
 */
export function escapedText(text: string): string {
  if (!text.includes("\0") && !text.includes("\x01")) return text;
  return text.replaceAll("\x01", "\x01\x02").replaceAll("\0", "\x01\x01");
}

/** Returns the text that was escaped. */
export function plainText(text: string): string {
  return text.includes("\x01") ? text.replaceAll("\x01\x01", "\0").replaceAll("\x01\x02", "\x01") : text;
}
