/**
 * `GET stats` with a token and rate limits against the same without: `node bench/gate.ts [--seconds N --rounds N]`. Services of the same swaps,
 * each a process: open, open with the header fields of the others, with tokens and limits in memory, and with limits in Redis where it is installed.
 * A round asks all of them, one after the other, and the median of the rounds' ratios counts, because other work on the machine comes and goes.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findServer } from "../scripts/servers/install.ts";
import { type RedisServer, startRedis } from "../scripts/servers/redis.ts";
import type { ClientReport, ClientRequest } from "./http/client.ts";
import type { ServerReport } from "./http/service.ts";
import { report } from "./report.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "2" }, rounds: { type: "string", default: "9" } },
});
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const CONNECTIONS = 32;
const TOKENS = 20;
const GOAL = 0.9;
const SECRET = "a secret of the benchmark, with more than 32 bytes";
const PATHS = Array.from({ length: TOKENS }, (_, i) => `/api/tokens/1:bench${i}/stats?windows=5m,1h,24h`);

type Service = { readonly name: string; readonly child: ChildProcess; readonly port: number; readonly fields: string };

/** Limits that admit everything: their work is measured, not refusals. */
const LIMITS = {
  "security.mode": "required",
  "security.jwt.enabled": "on",
  "security.jwt.alg": "HS256",
  "rate_limit.by_jwt.refill_per_sec": "1000000",
  "rate_limit.by_jwt.burst": "1000000",
};

/** Header fields as the service sends them with these limits. */
const RATE_LIMIT_FIELDS = ["ratelimit-policy", '"by_jwt";q=1000000;w=1', "ratelimit", '"by_jwt";r=999999;t=1'];

function bearer(): string {
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const nowSec = Math.floor(Date.now() / 1_000);
  const body = { sub: "bench", scope: "read ingest", nbf: nowSec, exp: nowSec + 86_400 };
  const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded(body)}`;
  const signature = createHmac("sha256", SECRET).update(signed).digest("base64url");
  return `Authorization: Bearer ${signed}.${signature}\r\n`;
}

/** `added`: header fields that the responses get in addition. */
async function start(
  folder: string,
  name: string,
  keys: Record<string, string>,
  fields: string,
  added: readonly string[] = [],
): Promise<Service> {
  const args = [join(folder, name), JSON.stringify(keys), JSON.stringify(added)];
  const child = fork(join(import.meta.dirname, "http/service.ts"), args, {
    env: { ...process.env, SWAPSTATS_SECURITY_JWT_SECRET: SECRET },
  });
  const [message] = (await once(child, "message")) as [Extract<ServerReport, { type: "listening" }>];
  const service = { name, child, port: message.port, fields };
  await fill(service);
  return service;
}

/** A swap of each token, after which nothing changes: the fast lane answers all requests. */
async function fill({ port, fields }: Service): Promise<void> {
  const headers = Object.fromEntries(
    ["Content-Type: application/json", ...fields.split("\r\n")]
      .filter((line) => line !== "")
      .map((line) => line.split(": ")),
  ) as Record<string, string>;
  const swaps = Array.from({ length: TOKENS }, (_, i) => ({
    ...{ chain_id: 1, tx_hash: `0x${i}`, log_index: 0, block_number: 1, event_time: Date.now() },
    ...{ token: `bench${i}`, token_address: `bench${i}`, token_symbol: `B${i}`, side: "buy", wallet: "w" },
    ...{ amount_token: "2", amount_usd: "3", price_usd: "1.5" },
  }));
  const url = `http://127.0.0.1:${port}`;
  const posted = await fetch(`${url}/api/swaps`, { method: "POST", headers, body: JSON.stringify(swaps) });
  if (posted.status !== 202) throw new Error(`POST /api/swaps: ${posted.status} ${await posted.text()}`);
  for (const path of PATHS) {
    let status = 0;
    while (status !== 200) status = (await fetch(url + path, { headers })).status;
  }
}

