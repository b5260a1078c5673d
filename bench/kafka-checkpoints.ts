/**
 * The cost of checkpoints during a stream: bytes a second into Redis, at 1,000 and at 20,000 swaps a second, and how long the stream waits
 * for each step. The owner of all four partitions is a separate process, which begins with half a million swaps.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { CheckpointOrder, CheckpointReport } from "./kafka/checkpoint-side.ts";
import { SwapFeed } from "./kafka/feed.ts";
import { recordsOf, type Site, secondsOf, withSite } from "./kafka/site.ts";
import { report } from "./report.ts";

const RATES = [1_000, 20_000];
const BEFORE = recordsOf(500_000);
const SECONDS = secondsOf(60);
/** The first images are written as soon as there is anything, and do not belong to the steady state. */
const SETTLE_MS = 10_000;
const GOAL_MS = 20;
/** Approximate bytes of each swap in the redo. */
const RECORD_BYTES = 640;

type Measured = Extract<CheckpointReport, { type: "measured" }>;
type AtRate = Measured & { readonly rate: number; readonly seconds: number; readonly storedBytes: number };

async function next<T extends CheckpointReport["type"]>(child: ChildProcess, type: T) {
  const ended = once(child, "exit").then(() => {
    throw new Error("the owner ended by itself");
  });
  const [answer] = (await Promise.race([once(child, "message"), ended])) as [CheckpointReport];
  if (answer.type !== type) throw new Error(`the owner said ${answer.type}`);
  return answer as Extract<CheckpointReport, { type: T }>;
}

/** Bytes that Redis has received from its clients, including the few of the commands themselves. */
async function bytesIntoRedis({ redis }: Site): Promise<number> {
  const text = await redis.command("info", "stats");
  return Number(/total_net_input_bytes:(\d+)/.exec(text)![1]);
}

async function measure(site: Site, feed: SwapFeed, child: ChildProcess, rate: number): Promise<AtRate> {
  const order = (type: "begin" | "end"): boolean => child.send({ type } satisfies CheckpointOrder);
  const ending = new AbortController();
  const pacing = feed.pace(rate, ending.signal);
  pacing.catch(() => {});
  try {
    await pause(SETTLE_MS);
    order("begin");
    const bytesBefore = await bytesIntoRedis(site);
    const startedMs = performance.now();
    await pause(SECONDS * 1000);
    const storedBytes = (await bytesIntoRedis(site)) - bytesBefore;
    order("end");
    const measured = await next(child, "measured");
    return { ...measured, rate, storedBytes, seconds: (performance.now() - startedMs) / 1000 };
  } finally {
    ending.abort();
    await pacing;
  }
}

function tell({ rate, seconds, storedBytes, applied, bases, checkpoints, bytes, cpuSeconds }: AtRate): void {
  const mb = (count: number): string => (count / 1e6).toFixed(1);
  report({
    what: `checkpoint bytes per second into Redis at ${rate.toLocaleString("en")} swaps/s`,
    goal: "report",
    figure: `${mb(storedBytes / seconds)} MB/s`,
    met: undefined,
    note: `${seconds.toFixed(0)} s with ${Math.round(applied / seconds)} swaps/s applied, ${checkpoints} checkpoints every 5 s over 4 partitions, ${bases} of them with a new image. ${mb(bytes)} MB were in all checkpoints at the end. ${(cpuSeconds / seconds).toFixed(2)} core was used for everything. The redo names offsets of the topic in the place of its records (${mb(rate * RECORD_BYTES)} MB/s), and an image is written when these are as large as the last one, at least 64 MiB.`,
    values: {
      "MB/s": storedBytes / seconds / 1e6,
      core: cpuSeconds / seconds,
      "CPU-us a swap": (cpuSeconds * 1e6) / applied,
    },
  });
}

function tellPauses(all: readonly AtRate[]): void {
  const ofRate = all.map(({ rate, pausesMs }) => {
    const sorted = [...pausesMs].sort((a, b) => a - b);
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    return { rate, p99, longest: sorted.at(-1) ?? 0, count: sorted.length };
  });
  const worst = Math.max(...ofRate.map(({ p99 }) => p99));
  report({
    what: "pause of the stream for a checkpoint into Redis, p99",
    goal: `at most ${GOAL_MS} ms`,
    figure: ofRate.map(({ rate, p99 }) => `${p99.toFixed(1)} ms at ${rate.toLocaleString("en")} swaps/s`).join(", "),
    met: worst <= GOAL_MS,
    note: `The longest pauses were ${ofRate.map(({ longest, count }) => `${longest.toFixed(1)} ms of ${count}`).join(", ")}. A pause is the cut of a delta, the beginning of an image, or a slice of at most 2 MiB of it, which is copied and checksummed between batches.`,
  });
}

await withSite(async (site) => {
  const feed = await SwapFeed.open(site.target, { startMs: Date.now() - 3_600_000, ratePerSecond: 1_000 });
  const child = fork(join(import.meta.dirname, "kafka/checkpoint-side.ts"));
  try {
    await feed.fill(BEFORE);
    const { folder, redis, target } = site;
    const own = {
      type: "own",
      ...target,
      dataDir: join(folder, "owner"),
      redis: `${redis.host}:${redis.port}`,
    } as const;
    child.send(own satisfies CheckpointOrder);
    await next(child, "current");
    const all: AtRate[] = [];
    for (const rate of RATES) all.push(await measure(site, feed, child, rate));
    for (const one of all) tell(one);
    tellPauses(all);
  } finally {
    child.kill("SIGKILL");
    await feed.close();
  }
});
