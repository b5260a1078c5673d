/**
 * An hour of downtime at 1,000 swaps a second: the real service, restored from its checkpoint in Redis, reads a backlog of 3.6 million
 * swaps. The time runs from the start of its process until its status reports no lag in any partition.
 */
import { SwapFeed } from "./kafka/feed.ts";
import { Instance } from "./kafka/instance.ts";
import { recordsOf, type Site, withSite } from "./kafka/site.ts";
import { report } from "./report.ts";

/** Swaps in the state before the downtime. */
const BEFORE = recordsOf(300_000);
const BACKLOG = recordsOf(3_600_000);
const WORKERS = 2;
const GOAL_SECONDS = 30;

type CaughtUp = { readonly readySeconds: number; readonly seconds: number; readonly cpuSeconds: number };

async function catchUp(site: Site, settings: Readonly<Record<string, string>>): Promise<CaughtUp & { bytes: number }> {
  const startedMs = performance.now();
  const since = (): number => (performance.now() - startedMs) / 1000;
  const instance = await Instance.start(site, "a", settings);
  try {
    await instance.until("is restored", (seen) => seen.every(({ state }) => state === "running"));
    const readySeconds = since();
    const seen = await instance.until("has caught up", (all) =>
      all.every(({ lag, state }) => lag === 0 && state === "running"),
    );
    const seconds = since();
    const cpuSeconds = await instance.metric("process_cpu_seconds_total");
    const bytes = seen.reduce((sum, { checkpoint }) => sum + (checkpoint?.bytes ?? 0), 0);
    return { readySeconds, seconds, cpuSeconds, bytes };
  } finally {
    await instance.process.kill("SIGTERM");
  }
}

await withSite(async (site) => {
  const settings = { "app.workers": String(WORKERS) };
  // Event times of the whole stream end about now.
  const startMs = Date.now() - BEFORE - BACKLOG;
  const feed = await SwapFeed.open(site.target, { startMs });
  await feed.fill(BEFORE);
  await catchUp(site, settings);
  await feed.fill(BACKLOG);
  await feed.close();
  const { readySeconds, seconds, cpuSeconds, bytes } = await catchUp(site, settings);
  report({
    what: "catch-up after an hour of downtime at 1,000 swaps/s, the real service restored from its checkpoint",
    goal: `lag 0 within ${GOAL_SECONDS} s`,
    figure: `${seconds.toFixed(1)} s for ${BACKLOG} swaps (${Math.round(BACKLOG / seconds / 1000)}k/s)`,
    met: seconds <= GOAL_SECONDS,
    note: `Measured from the start of the process; ${readySeconds.toFixed(1)} s of it passed until the state was restored. ${WORKERS} worker threads and 4 partitions, with checkpoints into Redis every 5 s meanwhile, ${(bytes / 1e6).toFixed(0)} MB at the end. ${cpuSeconds.toFixed(0)} s of processor time were used. The broker runs on the same two processors.`,
    values: { s: seconds, "CPU-s": cpuSeconds, "s to restore": readySeconds },
  });
});
