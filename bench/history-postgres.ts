/**
 * Settled swaps a second into PostgreSQL through the store, of a bare COPY of the same rows into a table without an index: by turns, both from this process, in batches
 * of `history.batch_rows`. The store has two indexes more, and makes minutes, hours and days.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../scripts/servers/postgres.ts";
import { PostgresPool } from "../server/src/clients/postgres/pool.ts";
import type { SettledRow } from "../server/src/ports/history-store.ts";
import { SETTLED_COLUMNS, settledText } from "../server/src/stores/history/postgres/copy-text.ts";
import { PostgresHistoryStore } from "../server/src/stores/history/postgres/postgres-history-store.ts";
import { setupOn } from "../server/test/stores/history/postgres/postgres-support.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const BATCH_ROWS = 100_000;
const ROUNDS = Math.ceil(Number(process.env.SWAPSTATS_BENCH_RECORDS ?? 500_000) / BATCH_ROWS);
const TOKENS = 1_000;
const WALLETS = 20_000;
const BEGIN_MS = Date.UTC(2026, 5, 1);
/** 1,000 swaps a second. */
const STEP_MS = 1;
const KEY = { logId: "bench", partition: 0, epoch: 1 };

/** Digits that depend on the number alone, and do not compress as counters do. */
function hex(n: number, digits: number): string {
  let text = "";
  for (let i = 1; text.length < digits; i++)
    text += (Math.imul(n + i, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");
  return `0x${text.slice(0, digits)}`;
}

function rowOf(n: number): SettledRow {
  const txHash = hex(n, 64);
  const token = (n * n) % TOKENS;
  return {
    ...{
      chainId: 1,
      token: hex(token, 40),
      symbol: `T${token}`,
      pool: hex(token + TOKENS, 40),
      who: hex(n % WALLETS, 40),
    },
    ...{ isBuy: n % 3 !== 0, amountUnits: BigInt(n) * 10n ** 15n + 7n, usdMicro: 1_000_000 + n },
    ...{ givenPrice: undefined, price: 1 + token / 7, eventTimeMs: BEGIN_MS + n * STEP_MS },
    ...{ txHash, logIndex: n % 300, txIndex: n % 150, eventId: `1:${txHash}:${n % 300}` },
    ...{ blockNumber: 18_000_000 + Math.floor(n / 200), blockHash: hex(Math.floor(n / 200), 64), revision: 0 },
  };
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
const server = await startPostgres({ folder });
// The server's process alone does not keep this one alive until its end is awaited.
const alive = setInterval(() => {}, 1_000);
try {
  const setup = setupOn(server, { schema: "bench" });
  const store = new PostgresHistoryStore(setup);
  const pool = new PostgresPool(setup.server, 1, "bench");
  await store.migrate();
  await store.beginStream(KEY, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
  await server.sql("CREATE TABLE bare (LIKE bench.swaps INCLUDING DEFAULTS)");
  const seconds: { store: number[]; bare: number[] } = { store: [], bare: [] };
  const timed = async (into: number[], run: () => Promise<void>): Promise<void> => {
    const beginMs = performance.now();
    await run();
    into.push((performance.now() - beginMs) / 1_000);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const fromSequence = round * BATCH_ROWS;
    const rows = Array.from({ length: BATCH_ROWS }, (_, i) => rowOf(fromSequence + i));
    const mark = {
      ...KEY,
      sequence: fromSequence + BATCH_ROWS,
      beforeMs: BEGIN_MS + (fromSequence + BATCH_ROWS) * STEP_MS,
    };
    const text = [...settledText([{ stream: 1, fromSequence, rows }])];
    const copy = `COPY bare (${SETTLED_COLUMNS}) FROM STDIN`;
    const runs = [
      () =>
        timed(seconds.store, () => store.append({ settled: [{ ...KEY, fromSequence, rows }], raw: [], marks: [mark] })),
      () =>
        timed(seconds.bare, () =>
          pool.use((connection, signal) => connection.write(signal, (writing) => writing.copy(copy, text))),
        ),
    ];
    for (const run of round % 2 === 0 ? runs : runs.reverse()) await run();
  }
  const rate = (of: readonly number[]): number => BATCH_ROWS / median(of);
  const [storeRate, bareRate] = [rate(seconds.store), rate(seconds.bare)];
  const bytesOf = async (tables: string): Promise<number> =>
    Number(
      await server.sql(
        `SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'bench'::regnamespace AND relkind = 'r' AND relname ~ '^(${tables})'`,
      ),
    ) /
    (ROUNDS * BATCH_ROWS);
  report({
    what: "settled swaps a second into PostgreSQL through the store, of a bare COPY into a table without indexes",
    goal: "none",
    figure: `${(storeRate / bareRate).toFixed(2)} (${Math.round(storeRate / 1_000)}k of ${Math.round(bareRate / 1_000)}k swaps/s)`,
    met: undefined,
    note: `Batches of ${BATCH_ROWS} rows, server and client on one machine, median of ${ROUNDS}; ${(await bytesOf("swaps_")).toFixed(0)} bytes a swap with its indexes, and ${(await bytesOf("swap_")).toFixed(0)} for its sums.`,
  });
  await Promise.all([store.close(), pool.close()]);
} finally {
  await server.stop();
  clearInterval(alive);
  rmSync(folder, { recursive: true, force: true });
}
