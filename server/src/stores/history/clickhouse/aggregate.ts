/**
 * Makes minutes of settled rows below a mark, hours of minutes, and days of hours. What is inserted is a function of rows that no longer change, and
 * replaces equal rows: so it is exact after any repetition, by any instance. The time up to which a stream is aggregated is noted last.
 */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { Span, StreamKey } from "../../../ports/history-store.ts";
import { isSameStream } from "../valid-spans.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { LEVELS, type Level, MINUTE_MS, msOf } from "./levels.ts";
import { all, byStream, clamped, dateTime, table, time } from "./sql.ts";
import { readStreams, type StreamState } from "./streams.ts";
import { MINUTE_SUMS, SUMS_WRITTEN, UNIT_SUMS } from "./sums.ts";

/** Whole units of a stream. */
type Due = { readonly stream: StreamState; readonly fromMs: number; readonly toMs: number };

/** A statement has a time limit, so it makes a piece. Pieces that are made faster than this grow. */
const PIECE_MS = 2_000;
const PIECES_GROWTH = 4;

/** Resolves with what was done, a phrase each. A stream whose mark moved by less than `stepMs` waits. */
export async function aggregate(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  stepMs: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const done: string[] = [];
  for (const level of LEVELS) {
    const made = new Set<string>();
    for (let pieces = 1; ; ) {
      signal?.throwIfAborted();
      const streams = await readStreams(connection, tables, signal);
      const due = dueOf(streams, level, level === LEVELS[0] ? stepMs : level.ms, pieces);
      if (due.length === 0) break;
      const beginMs = performance.now();
      await addUp(connection, tables, level, due);
      await note(connection, tables, level, due);
      for (const { stream } of due) made.add(stream.id);
      pieces = performance.now() - beginMs < PIECE_MS ? PIECES_GROWTH * pieces : 1;
    }
    if (made.size > 0) done.push(`${level.name} of ${made.size} streams`);
  }
  return done;
}

/**
 * Makes the final units of the span again: rows have come for them since. A statement of another instance that has begun before these rows came
 * could end later and put the old minutes back, so first everything up to the newest mark is added up.
 */
export async function aggregateAgain(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  key: StreamKey,
  { fromMs, toMs }: Span,
): Promise<void> {
  await aggregate(connection, tables, MINUTE_MS);
  const stream = (await readStreams(connection, tables)).find((one) => isSameStream(one, key));
  if (stream === undefined) return;
  for (const level of LEVELS) {
    const from = Math.floor(fromMs / level.ms) * level.ms;
    const to = Math.min(Math.ceil(toMs / level.ms) * level.ms, stream.finalMs[level.name]);
    if (from < to) await addUp(connection, tables, level, [{ stream, fromMs: from, toMs: to }]);
  }
}

/** Makes these units, again if they are there: then the new ones replace them. */
async function addUp(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  level: Level,
  due: readonly Due[],
): Promise<void> {
  // Nothing was before the first row.
  const held = due.filter(({ stream, toMs }) => stream.held !== undefined && stream.held.fromMs < toMs);
  if (held.length === 0) return;
  const finer = LEVELS[LEVELS.indexOf(level) - 1];
  const [from, column, text] =
    finer === undefined ? (["swaps", "event_time", time] as const) : ([finer.table, finer.column, dateTime] as const);
  const key = "chain_id, token, log_id, partition, epoch";
  const sql = `INSERT INTO ${table(tables, level.table)} (chain_id, token, ${level.column}, log_id, partition, epoch, ${SUMS_WRITTEN})
    SELECT chain_id, token, ${level.startOf(column)} AS unit, log_id, partition, epoch, ${finer === undefined ? MINUTE_SUMS : UNIT_SUMS}
    FROM ${table(tables, from)} FINAL WHERE ${within(held, column, text)} GROUP BY ${key}, unit SETTINGS ${SETTINGS}`;
  await connection.command(`add up ${level.name}`, sql);
}

/** The rows of a key all have the same time, so an index of times may skip some of them. A piece may be as long as the history. */
const SETTINGS =
  "use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 0, max_partitions_per_insert_block = 0";

/** The next piece of each stream whose finer units, or mark, are at least `stepMs` ahead. */
function dueOf(streams: readonly StreamState[], level: Level, stepMs: number, pieces: number): Due[] {
  const finer = LEVELS[LEVELS.indexOf(level) - 1];
  return streams.flatMap((stream) => {
    const fromMs = stream.finalMs[level.name];
    const sourceMs = finer === undefined ? stream.settledBeforeMs : stream.finalMs[finer.name];
    const untilMs = Math.floor(sourceMs / level.ms) * level.ms;
    if (untilMs - fromMs < stepMs) return [];
    const firstMs = Math.floor((stream.held?.fromMs ?? untilMs) / level.ms) * level.ms;
    return [{ stream, fromMs, toMs: Math.min(untilMs, Math.max(fromMs, firstMs) + pieces * level.pieceMs) }];
  });
}

function within(due: readonly Due[], column: string, text: (ms: number) => string): string {
  const from = Math.min(...due.map(({ fromMs }) => fromMs));
  const to = Math.max(...due.map(({ toMs }) => toMs));
  const each = (value: (one: Due) => number): string =>
    byStream(
      due.map((one) => [one.stream.id, clamped(value(one))] as const),
      0,
    );
  return all([
    `${column} >= ${text(from)} AND ${column} < ${text(to)}`,
    `stream IN (${due.map(({ stream }) => `toUInt64(${stream.id})`).join(", ")})`,
    `${msOf(column)} >= ${each(({ fromMs }) => fromMs)}`,
    `${msOf(column)} < ${each(({ toMs }) => toMs)}`,
  ]);
}

async function note(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  { name }: Level,
  due: readonly Due[],
): Promise<void> {
  const each = (value: (one: Due) => number): string =>
    byStream(
      due.map((one) => [one.stream.id, value(one)] as const),
      0,
    );
  const sequences = each(({ stream }) => (name === "minutes" ? stream.settledSequence : 0));
  const sql = `INSERT INTO ${table(tables, "history_marks")} (log_id, partition, epoch, kind, sequence, before_ms)
    SELECT log_id, partition, epoch, '${name}', toUInt64(${sequences}), ${each(({ toMs }) => toMs)} FROM ${table(tables, "history_streams")} FINAL
    WHERE stream IN (${due.map(({ stream }) => `toUInt64(${stream.id})`).join(", ")})`;
  await connection.command(`note how far ${name} are added up`, sql);
}
