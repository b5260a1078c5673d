/** The service of the benchmarks of the screener, in a process of its own: 100,000 tokens unless told otherwise, and swaps of them by Zipf 1.0. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerReport } from "../http/service.ts";

export const TOKENS = Number(process.env.SWAPSTATS_BENCH_RECORDS ?? 100_000);
export const SECONDS = Number(process.env.SWAPSTATS_BENCH_SECONDS ?? 20);
export const SWAPS_PER_SECOND = 1_000;
/** The swaps that fill the service leave its shortest window after this time. */
export const SETTLED_MS = 75_000;
const POSTS_PER_SECOND = 20;
const FILL_BATCH = 5_000;
const TRADERS = 50_000;
/** Clock ticks of the kernel in a second. */
const TICKS_PER_SECOND = 100;

/** Processor time in seconds since the start. `main` is the main thread, `worker` the busiest other thread, `whole` the process. */
type Cpu = { readonly main: number; readonly worker: number; readonly whole: number };

export class Market {
  readonly #dataDir = mkdtempSync(join(tmpdir(), "swapstats-bench-screener-"));
  readonly #child: ChildProcess;
  readonly #tokens: number;
  readonly #weights: Float64Array;
  #serial = 0;
  #isStopped = false;
  port = 0;

  /** `settings`: further keys of the service. */
  constructor(tokens = TOKENS, settings: Readonly<Record<string, string>> = {}) {
    const service = join(import.meta.dirname, "..", "http", "service.ts");
    this.#child = fork(service, [this.#dataDir, JSON.stringify(settings)]);
    this.#tokens = tokens;
    this.#weights = new Float64Array(tokens);
    let sum = 0;
    for (let i = 0; i < tokens; i++) this.#weights[i] = sum += 1 / (i + 1);
  }

  /** Starts the service and posts a swap of each token. Resolves when all are applied. */
  async start(): Promise<void> {
    const [message] = (await once(this.#child, "message")) as [Extract<ServerReport, { type: "listening" }>];
    this.port = message.port;
    for (let at = 0; at < this.#tokens; at += FILL_BATCH) {
      const count = Math.min(FILL_BATCH, this.#tokens - at);
      await this.post(Array.from({ length: count }, (_, i) => this.#swap(at + i)));
    }
    for (;;) {
      const status = (await (await fetch(`http://127.0.0.1:${this.port}/api/status`)).json()) as {
        partitions: { lag: number }[];
      };
      if (status.partitions.every(({ lag }) => lag === 0)) return;
      await sleep(100);
    }
  }

  /** Posts swaps at their rate until `stop`. */
  async trade(): Promise<void> {
    const startedMs = performance.now();
    for (let turn = 0; !this.#isStopped; turn++) {
      const count = SWAPS_PER_SECOND / POSTS_PER_SECOND;
      await this.post(Array.from({ length: count }, () => this.#swap(this.#tokenByZipf())));
      await sleep(Math.max(0, startedMs + (turn + 1) * (1_000 / POSTS_PER_SECOND) - performance.now()));
    }
  }

  async post(swaps: readonly object[]): Promise<void> {
    const headers = { "content-type": "application/x-ndjson" };
    const body = swaps.map((swap) => JSON.stringify(swap)).join("\n");
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/api/swaps`, { method: "POST", headers, body });
      await answer.text();
      if (answer.status === 202) return;
      if (answer.status !== 503) throw new Error(`POST /api/swaps: ${answer.status}`);
      await sleep(50);
    }
  }

  /** Reads the processor time of the threads from the kernel. */
  cpu(): Cpu {
    const pid = this.#child.pid as number;
    const byThread = new Map<number, number>();
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      const fields = readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      byThread.set(Number(tid), (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND);
    }
    const whole = [...byThread.values()].reduce((sum, seconds) => sum + seconds, 0);
    const main = byThread.get(pid) as number;
    byThread.delete(pid);
    return { main, whole, worker: Math.max(...byThread.values()) };
  }

  stop(): void {
    this.#isStopped = true;
    this.#child.kill("SIGKILL");
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  #tokenByZipf(): number {
    const wanted = Math.random() * (this.#weights[this.#tokens - 1] as number);
    let low = 0;
    let high = this.#tokens - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#weights[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #swap(token: number): object {
    this.#serial += 1;
    const price = 1 + ((token * 7919) % 10_007) / 100;
    const moved = (price * (0.95 + Math.random() / 10)).toFixed(6);
    const usd = (5 + Math.random() * 2_000).toFixed(2);
    const address = (Math.imul(token + 1, 0x9e3779b1) >>> 0).toString(16) + token.toString(16);
    return {
      chain_id: [1, 56, 8453][token % 3],
      tx_hash: `0x${this.#serial.toString(16).padStart(64, "0")}`,
      log_index: 0,
      token: `0x${address.padEnd(40, "0")}`,
      token_symbol: `T${(token % 5_000).toString(36).toUpperCase()}`,
      who: `0x${Math.floor(Math.random() * TRADERS)
        .toString(16)
        .padStart(40, "0")}`,
      side: Math.random() < 0.5 ? "buy" : "sell",
      amount_token: (Number(usd) / Number(moved)).toFixed(12),
      amount_usd: usd,
      price_usd: moved,
      event_time: Date.now(),
    };
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Different queries, as front ends have them: most volume, gainers, new buyers, unusual volume, and a search by symbol. */
export function presetQuery(i: number): object {
  const fields = ["trades", "volume_usd", "close", "price_change_pct"];
  const threshold = String(100 + 7 * i);
  const window = ["5m", "15m", "1h"][i % 3] as string;
  const forms = [
    { filter: { field: "volume_usd", window, gte: threshold }, sort: [{ field: "volume_usd", window }] },
    {
      filter: {
        and: [
          { field: "price_change_pct", window, gt: i / 100 },
          { field: "trades", window, gte: 3 },
        ],
      },
      sort: [
        { field: "price_change_pct", window },
        { field: "volume_usd", window },
      ],
    },
    {
      filter: {
        and: [
          { field: "buyers", window, gte: 1 + (i % 7) },
          { field: "chain_id", in: [1, 8453] },
        ],
      },
      sort: [
        { field: "buyers", window },
        { field: "net_volume_usd", window },
      ],
    },
    {
      filter: {
        or: [
          { field: "change.volume_usd", window: "5m", gt: i },
          { field: "avg_trade_usd", window, gt: threshold },
        ],
      },
      sort: [{ field: "trades", window }],
    },
    {
      filter: {
        and: [
          { field: "symbol", contains: (i % 36).toString(36) },
          { not: { field: "volume_usd", window, lt: threshold } },
        ],
      },
      sort: [{ field: "last_trade_time", window }],
    },
  ];
  return { ...forms[i % forms.length], windows: [window], fields, limit: 50 };
}
