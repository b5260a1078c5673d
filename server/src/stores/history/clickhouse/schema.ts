/**
 * The tables, version 2.
 *
 * - `swaps`: settled swaps, sorted for reading by token and time. The whole sorting key is a key of the swap: rows that were sent again differ in
 *   nothing and are merged, and `FINAL` leaves out those that are not merged yet.
 * - `events`: raw events in the order of the log, because its key is the offset. Of rows with one key, the one of the greatest epoch is kept.
 * - `swap_minutes`, `swap_hours`, `swap_days`: sums that are final. They are inserted from whole minutes below a mark (aggregate.ts), and replace equal rows when
 *   they are inserted again. A materialised view that is triggered by inserts would count a row that is sent again twice.
 * - `history_ranges`, `history_tokens`: smallest and largest values, made by materialised views. These are exact whatever is sent again.
 */
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { DAY_MS, LEVELS } from "./levels.ts";
import { literal, quoted, table } from "./sql.ts";

export const SCHEMA_VERSION = 2;
/** Form of rows. */
const ROW_VERSION = 1;

type Statement = { readonly name: string; readonly sql: string };
type Tables = Pick<ClickHouseTables, "database" | "cluster" | "storagePolicy">;
type TtlTables = Pick<ClickHouseTables, "storagePolicy" | "coldAfterMs" | "deleteAfterMs">;

const STREAM = "log_id LowCardinality(String), partition UInt32, epoch UInt64";
const STREAM_ID = "stream UInt64 MATERIALIZED cityHash64(log_id, partition, epoch)";
const TIME = "DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))";

const SWAP_COLUMNS = `chain_id UInt32, token String CODEC(ZSTD(1)), token_symbol LowCardinality(Nullable(String)), pool Nullable(String) CODEC(ZSTD(1)),
  who Nullable(String) CODEC(ZSTD(1)), side Enum8('sell' = 0, 'buy' = 1), amount_token Decimal(38, 18) CODEC(ZSTD(1)), amount_usd Decimal(18, 6) CODEC(ZSTD(1)),
  price_usd Nullable(Float64) CODEC(ZSTD(1))`;
const PLACE_COLUMNS = `event_time ${TIME}, tx_hash String CODEC(ZSTD(1)), log_index UInt32, tx_index UInt32, event_id String CODEC(ZSTD(1)),
  block_number Nullable(UInt64) CODEC(ZSTD(1)), block_hash Nullable(String) CODEC(ZSTD(1)), revision UInt64 CODEC(ZSTD(1))`;
const MARK_KINDS = "Enum8('settled' = 0, 'minutes' = 1, 'days' = 2, 'hours' = 3)";
const SUM_COLUMNS = `buys UInt64, sells UInt64, usd_buy Decimal(38, 6) CODEC(ZSTD(1)), usd_sell Decimal(38, 6) CODEC(ZSTD(1)),
  token_buy Decimal(76, 18) CODEC(ZSTD(1)), token_sell Decimal(76, 18) CODEC(ZSTD(1)), priced UInt64, open Float64, high Float64, low Float64,
  close Float64, open_ms Int64 CODEC(Delta, ZSTD(1)), close_ms Int64 CODEC(Delta, ZSTD(1)), first_ms Int64 CODEC(Delta, ZSTD(1)),
  last_ms Int64 CODEC(Delta, ZSTD(1)), symbol LowCardinality(Nullable(String)), symbol_ms Int64 CODEC(Delta, ZSTD(1)),
  max_sequence UInt64 CODEC(Delta, ZSTD(1)), schema_version UInt8 DEFAULT ${ROW_VERSION}`;

