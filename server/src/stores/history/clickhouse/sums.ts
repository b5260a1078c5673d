/**
 * Statements for sums. Entries of all tables are brought to one form and added up: a minute, an hour, a day, or all rows of a result that are not
 * final yet. Within an entry open and close are exact. Two entries of different streams whose first or last priced swaps have the same time do not
 * say which one is first: such a result is marked, and its caller asks again with rows alone.
 */
import type { ClickHouseRow } from "../../../clients/clickhouse/connection.ts";
import type { SpanSums } from "../../../ports/history-store.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import type { Plan } from "./plan.ts";
import { all, table } from "./sql.ts";

/** A column by which results are grouped: the same one in every table, or an expression over the table's column of time. */
export type Group = { readonly name: string; readonly of?: (column: string) => string };

/** The order of swaps. */
export const POSITION_PARTS = ["event_time", "ifNull(block_number, 0)", "tx_index", "log_index", "event_id"];
const POSITION = POSITION_PARTS.join(", ");
const EVENT_MS = "toUnixTimestamp64Milli(event_time)";
const PRICED = "price IS NOT NULL";
const SUMMED = ["buys", "sells", "usd_buy", "usd_sell", "token_buy", "token_sell", "priced"] as const;
const VALUES = ["open", "high", "low", "close", "open_ms", "close_ms", "first_ms", "last_ms"];
const SYMBOLS = ["symbol", "symbol_ms"];

/** The sums of rows, in the order of SUMMED and VALUES. */
const ROW_SUMS = [
  "countIf(side = 'buy') AS buys",
  "countIf(side = 'sell') AS sells",
  "sumIf(amount_usd, side = 'buy') AS usd_buy",
  "sumIf(amount_usd, side = 'sell') AS usd_sell",
  "sumIf(toDecimal256(amount_token, 18), side = 'buy') AS token_buy",
  "sumIf(toDecimal256(amount_token, 18), side = 'sell') AS token_sell",
  `countIf(${PRICED}) AS priced`,
  `argMinIf(assumeNotNull(price), (${POSITION}), ${PRICED}) AS open`,
  `maxIf(assumeNotNull(price), ${PRICED}) AS high`,
  `minIf(assumeNotNull(price), ${PRICED}) AS low`,
  `argMaxIf(assumeNotNull(price), (${POSITION}), ${PRICED}) AS close`,
  `minIf(${EVENT_MS}, ${PRICED}) AS open_ms`,
  `maxIf(${EVENT_MS}, ${PRICED}) AS close_ms`,
  `min(${EVENT_MS}) AS first_ms`,
  `max(${EVENT_MS}) AS last_ms`,
];
/** In the order of SYMBOLS. */
const ROW_SYMBOLS = [
  // Not a value of a missing symbol: an empty one is a symbol.
  `if(countIf(token_symbol IS NOT NULL) = 0, NULL, argMaxIf(assumeNotNull(token_symbol), (${POSITION}), token_symbol IS NOT NULL)) AS symbol`,
  `maxIf(${EVENT_MS}, token_symbol IS NOT NULL) AS symbol_ms`,
];

const PRICED_ENTRY = "e.priced > 0";
const ENTRY_SUMS = [
  ...SUMMED.map((name) => `sum(e.${name})`),
  `argMinIf(e.open, (e.open_ms, e.open), ${PRICED_ENTRY}) AS opened`,
  `maxIf(e.high, ${PRICED_ENTRY})`,
  `minIf(e.low, ${PRICED_ENTRY})`,
  `argMaxIf(e.close, (e.close_ms, e.close), ${PRICED_ENTRY}) AS closed`,
  "min(e.first_ms)",
  "max(e.last_ms)",
  `opened != argMinIf(e.open, (e.open_ms, -e.open), ${PRICED_ENTRY}) OR closed != argMaxIf(e.close, (e.close_ms, -e.close), ${PRICED_ENTRY})`,
];
const NAMED_ENTRY = "e.symbol IS NOT NULL";
const ENTRY_SYMBOLS = [
  `if(countIf(${NAMED_ENTRY}) = 0, NULL, argMaxIf(assumeNotNull(e.symbol), (e.symbol_ms, assumeNotNull(e.symbol)), ${NAMED_ENTRY})) AS named`,
  `named != argMinIf(assumeNotNull(e.symbol), (-e.symbol_ms, assumeNotNull(e.symbol)), ${NAMED_ENTRY})`,
];
const SUMS_AT = {
  ...{ usdBuy: 2, usdSell: 3, tokenBuy: 4, tokenSell: 5, priced: 6, open: 7, high: 8, low: 9, close: 10 },
  ...{ first: 11, last: 12, priceTie: 13, symbol: 14, symbolTie: 15 },
};

