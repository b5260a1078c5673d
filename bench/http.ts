/**
 * `GET stats` of three windows against the bare framework answering the same bytes: `node bench/http.ts [--seconds N --rounds N]`. Service,
 * bare framework and client are separate processes. Rounds alternate, and the median counts, because other work on the machine comes and
 * goes. The service answers the 20 busiest of 10,000 tokens.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { GENERATOR_DEFAULTS } from "../server/src/generator/options.ts";
import type { IngestPort, IngestResult } from "../server/src/ports/intake.ts";
import { GeneratorFeeder } from "../server/src/sources/feeders/generator.ts";
import type { BareAnswers } from "./http/bare.ts";
import type { ClientReport, ClientRequest } from "./http/client.ts";
import type { ServerReport } from "./http/service.ts";
import { report } from "./report.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "3" }, rounds: { type: "string", default: "7" } },
});
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const SWAPS_PER_SECOND = 1_000;
const FILL_MS = 6_000;
const TOKENS = 20;
const CONNECTIONS = 32;
/** Requests a second of the latency test: well below the capacity of both sides, so that times are those of responses and not of queues. */
const RATE = 1_000;
const WINDOWS = "5m,1h,24h";

type Server = { readonly child: ChildProcess; readonly port: number };

async function start(file: string, args: string[] = []): Promise<Server> {
  const child = fork(join(import.meta.dirname, "http", file), args);
  const [message] = (await once(child, "message")) as [Extract<ServerReport, { type: "listening" }>];
  return { child, port: message.port };
}

async function cpuSeconds({ child }: Server): Promise<number> {
  child.send("cpu");
  const [message] = (await once(child, "message")) as [Extract<ServerReport, { type: "cpu" }>];
  return message.seconds;
}

/** Swaps arrive as a producer sends them. */
function posting(port: number): IngestPort {
  const url = `http://127.0.0.1:${port}/api/swaps`;
  const headers = { "content-type": "application/x-ndjson" };
  return {
    ingest: async (body) => {
      const answer = await fetch(url, { method: "POST", headers, body: body.slice() });
      if (answer.status !== 202) throw new Error(`POST /api/swaps: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as IngestResult;
    },
  };
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;

type Measured = ClientReport & { readonly cpuMicros: number };

async function ask(client: ChildProcess, server: Server, paths: readonly string[], rate?: number): Promise<Measured> {
  const before = await cpuSeconds(server);
  client.send({ port: server.port, paths, connections: CONNECTIONS, seconds: SECONDS, rate } as ClientRequest);
  const [answer] = (await once(client, "message")) as [ClientReport];
  if (answer.failures > 0) throw new Error(`${answer.failures} requests failed`);
  return { ...answer, cpuMicros: (((await cpuSeconds(server)) - before) * 1e6) / answer.requests };
}

async function measure(client: ChildProcess, service: Server, bare: Server, dataDir: string): Promise<void> {
  const options = { ...GENERATOR_DEFAULTS, ratePerSecond: SWAPS_PER_SECOND, startMs: Date.now() };
  const onProblem = (error: unknown) => {
    throw error;
  };
  const generator = new GeneratorFeeder(options, { onProblem });
  await generator.start(posting(service.port));
  await sleep(FILL_MS);
  const base = `http://127.0.0.1:${service.port}`;
  const overview = await (await fetch(`${base}/api/overview?window=1h&sort=trades&limit=${TOKENS}`)).json();
  const ids = (overview as { items: { id: string }[] }).items.map(({ id }) => id);
  const paths = ids.map((id) => `/api/tokens/${id}/stats?windows=${WINDOWS}`);
  const texts = await Promise.all(paths.map(async (path) => (await fetch(base + path)).text()));
  bare.child.send({ type: "answers", byId: Object.fromEntries(ids.map((id, i) => [id, texts[i]])) } as BareAnswers);

  const slow = { service: [] as Measured[], bare: [] as Measured[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    slow.bare.push(await ask(client, bare, paths, RATE));
    slow.service.push(await ask(client, service, paths, RATE));
  }
  await generator.stop();
  const fast = { service: [] as Measured[], bare: [] as Measured[] };
  for (let round = -1; round < ROUNDS; round += 1) {
    const bareRound = await ask(client, bare, paths);
    const serviceRound = await ask(client, service, paths);
    // The first round warms both up.
    if (round >= 0) fast.bare.push(bareRound);
    if (round >= 0) fast.service.push(serviceRound);
  }
  reportAll(fast, slow, Math.round(texts.reduce((sum, text) => sum + text.length, 0) / texts.length));
  rmSync(dataDir, { recursive: true, force: true });
}

type Sides = { readonly service: readonly Measured[]; readonly bare: readonly Measured[] };

function reportAll(fast: Sides, slow: Sides, bytes: number): void {
  const perSecond = (rounds: readonly Measured[]) => median(rounds.map((round) => round.requests / round.seconds));
  const [serviceRate, bareRate] = [perSecond(fast.service), perSecond(fast.bare)];
  const ratio = serviceRate / bareRate;
  const cpu = (rounds: readonly Measured[]) => median(rounds.map((round) => round.cpuMicros));
  const [serviceP99, bareP99] = [slow.service, slow.bare].map((rounds) =>
    median(rounds.map((round) => round.p99Ms)),
  ) as [number, number];
  report({
    what: "`GET stats` of 3 windows, against the bare framework that responds with the same bytes: requests per second",
    goal: "at least 0.8 of its requests",
    figure: `${ratio.toFixed(2)} (${serviceRate.toFixed(0)}/s against ${bareRate.toFixed(0)}/s)`,
    met: ratio >= 0.8,
    note: `${bytes} bytes, ${CONNECTIONS} connections, median of ${ROUNDS} rounds; ${cpu(fast.service).toFixed(1)} against ${cpu(fast.bare).toFixed(1)} us of processor time per request. Node's HTTP and the write to the socket limit it.`,
    values: { "CPU-us a request": cpu(fast.service), "requests/s": serviceRate, "of the bare framework": ratio },
  });
  report({
    what: "p99 of these requests under 1,000 swaps/s",
    goal: "at most 2 times that of the bare framework",
    figure: `${(serviceP99 / bareP99).toFixed(2)} times (${serviceP99.toFixed(2)} ms against ${bareP99.toFixed(2)} ms)`,
    met: serviceP99 <= 2 * bareP99,
    note: `${RATE} requests/s to the ${TOKENS} busiest of 10,000 tokens. The thread that owns a token makes its response after a change; this thread also applies the swaps.`,
  });
  console.log(JSON.stringify({ ratio, serviceRate, bareRate, p99Ratio: serviceP99 / bareP99, serviceP99, bareP99 }));
}

const dataDir = mkdtempSync(join(tmpdir(), "swapstats-bench-http-"));
const service = await start("service.ts", [dataDir]);
const bare = await start("bare.ts");
const client = fork(join(import.meta.dirname, "http", "client.ts"));
try {
  await measure(client, service, bare, dataDir);
} finally {
  for (const child of [service.child, bare.child, client]) child.kill("SIGKILL");
  rmSync(dataDir, { recursive: true, force: true });
}
