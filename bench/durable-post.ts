/**
 * Durable `POST /api/swaps` in batches of 500 from 4 clients, against the same bytes written in the same batches into the embedded database
 * alone: `node bench/durable-post.ts [--rounds N --bodies N]`. Both use the same page size, journal and synchronous setting. Rounds
 * alternate, and the median counts. The state is kept up to date and checkpoints are written meanwhile, on the same processors.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openLogDatabase } from "../server/src/sources/embedded/log-database.ts";
import type { ServerReport } from "./http/service.ts";
import type { PostReport, PostRequest } from "./ingest/client.ts";
import { report } from "./report.ts";
import { median, Workload } from "./support/workload.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, bodies: { type: "string", default: "400" } },
});
const ROUNDS = Number(values.rounds);
const BODIES = Number(values.bodies);
const CLIENTS = 4;
const SWAPS_PER_BODY = 500;
/** Event time that all bodies span at 1,000 swaps a second. It ends before now, so nothing lies in the future. */
const SPAN_MS = (ROUNDS + 1) * BODIES * SWAPS_PER_BODY;

async function ask<T extends PostReport["type"]>(client: ChildProcess, message: PostRequest, type: T) {
  client.send(message);
  const [answer] = (await once(client, "message")) as [PostReport];
  if (answer.type !== type) throw new Error(`the client answered ${answer.type}`);
  return answer as Extract<PostReport, { type: T }>;
}

/** Returns the seconds to write the bodies of one round, one transaction each. */
function writeAlone(folder: string, bodies: readonly Uint8Array[]): number {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const database = openLogDatabase(join(folder, "alone.sqlite"));
  const startedMs = performance.now();
  for (const [i, body] of bodies.entries()) {
    database.begin();
    database.insert(0, { baseOffset: i * SWAPS_PER_BODY, count: SWAPS_PER_BODY, arrivalMs: i }, body);
    database.commit();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  database.close();
  return seconds;
}

async function caughtUp(port: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const status = (await (await fetch(`http://127.0.0.1:${port}/api/status`)).json()) as {
      partitions: { lag: number }[];
    };
    if (status.partitions.every(({ lag }) => lag === 0)) return (performance.now() - startedMs) / 1000;
    await sleep(20);
  }
}

async function measure(client: ChildProcess, port: number, folder: string): Promise<void> {
  const startMs = Date.now() - SPAN_MS - 60_000;
  await ask(client, { type: "make", bodies: (ROUNDS + 1) * BODIES, swapsPerBody: SWAPS_PER_BODY, startMs }, "made");
  const workload = new Workload({ startMs });
  const bodies = Array.from({ length: BODIES }, () => workload.chunk(SWAPS_PER_BODY).bytes.slice());
  const aloneRates: number[] = [];
  const postRates: number[] = [];
  const latenciesMs: number[] = [];
  const catchUps: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const alone = writeAlone(join(folder, "alone"), bodies);
    const request = { type: "post", port, clients: CLIENTS, from: round * BODIES, to: (round + 1) * BODIES } as const;
    const posted = await ask(client, request, "posted");
    const catchUp = await caughtUp(port);
    // The first round warms the service up.
    if (round === 0) continue;
    aloneRates.push(BODIES / alone);
    postRates.push(BODIES / posted.seconds);
    latenciesMs.push(...posted.latenciesMs);
    catchUps.push(catchUp);
  }
  const [alone, post] = [median(aloneRates), median(postRates)];
  const ratio = median(postRates.map((rate, i) => rate / (aloneRates[i] as number)));
  const p99 = [...latenciesMs].sort((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)] as number;
  const perSecond = (rate: number): string => `${Math.round((rate * SWAPS_PER_BODY) / 1000)}k swaps/s`;
  report({
    what: "durable `POST /api/swaps` in batches of 500 from 4 clients, against the same bytes written in the same batches into the embedded database alone",
    goal: "at least 0.5 of its rate",
    figure: `${ratio.toFixed(2)} (${perSecond(post)} against ${perSecond(alone)})`,
    met: ratio >= 0.5,
    note:
      `Median of ${ROUNDS} rounds of ${BODIES} bodies. The p99 of a response was ${p99.toFixed(1)} ms. The state was up to date ` +
      `${median(catchUps).toFixed(2)} s after a round. Clients, HTTP, log thread and state share the processors, which are the limit.`,
    values: {
      "swaps/s": post * SWAPS_PER_BODY,
      "of the bare database": ratio,
      "p99 ms": p99,
      "catch-up s": median(catchUps),
    },
  });
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-post-"));
const service = fork(join(import.meta.dirname, "http", "service.ts"), [join(folder, "data")]);
const client = fork(join(import.meta.dirname, "ingest", "client.ts"));
try {
  const [{ port }] = (await once(service, "message")) as [Extract<ServerReport, { type: "listening" }>];
  await measure(client, port, folder);
} finally {
  for (const child of [service, client]) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}
