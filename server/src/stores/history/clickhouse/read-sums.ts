/** Sums of spans, candles and tokens. */
import type { ClickHouseRow } from "../../../clients/clickhouse/connection.ts";
import type { CandleSums, Edge, Span, SpanSums, TokenKey, TokenSums } from "../../../ports/history-store.ts";
import { edgeOf } from "../valid-spans.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, msOf } from "./levels.ts";
import { type Grain, type LowEdges, lowEdges, planOf } from "./plan.ts";
import { heldPart, type Source, tokenFilter } from "./read-rows.ts";
import { all, byStream, table } from "./sql.ts";
import { type Group, sumsOf, sumsStatement } from "./sums.ts";

type Interval = { readonly ms: number } | "month";

const NO_SUMS: SpanSums = {
  ...{ buys: 0, sells: 0, usdBuyMicro: 0n, usdSellMicro: 0n, tokenBuyUnits: 0n, tokenSellUnits: 0n },
  ...{ open: undefined, high: undefined, low: undefined, close: undefined, firstMs: undefined, lastMs: undefined },
};
/** A month has at most this; windows of candles are cut by it. */
const MONTH_MS = 31 * DAY_MS;
const CANDLE_WINDOW_GROWTH = 8;

const TOKEN_GROUPS: readonly Group[] = [{ name: "chain_id" }, { name: "token" }];

export async function readSums(
  source: Source,
  token: TokenKey,
  spans: readonly Span[],
  edges: readonly Edge[],
): Promise<SpanSums[]> {
  const filter = [tokenFilter(token)];
  const low = await readLowEdges(source, filter, edges);
  const ask = async (indexes: readonly number[], grain: Grain): Promise<Map<number, ReturnType<typeof sumsOf>>> => {
    const statements = indexes.flatMap((i) => {
      const plan = planOf(source.streams, spans[i]!, edges, low, grain, true);
      const sql = sumsStatement(source.tables, plan, filter, []);
      return sql === undefined ? [] : [`SELECT ${i}, * FROM (${sql})`];
    });
    if (statements.length === 0) return new Map();
    const rows = await source.connection.rows("read sums", statements.join(" UNION ALL "));
    return new Map(rows.map((row) => [row[0] as number, sumsOf(row, 1)]));
  };
  const found = await ask([...spans.keys()], "days");
  const ties = [...found].filter(([, { isTie }]) => isTie).map(([i]) => i);
  for (const [i, exact] of ties.length === 0 ? [] : await ask(ties, "rows")) found.set(i, exact);
  return spans.map((_, i) => found.get(i)?.sums ?? NO_SUMS);
}

/** Reads windows of time from the newest on, until there are enough candles. */
export async function readCandles(
  source: Source,
  token: TokenKey,
  interval: Interval,
  span: Span,
  edges: readonly Edge[],
  limit: number,
): Promise<CandleSums[]> {
  const filter = [tokenFilter(token)];
  const low = await readLowEdges(source, filter, edges);
  const held = heldPart(source.streams, span);
  const candles: CandleSums[] = [];
  let toMs = held?.toMs ?? 0;
  for (
    let count = limit;
    held !== undefined && candles.length < limit && toMs > held.fromMs;
    count *= CANDLE_WINDOW_GROWTH
  ) {
    const fromMs = Math.max(span.fromMs, openTime(interval, toMs - 1 - count * lengthOf(interval)));
    const window = { fromMs: fromMs <= held.fromMs ? span.fromMs : fromMs, toMs };
    const rows = await readWindow(source, filter, interval, window, edges, low);
    candles.push(...rows.map((row) => ({ openTimeMs: row[0] as number, ...sumsOf(row, 1).sums })));
    toMs = window.fromMs;
  }
  return candles.slice(0, limit).reverse();
}

