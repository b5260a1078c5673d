/**
 * Writes a batch in one transaction: rows, counts, marks, and the sums that became final. Streams are locked in the order of their numbers, so
 * writers of one stream take turns, and what a stream holds is known from its counts. Rows behind the last one are therefore copied into the
 * table itself. Rows in front of it are there already, unless rows of the stream are missing: then they go through a temporary table and are
 * inserted where they are not yet there.
 */
import type { Reading, Writing } from "../../../clients/postgres/connection.ts";
import type { HistoryBatch, SettledBatch, SettledRow, Span } from "../../../ports/history-store.ts";
import { EVENT_COLUMNS, eventText, type NumberedRows, SETTLED_COLUMNS, settledText } from "./copy-text.ts";
import { lockStreams, nameOf, readSpans, type StreamRecord, writeStream } from "./layout.ts";
import { noteNames } from "./names.ts";
import { msOf } from "./schema.ts";
import { addMarks } from "./sums.ts";

type Split = {
  /** Rows that are certainly not there yet. */
  readonly added: NumberedRows[];
  /** Rows that may be there. */
  readonly doubtful: NumberedRows[];
};

/** What was inserted, by stream. */
type Inserted = { readonly stream: number; readonly rows: number; readonly fromMs: number; readonly toMs: number };

export async function appendBatch(writing: Writing, schema: string, batch: HistoryBatch): Promise<void> {
  const { query, copy } = writing;
  const keys = new Map([...batch.settled, ...batch.marks].map((key) => [nameOf(key), key]));
  const streams = await lockStreams(query, schema, [...keys.values()]);
  const byId = new Map([...streams.values()].map((stream) => [stream.id, stream]));
  const { added, doubtful } = split(batch.settled, streams);
  if (added.length > 0) {
    await copy(`COPY ${schema}.swaps (${SETTLED_COLUMNS}) FROM STDIN`, settledText(added));
  }
  const inserted = [...added.map(insertedOf), ...(await insertMissing(writing, schema, doubtful))];
  const times = new Map<number, Span>();
  for (const one of inserted) {
    count(byId.get(one.stream) as StreamRecord, one);
    const { fromMs, toMs } = times.get(one.stream) ?? one;
    times.set(one.stream, { fromMs: Math.min(fromMs, one.fromMs), toMs: Math.max(toMs, one.toMs) });
  }
  if (inserted.length > 0) {
    await noteInvalid(query, schema, byId, [...added, ...doubtful]);
    await noteNames(
      query,
      schema,
      [...added, ...doubtful].flatMap(({ rows }) => rows),
    );
  }
  await addMarks(query, schema, { streams, marks: batch.marks, inserted: times });
  for (const stream of byId.values()) await writeStream(query, schema, stream);
  if (batch.raw.some(({ rows }) => rows.length > 0)) await writeEvents(writing, schema, batch.raw);
}

function split(batches: readonly SettledBatch[], streams: ReadonlyMap<string, StreamRecord>): Split {
  const added: NumberedRows[] = [];
  const doubtful: NumberedRows[] = [];
  for (const { fromSequence, rows, ...key } of batches) {
    if (rows.length === 0) continue;
    const stream = streams.get(nameOf(key)) as StreamRecord;
    const end = fromSequence + rows.length;
    if (stream.nextSequence === 0) {
      stream.firstSequence = fromSequence;
      stream.nextSequence = fromSequence;
    }
    const { firstSequence, nextSequence } = stream;
    const isWhole = stream.rows + countOf(added, stream) === nextSequence - firstSequence;
    const known = Math.min(end, Math.max(fromSequence, nextSequence)) - fromSequence;
    if (known > 0 && !(isWhole && fromSequence >= firstSequence)) {
      doubtful.push({ stream: stream.id, fromSequence, rows: rows.slice(0, known) });
    }
    if (known < rows.length) {
      added.push({ stream: stream.id, fromSequence: fromSequence + known, rows: rows.slice(known) });
    }
    stream.firstSequence = Math.min(firstSequence, fromSequence);
    stream.nextSequence = Math.max(nextSequence, end);
  }
  return { added, doubtful };
}

