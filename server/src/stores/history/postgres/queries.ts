/** The statements of reads, as texts, and what their rows mean. Ranges say which rows belong to an answer. */
import type {
  CandleSums,
  Span,
  SpanSums,
  SwapPage,
  TokenKey,
  TokenSums,
  TraderSets,
} from "../../../ports/history-store.ts";
import { microOf, READ_COLUMNS, unitsOf } from "./copy-text.ts";
import { escapedText, inRange, MERGED, NEWEST_SYMBOL, OF_TOKEN, partsOf, plainText, tokenValues } from "./parts.ts";
import type { TableRange } from "./ranges.ts";
import { msOf, timeLiteral } from "./schema.ts";

type Query = { readonly sql: string; readonly values: readonly (string | readonly string[] | null)[] };
export type Row = Readonly<Record<string, unknown>>;
/** Runs a statement in the transaction of a read. */
export type Ask = (query: Query) => Promise<readonly Row[]>;

/** The order of swaps. */
const ORDER = ["event_time", "coalesce(block_number, 0)", "tx_index", "log_index", "event_id"];
const order = (direction: "asc" | "desc"): string => ORDER.map((column) => `${column} ${direction}`).join(", ");

/** One row for each list of ranges, with its index as `i`. */
export function sumsQuery(schema: string, token: TokenKey, spans: readonly (readonly TableRange[])[]): Query {
  const selects = spans.map(
    (ranges, i) => `SELECT ${i} AS i, ${MERGED} FROM ${partsOf(schema, ranges, OF_TOKEN)} HAVING count(*) > 0`,
  );
  return { sql: selects.join(" UNION ALL "), values: tokenValues(token) };
}

export function sumsOf(row: Row): SpanSums {
  const value = (column: string): number | undefined => (row[column] as number | null) ?? undefined;
  const known = (column: string): number | undefined => (row[column] === null ? undefined : Number(row[column]));
  return {
    buys: Number(row.buys),
    sells: Number(row.sells),
    usdBuyMicro: microOf(row.usd_buy),
    usdSellMicro: microOf(row.usd_sell),
    tokenBuyUnits: unitsOf(row.token_buy),
    tokenSellUnits: unitsOf(row.token_sell),
    open: value("open"),
    high: value("high"),
    low: value("low"),
    close: value("close"),
    firstMs: known("first_time"),
    lastMs: known("last_time"),
  };
}

export const NO_SUMS: SpanSums = {
  ...{ buys: 0, sells: 0, usdBuyMicro: 0n, usdSellMicro: 0n, tokenBuyUnits: 0n, tokenSellUnits: 0n },
  ...{ open: undefined, high: undefined, low: undefined, close: undefined, firstMs: undefined, lastMs: undefined },
};

/** The newest `limit` intervals, from the newest on, with their beginnings as `bucket` in ms. */
export function candlesQuery(
  schema: string,
  token: TokenKey,
  interval: { readonly ms: number } | "month",
  ranges: readonly TableRange[],
  limit: number,
): Query {
  const start = msOf("start_time");
  const bucket =
    interval === "month"
      ? msOf("date_trunc('month', start_time)")
      : `${start} / ${interval.ms}::bigint * ${interval.ms}::bigint`;
  const sql = `SELECT ${bucket} AS bucket, ${MERGED} FROM ${partsOf(schema, ranges, OF_TOKEN)}
    GROUP BY bucket ORDER BY bucket DESC LIMIT ${limit}`;
  return { sql, values: tokenValues(token) };
}

export const candleOf = (row: Row): CandleSums => ({ openTimeMs: Number(row.bucket), ...sumsOf(row) });

export function tokensQuery(schema: string, ranges: readonly TableRange[], chainId: number | undefined): Query {
  const where = chainId === undefined ? "" : " AND chain_id = $1::bigint";
  const sql = `SELECT chain_id, token, ${NEWEST_SYMBOL} AS symbol, ${MERGED} FROM ${partsOf(schema, ranges, where)} GROUP BY chain_id, token`;
  return { sql, values: chainId === undefined ? [] : [String(chainId)] };
}

export const tokenSumsOf = (row: Row): TokenSums => ({
  chainId: Number(row.chain_id),
  token: plainText(row.token as string),
  symbol: row.symbol === null ? undefined : plainText(row.symbol as string),
  ...sumsOf(row),
});

/** The wallets of swaps in the ranges together with others: the number of all, of buyers and of sellers. */
export function tradersQuery(
  schema: string,
  token: TokenKey,
  ranges: readonly TableRange[],
  { buyers, sellers }: TraderSets,
): Query {
  const held = ranges.map(
    (range) =>
      `SELECT who, side = 'buy' AS buys, side = 'sell' AS sells FROM ${schema}.swaps WHERE ${inRange(range)}${OF_TOKEN} AND who IS NOT NULL`,
  );
  const others = [
    'SELECT unnest($3::text[]) COLLATE "C", true, false',
    'SELECT unnest($4::text[]) COLLATE "C", false, true',
    // Each parameter must be used.
    "SELECT NULL, false, false WHERE $1::text = $2::text AND false",
  ];
  const each = `SELECT who, bool_or(buys) AS buys, bool_or(sells) AS sells FROM (${[...held, ...others].join(" UNION ALL ")}) w (who, buys, sells) GROUP BY who`;
  const sql = `SELECT count(*) AS traders, count(*) FILTER (WHERE buys) AS buyers, count(*) FILTER (WHERE sells) AS sellers FROM (${each}) wallets`;
  return { sql, values: [...tokenValues(token), buyers.map(escapedText), sellers.map(escapedText)] };
}