/** The newest first. */
async function readWindow(
  source: Source,
  filter: readonly string[],
  interval: Interval,
  window: Span,
  edges: readonly Edge[],
  low: LowEdges,
): Promise<readonly ClickHouseRow[]> {
  const ask = async (grain: Grain): Promise<readonly ClickHouseRow[]> => {
    const plan = planOf(source.streams, window, edges, low, grain, true);
    const sql = sumsStatement(source.tables, plan, filter, [bucketOf(interval)]);
    return sql === undefined ? [] : source.connection.rows("read candles", `${sql} ORDER BY 1 DESC`);
  };
  const rows = await ask(grainOf(interval));
  return rows.some((row) => sumsOf(row, 1).isTie) ? ask("rows") : rows;
}

export async function readTokens(
  source: Source,
  span: Span,
  edges: readonly Edge[],
  chainId: number | undefined,
): Promise<TokenSums[]> {
  const filter = chainId === undefined ? [] : [`chain_id = ${chainId}`];
  const low = await readLowEdges(source, filter, edges);
  const ask = async (grain: Grain, more: readonly string[]): Promise<readonly ClickHouseRow[]> => {
    const plan = planOf(source.streams, span, edges, low, grain, false);
    const sql = sumsStatement(source.tables, plan, [...filter, ...more], TOKEN_GROUPS, true);
    return sql === undefined ? [] : source.connection.rows("read the sums of tokens", sql);
  };
  const tokens = (rows: readonly ClickHouseRow[]): (TokenSums & { isTie: boolean })[] =>
    rows.map((row) => {
      const { sums, symbol, isTie } = sumsOf(row, TOKEN_GROUPS.length);
      return { chainId: row[0] as number, token: row[1] as string, symbol, ...sums, isTie };
    });
  const found = tokens(await ask("days", []));
  const ties = found.filter(({ isTie }) => isTie);
  const exact =
    ties.length === 0 ? [] : tokens(await ask("rows", [ties.map((tie) => `(${tokenFilter(tie)})`).join(" OR ")]));
  return [...found.filter(({ isTie }) => !isTie), ...exact].map(({ isTie: _, ...token }) => token);
}

/** Finds the first minute at or behind an edge that lies below the aggregated minutes. Such an edge is rare: minutes were added up meanwhile. */
async function readLowEdges(
  { connection, tables, streams }: Source,
  filter: readonly string[],
  edges: readonly Edge[],
): Promise<LowEdges> {
  const low = lowEdges(streams, edges);
  if (low.length === 0) return new Map();
  const sequences = byStream(
    low.map((stream) => [stream.id, edgeOf(stream, edges)!] as const),
    Number.MAX_SAFE_INTEGER,
  );
  const where = all([
    ...filter,
    `stream IN (${low.map(({ id }) => `toUInt64(${id})`).join(", ")})`,
    `toInt64(max_sequence) >= ${sequences}`,
  ]);
  const sql = `SELECT toString(stream), min(toInt64(toUInt32(minute))) * 1000 FROM ${table(tables, "swap_minutes")} WHERE ${where} GROUP BY stream`;
  const rows = (await connection.rows("read minutes", sql)) as unknown as (readonly [string, number])[];
  // A stream without such a minute keeps its minutes, and no days: a day does not say which of its rows are behind the edge.
  return new Map([...low.map(({ id }) => [id, Number.MAX_SAFE_INTEGER] as const), ...rows]);
}

function lengthOf(interval: Interval): number {
  return interval === "month" ? MONTH_MS : interval.ms;
}

function openTime(interval: Interval, timeMs: number): number {
  if (interval !== "month") return Math.floor(timeMs / interval.ms) * interval.ms;
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

function grainOf(interval: Interval): Grain {
  if (interval === "month" || interval.ms % DAY_MS === 0) return "days";
  if (interval.ms % HOUR_MS === 0) return "hours";
  return interval.ms % MINUTE_MS === 0 ? "minutes" : "rows";
}

function bucketOf(interval: Interval): Group {
  return {
    name: "bucket",
    of: (column) =>
      interval === "month"
        ? `toInt64(toUInt32(toDateTime(toStartOfMonth(${column}), 'UTC'))) * 1000`
        : `intDiv(${msOf(column)}, ${interval.ms}) * ${interval.ms}`,
  };
}