/** Sums of units of these columns that are made of finer ones, in the order of SUMS_WRITTEN. Of one stream, so no two units have one time. */
export const UNIT_SUMS = [
  ...SUMMED.map((name) => `sum(${name})`),
  "argMinIf(open, open_ms, priced > 0)",
  "maxIf(high, priced > 0)",
  "minIf(low, priced > 0)",
  "argMaxIf(close, close_ms, priced > 0)",
  "minIf(open_ms, priced > 0)",
  "maxIf(close_ms, priced > 0)",
  "min(first_ms)",
  "max(last_ms)",
  "if(countIf(symbol IS NOT NULL) = 0, NULL, argMaxIf(assumeNotNull(symbol), symbol_ms, symbol IS NOT NULL))",
  "maxIf(symbol_ms, symbol IS NOT NULL)",
  "max(max_sequence)",
].join(", ");
export const MINUTE_SUMS = [...ROW_SUMS, ...ROW_SYMBOLS, "max(sequence) AS max_sequence"].join(", ");
export const SUMS_WRITTEN = [...SUMMED, ...VALUES, ...SYMBOLS, "max_sequence"].join(", ");

/** Returns undefined when nothing can be found. `filter` selects tokens. Rows of the answer: the groups, then what `sumsOf` reads. */
export function sumsStatement(
  tables: ClickHouseTables,
  { rows, levels }: Plan,
  filter: readonly string[],
  groups: readonly Group[],
  withSymbols = false,
): string | undefined {
  const named = (column: string): string[] => groups.map(({ name, of }) => (of ? `${of(column)} AS ${name}` : name));
  const where = (condition: string): string => all([...filter, condition]);
  const grouping = (keys: readonly string[]): string =>
    keys.length === 0 ? "HAVING count() > 0" : `GROUP BY ${keys.join(", ")}`;
  const symbols = <T>(columns: readonly T[]): readonly T[] => (withSymbols ? columns : []);
  const entries = levels.map(({ level, where: condition }) => {
    const columns = [...named(level.column), ...SUMMED, ...VALUES, ...symbols(SYMBOLS)].join(", ");
    return `SELECT ${columns} FROM ${table(tables, level.table)} FINAL WHERE ${where(condition)}`;
  });
  if (rows !== undefined) {
    const columns = [...named("event_time"), ...ROW_SUMS, ...symbols(ROW_SYMBOLS)].join(", ");
    const by = grouping(groups.map(({ name }) => name));
    entries.push(`SELECT ${columns} FROM ${table(tables, "swaps")} FINAL WHERE ${where(rows)} ${by}`);
  }
  if (entries.length === 0) return undefined;
  const keys = groups.map(({ name }) => `e.${name}`);
  const columns = [...keys, ...ENTRY_SUMS, ...symbols(ENTRY_SYMBOLS)].join(", ");
  return `SELECT ${columns} FROM (${entries.join(" UNION ALL ")}) AS e ${grouping(keys)}`;
}

/** Reads the sums behind the groups of a row of the answer. */
export function sumsOf(
  row: ClickHouseRow,
  groups: number,
): { sums: SpanSums; symbol: string | undefined; isTie: boolean } {
  const at = (i: number): unknown => row[groups + i];
  const units = (i: number): bigint => BigInt((at(i) as string).replace(".", ""));
  const price = (i: number): number | undefined => ((at(SUMS_AT.priced) as number) > 0 ? (at(i) as number) : undefined);
  const sums = {
    buys: at(0) as number,
    sells: at(1) as number,
    usdBuyMicro: units(SUMS_AT.usdBuy),
    usdSellMicro: units(SUMS_AT.usdSell),
    tokenBuyUnits: units(SUMS_AT.tokenBuy),
    tokenSellUnits: units(SUMS_AT.tokenSell),
    open: price(SUMS_AT.open),
    high: price(SUMS_AT.high),
    low: price(SUMS_AT.low),
    close: price(SUMS_AT.close),
    firstMs: at(SUMS_AT.first) as number,
    lastMs: at(SUMS_AT.last) as number,
  };
  const isTie = at(SUMS_AT.priceTie) === 1 || at(SUMS_AT.symbolTie) === 1;
  return { sums, symbol: (at(SUMS_AT.symbol) as string | null | undefined) ?? undefined, isTie };
}
