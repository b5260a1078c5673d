/**
 * The tables of the history in PostgreSQL, and their versions. All names are in one schema of the database, and statements name it, because a
 * pooler may give each transaction another connection of the server.
 *
 * - Texts compare by their bytes (`COLLATE "C"`), as event ids do in the order of swaps.
 * - A unique key of a partitioned table must hold the time by which it is partitioned. A sequence always stands for the same swap, so the key
 *   of stream and sequence is unique all the same.
 * - Sums are `numeric` without a precision: exact beyond 38 digits.
 */

/** Newest version of the tables. */
export const SCHEMA_VERSION = 2;
export const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export type Level = { readonly table: "swap_days" | "swap_hours" | "swap_minutes"; readonly ms: number };
/** Tables of sums, from the longest interval to the shortest. Each is made of the next one, and the last of swaps. */
export const LEVELS: readonly Level[] = [
  { table: "swap_days", ms: DAY_MS },
  { table: "swap_hours", ms: HOUR_MS },
  { table: "swap_minutes", ms: MINUTE_MS },
];

/** Tables with a partition for each day, and the column that decides. */
export const DAILY_TABLES = [
  { table: "swaps", column: "event_time" },
  { table: "swap_minutes", column: "start_time" },
  { table: "events", column: "arrival" },
] as const;
export type DailyTable = (typeof DAILY_TABLES)[number]["table"];

/** Columns that swaps and events share, in the order in which they are copied. */
export const SWAP_COLUMNS = [
  ...["chain_id", "token", "token_symbol", "pool", "who", "side", "amount_token", "amount_usd", "price_usd"],
  ...["event_time", "tx_hash", "log_index", "tx_index", "event_id", "block_number", "block_hash", "revision"],
] as const;

const SWAP_TYPES = `
  chain_id bigint NOT NULL,
  token text COLLATE "C" NOT NULL,
  token_symbol text COLLATE "C",
  pool text COLLATE "C",
  who text COLLATE "C",
  side text COLLATE "C" NOT NULL,
  amount_token numeric(38, 18) NOT NULL,
  amount_usd numeric(18, 6) NOT NULL,
  price_usd float8,
  event_time timestamptz NOT NULL,
  tx_hash text COLLATE "C" NOT NULL,
  log_index bigint NOT NULL,
  tx_index bigint NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  block_number bigint,
  block_hash text COLLATE "C",
  revision bigint NOT NULL`;

const LEVEL_TYPES = `
  stream integer NOT NULL,
  chain_id bigint NOT NULL,
  token text COLLATE "C" NOT NULL,
  start_time timestamptz NOT NULL,
  symbol text COLLATE "C",
  symbol_time timestamptz,
  symbol_order bytea,
  buys bigint NOT NULL,
  sells bigint NOT NULL,
  usd_buy numeric NOT NULL,
  usd_sell numeric NOT NULL,
  token_buy numeric NOT NULL,
  token_sell numeric NOT NULL,
  open float8,
  open_time timestamptz,
  open_order bytea,
  high float8,
  low float8,
  close float8,
  close_time timestamptz,
  close_order bytea,
  first_time timestamptz NOT NULL,
  last_time timestamptz NOT NULL,
  PRIMARY KEY (token, chain_id, start_time, stream)`;

/** The statements that bring the tables from one version to the next. */
type Version = { readonly version: number; readonly what: string; statements(schema: string): readonly string[] };

