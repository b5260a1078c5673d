/** Reads what the tables hold. */
import type { Reading } from "../../../clients/postgres/connection.ts";
import type { HistoryStatus } from "../../../ports/history-store.ts";
import { gapOf } from "./gaps.ts";
import { readStreams } from "./layout.ts";
import { partitionsOf, readVersion } from "./tables.ts";

export async function readStatus(query: Reading, schema: string): Promise<HistoryStatus> {
  const schemaVersion = await readVersion(query, schema);
  const streams = await readStreams(query, schema);
  const gaps = await query(`SELECT * FROM ${schema}.history_gaps ORDER BY from_ms, log_id, partition, epoch`, []);
  const sizes = await query(
    `SELECT coalesce(sum(pg_total_relation_size(oid)), 0) AS bytes FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'`,
    [schema],
  );
  const days = (await partitionsOf(query, schema)).filter(({ table }) => table === "swaps");
  const oldestMs = days[0]?.dayMs ?? 0;
  const held = streams.filter(({ rows }) => rows > 0);
  return {
    schemaVersion,
    streams: streams.map(({ logId, partition, epoch, span, firstSequence, nextSequence, rows, settledMs }) => ({
      ...{ logId, partition, epoch, span, firstSequence, nextSequence, rows },
      settledBeforeMs: settledMs,
    })),
    gaps: gaps.rows.map(gapOf),
    rows: held.reduce((sum, { rows }) => sum + rows, 0),
    bytes: Number(sizes.rows[0]?.bytes),
    // Days that the retention dropped are not there any more.
    fromMs: held.length === 0 ? undefined : Math.max(oldestMs, Math.min(...held.map(({ firstMs }) => firstMs ?? 0))),
    toMs: held.length === 0 ? undefined : Math.max(...held.map(({ lastMs }) => lastMs ?? 0)),
  };
}
