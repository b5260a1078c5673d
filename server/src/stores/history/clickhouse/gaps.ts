/** Gaps are noted and closed by rows that replace each other. Their missing sequences are found among those of the rows. */
import type { ClickHouseConnection } from "../../../clients/clickhouse/connection.ts";
import type { HistoryGap, SequenceRange, Span, StreamKey } from "../../../ports/history-store.ts";
import { isSameStream } from "../valid-spans.ts";
import type { ClickHouseTables } from "./clickhouse-setup.ts";
import { literal, table } from "./sql.ts";
import { readStreams } from "./streams.ts";

type NotedGap = HistoryGap & { readonly isClosed: boolean; readonly version: number };
type Columns = readonly [...Key, string, boolean, boolean, number, number | null, number | null];
type Key = readonly [string, number, number, number, number];

const COLUMNS =
  "log_id, partition, epoch, from_ms, to_ms, cause, is_repairable, is_closed, version, from_sequence, to_sequence";

export async function readGaps(connection: ClickHouseConnection, tables: ClickHouseTables): Promise<NotedGap[]> {
  const sql = `SELECT ${COLUMNS} FROM ${table(tables, "history_gaps")} FINAL ORDER BY log_id, partition, epoch, from_ms`;
  const rows = (await connection.rows("read gaps", sql)) as unknown as Columns[];
  return rows.map(([logId, partition, epoch, fromMs, toMs, cause, isRepairable, isClosed, version, from, to]) => ({
    ...{ logId, partition, epoch, fromMs, toMs, cause, isRepairable, isClosed, version },
    ...(from === null || to === null ? {} : { sequences: { from, to } }),
  }));
}

export async function noteGap(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  gap: HistoryGap,
): Promise<void> {
  const gaps = await readGaps(connection, tables);
  const noted = gaps.find(
    (other) => isSameStream(other, gap) && other.fromMs === gap.fromMs && other.toMs === gap.toMs,
  );
  if (noted === undefined || noted.isClosed) {
    await write(connection, tables, [{ ...gap, isClosed: false, version: (noted?.version ?? 0) + 1 }]);
    return;
  }
  const { sequences: before, ...rest } = noted;
  if (before === undefined || isWithin(gap.sequences, before)) return;
  const { from, to } = gap.sequences ?? {};
  const sequences =
    from === undefined || to === undefined
      ? {}
      : { sequences: { from: Math.min(before.from, from), to: Math.max(before.to, to) } };
  await write(connection, tables, [{ ...rest, ...sequences, version: noted.version + 1 }]);
}

const isWithin = (range: SequenceRange | undefined, other: SequenceRange): boolean =>
  range !== undefined && other.from <= range.from && range.to <= other.to;

/** Rows of the range may have any time: they settle by tokens, and gaps of an older version do not say their sequences. */
export async function readMissing(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  key: StreamKey,
  { from, to }: SequenceRange,
): Promise<SequenceRange[]> {
  if (from >= to) return [];
  const stream = (await readStreams(connection, tables)).find((one) => isSameStream(one, key));
  if (stream === undefined) return [{ from, to }];
  const isOf = `stream = toUInt64(${stream.id})`;
  const held = [
    // The maximum of no rows is 0, not NULL: a sequence in front of the range begins it.
    `SELECT toInt64(${from - 1}) AS first, first AS last`,
    `SELECT toInt64(sequence) AS first, first AS last FROM ${table(tables, "swaps")} WHERE ${isOf}
      AND sequence >= ${from} AND sequence < ${to}`,
    `SELECT toInt64(from_sequence) AS first, toInt64(to_sequence) - 1 AS last FROM ${table(tables, "history_dropped")} WHERE ${isOf}
      AND from_sequence < ${to} AND to_sequence > ${from}`,
    `SELECT toInt64(${to}) AS first, first AS last`,
  ];
  const before = "max(last) OVER (ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)";
  const sql = `SELECT before + 1, first FROM (SELECT first, ${before} AS before FROM (${held.join(" UNION ALL ")}))
    WHERE first >= ${from} AND before + 1 < first ORDER BY first`;
  const rows = (await connection.rows("find missing rows", sql)) as unknown as (readonly [number, number])[];
  return rows.map(([first, end]) => ({ from: first, to: end }));
}

export async function closeGaps(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  stream: StreamKey,
  span: Span,
): Promise<void> {
  const within = (await readGaps(connection, tables)).filter(
    (gap) => isSameStream(gap, stream) && !gap.isClosed && span.fromMs <= gap.fromMs && gap.toMs <= span.toMs,
  );
  if (within.length === 0) return;
  await write(
    connection,
    tables,
    within.map((gap) => ({ ...gap, isClosed: true, version: gap.version + 1 })),
  );
}

async function write(
  connection: ClickHouseConnection,
  tables: ClickHouseTables,
  gaps: readonly NotedGap[],
): Promise<void> {
  const values = gaps.map((gap) => {
    const { logId, partition, epoch, fromMs, toMs, cause, isRepairable, isClosed, version, sequences } = gap;
    const { from = "NULL", to = "NULL" } = sequences ?? {};
    const stream = `${literal(logId)}, ${partition}, ${epoch}, ${fromMs}, ${toMs}`;
    return `(${stream}, ${literal(cause)}, ${isRepairable}, ${isClosed}, ${version}, ${from}, ${to})`;
  });
  await connection.command(
    "note gaps",
    `INSERT INTO ${table(tables, "history_gaps")} (${COLUMNS}) VALUES ${values.join(", ")}`,
  );
}
