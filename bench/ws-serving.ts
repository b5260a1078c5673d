/**
 * 1,000 WebSocket clients with 5 subscriptions each to the busiest 20 tokens, windows 5m, 1h and 24h, under 1,000 swaps/s, on the whole
 * service: `node bench/ws-serving.ts [--seconds N]`. Service, clients and producer are separate processes. Clients do not parse. One more
 * client, which does parse, measures how long an update takes.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { GENERATOR_DEFAULTS } from "../server/src/generator/options.ts";
import type { IngestPort, IngestResult } from "../server/src/ports/intake.ts";
import { GeneratorFeeder } from "../server/src/sources/feeders/generator.ts";
import type { ServerReport } from "./http/service.ts";
import { report } from "./report.ts";
import type { ClientsReport } from "./ws/clients.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "15" } } });
const SECONDS = Number(values.seconds);
const SWAPS_PER_SECOND = 1_000;
const CLIENTS = 1_000;
const SUBSCRIPTIONS = 5;
const TOKENS = 20;
const WINDOWS = ["5m", "1h", "24h"];
const FILL_MS = 6_000;
const WARM_UP_MS = 3_000;
/** Not a multiple of the tick, so that swaps come at every moment of it. */
const PROBE_EVERY_MS = 73;
const PROBE_TOKEN = "probe";

type Service = { readonly child: ChildProcess; readonly port: number };
type Counts = { readonly cpu: number; readonly messages: number; readonly writes: number; readonly atMs: number };

async function startService(dataDir: string): Promise<Service> {
  const child = fork(join(import.meta.dirname, "http", "service.ts"), [dataDir]);
  const [{ port }] = (await once(child, "message")) as [Extract<ServerReport, { type: "listening" }>];
  return { child, port };
}

async function cpuSeconds({ child }: Service): Promise<number> {
  child.send("cpu");
  return ((await once(child, "message")) as [Extract<ServerReport, { type: "cpu" }>])[0].seconds;
}

async function post(port: number, body: Uint8Array | string): Promise<IngestResult> {
  const headers = { "content-type": "application/x-ndjson" };
  const answer = await fetch(`http://127.0.0.1:${port}/api/swaps`, { method: "POST", headers, body });
  if (answer.status !== 202) throw new Error(`POST /api/swaps: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as IngestResult;
}

async function busiest(port: number): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/overview?window=5m&sort=trades&limit=${TOKENS}`);
  return ((await answer.json()) as { items: { id: string }[] }).items.map(({ id }) => id);
}

/** Each client has its own 5 of the tokens. */
function requestsOf(ids: readonly string[]): string[] {
  return Array.from({ length: CLIENTS }, (_, client) => {
    const step = [1, 3, 7, 9, 11][client % 5] as number;
    const subscribe = Array.from({ length: SUBSCRIPTIONS }, (_, i) => `token:${ids[(client + i * step) % ids.length]}`);
    return JSON.stringify({ subscribe, windows: WINDOWS });
  });
}

async function count(service: Service, crowd: ChildProcess): Promise<Counts> {
  crowd.send({ type: "count" });
  const [counted] = (await once(crowd, "message")) as [Extract<ClientsReport, { type: "counted" }>];
  if (counted.closed > 0) throw new Error(`${counted.closed} clients were closed`);
  const { messages, writes } = counted;
  return { cpu: await cpuSeconds(service), messages, writes, atMs: performance.now() };
}

/** Posts a swap at intervals, and measures from before the request until a client has received the trade. */
class Probe {
  readonly delaysMs: number[] = [];
  readonly #port: number;
  readonly #sentAtMs: number[] = [];
  #isStopped = false;
  #running: Promise<void> | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  async start(): Promise<void> {
    await this.#postSwap();
    await sleep(500);
    const ws = new WebSocket(`ws://127.0.0.1:${this.#port}/ws`);
    ws.on("message", (data) => this.#take(JSON.parse(data.toString())));
    await once(ws, "open");
    ws.send(JSON.stringify({ subscribe: `token:1:${PROBE_TOKEN}`, windows: WINDOWS }));
    this.#running = this.#run(ws);
  }

  stop(): Promise<void> | undefined {
    this.#isStopped = true;
    return this.#running;
  }