export const VERSIONS: readonly Version[] = [
  {
    version: 1,
    what: "made the tables of swaps, events, minutes, hours and days",
    statements: (s) => [
      `CREATE TABLE ${s}.history_streams (
        stream integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        log_id text COLLATE "C" NOT NULL,
        partition integer NOT NULL,
        epoch bigint NOT NULL,
        from_ms bigint NOT NULL,
        to_ms bigint NOT NULL,
        first_sequence bigint NOT NULL DEFAULT 0,
        next_sequence bigint NOT NULL DEFAULT 0,
        rows bigint NOT NULL DEFAULT 0,
        first_ms bigint,
        last_ms bigint,
        settled_ms bigint NOT NULL DEFAULT 0,
        final_ms bigint NOT NULL DEFAULT 0,
        is_clean boolean NOT NULL DEFAULT true,
        UNIQUE (log_id, partition, epoch)
      )`,
      `CREATE TABLE ${s}.history_spans (
        stream integer NOT NULL REFERENCES ${s}.history_streams,
        from_time timestamptz NOT NULL,
        to_time timestamptz NOT NULL,
        PRIMARY KEY (stream, from_time)
      )`,
      `CREATE TABLE ${s}.history_marks (
        stream integer NOT NULL REFERENCES ${s}.history_streams,
        sequence bigint NOT NULL,
        before_ms bigint NOT NULL,
        PRIMARY KEY (stream, before_ms)
      )`,
      `CREATE TABLE ${s}.history_gaps (
        log_id text COLLATE "C" NOT NULL,
        partition integer NOT NULL,
        epoch bigint NOT NULL,
        from_ms bigint NOT NULL,
        to_ms bigint NOT NULL,
        cause text NOT NULL,
        is_repairable boolean NOT NULL,
        PRIMARY KEY (log_id, partition, epoch, from_ms, to_ms)
      )`,
      `CREATE TABLE ${s}.history_names (
        token text COLLATE "C" NOT NULL,
        chain_id bigint NOT NULL,
        symbol text COLLATE "C" NOT NULL,
        last_day date NOT NULL,
        PRIMARY KEY (token, chain_id, symbol)
      ) WITH (fillfactor = 80)`,
      `CREATE INDEX ON ${s}.history_names (symbol)`,
      `CREATE TABLE ${s}.swaps (${SWAP_TYPES},
        price float8,
        stream integer NOT NULL,
        sequence bigint NOT NULL,
        schema_version smallint NOT NULL DEFAULT 1,
        PRIMARY KEY (stream, sequence, event_time)
      ) PARTITION BY RANGE (event_time)`,
      `CREATE INDEX ON ${s}.swaps (token, chain_id, event_time)`,
      `CREATE INDEX ON ${s}.swaps USING brin (event_time) WITH (pages_per_range = 32)`,
      `CREATE TABLE ${s}.events (${SWAP_TYPES},
        log_id text COLLATE "C" NOT NULL,
        partition integer NOT NULL,
        epoch bigint NOT NULL,
        "offset" bigint NOT NULL,
        record_index integer NOT NULL,
        arrival timestamptz NOT NULL,
        removed boolean NOT NULL,
        outcome text COLLATE "C" NOT NULL,
        schema_version smallint NOT NULL DEFAULT 1,
        PRIMARY KEY (log_id, partition, "offset", record_index, arrival)
      ) PARTITION BY RANGE (arrival)`,
      `CREATE INDEX ON ${s}.events (token, chain_id, event_time)`,
      `CREATE INDEX ON ${s}.events USING brin (arrival) WITH (pages_per_range = 32)`,
      `CREATE TABLE ${s}.swap_minutes (${LEVEL_TYPES}) PARTITION BY RANGE (start_time)`,
      `CREATE TABLE ${s}.swap_hours (${LEVEL_TYPES})`,
      `CREATE TABLE ${s}.swap_days (${LEVEL_TYPES})`,
      ...LEVELS.map(({ table }) => `CREATE INDEX ON ${s}.${table} USING brin (start_time) WITH (pages_per_range = 32)`),
      `CREATE VIEW ${s}.valid_swaps AS
        SELECT w.*, h.log_id, h.partition, h.epoch
        FROM ${s}.swaps w JOIN ${s}.history_streams h USING (stream)
        JOIN ${s}.history_spans v ON v.stream = w.stream AND w.event_time >= v.from_time AND w.event_time < v.to_time`,
    ],
  },
  {
    version: 2,
    what: "added the sequences of gaps",
    statements: (s) => [`ALTER TABLE ${s}.history_gaps ADD COLUMN from_sequence bigint, ADD COLUMN to_sequence bigint`],
  },
];

/** Returns the name of the partition of a day, which ends with the date in UTC. */
export function partitionName(table: DailyTable, dayMs: number): string {
  return `${table}_${new Date(dayMs).toISOString().slice(0, 10).replaceAll("-", "")}`;
}

/** Returns the beginning of the day of a partition in ms, or undefined for a table of another name. */
export function dayOfPartition(table: DailyTable, name: string): number | undefined {
  const match = /^([a-z_]+)_([0-9]{4})([0-9]{2})([0-9]{2})$/.exec(name);
  if (match === null || match[1] !== table) return undefined;
  return Date.UTC(Number(match[2]), Number(match[3]) - 1, Number(match[4]));
}

/** Returns the literal of a time. Times that no swap can have are infinite. */
export function timeLiteral(ms: number): string {
  return `'${ms > TIME_MS_MAX ? "infinity" : new Date(ms).toISOString()}'::timestamptz`;
}

/** The last millisecond of the year 9999. */
const TIME_MS_MAX = 253_402_300_799_999;

/** The SQL of a time as whole milliseconds. */
export const msOf = (time: string): string => `(extract(epoch FROM ${time}) * 1000)::bigint`;

/** Returns the SQL of the beginning of the minute, hour or day of a time. */
export function startOf(time: string, ms: number): string {
  return `date_trunc('${ms === MINUTE_MS ? "minute" : ms === HOUR_MS ? "hour" : "day"}', ${time})`;
}
