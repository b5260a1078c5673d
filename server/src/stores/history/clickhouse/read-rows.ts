/** Rows of the table `swaps`: pages of a token, and exports. */
import type { ClickHouseConnection, ClickHouseRow } from "../../../clients/clickhouse/connection.ts";
import type { Edge, SettledRow, Span, SwapPage, SwapPosition, TokenKey } from "../../../ports/history-store.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { edgeCondition, validity } from "./plan.ts";
import { all, literal, table, time } from "./sql.ts";
import type { StreamState } from "./streams.ts";
import { POSITION_PARTS } from "./sums.ts";

/** A first window that holds a page of a busy token, and how fast windows grow for others: five of them reach over ten years. */
const PAGE_WINDOW_MS = 10 * 60_000;
const PAGE_WINDOW_GROWTH = 30;
const EXPORT_BATCH_ROWS = 20_000;
const EXPORT_WINDOW_MS = 3_600_000;
const EXPORT_WINDOW_MS_MIN = 1_000;
const EXPORT_WINDOW_GROWTH = 4;

const COLUMNS =
  "chain_id, token, token_symbol, pool, who, side = 'buy', amount_token, amount_usd, price_usd, price, toUnixTimestamp64Milli(event_time), tx_hash, log_index, tx_index, event_id, block_number, block_hash, revision";
const KEY_COLUMNS = "toString(stream), sequence";
const EVENT_MS = "toUnixTimestamp64Milli(event_time)";

const POSITION = POSITION_PARTS.join(", ");

export type Source = {
  readonly connection: ClickHouseConnection;
  readonly tables: ClickHouseTables;
  readonly streams: readonly StreamState[];
};

export function tokenFilter({ chainId, token }: TokenKey): string {
  return `chain_id = ${chainId} AND token = ${literal(token)}`;
}

/** The part of the span in which there are rows, or undefined. */
export function heldPart(streams: readonly StreamState[], span: Span): Span | undefined {
  const held = streams.flatMap(({ held }) => (held === undefined ? [] : [held]));
  const fromMs = Math.max(span.fromMs, Math.min(...held.map((part) => part.fromMs)));
  const toMs = Math.min(span.toMs, Math.max(...held.map((part) => part.toMs)) + 1);
  return held.length === 0 || fromMs >= toMs ? undefined : { fromMs, toMs };
}

function timeCondition({ fromMs, toMs }: Span): string {
  return `event_time >= ${time(fromMs)} AND event_time < ${time(toMs)}`;
}

/** Reads windows of time that grow, until the page is full. */
export async function readPage(
  { connection, tables, streams }: Source,
  token: TokenKey,
  { order, after, limit, ...span }: SwapPage,
  edges: readonly Edge[],
): Promise<SettledRow[]> {
  const isUp = order === "asc";
  const rest =
    after === undefined
      ? {}
      : isUp
        ? { fromMs: Math.max(span.fromMs, after.eventTimeMs) }
        : { toMs: Math.min(span.toMs, after.eventTimeMs + 1) };
  const part = heldPart(streams, { ...span, ...rest });
  const more = [...edgeCondition(streams, edges), ...validity(streams, streams)(EVENT_MS)];
  if (after !== undefined) more.push(`(${POSITION}) ${isUp ? ">" : "<"} ${positionLiteral(after)}`);
  const by = [...POSITION_PARTS, "log_id", "partition", "epoch", "sequence"];
  const ordered = by.map((column) => `${column} ${isUp ? "ASC" : "DESC"}`).join(", ");
  const rows: SettledRow[] = [];
  let left = part;
  for (let windowMs = PAGE_WINDOW_MS; left !== undefined && rows.length < limit; windowMs *= PAGE_WINDOW_GROWTH) {
    const window: Span = isUp
      ? { fromMs: left.fromMs, toMs: Math.min(left.toMs, left.fromMs + windowMs) }
      : { fromMs: Math.max(left.fromMs, left.toMs - windowMs), toMs: left.toMs };
    const where = all([tokenFilter(token), timeCondition(window), ...more]);
    const sql = `SELECT ${COLUMNS} FROM ${table(tables, "swaps")} FINAL WHERE ${where}
      ORDER BY ${ordered} LIMIT ${limit - rows.length}`;
    const found = await connection.rows("read swaps", sql);
    rows.push(...found.map(rowOf));
    left = isUp ? { ...left, fromMs: window.toMs } : { ...left, toMs: window.fromMs };
    if (left.fromMs >= left.toMs) left = undefined;
  }
  return rows;
}