/** Statements that make this version. Each may run again. */
export function createStatements(tables: Tables): Statement[] {
  const create = (name: string, body: string): Statement => ({
    name,
    sql: `CREATE TABLE IF NOT EXISTS ${table(tables, name)}${onCluster(tables)} ${body}`,
  });
  const engine = (kind: string): string => `ENGINE = ${tables.cluster === undefined ? "" : "Replicated"}${kind}`;
  // An acknowledged insert must outlive the machine's power. Replicas guarantee that among themselves, too.
  const durable = ["fsync_after_insert = 1", "fsync_part_directory = 1"];
  const policy = tables.storagePolicy === undefined ? [] : [`storage_policy = ${literal(tables.storagePolicy)}`];
  const settings = (more: readonly string[] = []): string => `SETTINGS ${[...durable, ...policy, ...more].join(", ")}`;
  const replacing = engine("ReplacingMergeTree");
  const sums = (name: string, unit: string): Statement =>
    create(
      name,
      `(chain_id UInt32, token String CODEC(ZSTD(1)), ${unit} DateTime('UTC') CODEC(Delta, ZSTD(1)), ${STREAM}, ${STREAM_ID}, ${SUM_COLUMNS},
      INDEX times ${unit} TYPE minmax GRANULARITY 1)
      ${replacing} PARTITION BY toYYYYMM(${unit}) ORDER BY (chain_id, token, ${unit}, log_id, partition, epoch) ${settings()}`,
    );
  return [
    {
      name: "the database",
      sql: `CREATE DATABASE IF NOT EXISTS ${quoted(tables.database)}${onCluster(tables)}`,
    },
    create(
      "swaps",
      `(${SWAP_COLUMNS}, price Nullable(Float64) CODEC(ZSTD(1)), ${PLACE_COLUMNS}, ${STREAM}, sequence UInt64 CODEC(Delta, ZSTD(1)),
      schema_version UInt8 DEFAULT ${ROW_VERSION}, ${STREAM_ID}, INDEX times event_time TYPE minmax GRANULARITY 1)
      ${replacing} PARTITION BY toYYYYMM(event_time) PRIMARY KEY (chain_id, token, event_time)
      ORDER BY (chain_id, token, event_time, log_id, partition, epoch, sequence) ${settings()}`,
    ),
    create(
      "events",
      `(${SWAP_COLUMNS}, ${PLACE_COLUMNS}, arrival ${TIME}, removed Bool, outcome LowCardinality(String), log_id LowCardinality(String),
      partition UInt32, epoch UInt64, offset UInt64 CODEC(Delta, ZSTD(1)), record_index UInt32, schema_version UInt8 DEFAULT ${ROW_VERSION},
      INDEX times event_time TYPE minmax GRANULARITY 1, INDEX tokens token TYPE bloom_filter(0.01) GRANULARITY 4)
      ${engine("ReplacingMergeTree(epoch)")} PARTITION BY toYYYYMM(event_time) ORDER BY (log_id, partition, offset, record_index) ${settings()}`,
    ),
    ...LEVELS.map(({ table: name, column }) => sums(name, column)),
    create(
      "history_streams",
      `(${STREAM}, from_ms Int64, to_ms Int64, ${STREAM_ID}) ${replacing} ORDER BY (log_id, partition, epoch) ${settings()}`,
    ),
    // The newest mark, and how far minutes, hours and days are made.
    create(
      "history_marks",
      `(${STREAM}, kind ${MARK_KINDS}, sequence UInt64, before_ms Int64, ${STREAM_ID})
      ${engine("ReplacingMergeTree(before_ms)")} ORDER BY (log_id, partition, epoch, kind) ${settings()}`,
    ),
    create(
      "history_gaps",
      `(${STREAM}, from_ms Int64, to_ms Int64, cause String, is_repairable Bool, is_closed Bool, version UInt64,
      from_sequence Nullable(UInt64), to_sequence Nullable(UInt64))
      ${engine("ReplacingMergeTree(version)")} ORDER BY (log_id, partition, epoch, from_ms, to_ms) ${settings()}`,
    ),
    // Sequences of rows that were given and are not there any more, because another stream supersedes them.
    create(
      "history_dropped",
      `(${STREAM}, from_sequence UInt64, to_sequence UInt64, ${STREAM_ID})
      ${replacing} ORDER BY (log_id, partition, epoch, from_sequence, to_sequence) ${settings()}`,
    ),
    create(
      "history_ranges",
      `(${STREAM}, first_sequence SimpleAggregateFunction(min, UInt64), last_sequence SimpleAggregateFunction(max, UInt64),
      from_ms SimpleAggregateFunction(min, Int64), to_ms SimpleAggregateFunction(max, Int64), ${STREAM_ID})
      ${engine("AggregatingMergeTree")} ORDER BY (log_id, partition, epoch) ${settings()}`,
    ),
    create(
      "history_tokens",
      `(chain_id UInt32, token String, last_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
      is_named SimpleAggregateFunction(max, UInt8),
      newest_symbol AggregateFunction(argMax, String, Tuple(DateTime64(3, 'UTC'), UInt64, UInt32, UInt32, String)))
      ${engine("AggregatingMergeTree")} ORDER BY (chain_id, token) ${settings()}`,
    ),
    view(tables, "history_ranges", RANGES_QUERY),
    view(tables, "history_tokens", TOKENS_QUERY),
    create(
      "history_schema",
      `(version UInt32, ttl String, made DateTime64(3, 'UTC')) ${engine("MergeTree")} ORDER BY made ${settings()}`,
    ),
  ];
}

