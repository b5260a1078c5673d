/**
 * Rows a second into ClickHouse through the store, of a bare client that sends the same bytes into a table of the same form: by turns, both from this
 * process, in batches of `history.batch_rows`. The bare client has its bytes ready, and its table has no views. Then raw events as they trickle in.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "../scripts/servers/clickhouse.ts";
import { ClickHouseConnection } from "../server/src/clients/clickhouse/connection.ts";
import type { SettledBatch } from "../server/src/ports/history-store.ts";
import { ClickHouseHistory } from "../server/src/stores/history/clickhouse/clickhouse-history.ts";
import { SWAPS_WRITTEN } from "../server/src/stores/history/clickhouse/schema.ts";
import { settledBytes } from "../server/src/stores/history/clickhouse/write-rows.ts";
import { setupOn } from "../server/test/stores/history/clickhouse/fixture.ts";
import { Market } from "./history/market.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const BATCH_ROWS = 100_000;
const ROUNDS = Number(process.env.SWAPSTATS_BENCH_ROUNDS ?? 7);
const RATIO_MIN = 0.7;
const STREAM = { logId: "bench", partition: 0, epoch: 1 };
const FROM_MS = Date.now() - 3_600_000;
/** The default of `history.flush_interval`: a row waits at most this long before its batch is sent. */
const FLUSH_MS = 200;
const TRICKLES = 60;
const TRICKLE_ROWS = 2_000;
const RAW_MS_MAX = 1_000;

const market = new Market();

function batchOf(round: number): SettledBatch {
  const fromSequence = round * BATCH_ROWS;
  const rows = Array.from({ length: BATCH_ROWS }, (_, i) => market.swap(FROM_MS + Math.floor((fromSequence + i) / 10)));
  return { ...STREAM, fromSequence, rows };
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
const server = await startClickHouse({ folder });
try {
  const store = new ClickHouseHistory(setupOn(server, "store"));
  const other = new ClickHouseHistory(setupOn(server, "bare"));
  for (const one of [store, other]) await one.migrate();
  await store.beginStream(STREAM, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
  for (const name of ["history_ranges_view", "history_tokens_view"])
    await server.sql(`DROP VIEW \`swapstats bare\`.${name}`);
  const bare = new ClickHouseConnection(setupOn(server, "bare").connection);
  const seconds: { store: number[]; bare: number[] } = { store: [], bare: [] };
  const timed = async (into: number[], run: () => Promise<void>): Promise<void> => {
    const beginMs = performance.now();
    await run();
    into.push((performance.now() - beginMs) / 1_000);
  };
  let bytes = 0;
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const batch = batchOf(round);
    const chunks = [...settledBytes([batch])];
    bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const runs = [
      () => timed(seconds.store, () => store.append({ settled: [batch], raw: [], marks: [] })),
      () => timed(seconds.bare, () => bare.insert("write", `\`swapstats bare\`.swaps (${SWAPS_WRITTEN})`, chunks)),
    ];
    for (const run of round % 2 === 0 ? runs : runs.reverse()) await run();
  }
  const rate = (of: readonly number[]): number => BATCH_ROWS / median(of.slice(1));
  const ratio = rate(seconds.store) / rate(seconds.bare);
  const [size] = (
    await server.sql(
      "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = 'swapstats store' AND table = 'swaps'",
    )
  ).split("\n");
  report({
    what: "settled swaps a second into ClickHouse through the store, of a bare client sending the same bytes",
    goal: `at least ${RATIO_MIN}`,
    figure: `${ratio.toFixed(2)} (${Math.round(rate(seconds.store) / 1_000)}k of ${Math.round(rate(seconds.bare) / 1_000)}k swaps/s)`,
    met: ratio >= RATIO_MIN,
    note: `Batches of ${BATCH_ROWS} rows of ${(bytes / BATCH_ROWS).toFixed(0)} bytes, server and client on one machine, median of ${ROUNDS}; ${Number(size).toFixed(0)} bytes a row on disk.`,
  });
  const ways: number[] = [];
  for (let i = 0; i < TRICKLES; i++) {
    const rows = Array.from({ length: TRICKLE_ROWS }, (_, j) => {
      return {
        ...market.swap(FROM_MS + i * FLUSH_MS),
        offset: i * TRICKLE_ROWS + j,
        index: 0,
        arrivalMs: FROM_MS,
        isRemoval: false,
        outcome: "applied",
      };
    });
    const beginMs = performance.now();
    await store.append({ settled: [], raw: [{ ...STREAM, rows }], marks: [] });
    ways.push(FLUSH_MS + performance.now() - beginMs);
  }
  ways.sort((a, b) => a - b);
  const p99 = ways[Math.ceil(ways.length * 0.99) - 1]!;
  report({
    what: "raw event, from the hand-over to the history until it is in the table, p99",
    goal: `at most ${RAW_MS_MAX} ms`,
    figure: `${p99.toFixed(0)} ms`,
    met: p99 <= RAW_MS_MAX,
    note: `Batches of ${TRICKLE_ROWS} rows one behind the other, with the whole flush interval of ${FLUSH_MS} ms added; median ${median(ways).toFixed(0)} ms.`,
  });
  await Promise.all([store.close(), other.close(), bare.close()]);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
