/** Reads and writes what is known of the streams: their numbers, where they are valid, their counts and their marks. */
import type { Reading } from "../../../clients/postgres/connection.ts";
import type { Span, StreamKey } from "../../../ports/history-store.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { escapedText, plainText } from "./parts.ts";
import { type LayoutStream, validSpans } from "./ranges.ts";
import { msOf, timeLiteral } from "./schema.ts";

export type StreamRecord = StreamKey & {
  readonly id: number;
  readonly span: Span;
  firstSequence: number;
  nextSequence: number;
  rows: number;
  /** Times of all rows that came. Undefined without rows. */
  firstMs: number | undefined;
  lastMs: number | undefined;
  /** Newest mark. */
  settledMs: number;
  /** Before this time sums are made. */
  finalMs: number;
  isClean: boolean;
};

type Row = Readonly<Record<string, unknown>>;

const COLUMNS =
  "stream, log_id, partition, epoch, from_ms, to_ms, first_sequence, next_sequence, rows, first_ms, last_ms, settled_ms, final_ms, is_clean";

function recordOf(row: Row): StreamRecord {
  const number = (column: string): number => Number(row[column]);
  const known = (column: string): number | undefined => (row[column] === null ? undefined : Number(row[column]));
  return {
    id: number("stream"),
    logId: plainText(row.log_id as string),
    partition: number("partition"),
    epoch: number("epoch"),
    span: { fromMs: number("from_ms"), toMs: number("to_ms") },
    firstSequence: number("first_sequence"),
    nextSequence: number("next_sequence"),
    rows: number("rows"),
    firstMs: known("first_ms"),
    lastMs: known("last_ms"),
    settledMs: number("settled_ms"),
    finalMs: number("final_ms"),
    isClean: row.is_clean === true,
  };
}

export async function readStreams(query: Reading, schema: string): Promise<StreamRecord[]> {
  const { rows } = await query(`SELECT ${COLUMNS} FROM ${schema}.history_streams ORDER BY stream`, []);
  return rows.map(recordOf);
}

/** Returns where streams are valid, by their numbers. */
export async function readSpans(query: Reading, schema: string): Promise<Map<number, Span[]>> {
  const times = `${msOf("from_time")} AS from_ms, CASE WHEN to_time < 'infinity' THEN ${msOf("to_time")} END AS to_ms`;
  const { rows } = await query(`SELECT stream, ${times} FROM ${schema}.history_spans ORDER BY stream, from_time`, []);
  const spans = new Map<number, Span[]>();
  for (const { stream, from_ms, to_ms } of rows) {
    const span = { fromMs: Number(from_ms), toMs: to_ms === null ? Number.MAX_SAFE_INTEGER : Number(to_ms) };
    const known = spans.get(stream as number);
    if (known === undefined) spans.set(stream as number, [span]);
    else known.push(span);
  }
  return spans;
}

/** Returns what reads need to know, as one snapshot if the transaction is one. */
export async function readLayout(query: Reading, schema: string): Promise<LayoutStream[]> {
  const streams = await readStreams(query, schema);
  if (streams.length === 0) return [];
  const spans = await readSpans(query, schema);
  const sql = `SELECT stream, m.sequence, m.before_ms FROM ${schema}.history_marks m JOIN ${schema}.history_streams h USING (stream)
    WHERE m.before_ms <= h.final_ms ORDER BY stream, m.before_ms`;
  const { rows } = await query(sql, []);
  const marks = Map.groupBy(rows, ({ stream }) => stream as number);
  return streams.map(({ id, logId, partition, epoch, firstMs, lastMs }) => ({
    ...{ id, logId, partition, epoch, firstMs, lastMs, spans: spans.get(id) ?? [] },
    marks: (marks.get(id) ?? []).map(({ sequence, before_ms }) => ({
      sequence: Number(sequence),
      beforeMs: Number(before_ms),
    })),
  }));
}

/** Notes the stream, unless it is known, and where all streams of its log and partition are valid from now on. */
export async function addStream(query: Reading, schema: string, key: StreamKey, span: Span): Promise<void> {
  const values = [escapedText(key.logId), ...[key.partition, key.epoch, span.fromMs, span.toMs].map(String)];
  const sql = `INSERT INTO ${schema}.history_streams (log_id, partition, epoch, from_ms, to_ms)
    VALUES ($1, $2::int, $3::bigint, $4::bigint, $5::bigint) ON CONFLICT (log_id, partition, epoch) DO NOTHING RETURNING stream`;
  const added = await query(sql, values);
  if (added.rows.length === 0) return;
  const streams = (await readStreams(query, schema)).filter(
    ({ logId, partition }) => logId === key.logId && partition === key.partition,
  );
  const ids = `'{${streams.map(({ id }) => id).join(",")}}'::int[]`;
  await query(`DELETE FROM ${schema}.history_spans WHERE stream = ANY (${ids})`, []);
  for (const [stream, spans] of validSpans(streams)) {
    for (const { fromMs, toMs } of spans) {
      const times = `${timeLiteral(fromMs)}, ${timeLiteral(toMs)}`;
      await query(`INSERT INTO ${schema}.history_spans VALUES (${stream}, ${times})`, []);
    }
  }
  // Rows of the others may no longer be valid.
  await query(`UPDATE ${schema}.history_streams SET is_clean = false WHERE stream = ANY (${ids}) AND rows > 0`, []);
}

/** Returns the streams of the keys and locks them until the end of the transaction. Throws `internal` for one that was not noted. */
export async function lockStreams(
  query: Reading,
  schema: string,
  keys: readonly StreamKey[],
): Promise<Map<string, StreamRecord>> {
  if (keys.length === 0) return new Map();
  const values = [
    keys.map(({ logId }) => escapedText(logId)),
    keys.map(({ partition }) => String(partition)),
    keys.map(({ epoch }) => String(epoch)),
  ];
  const sql = `SELECT ${COLUMNS} FROM ${schema}.history_streams
    WHERE (log_id, partition, epoch) IN (SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])) ORDER BY stream FOR UPDATE`;
  const { rows } = await query(sql, values);
  const streams = new Map(rows.map(recordOf).map((record) => [nameOf(record), record]));
  for (const key of keys) {
    if (streams.has(nameOf(key))) continue;
    const message = `The stream ${nameOf(key)} of the history has rows and was never noted; the program must call beginStream first.`;
    throw new SwapstatsError("internal", message);
  }
  return streams;
}

export async function writeStream(query: Reading, schema: string, stream: StreamRecord): Promise<void> {
  const { id, firstSequence, nextSequence, rows, firstMs, lastMs, settledMs, finalMs, isClean } = stream;
  const times = [firstMs, lastMs].map((ms) => (ms === undefined ? null : String(ms)));
  const counts = [firstSequence, nextSequence, rows].map(String);
  const sql = `UPDATE ${schema}.history_streams SET (first_sequence, next_sequence, rows, first_ms, last_ms, settled_ms, final_ms, is_clean)
    = ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::boolean) WHERE stream = ${id}`;
  await query(sql, [...counts, ...times, String(settledMs), String(finalMs), String(isClean)]);
}

export const nameOf = ({ logId, partition, epoch }: StreamKey): string => JSON.stringify([logId, partition, epoch]);
