/** How much the store holds. Rows are counted by days and minutes where these are final, so the count does not read the whole history. */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { HistoryStatus } from "../../../ports/history-store.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { readGaps } from "./gaps.ts";
import { type LevelName, msOf } from "./levels.ts";
import { notedSchema } from "./migrate.ts";
import { byStream, literal, table, time } from "./sql.ts";
import { readStreams, type StreamState } from "./streams.ts";

export async function readStatus(connection: ClickHouseConnection, tables: ClickHouseTables): Promise<HistoryStatus> {
  const streams = await readStreams(connection, tables);
  const bytesSql = `SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = ${literal(tables.database)}`;
  const [counts, gaps, schema, bytes] = await Promise.all([
    readCounts(connection, tables, streams),
    readGaps(connection, tables),
    notedSchema(connection, tables),
    connection.rows("read the size of the history", bytesSql),
  ]);
  const held = streams.flatMap(({ held }) => (held === undefined ? [] : [held]));
  return {
    schemaVersion: schema.version,
    streams: streams.map(({ id, logId, partition, epoch, span, settledBeforeMs, held }) => ({
      ...{ logId, partition, epoch, span, settledBeforeMs },
      firstSequence: held?.firstSequence ?? 0,
      nextSequence: held === undefined ? 0 : held.lastSequence + 1,
      rows: counts.get(id) ?? 0,
    })),
    gaps: gaps.filter(({ isClosed }) => !isClosed).map(({ isClosed: _, version: __, ...gap }) => gap),
    rows: [...counts.values()].reduce((sum, count) => sum + count, 0),
    bytes: bytes[0]![0] as number,
    fromMs: held.length === 0 ? undefined : Math.min(...held.map(({ fromMs }) => fromMs)),
    toMs: held.length === 0 ? undefined : Math.max(...held.map(({ toMs }) => toMs)),
  };
}

/** Resolves with the number of rows of each stream, by its id. A row that is stored twice counts once. */
export async function readCounts(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  streams: readonly StreamState[],
): Promise<ReadonlyMap<string, number>> {
  if (streams.length === 0) return new Map();
  const endsOf = (name: LevelName): string =>
    byStream(
      streams.map(({ id, finalMs }) => [id, finalMs[name]] as const),
      0,
    );
  const [minutesEnd, daysEnd] = [endsOf("minutes"), endsOf("days")];
  const from = Math.min(...streams.map(({ finalMs }) => finalMs.minutes));
  const sql = `SELECT toString(stream), sum(n) FROM (
    SELECT stream, sum(buys + sells) AS n FROM ${table(tables, "swap_days")} FINAL WHERE ${msOf("day")} < ${daysEnd} GROUP BY stream
    UNION ALL SELECT stream, sum(buys + sells) AS n FROM ${table(tables, "swap_minutes")} FINAL
      WHERE ${msOf("minute")} >= ${daysEnd} AND ${msOf("minute")} < ${minutesEnd} GROUP BY stream
    UNION ALL SELECT stream, uniqExact(sequence) AS n FROM ${table(tables, "swaps")}
      WHERE event_time >= ${time(from)} AND ${msOf("event_time")} >= ${minutesEnd} GROUP BY stream
    ) GROUP BY stream`;
  const rows = (await connection.rows("count rows", sql)) as unknown as (readonly [string, number])[];
  return new Map(rows);
}
