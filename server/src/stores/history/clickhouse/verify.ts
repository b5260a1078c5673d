/** Reads the history again and compares: parts with their checksums, rows with the sequences of their streams, and each table of sums with its source. */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { LEVELS, type Level, msOf } from "./levels.ts";
import { validity } from "./plan.ts";
import { keptFromMs } from "./schema.ts";
import { all, byStream, dateTime, literal, table, time } from "./sql.ts";
import { readStreams, type StreamState } from "./streams.ts";

const CHECKED = ["swaps", "events", ...LEVELS.map((level) => level.table)];
const DIFFERENCES_MAX = 100;

/** Resolves with a sentence for each difference. */
export async function verifyTables(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  counts: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  for (const name of CHECKED) {
    signal.throwIfAborted();
    const sql = `CHECK TABLE ${table(tables, name)} SETTINGS check_query_single_value_result = 0`;
    const parts = (await connection.rows(`check the table ${name}`, sql, signal)) as unknown as [
      string,
      number,
      string,
    ][];
    for (const [part, isSound, message] of parts) {
      if (!isSound) found.push(`The part ${part} of the table ${name} is damaged: ${message}.`);
    }
  }
  const streams = await readStreams(connection, tables, signal);
  for (const { id, logId, partition, epoch, held } of streams) {
    const expected = held === undefined ? 0 : held.lastSequence + 1 - held.firstSequence;
    const rows = counts.get(id) ?? 0;
    const name = `log ${literal(logId)}, partition ${partition}, epoch ${epoch}`;
    if (rows !== expected) found.push(`The stream of ${name} has ${rows} rows, and its sequences say ${expected}.`);
  }
  for (const level of streams.length === 0 ? [] : LEVELS) {
    const sql = differences(tables, level, streams);
    for (const [chainId, token, unit] of await connection.rows(`compare ${level.name}`, sql, signal)) {
      found.push(`The ${level.column} ${unit} of the token ${chainId}:${token} differs from its ${sourceOf(level)}.`);
    }
  }
  return found;
}

const finerOf = (level: Level): Level | undefined => LEVELS[LEVELS.indexOf(level) - 1];
const sourceOf = (level: Level): string => finerOf(level)?.name ?? "rows";

/** Rows that no stream makes valid may have been dropped, so their units are not compared. */
function differences(tables: ClickHouseTables, level: Level, streams: readonly StreamState[]): string {
  const keptMs = keptFromMs(tables, Date.now());
  // Days that were made by the first version of the tables may be ahead of the hours.
  const made = LEVELS.slice(0, LEVELS.indexOf(level) + 1);
  const ends = byStream(
    streams.map(({ id, finalMs }) => [id, Math.min(...made.map(({ name }) => finalMs[name]))] as const),
    0,
  );
  const within = (column: string, from: string): string =>
    all([`${column} >= ${from}`, `${msOf(column)} < ${ends}`, ...validity(streams, streams, level.ms)(msOf(column))]);
  const key = "chain_id, token, unit, stream";
  const unitSums = "buys + sells AS n, usd_buy + usd_sell AS usd, token_buy + token_sell AS tokens";
  const finer = finerOf(level);
  const source =
    finer === undefined
      ? `SELECT chain_id, token, ${level.startOf("event_time")} AS unit, stream, count() AS n, sum(amount_usd) AS usd,
          sum(toDecimal256(amount_token, 18)) AS tokens
        FROM ${table(tables, "swaps")} FINAL WHERE ${within("event_time", time(keptMs))} GROUP BY ${key}`
      : `SELECT chain_id, token, unit, stream, sum(n) AS n, sum(usd) AS usd, sum(tokens) AS tokens FROM (
          SELECT chain_id, token, ${level.startOf(finer.column)} AS unit, stream, ${unitSums}
          FROM ${table(tables, finer.table)} FINAL WHERE ${within(finer.column, dateTime(keptMs))}) GROUP BY ${key}`;
  const units = `SELECT chain_id, token, ${level.column} AS unit, stream, ${unitSums}
    FROM ${table(tables, level.table)} FINAL WHERE ${within(level.column, dateTime(keptMs))}`;
  return `SELECT chain_id, token, toString(unit) FROM (${source} UNION ALL ${units}) GROUP BY ${key}
    HAVING count() != 2 OR min(n) != max(n) OR min(usd) != max(usd) OR min(tokens) != max(tokens) LIMIT ${DIFFERENCES_MAX}`;
}
