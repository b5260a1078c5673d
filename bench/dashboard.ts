/**
 * The screener of the dashboard in headless Chromium: frames and long tasks with 1,000 rows and ten updates a second, without and with a slower
 * processor; first paint and script of the page as the service sends it; memory over time. SWAPSTATS_BENCH_SECONDS tries another time
 * of measuring, SWAPSTATS_BENCH_MINUTES (2) is the time over which memory is watched.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHANGED_ROWS, ROWS, UPDATES_PER_SECOND } from "./dashboard/feed.ts";
import { type Frames, firstPaint, heapOverTime, launch, measureFrames, openPage } from "./dashboard/page.ts";
import { report } from "./report.ts";

const SECONDS = Number(process.env.SWAPSTATS_BENCH_SECONDS ?? 20);
const MEMORY_MINUTES = Number(process.env.SWAPSTATS_BENCH_MINUTES ?? 2);
const MEMORY_STEP_MS = 10_000;
const PAINTS = 5;
const FRAME_GOAL_MS = 16.7;
/** The timer of a page has steps of 0.1 ms. */
const FRAME_STEP_MS = 0.1;
const PAINT_GOAL_MS = 1_000;
const SCRIPT_GOAL_KIB = 150;
/** Growth of the heap that counts as none. Sizes after a collection differ by 15 %, so means of thirds are compared. */
const FLAT_SHARE = 0.1;

const table = `${ROWS.toLocaleString("en")} rows at ${UPDATES_PER_SECOND} updates a second`;

function reportFrames(throttling: number, { medianMs, p95Ms, longTasks, busy }: Frames): void {
  const longest = Math.max(0, ...longTasks);
  const slowed = throttling === 1 ? "" : `, processor slowed down ${throttling} times`;
  report({
    what: `dashboard: screener with ${table}${slowed}`,
    goal: `median frame at most ${FRAME_GOAL_MS} ms, no task over 50 ms after load`,
    figure: `median ${medianMs.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms, ${longTasks.length} long tasks${longest > 0 ? ` (longest ${longest.toFixed(0)} ms)` : ""}`,
    met: medianMs <= FRAME_GOAL_MS + FRAME_STEP_MS && longTasks.length === 0,
    note: `The main thread is busy for ${(100 * busy).toFixed(0)} % of the time. ${CHANGED_ROWS} rows change with an update, half of them in sight, and neighbours change places. Headless Chromium draws in software, 1,440 by 900 pixels. A stand-in sends the rows, because the service sends at most 500 of a query.`,
  });
}

async function measureTable(): Promise<void> {
  const feed = fork(join(import.meta.dirname, "dashboard", "feed.ts"));
  const [{ port }] = (await once(feed, "message")) as [{ port: number }];
  const browser = await launch();
  try {
    for (const throttling of [1, 4]) {
      const opened = await openPage(browser, `http://127.0.0.1:${port}/#/screener`);
      await opened.page.waitForSelector(".row");
      reportFrames(throttling, await measureFrames(opened, throttling, SECONDS));
      await opened.page.context().close();
    }
    const opened = await openPage(browser, `http://127.0.0.1:${port}/#/screener`);
    await opened.page.waitForSelector(".row");
    await opened.page.waitForTimeout(MEMORY_STEP_MS);
    const sizes = await heapOverTime(opened, MEMORY_MINUTES * 60_000, MEMORY_STEP_MS);
    const third = Math.ceil(sizes.length / 3);
    const mean = (part: readonly number[]): number => part.reduce((sum, size) => sum + size, 0) / part.length;
    const [first, last] = [mean(sizes.slice(0, third)), mean(sizes.slice(-third))];
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
    report({
      what: `dashboard: JavaScript heap over ${MEMORY_MINUTES} minutes, ${table}`,
      goal: "flat",
      figure: `${mib(first)} MiB in the first third, ${mib(last)} MiB in the last (most ${mib(Math.max(...sizes))} MiB)`,
      met: last <= first * (1 + FLAT_SHARE),
      note: `Measured every ${MEMORY_STEP_MS / 1_000} s after a collection of garbage. SWAPSTATS_BENCH_MINUTES=30 watches longer.`,
    });
  } finally {
    await browser.close();
    feed.kill();
  }
}

async function measurePaint(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "swapstats-bench-dashboard-"));
  const source = JSON.stringify({ "ingest.source": "generator", "ingest.generator.rate": "200" });
  // Variables of the benchmarks are no keys of the service.
  const { SWAPSTATS_BENCH_SECONDS: _seconds, SWAPSTATS_BENCH_MINUTES: _minutes, ...env } = process.env;
  const service = fork(join(import.meta.dirname, "http", "service.ts"), [dataDir, source], { env });
  const [{ port }] = (await once(service, "message")) as [{ port: number }];
  const browser = await launch();
  try {
    const paints = [];
    for (let i = 0; i < PAINTS; i++) paints.push(await firstPaint(browser, `http://127.0.0.1:${port}/`));
    const times = paints.map(({ paintMs }) => paintMs).sort((a, b) => a - b);
    const [median, slowest] = [times[Math.floor(PAINTS / 2)] as number, times.at(-1) as number];
    const kib = (paints[0] as (typeof paints)[number]).scriptBytes / 1_024;
    report({
      what: "dashboard: first contentful paint, from the service on loopback",
      goal: `at most ${PAINT_GOAL_MS} ms`,
      figure: `${median.toFixed(0)} ms (slowest of ${PAINTS}: ${slowest.toFixed(0)} ms)`,
      met: slowest <= PAINT_GOAL_MS,
      note: "Each in a new profile with an empty cache, while the service applies 200 swaps/s.",
    });
    report({
      what: "dashboard: script until the first paint, as sent",
      goal: `at most ${SCRIPT_GOAL_KIB} KiB`,
      figure: `${kib.toFixed(1)} KiB`,
      met: kib > 0 && kib <= SCRIPT_GOAL_KIB,
      note: "Compressed as the browser asks for it.",
    });
  } finally {
    await browser.close();
    service.kill();
    await once(service, "exit");
    rmSync(dataDir, { recursive: true, force: true });
  }
}

await measureTable();
await measurePaint();
process.exit();
