/**
 * What a client costs at each door that follows the same twenty tokens with all figures in four windows: bytes, and processor time of the service.
 * `node bench/doors.ts [--seconds N] [--rounds N] [--clients N] [--fill SECONDS] [--page]`; with `--page` the table of docs/choosing-a-door.md is written too. Service
 * and clients are separate processes. The time that the service takes without clients is measured before each round of a door, and taken off; the figure is
 * the median of the rounds.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { jsonPatchProtocol, protobufProtocol } from "../protocol/src/websocket.ts";
import type { CrowdReport } from "./doors/crowd.ts";
import type { ServiceReport } from "./doors/service.ts";
import { report } from "./report.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    rounds: { type: "string", default: "3" },
    clients: { type: "string", default: "200" },
    fill: { type: "string", default: "90" },
    page: { type: "boolean", default: false },
  },
});
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const CLIENTS = Number(values.clients);
const TOKENS = 20;
/** After 90 s every window is full and slides, so no two of them have the same figures for want of a past. */
const FILL_MS = Number(values.fill) * 1_000;
const WARM_UP_MS = 3_000;
const PAGE = join(import.meta.dirname, "../docs/choosing-a-door.md");
const BEGIN = "<!-- The table is written by `node bench/doors.ts --page`. -->\n";
const END = "<!-- End of the table. -->\n";

const DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate";
const protocol = (name: string): string => `Sec-WebSocket-Protocol: ${name}`;
type Door = { readonly name: string; readonly headers?: readonly string[]; readonly door?: "sse" | "grpc" | "polling" };
const DOORS: readonly Door[] = [
  { name: "WebSocket, JSON", headers: [] },
  { name: "WebSocket, JSON Patch", headers: [protocol(jsonPatchProtocol)] },
  { name: "WebSocket, protobuf", headers: [protocol(protobufProtocol)] },
  { name: "WebSocket, JSON, compressed", headers: [DEFLATE] },
  { name: "WebSocket, protobuf, compressed", headers: [protocol(protobufProtocol), DEFLATE] },
  { name: "Server-sent events", door: "sse" },
  { name: "gRPC", door: "grpc" },
  { name: "HTTP with ETag, once a second", door: "polling" },
];

type Service = { readonly child: ChildProcess; readonly httpPort: number; readonly grpcPort: number };
type Cost = { readonly bytesPerSecond: number; readonly messagesPerSecond: number; readonly cpuMsPerSecond: number };

async function startService(dataDir: string): Promise<Service> {
  const child = fork(join(import.meta.dirname, "doors/service.ts"), [dataDir]);
  const [ports] = (await once(child, "message")) as [Extract<ServiceReport, { type: "listening" }>];
  return { child, ...ports };
}

async function cpuSeconds({ child }: Service): Promise<number> {
  child.send("cpu");
  return ((await once(child, "message")) as [Extract<ServiceReport, { type: "cpu" }>])[0].seconds;
}

/** Returns the share of a core that the service takes now. */
async function coreShare(service: Service): Promise<number> {
  const [cpu, atMs] = [await cpuSeconds(service), performance.now()];
  await sleep(SECONDS * 1_000);
  return ((await cpuSeconds(service)) - cpu) / ((performance.now() - atMs) / 1_000);
}

async function busiest({ httpPort }: Service): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/overview?window=1m&sort=trades&limit=${TOKENS}`);
  return ((await response.json()) as { items: { id: string }[] }).items.map(({ id }) => id);
}

async function measure(service: Service, { headers, door }: Door, tokens: readonly string[]): Promise<Cost> {
  const idle = await coreShare(service);
  const crowd = fork(join(import.meta.dirname, door === undefined ? "ws/clients.ts" : "doors/crowd.ts"));
  try {
    const request = JSON.stringify({ subscribe: tokens.map((token) => `token:${token}`) });
    const port = door === "grpc" ? service.grpcPort : service.httpPort;
    crowd.send(
      door === undefined
        ? { type: "open", port, requests: Array.from({ length: CLIENTS }, () => request), headers }
        : { type: "open", port, door, clients: CLIENTS, tokens },
    );
    await once(crowd, "message");
    await sleep(WARM_UP_MS);
    const count = async () => {
      crowd.send({ type: "count" });
      const [counted] = (await once(crowd, "message")) as [Extract<CrowdReport, { type: "counted" }>];
      if (counted.closed > 0) throw new Error(`${counted.closed} clients were closed`);
      return { ...counted, atMs: performance.now() };
    };
    const before = await count();
    const core = await coreShare(service);
    const after = await count();
    const clientSeconds = (CLIENTS * (after.atMs - before.atMs)) / 1_000;
    return {
      bytesPerSecond: (after.bytes - before.bytes) / clientSeconds,
      messagesPerSecond: (after.messages - before.messages) / clientSeconds,
      cpuMsPerSecond: (1_000 * (core - idle)) / CLIENTS,
    };
  } finally {
    crowd.kill("SIGKILL");
  }
}

/** Returns the round with the median of processor time: a round may meet a collection of memory. */
async function medianOf(service: Service, door: Door, tokens: readonly string[]): Promise<Cost> {
  const rounds: Cost[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(service, door, tokens));
  rounds.sort((a, b) => a.cpuMsPerSecond - b.cpuMsPerSecond);
  return rounds[Math.floor(ROUNDS / 2)] as Cost;
}

const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} KB`;

function writePage(costs: ReadonlyMap<Door, Cost>): void {
  const rows = [...costs].map(
    ([{ name }, { bytesPerSecond, messagesPerSecond, cpuMsPerSecond }]) =>
      `| ${name} | ${kilobytes(bytesPerSecond)} | ${messagesPerSecond.toFixed(1)} | ${cpuMsPerSecond.toFixed(2)} ms |\n`,
  );
  const head = "| door | bytes a second | messages a second | processor time a second |\n|---|---|---|---|\n";
  const text = readFileSync(PAGE, "utf8");
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  if (from < BEGIN.length || to < from) throw new Error(`${PAGE}: the marks of the table are missing`);
  writeFileSync(PAGE, `${text.slice(0, from)}${head}${rows.join("")}${text.slice(to)}`);
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-doors-"));
const service = await startService(folder);
try {
  await sleep(FILL_MS);
  const tokens = await busiest(service);
  const costs = new Map<Door, Cost>();
  for (const door of DOORS) {
    const cost = await medianOf(service, door, tokens);
    costs.set(door, cost);
    report({
      what: `A client of twenty tokens: ${door.name}`,
      goal: "none",
      figure: `${kilobytes(cost.bytesPerSecond)} and ${cost.cpuMsPerSecond.toFixed(2)} ms of processor time a second`,
      met: undefined,
      note: `Median of ${ROUNDS} rounds with ${CLIENTS} clients, all figures in four windows of the busiest tokens at 1,000 swaps a second; ${cost.messagesPerSecond.toFixed(1)} messages a second each.`,
    });
  }
  if (values.page) writePage(costs);
} finally {
  service.child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
