/**
 * Answers of the embedded history: sums and wallets of 24 hours for a token with a million swaps in them, 5,000 candles of a minute, and hourly candles over 90 days.
 * `-- short` as SWAPSTATS_BENCH_RECORDS: fewer swaps of the token.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedHistory } from "../server/src/stores/history/embedded/open-embedded-history.ts";
import { Market } from "./history/market.ts";
import { report } from "./report.ts";

const SWAPS = Number(process.env.SWAPSTATS_BENCH_RECORDS ?? 1_000_000);
const IS_SHORT = process.env.SWAPSTATS_BENCH_RECORDS !== undefined;
const DAYS = 90;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const BATCH_ROWS = 50_000;
const QUERIES = IS_SHORT ? 20 : 100;
const BEGIN_MS = Date.UTC(2026, 3, 1);
const KEY = { logId: "bench", partition: 0, epoch: 1 };
const OTHERS_SHARE = 0.2;

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-history-"));
const setup = {
  kind: "embedded",
  dataDir: folder,
  memoryBytes: 2 ** 30,
  threads: 2,
  retentionMs: 0,
  cold: undefined,
} as const;
const store = await openEmbeddedHistory(setup, Date.now, 0);
const signal = new AbortController().signal;
await store.migrate();
await store.beginStream(KEY, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
const market = new Market();
const token = { chainId: 1, token: market.token(0) };
let sequence = 0;

/** Writes swaps of the token, and others beside them, evenly over the span. */
async function write(fromMs: number, toMs: number, swaps: number): Promise<void> {
  for (let done = 0; done < swaps; done += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, swaps - done);
    const timeMs = (i: number): number => fromMs + Math.floor(((done + i) * (toMs - fromMs)) / swaps);
    const rows = Array.from({ length: count }, (_, i) =>
      market.swap(timeMs(i), i % 10 < 10 * OTHERS_SHARE ? undefined : 0),
    );
    const marks = [{ ...KEY, sequence: sequence + count, beforeMs: timeMs(count) }];
    await store.append({ settled: [{ ...KEY, fromSequence: sequence, rows }], raw: [], marks });
    sequence += count;
  }
}

async function p99Of(run: (i: number) => Promise<unknown>): Promise<number> {
  await run(0);
  const times: number[] = [];
  for (let i = 0; i < QUERIES; i++) {
    const startMs = performance.now();
    await run(i);
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b)[Math.ceil(0.99 * QUERIES) - 1]!;
}

// A swap of the token in each minute of the days, and the full day behind them.
for (let day = 0; day < DAYS - 1; day++)
  await write(BEGIN_MS + day * DAY_MS, BEGIN_MS + (day + 1) * DAY_MS, IS_SHORT ? 360 : 2_000);
const fullMs = BEGIN_MS + (DAYS - 1) * DAY_MS;
await write(fullMs, fullMs + DAY_MS, Math.ceil(SWAPS / (1 - OTHERS_SHARE)));
while ((await store.compact(signal)).length > 0);

const atMs = (i: number): number => fullMs + DAY_MS - i * 1_234;
const sums = await p99Of((i) => store.sums(token, [{ fromMs: atMs(i) - DAY_MS, toMs: atMs(i) }], []));
const noOthers = { buyers: [], sellers: [] };
const traders = await p99Of((i) => store.traders(token, { fromMs: atMs(i) - DAY_MS, toMs: atMs(i) }, [], noOthers));
const minutes = await p99Of((i) => store.candles(token, { ms: MINUTE_MS }, { fromMs: 0, toMs: atMs(i) }, [], 5_000));
const hours = await p99Of((i) =>
  store.candles(token, { ms: 60 * MINUTE_MS }, { fromMs: BEGIN_MS, toMs: atMs(i) }, [], 5_000),
);
const page = await p99Of((i) =>
  store.swaps(token, { fromMs: 0, toMs: atMs(i), order: "desc", after: undefined, limit: 100 }, []),
);
const [held] = await store.sums(token, [{ fromMs: fullMs, toMs: fullMs + DAY_MS }], []);
await store.close();
rmSync(folder, { recursive: true });

const swaps = `${(held!.buys + held!.sells).toLocaleString("en")} swaps`;
const both = sums + traders;
report({
  what: `Embedded history: sums and wallets of 24 h for a token with ${swaps} in them, p99`,
  goal: "at most 500 ms",
  figure: `${both.toFixed(0)} ms`,
  met: both <= 500,
  note: `Sums ${sums.toFixed(0)} ms, of minutes and of the rows of two minutes; distinct wallets ${traders.toFixed(0)} ms, of all rows. ${QUERIES} queries one after the other.`,
});
const longest = Math.max(minutes, hours);
report({
  what: "Embedded history: 5,000 candles of 1 m, and of 1 h over 90 days, p99",
  goal: "at most 100 ms",
  figure: `${longest.toFixed(0)} ms`,
  met: longest <= 100,
  note: `1 m: ${minutes.toFixed(0)} ms; 1 h: ${hours.toFixed(0)} ms; a page of 100 swaps: ${page.toFixed(0)} ms.`,
});
