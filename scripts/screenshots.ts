/**
 * `npm run screenshots` takes the pictures of docs/images: the dashboard over the swaps of a seed, at a fixed time, in UTC.
 *
 * The service's clock follows the events (`windows.clock: event`), and the page's clock stands still, so figures, ages and charts are the same in every run
 * with the same fonts and the same Chromium. Revisions, and in the inspector and the operations view times of arrival and rates, differ from run to run.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, chromium, type Page } from "playwright-core";
import { startApp } from "../server/src/app.ts";
import { loadConfig } from "../server/src/config/load.ts";
import { createLogger } from "../server/src/observability/logger.ts";
import { REPOSITORY } from "./house/repository.ts";
import { smallerPng } from "./smaller-png.ts";

const IMAGES = join(REPOSITORY, "docs/images");
const IMAGE_BYTES_MAX = 300 * 1024;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Two hours of swaps, so that windows of an hour can be compared with the hour before. */
const START = "2026-03-02T14:00:00Z";
const RATE = 20;
const COUNT = RATE * 2 * 3_600 + RATE * 300;
const GENERATE = [
  ...["generate", "--to", "ndjson", "--seed", "7", "--start", START, "--rate", String(RATE), "--count", String(COUNT)],
  ...["--tokens", "150", "--traders", "4000", "--disorder", "2s", "--removed", "0.3%", "--late", "0.02%"],
];
const BATCH = 5_000;
/** The last swaps are sent while the page is open, so that it shows change. */
const LIVE_BATCHES = 24;
const LIVE_BATCH = 20;
const LIVE_PAUSE_MS = 150;

type Picture = {
  readonly name: string;
  readonly hash: string;
  /** What must be there before the picture is taken. */
  readonly ready: string;
  readonly theme: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** The page's clock goes on: what is shown are times of messages. */
  readonly isLive?: true;
};
const INSPECTED = "#/inspector?channels=overview:5m:volume_usd?limit=10;swaps:WETH;token:WETH?windows=5m,1h";
const ROWS = "main table tbody tr";
const PICTURES: readonly Picture[] = [
  { name: "screener-dark", hash: "#/screener", ready: ROWS, theme: "dark" },
  { name: "screener-light", hash: "#/screener", ready: ROWS, theme: "light" },
  { name: "token-dark", hash: "#/token/WETH", ready: "canvas", theme: "dark" },
  { name: "token-light", hash: "#/token/WETH", ready: "canvas", theme: "light" },
  { name: "inspector-dark", hash: INSPECTED, ready: "main", theme: "dark", isLive: true },
  { name: "operations-light", hash: "#/operations", ready: ROWS, theme: "light", isLive: true },
  { name: "screener-phone", hash: "#/screener", ready: ROWS, theme: "dark", width: 390, height: 760 },
];

/** Returns the lines that the generator writes. */
async function generated(): Promise<string[]> {
  const child = spawn(process.execPath, [join(REPOSITORY, "server/src/main.ts"), ...GENERATE], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  return lines;
}

async function post(base: string, lines: readonly string[]): Promise<void> {
  const response = await fetch(`${base}/api/swaps`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n"),
  });
  if (response.status !== 202) throw new Error(`POST /api/swaps: ${response.status} ${await response.text()}`);
}

async function caughtUp(base: string): Promise<void> {
  for (;;) {
    const { partitions } = (await (await fetch(`${base}/api/status`)).json()) as { partitions: { lag: number }[] };
    if (partitions.every(({ lag }) => lag === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function take(browser: Browser, base: string, picture: Picture, atMs: number): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: picture.width ?? 1280, height: picture.height ?? 800 },
    deviceScaleFactor: 1.5,
    colorScheme: picture.theme,
    reducedMotion: "reduce",
    timezoneId: "UTC",
    locale: "en-US",
  });
  const page = await context.newPage();
  if (picture.isLive !== true) await page.clock.setFixedTime(atMs);
  await page.goto(`${base}/${picture.hash}`);
  await page.locator(".connection.live").waitFor({ timeout: 120_000 });
  await page.locator(picture.ready).first().waitFor();
  return page;
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-screenshots-"));
mkdirSync(IMAGES, { recursive: true });
const { config } = loadConfig({
  env: {},
  overrides: {
    ...{ data_dir: join(folder, "data"), "api.http.addr": "127.0.0.1:0", "metrics.prometheus": "" },
    ...{ "windows.clock": "event", "app.instance_id": "swapstats-1" },
  },
});
const app = await startApp(config, { version: "0.1.0", logger: createLogger({ level: "error", format: "text" }) });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
try {
  const base = `http://127.0.0.1:${app.addresses.http?.port}`;
  const lines = await generated();
  const live = lines.splice(-LIVE_BATCHES * LIVE_BATCH);
  for (let at = 0; at < lines.length; at += BATCH) await post(base, lines.slice(at, at + BATCH));
  await caughtUp(base);
  const endMs = Date.parse(START) + (COUNT / RATE) * 1_000;
  const pages: Page[] = [];
  for (const picture of PICTURES) pages.push(await take(browser, base, picture, endMs));
  for (let at = 0; at < live.length; at += LIVE_BATCH) {
    await post(base, live.slice(at, at + LIVE_BATCH));
    await new Promise((resolve) => setTimeout(resolve, LIVE_PAUSE_MS));
  }
  await caughtUp(base);
  // The last update is pushed within the time by which updates are coalesced, and drawn in the next frame.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  for (const [i, { name }] of PICTURES.entries()) {
    const path = join(IMAGES, `${name}.png`);
    await pages[i]?.bringToFront();
    const picture = await (pages[i] as Page).screenshot({ animations: "disabled" });
    writeFileSync(path, smallerPng(picture));
    const { size } = statSync(path);
    console.log(`${relative(REPOSITORY, path)} ${(size / 1024).toFixed(0)} KiB`);
    if (size > IMAGE_BYTES_MAX)
      throw new Error(`${path} has more than ${IMAGE_BYTES_MAX / 1024} KiB; make the picture smaller`);
  }
} finally {
  await browser.close();
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
}
