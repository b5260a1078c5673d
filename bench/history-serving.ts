/**
 * `GET stats` of the newest figures while the embedded history of the same service merges a day of small files and answers questions about it, against the same service before:
 * `node bench/history-serving.ts [--seconds N]`. Swaps arrive steadily all the time.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { GENERATOR_DEFAULTS } from "../server/src/generator/options.ts";
import { FlatBatch } from "../server/src/history/flat-batch.ts";
import type { IngestPort, IngestResult } from "../server/src/ports/intake.ts";
import { GeneratorFeeder } from "../server/src/sources/feeders/generator.ts";
import { openEmbeddedHistory } from "../server/src/stores/history/embedded/open-embedded-history.ts";
import { flatChunk } from "./history/flat-rows.ts";
import { Market } from "./history/market.ts";
import type { CompactReport } from "./history/service.ts";
import type { ClientReport, ClientRequest } from "./http/client.ts";
import type { ServerReport } from "./http/service.ts";
import { report } from "./report.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "8" } } });
const SECONDS = Number(values.seconds);
const RATIO_MAX = 1.5;
const ROWS = Number(process.env.SWAPSTATS_BENCH_RECORDS ?? 1_000_000);
const BATCH_ROWS = 25_000;
const SWAPS_PER_SECOND = 500;
const TOKENS = 20;
/** Requests a second, well below what the service can answer. */
const RATE = 500;
const CONNECTIONS = 16;
const DAY_MS = 86_400_000;
/** A whole day, so that all of its files are merged into one. */
const BEGIN_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS - 3 * DAY_MS;
const KEY = { logId: "bench", partition: 0, epoch: 1 };

const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-history-"));

/** Writes the day as many small files. Returns the id of its busiest token. */
async function writeDay(): Promise<string> {
  const limits = { memoryBytes: 512 * 2 ** 20, threads: 1, retentionMs: 0, cold: undefined };
  const store = await openEmbeddedHistory({ kind: "embedded", dataDir: folder, ...limits });
  await store.migrate();
  await store.beginStream(KEY, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
  const market = new Market();
  const timeMs = (sequence: number): number => BEGIN_MS + Math.floor((sequence * DAY_MS) / ROWS);
  for (let from = 0; from < ROWS; from += BATCH_ROWS) {
    const rows = Array.from({ length: BATCH_ROWS }, (_, i) => market.swap(timeMs(from + i)));
    const settled = [new FlatBatch(KEY, from, [flatChunk(rows, from)])];
    const marks = [{ ...KEY, sequence: from + BATCH_ROWS, beforeMs: timeMs(from + BATCH_ROWS) }];
    await store.append({ settled, raw: [], marks });
  }
  // The day is over.
  const later = [market.swap(BEGIN_MS + DAY_MS + 3_600_000)];
  await store.append({ settled: [{ ...KEY, fromSequence: ROWS, rows: later }], raw: [], marks: [] });
  await store.close();
  return `1:${market.token(0)}`;
}

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

async function ask(client: ChildProcess, port: number, paths: readonly string[]): Promise<ClientReport> {
  client.send({ port, paths, connections: CONNECTIONS, seconds: SECONDS, rate: RATE } as ClientRequest);
  const [answer] = (await once(client, "message")) as [ClientReport];
  if (answer.failures > 0) throw new Error(`${answer.failures} requests failed`);
  return answer;
}

/** Asks about the day, one question after the other, until `isOver`. Returns how many were answered. */
async function question(port: number, token: string, isOver: () => boolean): Promise<number> {
  let answered = 0;
  for (; !isOver(); answered++) {
    const at = BEGIN_MS + DAY_MS - (answered % 1_000) * 12_345;
    const questions = [`stats?windows=1h,24h&at=${at}`, `candles?interval=1m&limit=1000&to=${at}`];
    const path = `/api/tokens/${token}/${questions[answered % questions.length]}`;
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  }
  return answered;
}

async function compacted(service: ChildProcess): Promise<CompactReport> {
  service.send("compact");
  for (;;) {
    const [message] = (await once(service, "message")) as [CompactReport | ServerReport];
    if (message.type === "compacted") return message;
  }
}

const token = await writeDay();
const keys = JSON.stringify({ "stores.history": "embedded" });
const service = fork(join(import.meta.dirname, "history", "service.ts"), [folder, keys]);
const [{ port }] = (await once(service, "message")) as [Extract<ServerReport, { type: "listening" }>];
const client = fork(join(import.meta.dirname, "http", "client.ts"));
const options = { ...GENERATOR_DEFAULTS, ratePerSecond: SWAPS_PER_SECOND, startMs: Date.now() };
const onProblem = (error: unknown) => {
  throw error;
};
const generator = new GeneratorFeeder(options, { onProblem });
await generator.start(posting(port));
await sleep(5_000);
const overview = await (
  await fetch(`http://127.0.0.1:${port}/api/overview?window=1h&sort=trades&limit=${TOKENS}`)
).json();
const paths = (overview as { items: { id: string }[] }).items.map(
  ({ id }) => `/api/tokens/${id}/stats?windows=5m,1h,24h`,
);
// The first round warms the service up.
await ask(client, port, paths);
const before = [await ask(client, port, paths), await ask(client, port, paths)];
await fetch(`http://127.0.0.1:${port}/api/status`);
let isOver = false;
const answered = question(port, token, () => isOver);
const merged = compacted(service);
const during = await ask(client, port, paths);
isOver = true;
const questions = await answered;
const { seconds, done } = await merged;
if (done.length === 0) throw new Error("the service had nothing to merge");
await generator.stop();
service.disconnect();
client.disconnect();
await once(service, "exit");
rmSync(folder, { recursive: true });

const p99Before = before.reduce((sum, { p99Ms }) => sum + p99Ms, 0) / before.length;
const ratio = during.p99Ms / p99Before;
report({
  what: "`GET stats` p99 while the embedded history merges a day and answers questions about it, of the p99 before",
  goal: `within ${RATIO_MAX} times`,
  figure: `${ratio.toFixed(2)} (${during.p99Ms.toFixed(1)} ms against ${p99Before.toFixed(1)} ms)`,
  met: ratio <= RATIO_MAX,
  note: `${RATE} requests/s and ${SWAPS_PER_SECOND} swaps/s for ${SECONDS} s, in which ${ROWS.toLocaleString("en")} swaps of ${ROWS / BATCH_ROWS} files were merged (it took ${seconds.toFixed(1)} s) and ${questions} questions were answered one after the other (figures of 1 h and 24 h at an instant; 1,000 candles). p50: ${during.p50Ms.toFixed(1)} ms against ${before[0]!.p50Ms.toFixed(1)} ms.`,
});
