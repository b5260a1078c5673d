/** Questions to the history in ClickHouse, of a token with a million swaps in 24 hours and of one with 90 days of minutes, among other tokens. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "../scripts/servers/clickhouse.ts";
import type { SettledRow } from "../server/src/ports/history-store.ts";
import { ClickHouseHistory } from "../server/src/stores/history/clickhouse/clickhouse-history.ts";
import { setupOn } from "../server/test/stores/history/clickhouse/fixture.ts";
import { Market } from "./history/market.ts";
import { report } from "./report.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SWAPS = Number(process.env.SWAPSTATS_BENCH_SWAPS ?? 1_000_000);
const QUERIES = Number(process.env.SWAPSTATS_BENCH_QUERIES ?? 100);
const MINUTES = DAY_MS / MINUTE_MS;
const CANDLES = 5_000;
const CANDLE_DAYS = 90;
const BATCH_ROWS = 100_000;
const STREAM = { logId: "bench", partition: 0, epoch: 1 };
const END_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const market = new Market();
const BUSY = { chainId: 1, token: market.token(0) };
const STEADY_RANK = 1;
const STEADY = { chainId: 1, token: market.token(STEADY_RANK) };

/** All swaps in order of time: the busy token's in the last day (with a fourth of them the day before), the steady token's each minute, and as many others. */
function* swaps(): Generator<SettledRow> {
  for (let day = 0; day < CANDLE_DAYS; day++) {
    const busyOfMinute = (day === CANDLE_DAYS - 1 ? SWAPS : day === CANDLE_DAYS - 2 ? SWAPS / 4 : 0) / MINUTES;
    for (let minute = 0; minute < MINUTES; minute++) {
      const beginMs = END_MS - (CANDLE_DAYS - day) * DAY_MS + minute * MINUTE_MS;
      yield market.swap(beginMs);
      yield market.swap(beginMs + (minute % 977), STEADY_RANK);
      const busy = Math.floor((minute + 1) * busyOfMinute) - Math.floor(minute * busyOfMinute);
      for (let i = 0; i < busy; i++) yield market.swap(beginMs + 1_000 + Math.floor((i * 59_000) / busy), 0);
    }
  }
}

async function p99Of(run: (i: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < QUERIES + 5; i++) {
    const beginMs = performance.now();
    await run(i);
    if (i >= 5) times.push(performance.now() - beginMs);
  }
  return times.sort((a, b) => a - b)[Math.ceil(QUERIES * 0.99) - 1]!;
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
const server = await startClickHouse({ folder });
try {
  const store = new ClickHouseHistory(setupOn(server, "query"));
  await store.migrate();
  await store.beginStream(STREAM, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
  let sequence = 0;
  let rows: SettledRow[] = [];
  const write = async (): Promise<void> => {
    const marks = [{ ...STREAM, sequence: sequence + rows.length, beforeMs: rows.at(-1)!.eventTimeMs }];
    await store.append({ settled: [{ ...STREAM, fromSequence: sequence, rows }], raw: [], marks });
    sequence += rows.length;
    rows = [];
  };
  for (const swap of swaps()) {
    if (rows.push(swap) === BATCH_ROWS) await write();
  }
  await write();
  await store.compact(new AbortController().signal);
  // Instants of any millisecond in the last hour: both ends of a span lie within minutes.
  const spanAt = (i: number, lengthMs: number) => {
    const toMs = END_MS - ((i * 7_919_333) % HOUR_MS) - 1;
    return { fromMs: toMs - lengthMs, toMs };
  };
  const edges = [{ ...STREAM, sequence }];
  const row = (what: string, goalMs: number | undefined, p99: number, note: string): void =>
    report({
      what,
      goal: goalMs === undefined ? "none" : `at most ${goalMs} ms`,
      figure: `${p99.toFixed(0)} ms`,
      met: goalMs === undefined ? undefined : p99 <= goalMs,
      note,
    });
  const size = `${QUERIES} questions one behind the other; the table has ${sequence} swaps.`;
  row(
    "sums of 24 h of a token with a million swaps in them, from ClickHouse, p99",
    300,
    await p99Of((i) => store.sums(BUSY, [spanAt(i, DAY_MS)], edges)),
    `${size} Minutes, and rows at both ends.`,
  );
  row(
    "traders of the same 24 h, p99",
    undefined,
    await p99Of((i) => store.traders(BUSY, spanAt(i, DAY_MS), edges, { buyers: [], sellers: [] })),
    `${size} Wallets are read from all rows.`,
  );
  row(
    `${CANDLES} candles of 1 m from ClickHouse, p99`,
    100,
    await p99Of((i) => store.candles(STEADY, { ms: MINUTE_MS }, { ...spanAt(i, DAY_MS), fromMs: 0 }, edges, CANDLES)),
    size,
  );
  row(
    `candles of 1 h over ${CANDLE_DAYS} days from ClickHouse, p99`,
    100,
    await p99Of((i) => store.candles(STEADY, { ms: HOUR_MS }, spanAt(i, CANDLE_DAYS * DAY_MS), edges, CANDLES)),
    size,
  );
  await store.close();
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
