/** Drops days beyond the retention, and removes rows that newer streams replaced. Each step is a transaction of its own and can be repeated. */
import type { PostgresConnection } from "../../../clients/postgres/connection.ts";
import type { Span } from "../../../ports/history-store.ts";
import { readSpans, readStreams, type StreamRecord } from "./layout.ts";
import { DAY_MS, LEVELS, timeLiteral } from "./schema.ts";
import { dropPartition, partitionsOf } from "./tables.ts";

/** `beforeMs`: days that end at or before this time are dropped. Returns what was done. */
export async function compactTables(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
  beforeMs: number,
): Promise<string[]> {
  const cutMs = Math.floor(beforeMs / DAY_MS) * DAY_MS;
  const dropped = await dropDays(connection, signal, schema, cutMs);
  const { streams, spans } = await connection.read(signal, async (query) => ({
    streams: await readStreams(query, schema),
    spans: await readSpans(query, schema),
  }));
  const removed: string[] = [];
  for (const stream of streams) {
    if (!stream.isClean) removed.push(...(await clean(connection, signal, schema, stream, spans.get(stream.id) ?? [])));
  }
  return [...dropped, ...removed];
}

async function dropDays(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
  cutMs: number,
): Promise<string[]> {
  const partitions = await connection.read(signal, (query) => partitionsOf(query, schema));
  const old = partitions.filter(({ dayMs }) => dayMs < cutMs);
  for (const partition of old) await dropPartition(connection, signal, schema, partition);
  if (old.length === 0) return [];
  await connection.write(signal, async ({ query }) => {
    const cut = timeLiteral(cutMs);
    await query(`DELETE FROM ${schema}.swap_hours WHERE start_time < ${cut}`, []);
    await query(`DELETE FROM ${schema}.swap_days WHERE start_time < ${cut}`, []);
    await query(`DELETE FROM ${schema}.history_names WHERE last_day < (${cut} AT TIME ZONE 'UTC')::date`, []);
  });
  return [`dropped ${old.length} partitions of days before ${new Date(cutMs).toISOString().slice(0, 10)}`];
}

async function clean(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
  stream: StreamRecord,
  valid: readonly Span[],
): Promise<string[]> {
  const { id, firstMs = 0, lastMs = 0 } = stream;
  const partitions = await connection.read(signal, (query) => partitionsOf(query, schema));
  const isHeld = ({ dayMs }: { readonly dayMs: number }): boolean => dayMs + DAY_MS > firstMs && dayMs <= lastMs;
  let removed = 0;
  for (const { name, table } of partitions.filter((partition) => partition.table !== "events" && isHeld(partition))) {
    const lengthMs = table === "swaps" ? 0 : 60_000;
    const rows = await remove(
      connection,
      signal,
      `${schema}.${name}`,
      id,
      outside(valid, table === "swaps" ? "event_time" : "start_time", lengthMs),
    );
    if (table === "swaps") removed += rows;
  }
  for (const { table, ms } of LEVELS) {
    if (table !== "swap_minutes")
      await remove(connection, signal, `${schema}.${table}`, id, outside(valid, "start_time", ms));
  }
  // Rows that came meanwhile may be outside, too: the next compaction looks again.
  await connection.write(signal, async ({ query }) => {
    await query(
      `UPDATE ${schema}.history_streams SET is_clean = true WHERE stream = ${id} AND rows = $1::bigint
        AND (SELECT count(*) FROM ${schema}.history_spans WHERE stream = ${id}) = ${valid.length}`,
      [String(stream.rows)],
    );
  });
  return removed === 0 ? [] : [`removed ${removed} rows of ${nameText(stream)} that newer streams replaced`];
}

async function remove(
  connection: PostgresConnection,
  signal: AbortSignal,
  table: string,
  stream: number,
  condition: string,
): Promise<number> {
  const sql = `WITH removed AS (DELETE FROM ${table} WHERE stream = ${stream} AND ${condition} RETURNING 1) SELECT count(*) AS rows FROM removed`;
  return connection.write(signal, async ({ query }) => Number((await query(sql, [])).rows[0]?.rows));
}

/** The condition that an interval which begins at `time` is not wholly within one of the spans. */
function outside(valid: readonly Span[], time: string, lengthMs: number): string {
  const inside = valid.map(
    ({ fromMs, toMs }) =>
      `(${time} >= ${timeLiteral(fromMs)} AND ${time} + ${lengthMs} * interval '1 ms' <= ${timeLiteral(toMs)}${lengthMs === 0 ? ` AND ${time} < ${timeLiteral(toMs)}` : ""})`,
  );
  return inside.length === 0 ? "true" : `NOT (${inside.join(" OR ")})`;
}

const nameText = ({ logId, partition, epoch }: StreamRecord): string =>
  `stream ${JSON.stringify(logId)}, partition ${partition}, epoch ${epoch}`;
