/** Gaps of streams, and the sequences that are missing in them. */
import type { Reading } from "../../../clients/postgres/connection.ts";
import type { HistoryGap, SequenceRange, Span, StreamKey } from "../../../ports/history-store.ts";
import { nameOf, readStreams } from "./layout.ts";
import { escapedText, plainText } from "./parts.ts";

type Statement = readonly [sql: string, values: readonly (string | null)[]];

export function noteGapStatement(schema: string, gap: HistoryGap): Statement {
  const { logId, partition, epoch, fromMs, toMs, cause, isRepairable, sequences } = gap;
  const key = [escapedText(logId), ...[partition, epoch, fromMs, toMs].map(String)];
  const range = sequences === undefined ? [null, null] : [String(sequences.from), String(sequences.to)];
  // With NULL in one of them the sequences of both are not known; LEAST and GREATEST ignore NULL.
  const isKnown = "held.from_sequence IS NOT NULL AND excluded.from_sequence IS NOT NULL";
  const sql = `INSERT INTO ${schema}.history_gaps AS held (log_id, partition, epoch, from_ms, to_ms, cause, is_repairable, from_sequence, to_sequence)
    VALUES ($1, $2::int, $3::bigint, $4::bigint, $5::bigint, $6, $7::boolean, $8::bigint, $9::bigint)
    ON CONFLICT (log_id, partition, epoch, from_ms, to_ms) DO UPDATE SET
      from_sequence = CASE WHEN ${isKnown} THEN least(held.from_sequence, excluded.from_sequence) END,
      to_sequence = CASE WHEN ${isKnown} THEN greatest(held.to_sequence, excluded.to_sequence) END`;
  return [sql, [...key, escapedText(cause), String(isRepairable), ...range]];
}

export function closeGapsStatement(schema: string, stream: StreamKey, { fromMs, toMs }: Span): Statement {
  const { logId, partition, epoch } = stream;
  const sql = `DELETE FROM ${schema}.history_gaps
    WHERE log_id = $1 AND partition = $2::int AND epoch = $3::bigint AND from_ms >= $4::bigint AND to_ms <= $5::bigint`;
  return [sql, [escapedText(logId), ...[partition, epoch, fromMs, toMs].map(String)]];
}

/** Rows of the range may have any time: they settle by tokens, and gaps of an older version do not say their sequences. */
export async function readMissing(
  query: Reading,
  schema: string,
  key: StreamKey,
  { from, to }: SequenceRange,
): Promise<SequenceRange[]> {
  if (from >= to) return [];
  const stream = (await readStreams(query, schema)).find((one) => nameOf(one) === nameOf(key));
  if (stream === undefined) return [{ from, to }];
  const held = `SELECT sequence FROM ${schema}.swaps WHERE stream = ${stream.id} AND sequence >= $1::bigint AND sequence < $2::bigint
    UNION ALL SELECT $2::bigint`;
  const sql = `SELECT first_sequence, sequence FROM (
      SELECT lag(sequence, 1, $1::bigint - 1) OVER (ORDER BY sequence) + 1 AS first_sequence, sequence FROM (${held}) held
    ) holes WHERE first_sequence < sequence ORDER BY sequence`;
  const { rows } = await query(sql, [String(from), String(to)]);
  return rows.map((row) => ({ from: Number(row.first_sequence), to: Number(row.sequence) }));
}

export function gapOf(row: Readonly<Record<string, unknown>>): HistoryGap {
  // Tables of the first version have no sequences.
  const { from_sequence: from, to_sequence: to } = row;
  const hasSequences = from !== null && from !== undefined;
  return {
    logId: plainText(row.log_id as string),
    partition: Number(row.partition),
    epoch: Number(row.epoch),
    fromMs: Number(row.from_ms),
    toMs: Number(row.to_ms),
    cause: plainText(row.cause as string),
    isRepairable: row.is_repairable === true,
    ...(hasSequences ? { sequences: { from: Number(from), to: Number(to) } } : {}),
  };
}
