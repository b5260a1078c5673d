/**
 * `GET /api/overview` over 100,000 and 1,000,000 tokens, with equal and with different figures, under 1,000 swaps/s: `node
 * bench/overview.ts`. The service is a separate process. A client requests 50 rows five times a second, with alternating sorts, while swaps
 * arrive. Reported are the p99 of the responses and the lag meanwhile. SWAPSTATS_BENCH_RECORDS=n tries a smaller number of tokens.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerReport } from "./http/service.ts";
import { report } from "./report.ts";

const SIZES = process.env.SWAPSTATS_BENCH_RECORDS
  ? [Number(process.env.SWAPSTATS_BENCH_RECORDS)]
  : [100_000, 1_000_000];
const SORTS = ["volume_usd", "volume_token", "trades", "last_trade_time"];
const SECONDS = 15;
const SWAPS_PER_SECOND = 1_000;
const POSTS_PER_SECOND = 10;
const OVERVIEWS_PER_SECOND = 5;
const FILL_BATCH = 5_000;
const P99_GOAL_MS = 50;
const LAG_GOAL_MS = 1_000;

let serial = 0;

class Service {
  readonly dataDir = mkdtempSync(join(tmpdir(), "swapstats-bench-overview-"));
  readonly #child: ChildProcess = fork(join(import.meta.dirname, "http", "service.ts"), [this.dataDir]);
  #base = "";

  async start(): Promise<void> {
    const [message] = (await once(this.#child, "message")) as [Extract<ServerReport, { type: "listening" }>];
    this.#base = `http://127.0.0.1:${message.port}`;
  }

  async get(path: string): Promise<unknown> {
    const answer = await fetch(this.#base + path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async post(lines: readonly string[]): Promise<void> {
    for (;;) {
      const headers = { "content-type": "application/x-ndjson" };
      const answer = await fetch(`${this.#base}/api/swaps`, { method: "POST", headers, body: lines.join("\n") });
      await answer.text();
      if (answer.status === 202) return;
      if (answer.status !== 503) throw new Error(`POST /api/swaps: ${answer.status}`);
      await sleep(100);
    }
  }

  async lag(): Promise<{ lag: number; lagMs: number }> {
    const { partitions } = (await this.get("/api/status")) as { partitions: { lag: number; lag_ms: number }[] };
    return { lag: partitions[0]?.lag ?? 0, lagMs: partitions[0]?.lag_ms ?? 0 };
  }

  stop(): void {
    this.#child.kill("SIGKILL");
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

function swapOf(token: number, isTied: boolean): string {
  serial += 1;
  const spread = 1 + ((token * 7919) % 100_003);
  const address = ((Math.imul(token + 1, 0x9e3779b1) >>> 0).toString(16) + token.toString(16)).padEnd(40, "0");
  return JSON.stringify({
    chain_id: 1,
    tx_hash: `0x${serial.toString(16).padStart(64, "0")}`,
    log_index: 0,
    token: `0x${address}`,
    side: "buy",
    amount_token: isTied ? "1" : `${spread}.000000000000000001`,
    amount_usd: isTied ? "1" : `${spread}.01`,
    event_time: Date.now(),
  });
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] as number;

type Measured = { p99Ms: number; p50Ms: number; firstMs: number; lagMs: number; lag: number };

/** Duration of the response. One that does not arrive in time counts with its timeout. */
async function ask(service: Service, sort: string): Promise<{ ms: number; isAnswer: boolean }> {
  const startedMs = performance.now();
  const isAnswer = await service.get(`/api/overview?window=1h&sort=${sort}&limit=50`).then(
    () => true,
    () => false,
  );
  return { ms: performance.now() - startedMs, isAnswer };
}

/** The longest of the first requests of each ranking. One that exceeds the timeout is requested again. */
async function firstLooks(service: Service): Promise<number> {
  let longest = 0;
  for (const sort of SORTS) {
    const startedMs = performance.now();
    while (!(await ask(service, sort)).isAnswer);
    longest = Math.max(longest, performance.now() - startedMs);
  }
  return longest;
}

async function measure(tokens: number, isTied: boolean): Promise<Measured> {
  const service = new Service();
  try {
    await service.start();
    for (let at = 0; at < tokens; at += FILL_BATCH) {
      const count = Math.min(FILL_BATCH, tokens - at);
      await service.post(Array.from({ length: count }, (_, i) => swapOf(at + i, isTied)));
    }
    while ((await service.lag()).lag > 0) await sleep(100);
    const firstMs = await firstLooks(service);
    return { firstMs, ...(await underLoad(service, tokens, isTied)) };
  } finally {
    service.stop();
  }
}

async function underLoad(service: Service, tokens: number, isTied: boolean): Promise<Omit<Measured, "firstMs">> {
  const times: number[] = [];
  const lags: { lag: number; lagMs: number }[] = [];
  const pending: Promise<unknown>[] = [];
  const turns = SECONDS * POSTS_PER_SECOND;
  const startedMs = performance.now();
  for (let turn = 0; turn < turns; turn++) {
    const count = SWAPS_PER_SECOND / POSTS_PER_SECOND;
    const swaps = Array.from({ length: count }, () => swapOf(Math.floor(Math.random() * tokens), isTied));
    pending.push(service.post(swaps));
    if (turn % (POSTS_PER_SECOND / OVERVIEWS_PER_SECOND) === 0) {
      pending.push(ask(service, SORTS[times.length % SORTS.length] as string).then(({ ms }) => times.push(ms)));
      pending.push(service.lag().then((lag) => lags.push(lag)));
    }
    await sleep(Math.max(0, startedMs + (turn + 1) * (1_000 / POSTS_PER_SECOND) - performance.now()));
  }
  await Promise.all(pending);
  return {
    p99Ms: percentile(times, 0.99),
    p50Ms: percentile(times, 0.5),
    lagMs: Math.max(...lags.map(({ lagMs }) => lagMs)),
    lag: Math.max(...lags.map(({ lag }) => lag)),
  };
}

for (const tokens of SIZES) {
  for (const isTied of [true, false]) {
    const { p99Ms, p50Ms, firstMs, lagMs, lag } = await measure(tokens, isTied);
    report({
      what: `overview of 50 rows over ${tokens.toLocaleString("en")} tokens whose figures ${isTied ? "tie" : "differ"}, under 1,000 swaps/s: p99 and lag`,
      goal: `at most ${P99_GOAL_MS} ms, lag below ${LAG_GOAL_MS} ms`,
      figure: `${p99Ms.toFixed(0)} ms (p50 ${p50Ms.toFixed(0)} ms), lag at most ${lagMs} ms (${lag} records)`,
      met: p99Ms <= P99_GOAL_MS && lagMs < LAG_GOAL_MS,
      note: `${SORTS.length} sort orders in turn, ${OVERVIEWS_PER_SECOND} requests per second for ${SECONDS} s, with service and client on the same cores. The first look at a ranking took at most ${(firstMs / 1000).toFixed(1)} s. Load average of the machine at the end: ${(loadavg()[0] as number).toFixed(1)}.`,
    });
  }
}
