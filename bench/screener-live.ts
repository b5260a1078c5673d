/**
 * 1,000 different live queries over 100,000 tokens under 1,000 swaps/s, on the whole service: `node bench/screener-live.ts`. Service, clients
 * and producer are separate processes. Clients do not parse. One more client, which does parse, watches a query of its own: new tokens that it
 * matches are posted, and the time until they enter is measured. SWAPSTATS_BENCH_RECORDS and SWAPSTATS_BENCH_SECONDS try other sizes.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { report } from "./report.ts";
import { Market, presetQuery, quantile, SECONDS, SETTLED_MS, SWAPS_PER_SECOND, TOKENS } from "./screener/market.ts";
import { Probe } from "./screener/probe.ts";
import type { ClientsReport } from "./ws/clients.ts";

const QUERIES = Number(process.env.SWAPSTATS_BENCH_QUERIES ?? 1_000);
const QUERIES_PER_CLIENT = 25;
const ENTRY_GOAL_MS = 1_000;

function requests(): string[] {
  return Array.from({ length: QUERIES / QUERIES_PER_CLIENT }, (_, client) => {
    const subscribe = Array.from({ length: QUERIES_PER_CLIENT }, (_, i) => ({
      channel: "screener",
      query: presetQuery(client * QUERIES_PER_CLIENT + i),
    }));
    return JSON.stringify({ subscribe });
  });
}

const market = new Market();
const crowd = fork(join(import.meta.dirname, "ws", "clients.ts"));
try {
  await market.start();
  const filledMs = performance.now();
  const trading = market.trade();
  crowd.send({ type: "open", port: market.port, requests: requests() });
  await once(crowd, "message");
  const probe = new Probe(market);
  await sleep(Math.max(5_000, filledMs + SETTLED_MS - performance.now()));
  const counted = async (): Promise<Extract<ClientsReport, { type: "counted" }>> => {
    crowd.send({ type: "count" });
    const [counts] = (await once(crowd, "message")) as [Extract<ClientsReport, { type: "counted" }>];
    if (counts.closed > 0) throw new Error(`${counts.closed} clients were closed`);
    return counts;
  };
  // The first scans of all queries take a while.
  while ((await counted()).messages < 2 * QUERIES) await sleep(1_000);
  const probing = probe.run();
  const [cpu, counts, startMs] = [market.cpu(), await counted(), performance.now()];
  await sleep(SECONDS * 1_000);
  const [cpuAfter, countsAfter, seconds] = [market.cpu(), await counted(), (performance.now() - startMs) / 1_000];
  probe.stop();
  await probing;
  const core = (name: "main" | "worker" | "whole"): number => (cpuAfter[name] - cpu[name]) / seconds;
  const updates = (countsAfter.messages - counts.messages) / seconds;
  const p99Ms = quantile(probe.delaysMs, 0.99);
  report({
    what: `${QUERIES.toLocaleString("en")} different live queries of the screener over ${TOKENS.toLocaleString("en")} tokens, under ${SWAPS_PER_SECOND.toLocaleString("en")} swaps/s: processor time`,
    goal: "at most one core",
    figure: `${core("whole").toFixed(2)} core (worker ${core("worker").toFixed(2)}, main thread ${core("main").toFixed(2)})`,
    met: core("whole") <= 1,
    note: `The whole process is counted, with applying, and ${(updates / QUERIES).toFixed(1)} updates a second of each query (${((1_000 * core("whole")) / updates).toFixed(2)} ms each) to ${QUERIES / QUERIES_PER_CLIENT} clients. Queries of five forms with one or two comparisons, 50 rows of one window with four figures.`,
  });
  report({
    what: "the same: time from before the POST of a swap until its token has entered a query at a client, p99",
    goal: `at most ${ENTRY_GOAL_MS} ms`,
    figure: `${p99Ms.toFixed(0)} ms (median ${quantile(probe.delaysMs, 0.5).toFixed(0)} ms)`,
    met: p99Ms <= ENTRY_GOAL_MS,
    note: `${probe.delaysMs.length} tokens. Service, clients and producer share the processors.`,
  });
  market.stop();
  await trading.catch(() => {});
} finally {
  market.stop();
  crowd.kill("SIGKILL");
}
process.exit();
