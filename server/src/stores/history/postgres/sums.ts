/**
 * Makes minutes, hours and days. A mark is in force when the rows below it are there; sums before it are then final. They are written by
 * interval and stream, so making them again gives the same rows.
 */
import type { Reading } from "../../../clients/postgres/connection.ts";
import type { SettledMark, Span } from "../../../ports/history-store.ts";
import { nameOf, type StreamRecord } from "./layout.ts";
import { LEVEL_COLUMNS, LEVEL_VALUES, partColumns } from "./parts.ts";
import { DAY_MS, LEVELS, type Level, startOf, timeLiteral } from "./schema.ts";

/** Marks of a stream that are kept for edges that lie before the newest one: two days, at one a minute. */
const MARKS_KEPT_MAX = 2_880;

type Marking = {
  readonly streams: ReadonlyMap<string, StreamRecord>;
  readonly marks: readonly SettledMark[];
  /** Times of the rows that were inserted, by the number of their stream. */
  readonly inserted: ReadonlyMap<number, Span>;
};

/** Notes the marks, and brings the sums of the streams up to the newest one in force. */
export async function addMarks(query: Reading, schema: string, { streams, marks, inserted }: Marking): Promise<void> {
  for (const mark of marks) {
    const stream = streams.get(nameOf(mark)) as StreamRecord;
    stream.settledMs = Math.max(stream.settledMs, mark.beforeMs);
    const sql = `INSERT INTO ${schema}.history_marks VALUES (${stream.id}, $1::bigint, $2::bigint) ON CONFLICT DO NOTHING`;
    await query(sql, [String(mark.sequence), String(mark.beforeMs)]);
  }
  for (const stream of streams.values()) {
    const finalMs = await newestInForce(query, schema, stream);
    const doneMs = stream.finalMs === 0 ? (stream.firstMs ?? finalMs) : stream.finalMs;
    stream.finalMs = finalMs;
    if (stream.firstMs === undefined) continue;
    // Behind the last row there is nothing to sum.
    const endMs = Math.min(finalMs, dayBehind(stream.lastMs ?? 0));
    const late = inserted.get(stream.id);
    const lateEndMs = late === undefined ? 0 : Math.min(doneMs, endMs, dayBehind(late.toMs));
    // Rows behind the last mark: their days alone are summed again.
    if (late !== undefined && late.fromMs < lateEndMs) await makeSums(query, schema, stream.id, late.fromMs, lateEndMs);
    if (doneMs < endMs) await makeSums(query, schema, stream.id, doneMs, endMs);
  }
}

const dayBehind = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS + DAY_MS;

async function newestInForce(
  query: Reading,
  schema: string,
  { id, finalMs, nextSequence }: StreamRecord,
): Promise<number> {
  const sql = `SELECT coalesce(max(before_ms), 0) AS before_ms FROM ${schema}.history_marks WHERE stream = ${id} AND sequence <= $1::bigint`;
  const { rows } = await query(sql, [String(nextSequence)]);
  const newest = Math.max(finalMs, Number(rows[0]?.before_ms));
  if (newest > finalMs) {
    const old = `SELECT before_ms FROM ${schema}.history_marks WHERE stream = ${id} AND before_ms <= $1::bigint
      ORDER BY before_ms DESC OFFSET ${MARKS_KEPT_MAX} LIMIT 1`;
    await query(`DELETE FROM ${schema}.history_marks WHERE stream = ${id} AND before_ms <= (${old})`, [String(newest)]);
  }
  return newest;
}

/** Makes all intervals of the stream that lie before `finalMs` and may hold a swap from `fromMs` on. */
async function makeSums(
  query: Reading,
  schema: string,
  stream: number,
  fromMs: number,
  finalMs: number,
): Promise<void> {
  // Statements for a day each stay within the time limit, also when a mark makes months final.
  for (let dayMs = Math.floor(fromMs / DAY_MS) * DAY_MS; dayMs < finalMs; dayMs += DAY_MS) {
    await makeSumsOfDay(query, schema, stream, Math.max(fromMs, dayMs), Math.min(finalMs, dayMs + DAY_MS));
  }
}

async function makeSumsOfDay(
  query: Reading,
  schema: string,
  stream: number,
  fromMs: number,
  finalMs: number,
): Promise<void> {
  for (const [i, { table, ms }] of LEVELS.entries().toArray().toReversed()) {
    const [firstMs, endMs] = [Math.floor(fromMs / ms) * ms, Math.floor(finalMs / ms) * ms];
    if (firstMs >= endMs) continue;
    const [from, to] = [timeLiteral(firstMs), timeLiteral(endMs)];
    const finer: Level["table"] | "swaps" = LEVELS[i + 1]?.table ?? "swaps";
    const time = finer === "swaps" ? "event_time" : "start_time";
    const parts = `SELECT ${partColumns(finer, startOf(time, ms))} FROM ${schema}.${finer}
      WHERE stream = ${stream} AND ${time} >= ${from} AND ${time} < ${to}`;
    const columns = LEVEL_COLUMNS.join(", ");
    const set = LEVEL_COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ");
    const sql = `INSERT INTO ${schema}.${table} (stream, chain_id, token, start_time, ${columns})
      SELECT ${stream}, chain_id, token, start_time, ${LEVEL_VALUES} FROM (${parts}) parts GROUP BY chain_id, token, start_time
      ON CONFLICT (token, chain_id, start_time, stream) DO UPDATE SET ${set}`;
    await query(sql, []);
  }
}
