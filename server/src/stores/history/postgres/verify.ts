/** Makes all sums again and compares them with the stored ones, and compares the counts of streams with their rows. */
import type { PostgresConnection } from "../../../clients/postgres/connection.ts";
import { readLayout, readStreams } from "./layout.ts";
import { inRange, LEVEL_COLUMNS, LEVEL_VALUES, partColumns } from "./parts.ts";
import type { Ask } from "./queries.ts";
import { type LayoutStream, rangesOf } from "./ranges.ts";
import { DAY_MS, LEVELS, startOf } from "./schema.ts";
import { partitionsOf } from "./tables.ts";

/** Returns a sentence for each thing that is missing or wrong. Reads all swaps. */
export async function verifyTables(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
): Promise<string[]> {
  const days = await connection.read(signal, (query) => partitionsOf(query, schema));
  const problems = await verifyCounts(connection, signal, schema, days[0]?.dayMs ?? 0);
  for (const { dayMs } of days.filter(({ table }) => table === "swaps")) {
    const found = await connection.read(
      signal,
      async (query) => {
        const ask: Ask = async ({ sql, values }) => (await query(sql, values)).rows;
        return verifyDay(ask, schema, await readLayout(query, schema), dayMs);
      },
      "snapshot",
    );
    problems.push(...found);
  }
  return problems;
}

async function verifyDay(ask: Ask, schema: string, streams: readonly LayoutStream[], dayMs: number): Promise<string[]> {
  const problems: string[] = [];
  for (const [i, { table, ms }] of LEVELS.entries()) {
    const finer = LEVELS[i + 1]?.table ?? "swaps";
    const time = finer === "swaps" ? "event_time" : "start_time";
    const ranges = rangesOf(streams, { fromMs: dayMs, toMs: dayMs + DAY_MS }, [], ms).filter(
      (range) => range.table === table,
    );
    for (const range of ranges) {
      const parts = `SELECT stream, ${partColumns(finer, startOf(time, ms))} FROM ${schema}.${finer} WHERE ${inRange({ ...range, table: finer })}`;
      const made = `SELECT stream, chain_id, token, start_time, ${LEVEL_VALUES} FROM (${parts}) parts GROUP BY stream, chain_id, token, start_time`;
      const stored = `SELECT stream, chain_id, token, start_time, ${LEVEL_COLUMNS.join(", ")} FROM ${schema}.${table} WHERE ${inRange(range)}`;
      const sql = `SELECT count(*) AS rows FROM ((${made} EXCEPT ${stored}) UNION ALL (${stored} EXCEPT ${made})) differences`;
      const [row] = await ask({ sql, values: [] });
      if (Number(row?.rows) === 0) continue;
      const day = new Date(dayMs).toISOString().slice(0, 10);
      problems.push(`${row?.rows} rows of ${schema}.${table} on ${day} differ from the sums of ${schema}.${finer}.`);
    }
  }
  return problems;
}

/**
 * Rows that were removed are counted in the stream still, so only streams that are whole are compared. Sequences that never came are those of gaps, which
 * the status has.
 */
async function verifyCounts(
  connection: PostgresConnection,
  signal: AbortSignal,
  schema: string,
  oldestMs: number,
): Promise<string[]> {
  return connection.read(
    signal,
    async (query) => {
      const streams = await readStreams(query, schema);
      const { rows } = await query(`SELECT stream, count(*) AS rows FROM ${schema}.swaps GROUP BY stream`, []);
      const counts = new Map(rows.map((row) => [row.stream as number, Number(row.rows)]));
      const layout = await readLayout(query, schema);
      return streams.flatMap((stream) => {
        const { id, logId, partition, epoch, firstMs = 0, lastMs = 0 } = stream;
        const name = `stream ${JSON.stringify(logId)}, partition ${partition}, epoch ${epoch}`;
        const spans = layout.find((one) => one.id === id)?.spans ?? [];
        const isWhole = spans.some(({ fromMs, toMs }) => fromMs <= firstMs && lastMs < toMs) && firstMs >= oldestMs;
        const count = counts.get(id) ?? 0;
        if (!isWhole || count === stream.rows) return [];
        return [`${name} has ${count} rows in ${schema}.swaps, and ${stream.rows} came.`];
      });
    },
    "snapshot",
  );
}