const countOf = (parts: readonly NumberedRows[], { id }: StreamRecord): number =>
  parts.reduce((sum, { stream, rows }) => (stream === id ? sum + rows.length : sum), 0);

function insertedOf({ stream, rows }: NumberedRows): Inserted {
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, 0];
  for (const { eventTimeMs } of rows) {
    if (eventTimeMs < fromMs) fromMs = eventTimeMs;
    if (eventTimeMs > toMs) toMs = eventTimeMs;
  }
  return { stream, rows: rows.length, fromMs, toMs };
}

function count(stream: StreamRecord, { rows, fromMs, toMs }: Inserted): void {
  stream.rows += rows;
  stream.firstMs = Math.min(stream.firstMs ?? fromMs, fromMs);
  stream.lastMs = Math.max(stream.lastMs ?? toMs, toMs);
}

async function insertMissing(
  { query, copy }: Writing,
  schema: string,
  doubtful: readonly NumberedRows[],
): Promise<Inserted[]> {
  if (doubtful.length === 0) return [];
  // Behind a pooler each transaction may be on another connection, where the table is missing.
  await query(`CREATE TEMPORARY TABLE IF NOT EXISTS swaps_again (LIKE ${schema}.swaps) ON COMMIT DELETE ROWS`, []);
  await query("ALTER TABLE pg_temp.swaps_again ALTER schema_version SET DEFAULT 1", []);
  await copy(`COPY pg_temp.swaps_again (${SETTLED_COLUMNS}) FROM STDIN`, settledText(doubtful));
  const sql = `WITH inserted AS (
      INSERT INTO ${schema}.swaps SELECT * FROM pg_temp.swaps_again ON CONFLICT DO NOTHING RETURNING stream, event_time
    )
    SELECT stream, count(*) AS rows, ${msOf("min(event_time)")} AS from_ms, ${msOf("max(event_time)")} AS to_ms FROM inserted GROUP BY stream`;
  const { rows } = await query(sql, []);
  return rows.map((row) => ({
    stream: row.stream as number,
    rows: Number(row.rows),
    fromMs: Number(row.from_ms),
    toMs: Number(row.to_ms),
  }));
}

/** Notes streams that got rows at times where they are not valid, so that the next compaction removes these. */
async function noteInvalid(
  query: Reading,
  schema: string,
  streams: ReadonlyMap<number, StreamRecord>,
  parts: readonly NumberedRows[],
): Promise<void> {
  const spans = await readSpans(query, schema);
  for (const { stream, rows } of parts) {
    const record = streams.get(stream) as StreamRecord;
    if (record.isClean && !rows.every((row) => isWithin(spans.get(stream) ?? [], row))) record.isClean = false;
  }
}

const isWithin = (spans: readonly Span[], { eventTimeMs }: SettledRow): boolean =>
  spans.some(({ fromMs, toMs }) => fromMs <= eventTimeMs && eventTimeMs < toMs);

/** Of two events with the same key the one of the greater epoch stays. */
async function writeEvents({ query, copy }: Writing, schema: string, raw: HistoryBatch["raw"]): Promise<void> {
  await query(`CREATE TEMPORARY TABLE IF NOT EXISTS events_again (LIKE ${schema}.events) ON COMMIT DELETE ROWS`, []);
  await query("ALTER TABLE pg_temp.events_again ALTER schema_version SET DEFAULT 1", []);
  await copy(`COPY pg_temp.events_again (${EVENT_COLUMNS}) FROM STDIN`, eventText(raw));
  const key = 'log_id, partition, "offset", record_index, arrival';
  const changes = EVENT_COLUMNS.split(", ").filter((column) => !key.split(", ").includes(column));
  const set = changes.map((column) => `${column} = excluded.${column}`).join(", ");
  const newest = `SELECT DISTINCT ON (${key}) * FROM pg_temp.events_again ORDER BY ${key}, epoch DESC`;
  const sql = `INSERT INTO ${schema}.events AS held ${newest}
    ON CONFLICT (${key}) DO UPDATE SET ${set} WHERE excluded.epoch > held.epoch`;
  await query(sql, []);
}
