/** From DuckDB's values to those of the port. */
import type {
  DuckDBDecimalValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampValue,
  DuckDBValue,
} from "@duckdb/node-api";
import type { SettledRow, SpanSums } from "../../../ports/history-store.ts";

const UNITS_PER_TOKEN = 10n ** 18n;

const numberOf = (value: DuckDBValue | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value);
const textOf = (value: DuckDBValue | undefined): string | undefined => (value as string | null) ?? undefined;
/** A sum over no rows is NULL. */
const decimalOf = (value: DuckDBValue | undefined): bigint => (value as DuckDBDecimalValue | null)?.value ?? 0n;
/** Parquet's timestamps in ms are read as those in µs. */
function timeOf(value: DuckDBValue | undefined): number | undefined {
  if (value === null) return undefined;
  const time = value as DuckDBTimestampMillisecondsValue | DuckDBTimestampValue;
  return "millis" in time ? Number(time.millis) : Number(time.micros / 1_000n);
}

/** Reads the columns of `sumPartials` from `at` on. */
export function readSums(row: readonly DuckDBValue[], at: number): SpanSums & { readonly symbol: string | undefined } {
  const units = (whole: number): bigint =>
    decimalOf(row[at + whole]) * UNITS_PER_TOKEN + decimalOf(row[at + whole + 1]);
  return {
    buys: numberOf(row[at]) ?? 0,
    sells: numberOf(row[at + 1]) ?? 0,
    usdBuyMicro: decimalOf(row[at + 2]),
    usdSellMicro: decimalOf(row[at + 3]),
    tokenBuyUnits: units(4),
    tokenSellUnits: units(6),
    open: numberOf(row[at + 8]),
    high: numberOf(row[at + 9]),
    low: numberOf(row[at + 10]),
    close: numberOf(row[at + 11]),
    firstMs: timeOf(row[at + 14]),
    lastMs: timeOf(row[at + 15]),
    symbol: textOf(row[at + 16]),
  };
}

/** Whether the order of the summed partials is not known: `is_open` of `sumPartials`. */
export const isOpen = (row: readonly DuckDBValue[]): boolean => row.at(-1) === true;

/** Reads the columns of `ROW_SELECT`. */
export function readRow(row: readonly DuckDBValue[]): SettledRow {
  return {
    chainId: Number(row[0]),
    token: row[1] as string,
    symbol: textOf(row[2]),
    pool: textOf(row[3]),
    who: textOf(row[4]),
    isBuy: row[5] as boolean,
    amountUnits: decimalOf(row[6]),
    usdMicro: Number(decimalOf(row[7])),
    givenPrice: numberOf(row[8]),
    price: numberOf(row[9]),
    eventTimeMs: Number(row[10]),
    txHash: row[11] as string,
    logIndex: Number(row[12]),
    txIndex: Number(row[13]),
    eventId: row[14] as string,
    blockNumber: numberOf(row[15]),
    blockHash: textOf(row[16]),
    revision: Number(row[17]),
  };
}