/** Yields batches in order of time. Rejects with the signal's reason when it is aborted. */
export async function* readAll(
  { connection, tables, streams }: Source,
  span: Span,
  token: TokenKey | undefined,
  edges: readonly Edge[],
  signal: AbortSignal,
): AsyncGenerator<readonly SettledRow[]> {
  signal.throwIfAborted();
  const part = heldPart(streams, span);
  if (part === undefined) return;
  const filter = token === undefined ? [] : [tokenFilter(token)];
  const more = [...filter, ...edgeCondition(streams, edges), ...validity(streams, streams)(EVENT_MS)];
  const key = `(${POSITION}, chain_id, token, stream, sequence)`;
  let windowMs = EXPORT_WINDOW_MS;
  let fromMs = part.fromMs;
  let behind: string | undefined;
  while (fromMs < part.toMs) {
    const toMs = Math.min(part.toMs, fromMs + windowMs);
    const where = [timeCondition({ fromMs, toMs }), ...more, ...(behind === undefined ? [] : [`${key} > ${behind}`])];
    const sql = `SELECT ${COLUMNS}, ${KEY_COLUMNS} FROM ${table(tables, "swaps")} FINAL WHERE ${all(where)}
      ORDER BY ${POSITION}, chain_id, token, stream, sequence LIMIT ${EXPORT_BATCH_ROWS}
      SETTINGS use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 0`;
    const found = await connection.rows("read swaps", sql, signal);
    if (found.length > 0) yield found.map(rowOf);
    signal.throwIfAborted();
    if (found.length === EXPORT_BATCH_ROWS) {
      const last = found.at(-1)!;
      const row = rowOf(last);
      const [stream, sequence] = last.slice(-2);
      const place = positionLiteral({ ...row, blockNumber: row.blockNumber ?? 0 }).slice(1, -1);
      behind = `(${place}, toUInt32(${row.chainId}), ${literal(row.token)}, toUInt64(${stream}), toUInt64(${sequence}))`;
      fromMs = row.eventTimeMs;
      windowMs = Math.max(EXPORT_WINDOW_MS_MIN, windowMs / EXPORT_WINDOW_GROWTH);
    } else {
      behind = undefined;
      fromMs = toMs;
      if (found.length < EXPORT_BATCH_ROWS / EXPORT_WINDOW_GROWTH) windowMs *= EXPORT_WINDOW_GROWTH;
    }
  }
}

function positionLiteral({ eventTimeMs, blockNumber, txIndex, logIndex, eventId }: SwapPosition): string {
  return `(${time(eventTimeMs)}, toUInt64(${blockNumber}), toUInt32(${txIndex}), toUInt32(${logIndex}), ${literal(eventId)})`;
}

function rowOf(columns: ClickHouseRow): SettledRow {
  const [chainId, token, symbol, pool, who, isBuy, amount, usd, givenPrice, price, ...place] = columns;
  const [eventTimeMs, txHash, logIndex, txIndex, eventId, blockNumber, blockHash, revision] = place;
  const units = (text: unknown): string => (text as string).replace(".", "");
  const optional = <T>(value: unknown): T | undefined => (value === null ? undefined : (value as T));
  return {
    chainId: chainId as number,
    token: token as string,
    symbol: optional(symbol),
    pool: optional(pool),
    who: optional(who),
    isBuy: isBuy === 1,
    amountUnits: BigInt(units(amount)),
    usdMicro: Number(units(usd)),
    givenPrice: optional(givenPrice),
    price: optional(price),
    eventTimeMs: eventTimeMs as number,
    txHash: txHash as string,
    logIndex: logIndex as number,
    txIndex: txIndex as number,
    eventId: eventId as string,
    blockNumber: optional(blockNumber),
    blockHash: optional(blockHash),
    revision: revision as number,
  };
}
