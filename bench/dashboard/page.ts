/** The dashboard in headless Chromium, measured by the page itself and by the browser's protocol. */
import { type Browser, type CDPSession, chromium, type Page } from "playwright-core";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--enable-precise-memory-info"],
];

/** Distances of frames in ms, and lengths of tasks over 50 ms, since `start` was called in the page. */
const WATCH = `
  window.frames_ms = [];
  window.long_ms = [];
  window.start = () => {
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) long_ms.push(duration);
    }).observe({ type: "longtask" });
    let before = performance.now();
    const next = (now) => {
      frames_ms.push(now - before);
      before = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame((now) => {
      before = now;
      requestAnimationFrame(next);
    });
  };
`;

export type Frames = {
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly longTasks: readonly number[];
  /** Share of a processor that the main thread took, unthrottled. */
  readonly busy: number;
};

type FirstPaint = { readonly paintMs: number; readonly scriptBytes: number };

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

/** Opens the page in a new profile, with a window of 1,440 by 900 pixels. */
export async function openPage(browser: Browser, address: string): Promise<{ page: Page; cdp: CDPSession }> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  // Time of the processor, so that other programs on the machine do not count as work of the page.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.addInitScript({ content: WATCH });
  await page.goto(address);
  return { page, cdp };
}

const wait = (page: Page, ms: number): Promise<void> => page.waitForTimeout(ms);
const quantile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;

async function busySeconds(cdp: CDPSession): Promise<number> {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
}

/** Measures frames for some seconds, with the processor slowed down by `throttling` (1: not). */
export async function measureFrames(
  { page, cdp }: { readonly page: Page; readonly cdp: CDPSession },
  throttling: number,
  seconds: number,
): Promise<Frames> {
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: throttling });
  await wait(page, 2_000);
  const before = await busySeconds(cdp);
  await page.evaluate("start()");
  await wait(page, seconds * 1_000);
  const busy = ((await busySeconds(cdp)) - before) / seconds;
  const frames = (await page.evaluate<number[]>("frames_ms")).sort((a, b) => a - b);
  const longTasks = await page.evaluate<number[]>("long_ms");
  return { medianMs: quantile(frames, 0.5), p95Ms: quantile(frames, 0.95), longTasks, busy };
}

/** Returns bytes of the JavaScript heap, once every `stepMs` for `spanMs`, each after a collection of garbage. */
export async function heapOverTime(
  { page, cdp }: { readonly page: Page; readonly cdp: CDPSession },
  spanMs: number,
  stepMs: number,
): Promise<readonly number[]> {
  const sizes: number[] = [];
  for (let at = 0; at <= spanMs; at += stepMs) {
    await cdp.send("HeapProfiler.collectGarbage");
    sizes.push((await cdp.send("Runtime.getHeapUsage")).usedSize);
    if (at < spanMs) await wait(page, stepMs);
  }
  return sizes;
}

const PAINT_POLL_MS = 20;

/** Opens the page with an empty cache. Returns the time of its first contentful paint, and the bytes of scripts as sent until then. */
export async function firstPaint(browser: Browser, address: string): Promise<FirstPaint> {
  const { page } = await openPage(browser, address);
  // Waiting for a function of a text would evaluate it in the page, which its policy forbids.
  const painted = "performance.getEntriesByName('first-contentful-paint').length";
  while ((await page.evaluate<number>(painted)) === 0) await wait(page, PAINT_POLL_MS);
  const paintMs = await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime");
  const scriptBytes = await page.evaluate<number>(
    `performance.getEntriesByType('resource').filter(({ name, startTime }) => name.endsWith('.js') && startTime <= ${paintMs})
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)`,
  );
  await page.context().close();
  return { paintMs, scriptBytes };
}