async function cpuSeconds({ child }: Service): Promise<number> {
  child.send("cpu");
  const [message] = (await once(child, "message")) as [Extract<ServerReport, { type: "cpu" }>];
  return message.seconds;
}

type Measured = { readonly perSecond: number; readonly cpuMicros: number };

async function ask(client: ChildProcess, service: Service): Promise<Measured> {
  const { name, port, fields } = service;
  const before = await cpuSeconds(service);
  const request: ClientRequest = {
    ...{ port, paths: PATHS, connections: CONNECTIONS, seconds: SECONDS, rate: undefined, fields },
  };
  client.send(request);
  const [answer] = (await once(client, "message")) as [ClientReport];
  if (answer.failures > 0) throw new Error(`${name}: ${answer.failures} requests failed`);
  const cpuMicros = (((await cpuSeconds(service)) - before) * 1e6) / answer.requests;
  return { perSecond: answer.requests / answer.seconds, cpuMicros };
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;

/** `floor`: an open service whose requests and responses have the same header fields as those of the others. */
async function measure(client: ChildProcess, open: Service, floor: Service, others: readonly Service[]): Promise<void> {
  const all = [open, floor, ...others];
  const measured = new Map(all.map((service) => [service, [] as Measured[]]));
  for (let round = -1; round < ROUNDS; round += 1) {
    // The order alternates, and the first round warms up.
    for (const service of round % 2 === 0 ? all : all.toReversed()) {
      const one = await ask(client, service);
      if (round >= 0) measured.get(service)?.push(one);
    }
  }
  const roundsOf = (service: Service): readonly Measured[] => measured.get(service) as Measured[];
  const medianOf = (service: Service, key: keyof Measured): number =>
    median(roundsOf(service).map((round) => round[key]));
  const ratioOf = (service: Service, ratio: (one: Measured, open: Measured) => number): string =>
    median(roundsOf(service).map((one, round) => ratio(one, roundsOf(open)[round] as Measured))).toFixed(2);
  const byRate = (service: Service): string => ratioOf(service, (one, base) => one.perSecond / base.perSecond);
  const byCpu = (service: Service): string => ratioOf(service, (one, base) => base.cpuMicros / one.cpuMicros);
  for (const service of others) {
    const cpu = `${medianOf(service, "cpuMicros").toFixed(1)} against ${medianOf(open, "cpuMicros").toFixed(1)} us of processor time per request (${byCpu(service)})`;
    report({
      what: `gate: \`GET stats\` of 3 windows with a token and rate limits ${service.name}, against the same without: requests per second`,
      goal: `at least ${GOAL} of its requests`,
      figure: `${byRate(service)} (${medianOf(service, "perSecond").toFixed(0)}/s against ${medianOf(open, "perSecond").toFixed(0)}/s)`,
      met: Number(byRate(service)) >= GOAL,
      note: `${CONNECTIONS} connections, median of ${ROUNDS} pairs of ${SECONDS} s in one run; ${cpu}. The token is verified once and then remembered. The same header fields without a gate (a longer request, and 90 bytes more in each response) reach ${byRate(floor)} of the requests, and ${byCpu(floor)} by processor time.`,
    });
  }
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-gate-"));
const client = fork(join(import.meta.dirname, "http/client.ts"));
const services: Service[] = [];
let redis: RedisServer | undefined;
try {
  const fields = bearer();
  const open = await start(folder, "open", {}, "");
  const floor = await start(folder, "floor", {}, fields, RATE_LIMIT_FIELDS);
  services.push(open, floor, await start(folder, "in memory", LIMITS, fields));
  if (findServer("redis") !== undefined) {
    redis = await startRedis({ folder: join(folder, "redis") });
    const keys = { ...LIMITS, "stores.redis.addr": `${redis.host}:${redis.port}` };
    services.push(await start(folder, "in Redis", keys, fields));
  }
  await measure(client, open, floor, services.slice(2));
} finally {
  for (const { child } of services) child.kill("SIGKILL");
  client.kill("SIGKILL");
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
}