export function symbolQuery(schema: string, token: TokenKey, ranges: readonly TableRange[]): Query {
  const sql = `SELECT symbol FROM ${partsOf(schema, ranges, OF_TOKEN)} WHERE symbol IS NOT NULL ORDER BY symbol_time DESC, symbol_order DESC LIMIT 1`;
  return { sql, values: tokenValues(token) };
}

export function swapsQuery(schema: string, token: TokenKey, ranges: readonly TableRange[], page: SwapPage): Query {
  const { after, limit } = page;
  const values = [...tokenValues(token)];
  let behind = "";
  if (after !== undefined) {
    const sign = page.order === "asc" ? ">" : "<";
    const { eventTimeMs, blockNumber, txIndex, logIndex, eventId } = after;
    values.push(...[blockNumber, txIndex, logIndex].map(String), escapedText(eventId));
    const time = timeLiteral(eventTimeMs);
    // The first condition is there for the index and the partitions.
    behind = ` AND event_time ${sign}= ${time} AND (${ORDER.join(", ")}) ${sign} (${time}, $3::bigint, $4::bigint, $5::bigint, $6::text)`;
  }
  const sql = `SELECT ${READ_COLUMNS} FROM ${schema}.swaps WHERE (${anyOf(ranges)})${within(page)}${OF_TOKEN}${behind}
    ORDER BY ${order(page.order)} LIMIT ${limit}`;
  return { sql, values };
}

const ROW_ORDER = [...ORDER, "chain_id", "token", "stream", "sequence"];

/** The first `limit` rows of the ranges behind the row `after`, which an earlier call returned, in the order of swaps. */
export function rowsQuery(
  schema: string,
  token: TokenKey | undefined,
  { after, limit, ...span }: Span & { readonly after: Row | undefined; readonly limit: number },
  ranges: readonly TableRange[],
): Query {
  const values: string[] = token === undefined ? [] : tokenValues(token);
  let behind = "";
  if (after !== undefined) {
    const time = timeLiteral(Number(after.event_ms));
    const texts = [after.event_id, after.token] as string[];
    const [id, address] = texts.map((text) => `$${values.push(text)}::text`);
    const numbers = [after.block_number ?? 0, after.tx_index, after.log_index].map((number) => `${number}::bigint`);
    const key = [
      time,
      ...numbers,
      id,
      `${after.chain_id}::bigint`,
      address,
      `${after.stream}`,
      `${after.sequence}::bigint`,
    ];
    behind = ` AND event_time >= ${time} AND (${ROW_ORDER.join(", ")}) > (${key.join(", ")})`;
  }
  const sql = `SELECT ${READ_COLUMNS}, stream, sequence FROM ${schema}.swaps
    WHERE (${anyOf(ranges)})${within(span)}${token === undefined ? "" : OF_TOKEN}${behind} ORDER BY ${ROW_ORDER.join(", ")} LIMIT ${limit}`;
  return { sql, values };
}

const anyOf = (ranges: readonly TableRange[]): string =>
  ranges.length === 0 ? "false" : ranges.map((range) => `(${inRange(range)})`).join(" OR ");

const within = ({ fromMs, toMs }: Span): string =>
  ` AND event_time >= ${timeLiteral(fromMs)} AND event_time < ${timeLiteral(toMs)}`;

/** Tokens that may have had this address or symbol, the most recently traded first. */
export function candidatesQuery(schema: string, name: string, limit: number): Query {
  const sql = `SELECT token, chain_id FROM ${schema}.history_names WHERE token = $1 OR symbol = $1
    GROUP BY token, chain_id ORDER BY max(last_day) DESC LIMIT ${limit}`;
  return { sql, values: [escapedText(name)] };
}

/** Of the candidates the tokens that have this address, or whose newest symbol this is. */
export function findQuery(
  schema: string,
  name: string,
  candidates: readonly Row[],
  ranges: readonly TableRange[],
  limit: number,
): Query {
  const where = " AND (token, chain_id) IN (SELECT * FROM unnest($2::text[], $3::bigint[]))";
  const sql = `SELECT chain_id, token FROM ${partsOf(schema, ranges, where)} GROUP BY chain_id, token
    HAVING token = $1::text OR ${NEWEST_SYMBOL} = $1::text ORDER BY max(last_time) DESC, token, chain_id LIMIT ${limit}`;
  const columns = ["token", "chain_id"].map((column) => candidates.map((row) => String(row[column])));
  return { sql, values: [escapedText(name), ...columns] };
}