  async #run(ws: WebSocket): Promise<void> {
    while (!this.#isStopped) {
      await sleep(PROBE_EVERY_MS);
      await this.#postSwap();
    }
    ws.terminate();
  }

  async #postSwap(): Promise<void> {
    const index = this.#sentAtMs.length;
    const swap = { chain_id: 1, tx_hash: `p${index}`, log_index: 0, token: PROBE_TOKEN, who: "w", side: "buy" };
    const event = { ...swap, amount_token: "1", amount_usd: "1", event_time: Date.now() };
    this.#sentAtMs.push(performance.now());
    await post(this.#port, JSON.stringify(event));
  }

  #take(message: { patch?: { windows?: { "5m"?: { trades?: number } } } }): void {
    const trades = message.patch?.windows?.["5m"]?.trades;
    if (trades === undefined) return;
    const nowMs = performance.now();
    for (let i = 1 + this.delaysMs.length; i < trades; i++) this.delaysMs.push(nowMs - (this.#sentAtMs[i] as number));
  }
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function measure(service: Service, crowd: ChildProcess): Promise<void> {
  const options = { ...GENERATOR_DEFAULTS, ratePerSecond: SWAPS_PER_SECOND, startMs: Date.now() };
  const ingest: IngestPort = { ingest: (body) => post(service.port, body.slice()) };
  const onProblem = (error: unknown): void => {
    throw error;
  };
  const generator = new GeneratorFeeder(options, { onProblem });
  await generator.start(ingest);
  await sleep(FILL_MS);
  const alone = { cpu: await cpuSeconds(service), atMs: performance.now() };
  await sleep(WARM_UP_MS);
  const aloneCore = ((await cpuSeconds(service)) - alone.cpu) / ((performance.now() - alone.atMs) / 1_000);

  crowd.send({ type: "open", port: service.port, requests: requestsOf(await busiest(service.port)) });
  await once(crowd, "message");
  const probe = new Probe(service.port);
  await probe.start();
  await sleep(WARM_UP_MS);
  const warm = probe.delaysMs.length;
  const before = await count(service, crowd);
  await sleep(SECONDS * 1_000);
  const after = await count(service, crowd);
  await probe.stop();
  await generator.stop();
  const took = (after.atMs - before.atMs) / 1_000;
  const perClient = (after.writes - before.writes) / took / CLIENTS;
  const perSubscription = (after.messages - before.messages) / took / (CLIENTS * SUBSCRIPTIONS);
  const core = (after.cpu - before.cpu) / took;
  const delays = probe.delaysMs.slice(warm);
  reportAll({ perClient, perSubscription, core, aloneCore, delays });
}

type Measured = {
  readonly perClient: number;
  readonly perSubscription: number;
  readonly core: number;
  readonly aloneCore: number;
  readonly delays: readonly number[];
};

function reportAll({ perClient, perSubscription, core, aloneCore, delays }: Measured): void {
  const p99 = quantile(delays, 0.99);
  report({
    what: "1,000 WebSocket clients with 5 subscriptions each to the busiest 20 tokens, windows 5m,1h,24h, under 1,000 swaps/s",
    goal: "10 updates a second for each client, with at most half a core",
    figure: `${perClient.toFixed(1)} updates a second per client, ${core.toFixed(2)} core`,
    met: perClient >= 9.5 && core <= 0.5,
    note: `The whole process is counted; without clients it takes ${aloneCore.toFixed(2)} core. Each update carries the channels that changed: ${perSubscription.toFixed(1)} messages a second per subscription, because not every one of these tokens trades in every tick.`,
  });
  report({
    what: "p99 of the time from acceptance to the socket, in the same run",
    goal: "at most 250 ms",
    figure: `${p99.toFixed(0)} ms`,
    met: p99 <= 250,
    note: `Median ${quantile(delays, 0.5).toFixed(0)} ms of ${delays.length} swaps, from before their POST is sent until another client has received the patch. Coalescing takes up to 100 ms of it.`,
  });
}

const dataDir = mkdtempSync(join(tmpdir(), "swapstats-bench-ws-"));
const service = await startService(dataDir);
const crowd = fork(join(import.meta.dirname, "ws", "clients.ts"));
try {
  await measure(service, crowd);
} finally {
  service.child.kill("SIGKILL");
  crowd.kill("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true });
}