/** Statements that bring version 1 to this one. Each may run again. */
export function upgradeStatements(tables: Tables): Statement[] {
  const kinds = `ALTER TABLE ${table(tables, "history_marks")}${onCluster(tables)} MODIFY COLUMN kind ${MARK_KINDS}`;
  const added = createStatements(tables).filter(({ name }) => name === "swap_hours" || name === "history_dropped");
  const columns = ["from_sequence", "to_sequence"].map((name) => `ADD COLUMN IF NOT EXISTS ${name} Nullable(UInt64)`);
  const sequences = `ALTER TABLE ${table(tables, "history_gaps")}${onCluster(tables)} ${columns.join(", ")}`;
  return [...added, { name: "history_marks", sql: kinds }, { name: "history_gaps", sql: sequences }];
}

const RANGES_QUERY = `SELECT log_id, partition, epoch, min(sequence) AS first_sequence, max(sequence) AS last_sequence,
  min(toUnixTimestamp64Milli(event_time)) AS from_ms, max(toUnixTimestamp64Milli(event_time)) AS to_ms FROM %swaps GROUP BY log_id, partition, epoch`;
const TOKENS_QUERY = `SELECT chain_id, token, max(event_time) AS last_time, max(token_symbol IS NOT NULL) AS is_named, argMaxStateIf(assumeNotNull(token_symbol),
  (event_time, ifNull(block_number, 0), tx_index, log_index, event_id), token_symbol IS NOT NULL) AS newest_symbol FROM %swaps GROUP BY chain_id, token`;

function view(tables: Tables, target: string, query: string): Statement {
  const name = `${target}_view`;
  const head = `CREATE MATERIALIZED VIEW IF NOT EXISTS ${table(tables, name)}${onCluster(tables)} TO ${table(tables, target)}`;
  return { name, sql: `${head} AS ${query.replace("%swaps", table(tables, "swaps"))}` };
}

function onCluster({ cluster }: Pick<ClickHouseTables, "cluster">): string {
  return cluster === undefined ? "" : ` ON CLUSTER ${quoted(cluster)}`;
}

/** Statements that bring the tables to these ages, and the ages as they are noted. Days stay for ever: they are small, and counts come of them. */
export function ttlStatements(tables: Tables & TtlTables): {
  readonly noted: string;
  readonly statements: Statement[];
} {
  const { storagePolicy, coldAfterMs, deleteAfterMs } = tables;
  const seconds = (ms: number): number => Math.ceil(ms / 1_000);
  const rulesOf = (column: string): string[] => {
    const at = `toDateTime(${column})`;
    const move = storagePolicy !== undefined && coldAfterMs !== undefined;
    return [
      ...(move ? [`${at} + INTERVAL ${seconds(coldAfterMs)} SECOND TO VOLUME 'cold'`] : []),
      ...(deleteAfterMs === undefined ? [] : [`${at} + INTERVAL ${seconds(deleteAfterMs)} SECOND DELETE`]),
    ];
  };
  const columns = { swaps: "event_time", events: "event_time", swap_minutes: "minute", swap_hours: "hour" };
  const statements = Object.entries(columns).map(([name, column]) => {
    const rules = rulesOf(column);
    const change = rules.length === 0 ? "REMOVE TTL" : `MODIFY TTL ${rules.join(", ")}`;
    return { name, sql: `ALTER TABLE ${table(tables, name)}${onCluster(tables)} ${change}` };
  });
  return { noted: rulesOf("event_time").join(", "), statements };
}

/** Columns in the order in which rows are written. */
export const SWAPS_WRITTEN =
  "chain_id, token, token_symbol, pool, who, side, amount_token, amount_usd, price_usd, event_time, tx_hash, log_index, tx_index, event_id, block_number, block_hash, revision, price, log_id, partition, epoch, sequence";
export const EVENTS_WRITTEN =
  "chain_id, token, token_symbol, pool, who, side, amount_token, amount_usd, price_usd, event_time, tx_hash, log_index, tx_index, event_id, block_number, block_hash, revision, arrival, removed, outcome, log_id, partition, epoch, offset, record_index";

/** Days in which rows are certainly still there. Undefined: all. */
export function keptFromMs({ deleteAfterMs }: TtlTables, nowMs: number): number {
  return deleteAfterMs === undefined ? 0 : Math.ceil((nowMs - deleteAfterMs) / DAY_MS + 1) * DAY_MS;
}
