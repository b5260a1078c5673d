/** Wallets, symbols, and tokens by their names. Duplicates of rows change none of these, so they are read without FINAL. */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { Edge, Span, TokenKey, TraderCounts, TraderSets } from "../../../ports/history-store.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { HOUR_MS } from "./levels.ts";
import { planOf, validity } from "./plan.ts";
import { heldPart, type Source, tokenFilter } from "./read-rows.ts";
import { all, literal, table, time } from "./sql.ts";
import { POSITION_PARTS } from "./sums.ts";

const FOUND_MAX = 100;
const SYMBOL_WINDOW_MS = HOUR_MS;
const SYMBOL_WINDOW_GROWTH = 30;
/** Limit of the elements of a list in a statement, so that it stays a text that ClickHouse parses fast. */
const LIST_MAX = 100_000;

export async function readTraders(
  { connection, tables, streams }: Source,
  token: TokenKey,
  span: Span,
  edges: readonly Edge[],
  others: TraderSets,
): Promise<TraderCounts> {
  const { rows } = planOf(streams, span, edges, new Map(), "rows", true);
  const stored = all([tokenFilter(token), rows ?? "0", "who IS NOT NULL"]);
  const given = (names: readonly string[], isBuyer: number): string[] => {
    const lists: string[] = [];
    for (let i = 0; i < names.length; i += LIST_MAX) {
      const list = names
        .slice(i, i + LIST_MAX)
        .map(literal)
        .join(", ");
      lists.push(`SELECT arrayJoin([${list}]) AS name, ${isBuyer} AS bought, ${1 - isBuyer} AS sold`);
    }
    return lists;
  };
  const parts = [
    `SELECT assumeNotNull(who) AS name, toUInt8(side = 'buy') AS bought, toUInt8(side = 'sell') AS sold FROM ${table(tables, "swaps")} WHERE ${stored}`,
    ...given(others.buyers, 1),
    ...given(others.sellers, 0),
  ];
  const sql = `SELECT count(), countIf(has_bought), countIf(has_sold) FROM (SELECT name, max(bought) AS has_bought, max(sold) AS has_sold
    FROM (${parts.join(" UNION ALL ")}) GROUP BY name)`;
  const [[traders, buyers, sellers]] = (await connection.rows("count traders", sql)) as unknown as [
    [number, number, number],
  ];
  return { traders, buyers, sellers };
}

/** Reads windows of time backwards, until one has a symbol. */
export async function readSymbol(
  { connection, tables, streams }: Source,
  token: TokenKey,
  beforeMs: number,
): Promise<string | undefined> {
  const part = heldPart(streams, { fromMs: 0, toMs: beforeMs });
  const valid = validity(streams, streams)("toUnixTimestamp64Milli(event_time)");
  let toMs = part?.toMs ?? 0;
  for (let windowMs = SYMBOL_WINDOW_MS; part !== undefined && toMs > part.fromMs; windowMs *= SYMBOL_WINDOW_GROWTH) {
    const fromMs = Math.max(part.fromMs, toMs - windowMs);
    const times = `event_time >= ${time(fromMs)} AND event_time < ${time(toMs)}`;
    const where = all([tokenFilter(token), times, "token_symbol IS NOT NULL", ...valid]);
    const sql = `SELECT argMax(assumeNotNull(token_symbol), (${POSITION_PARTS.join(", ")})) FROM ${table(tables, "swaps")} WHERE ${where} HAVING count() > 0`;
    const rows = await connection.rows("read a symbol", sql);
    if (rows.length > 0) return rows[0]![0] as string;
    toMs = fromMs;
  }
  return undefined;
}

/** Also finds tokens whose rows were all superseded. */
export async function readFound(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  name: string,
): Promise<TokenKey[]> {
  const tokens = `SELECT chain_id, token, max(last_time) AS last, max(is_named) AS is_named, argMaxMerge(newest_symbol) AS symbol
    FROM ${table(tables, "history_tokens")} GROUP BY chain_id, token`;
  const sql = `SELECT chain_id, token FROM (${tokens}) WHERE token = ${literal(name)} OR (is_named AND symbol = ${literal(name)})
    ORDER BY last DESC, chain_id, token LIMIT ${FOUND_MAX}`;
  const rows = (await connection.rows("find tokens", sql)) as unknown as (readonly [number, string])[];
  return rows.map(([chainId, token]) => ({ chainId, token }));
}
