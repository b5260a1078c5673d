/**
 * Settled rows into Parquet by the embedded history, of DuckDB's own COPY of the same rows from its memory, sorted and compressed alike, with the threads and the memory that
 * the service gives it. Both by turns. The store gets the bytes of a worker, and answers when files and sums are durable and in the catalog.
 */
import { globSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { FlatBatch } from "../server/src/history/flat-batch.ts";
import { openEmbeddedHistory } from "../server/src/stores/history/embedded/open-embedded-history.ts";
import { flatChunk } from "./history/flat-rows.ts";
import { Market } from "./history/market.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const BATCH_ROWS = 100_000;
/** About what a worker sends at a time. */
const CHUNK_ROWS = 1_000;
const ROUNDS = Math.ceil(Number(process.env.SWAPSTATS_BENCH_RECORDS ?? 1_000_000) / BATCH_ROWS);
const GOAL = 0.5;
const BYTES_GOAL = 45;
const THREADS = 1;
const MEMORY_MIB = 512;
const BEGIN_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;
/** 100 swaps a second. */
const STEP_MS = 10;
const KEY = { logId: "bench", partition: 0, epoch: 1 };
const ORDER = "token, chain_id, event_time, block_number, tx_index, log_index";
const OPTIONS = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION v2, ROW_GROUP_SIZE 61440";

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-history-"));
const setup = {
  kind: "embedded",
  dataDir: folder,
  memoryBytes: MEMORY_MIB * 2 ** 20,
  threads: THREADS,
  retentionMs: 0,
  cold: undefined,
} as const;
const store = await openEmbeddedHistory(setup, Date.now, 0);
const signal = new AbortController().signal;
await store.migrate();
await store.beginStream(KEY, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
const duck = await DuckDBInstance.create(":memory:", { threads: `${THREADS}`, memory_limit: `${MEMORY_MIB}MiB` });
const connection = await duck.connect();
const market = new Market();
const timeMs = (sequence: number): number => BEGIN_MS + sequence * STEP_MS;

/** What a worker sends for these sequences. Their objects are gone before anything is timed. */
function batchOf(fromSequence: number, rows: number): FlatBatch {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let from = fromSequence; from < fromSequence + rows; from += CHUNK_ROWS) {
    chunks.push(
      flatChunk(
        Array.from({ length: CHUNK_ROWS }, (_, i) => market.swap(timeMs(from + i))),
        from,
      ),
    );
  }
  return new FlatBatch(KEY, fromSequence, chunks);
}

/** Bytes of the files of a tier. */
function bytesOf(tier: "swaps" | "minutes" | "days"): number {
  return globSync(`${folder}/history/${tier}/**/*.parquet`).reduce((sum, path) => sum + statSync(path).size, 0);
}

/** Share of each column in the bytes of the swaps, the largest first. */
async function shares(): Promise<string> {
  const sql = `SELECT path_in_schema, sum(total_compressed_size) AS bytes FROM parquet_metadata('${folder}/history/swaps/**/*.parquet') GROUP BY 1 ORDER BY 2 DESC`;
  const columns = (await connection.runAndReadAll(sql))
    .getRows()
    .map(([name, bytes]) => ({ name, bytes: Number(bytes) }));
  const total = columns.reduce((sum, { bytes }) => sum + bytes, 0);
  const largest = columns.filter(({ bytes }) => bytes > 0.015 * total);
  return largest.map(({ name, bytes }) => `${name} ${((100 * bytes) / total).toFixed(0)} %`).join(", ");
}

const storeRates: number[] = [];
const copyRates: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const fromSequence = round * BATCH_ROWS;
  const settled = [batchOf(fromSequence, BATCH_ROWS)];
  const marks = [{ ...KEY, sequence: fromSequence + BATCH_ROWS, beforeMs: timeMs(fromSequence + BATCH_ROWS) }];
  let startMs = performance.now();
  await store.append({ settled, raw: [], marks });
  storeRates.push(BATCH_ROWS / (performance.now() - startMs));
  await connection.run(
    `CREATE OR REPLACE TABLE memory AS FROM read_parquet('${folder}/history/swaps/**/*.parquet') WHERE sequence >= ${fromSequence} ORDER BY sequence`,
  );
  startMs = performance.now();
  await connection.run(`COPY (FROM memory ORDER BY ${ORDER}) TO '${folder}/copy.parquet' (${OPTIONS})`);
  copyRates.push(BATCH_ROWS / (performance.now() - startMs));
}
const rows = ROUNDS * BATCH_ROWS;
const appended = bytesOf("swaps") / rows;
const startMs = performance.now();
// The last day never ends here, so later swaps end it.
const later = market.swap(timeMs(rows) + 2 * DAY_MS);
await store.append({ settled: [{ ...KEY, fromSequence: rows, rows: [later] }], raw: [], marks: [] });
while ((await store.compact(signal)).length > 0);
const compactedMs = performance.now() - startMs;
const [swapBytes, sumBytes] = [bytesOf("swaps") / rows, (bytesOf("minutes") + bytesOf("days")) / rows];
const columnShares = await shares();
await store.close();
connection.closeSync();
duck.closeSync();
rmSync(folder, { recursive: true });

const [storeRate, copyRate] = [1_000 * median(storeRates), 1_000 * median(copyRates)];
report({
  what: "Settled rows into Parquet by the embedded history, of DuckDB's own COPY of the same rows from its memory",
  goal: `at least ${GOAL}`,
  figure: (storeRate / copyRate).toFixed(2),
  met: storeRate / copyRate >= GOAL,
  note: `${Math.round(storeRate).toLocaleString("en")} rows/s from the bytes of a worker to committed files with the sums of their minutes, against ${Math.round(copyRate).toLocaleString("en")} rows/s; one thread of DuckDB, batches of ${BATCH_ROWS.toLocaleString("en")}.`,
  values: { "rows/s": storeRate, "of DuckDB's COPY": storeRate / copyRate },
});
report({
  what: "Bytes of a settled row on disk in merged files",
  goal: `at most ${BYTES_GOAL}`,
  figure: swapBytes.toFixed(1),
  met: swapBytes <= BYTES_GOAL,
  note: `${appended.toFixed(1)} before the merge, which takes ${((1e3 * compactedMs) / rows).toFixed(1)} µs a row; sums of minutes take ${sumBytes.toFixed(1)} more. Hashes, amounts and wallets are random, as on a chain, and no compression makes them smaller: ${columnShares}.`,
});
