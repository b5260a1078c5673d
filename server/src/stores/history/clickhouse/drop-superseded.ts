/**
 * Drops rows that no stream makes valid, where their minutes are made: these go on counting what the stream was given. The sums of such minutes stay,
 * too; answers leave them out, and they are small. Which sequences were dropped is noted first: they are not missing.
 */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { Span } from "../../../ports/history-store.ts";
import { clipSpans, isSameStream } from "../valid-spans.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { readGaps } from "./gaps.ts";
import { DAY_MS, msOf } from "./levels.ts";
import { ofStream } from "./plan.ts";
import { all, table, time } from "./sql.ts";
import { invalidParts, readStreams } from "./streams.ts";

/** Resolves with what was done, a phrase each. A day at a time: a statement has a time limit. */
export async function dropSuperseded(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  signal: AbortSignal,
): Promise<string[]> {
  const streams = await readStreams(connection, tables, signal);
  const open = (await readGaps(connection, tables)).filter(({ isClosed }) => !isClosed);
  const parts = streams.flatMap((stream) => {
    // The minutes of a gap are made again of their rows when these have come.
    if (stream.held === undefined || open.some((gap) => isSameStream(gap, stream))) return [];
    const dropped = { fromMs: stream.held.fromMs, toMs: Math.min(stream.held.toMs + 1, stream.finalMs.minutes) };
    return clipSpans(invalidParts(stream, streams), dropped).map((part) => ({ id: stream.id, ...part }));
  });
  if (parts.length === 0) return [];
  const rowMs = msOf("event_time");
  const superseded = parts.map(({ id, ...part }) => `(${all(ofStream(id, part, rowMs))})`).join(" OR ");
  const within = ({ fromMs, toMs }: Span): string =>
    all([`event_time >= ${time(fromMs)} AND event_time < ${time(toMs)}`, superseded]);
  const whole = {
    fromMs: Math.min(...parts.map(({ fromMs }) => fromMs)),
    toMs: Math.max(...parts.map(({ toMs }) => toMs)),
  };
  const swaps = table(tables, "swaps");
  const sql = `SELECT intDiv(${rowMs}, ${DAY_MS}) AS day, count() FROM ${swaps} WHERE ${within(whole)} GROUP BY day ORDER BY day`;
  const days = (await connection.rows("find superseded rows", sql, signal)) as unknown as [number, number][];
  const key = "log_id, partition, epoch";
  for (const [day] of days) {
    signal.throwIfAborted();
    const where = within({ fromMs: day * DAY_MS, toMs: (day + 1) * DAY_MS });
    const islands = `SELECT ${key}, sequence, sequence - row_number() OVER (PARTITION BY ${key} ORDER BY sequence) AS island
      FROM (SELECT DISTINCT ${key}, sequence FROM ${swaps} WHERE ${where})`;
    await connection.command(
      "note superseded rows",
      `INSERT INTO ${table(tables, "history_dropped")} (${key}, from_sequence, to_sequence)
        SELECT ${key}, min(sequence), max(sequence) + 1 FROM (${islands}) GROUP BY ${key}, island`,
    );
    await connection.command("drop superseded rows", `DELETE FROM ${swaps} WHERE ${where}`);
  }
  const rows = days.reduce((sum, [, count]) => sum + count, 0);
  return rows === 0 ? [] : [`dropped ${rows} superseded rows`];
}
