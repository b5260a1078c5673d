/**
 * Columns of the Parquet files, and SQL over them.
 *
 * `swaps` has a row for each settled swap. An event id that is the default one (`<chain_id>:<tx_hash>:<log_index>`) is NULL: the hash alone takes most of
 * a row's bytes. `stream` is the catalog's short number for (log_id, partition, epoch).
 *
 * `minutes` and `days` have partial sums of a token in a stream and a minute or day. Sums of amounts pass 38 digits, so they are in two columns that
 * add up: whole tokens, and the rest. Several rows of one token and minute add up as well.
 */

/** Name and type of the columns of swaps, in the order of the files. */
export const SWAP_COLUMNS = [
  ["chain_id", "UINTEGER"],
  ["token", "VARCHAR"],
  ["token_symbol", "VARCHAR"],
  ["pool", "VARCHAR"],
  ["who", "VARCHAR"],
  ["side", "VARCHAR"],
  ["amount_token", "DECIMAL(38,18)"],
  ["amount_usd", "DECIMAL(18,6)"],
  ["price_usd", "DOUBLE"],
  ["price", "DOUBLE"],
  ["event_time", "TIMESTAMP_MS"],
  ["tx_hash", "VARCHAR"],
  ["log_index", "UINTEGER"],
  ["tx_index", "UINTEGER"],
  ["event_id", "VARCHAR"],
  ["block_number", "BIGINT"],
  ["block_hash", "VARCHAR"],
  ["revision", "BIGINT"],
  ["log_id", "VARCHAR"],
  ["partition", "UINTEGER"],
  ["epoch", "BIGINT"],
  ["sequence", "BIGINT"],
  ["stream", "UINTEGER"],
  ["schema_version", "UTINYINT"],
] as const;

const EVENTS_LACK: readonly string[] = ["price", "sequence", "stream"];

/** Name and type of the columns of raw events. Of several with one (log_id, partition, offset, record_index) that of the greatest epoch counts. */
export const EVENT_COLUMNS = [
  ...SWAP_COLUMNS.filter(([name]) => !EVENTS_LACK.includes(name)),
  ["offset", "BIGINT"],
  ["record_index", "UINTEGER"],
  ["arrival", "TIMESTAMP_MS"],
  ["removed", "BOOLEAN"],
  ["outcome", "VARCHAR"],
] as const;

export const SWAP_ORDER = "token, chain_id, event_time, block_number, tx_index, log_index";
export const PARTIAL_ORDER = "token, chain_id, start_time";

const EVENT_ID = "coalesce(event_id, concat(chain_id, ':', tx_hash, ':', log_index))";
/** The order of swaps as one value. Text compares by its UTF-8 bytes. */
export const POSITION = `row(event_time, coalesce(block_number, 0), tx_index, log_index, ${EVENT_ID})`;

/** What is read of a row, in the order of `readRow`. */
export const ROW_SELECT = [
  ...["chain_id", "token", "token_symbol", "pool", "who", "side = 'buy'", "amount_token", "amount_usd", "price_usd"],
  ...["price", "epoch_ms(event_time)", "tx_hash", "log_index", "tx_index", EVENT_ID, "block_number", "block_hash"],
  "revision",
].join(", ");

/** The source of a SELECT that has no row of swaps. */
export const NO_ROWS = `(SELECT ${SWAP_COLUMNS.map(([name, type]) => `NULL::${type} AS "${name}"`).join(", ")} WHERE false)`;

/** Members of partial sums, in the order of the files behind their keys. */
export const PARTIAL_COLUMNS = [
  ...[
    "buys",
    "sells",
    "usd_buy",
    "usd_sell",
    "token_buy_whole",
    "token_buy_rest",
    "token_sell_whole",
    "token_sell_rest",
  ],
  ...["open", "high", "low", "close", "open_time", "close_time", "first_time", "last_time", "symbol", "symbol_time"],
] as const;

const sumOf = (expression: string, side: string): string => `coalesce(sum(${expression}) FILTER (side = '${side}'), 0)`;

/** Sums rows of swaps. An order of (time, block, ...) decides open, close and symbol, so these are exact. */
export function sumRows(source: string, keys: string, groups: string): string {
  const amounts = ["buy", "sell"].flatMap((side) => [
    `${sumOf("floor(amount_token)", side)}::DECIMAL(38,0) AS token_${side}_whole`,
    `${sumOf("amount_token - floor(amount_token)", side)}::DECIMAL(38,18) AS token_${side}_rest`,
  ]);
  const columns = [
    "count(*) FILTER (side = 'buy') AS buys",
    "count(*) FILTER (side = 'sell') AS sells",
    `${sumOf("amount_usd", "buy")}::DECIMAL(38,6) AS usd_buy`,
    `${sumOf("amount_usd", "sell")}::DECIMAL(38,6) AS usd_sell`,
    ...amounts,
    `arg_min(price, ${POSITION}) AS open`,
    "max(price) AS high",
    "min(price) AS low",
    `arg_max(price, ${POSITION}) AS close`,
    "min(event_time) FILTER (price IS NOT NULL) AS open_time",
    "max(event_time) FILTER (price IS NOT NULL) AS close_time",
    "min(event_time) AS first_time",
    "max(event_time) AS last_time",
    `arg_max(token_symbol, ${POSITION}) AS symbol`,
    "max(event_time) FILTER (token_symbol IS NOT NULL) AS symbol_time",
  ];
  return `SELECT ${keys}${columns.join(", ")} FROM ${source}${groups}`;
}

/**
 * Adds up partial sums. They do not have the whole order of swaps. `is_open` tells whether the order matters: two of them have an open, close or symbol of the
 * same time. Then the rows must be summed.
 */
export function sumPartials(source: string, keys: string, groups: string): string {
  const sums = PARTIAL_COLUMNS.slice(0, 8).map((name) => `sum(${name}) AS ${name}`);
  const isTie = (two: string): string => `coalesce((${two})[1] = (${two})[2], false)`;
  const ties = ["min(open_time, 2)", "max(close_time, 2)", "max(symbol_time, 2)"].map(isTie);
  const columns = [
    ...sums,
    "arg_min(open, open_time) AS open",
    "max(high) AS high",
    "min(low) AS low",
    "arg_max(close, close_time) AS close",
    "min(open_time) AS open_time",
    "max(close_time) AS close_time",
    "min(first_time) AS first_time",
    "max(last_time) AS last_time",
    "arg_max(symbol, symbol_time) AS symbol",
    "max(symbol_time) AS symbol_time",
    `(${ties.join(" OR ")}) AS is_open`,
  ];
  return `SELECT ${keys}${columns.join(", ")} FROM ${source}${groups}`;
}
