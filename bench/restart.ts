/**
 * Restart after kill -9 with 24 hours of state, and the pauses of its checkpoint: `node bench/restart.ts [--hours N]`. The state of 24
 * hours at 1,000 swaps/s over 10,000 tokens is made in this process and written as a checkpoint, image by image as the service does it.
 * Then the real service starts on it, accepts half a minute of swaps, is killed, and starts again.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PartitionEngine } from "../server/src/engine/partition-engine.ts";
import { fingerprintOf } from "../server/src/engine/snapshot.ts";
import { Checkpointer } from "../server/src/pipeline/checkpoint/checkpointer.ts";
import { RedoWriter } from "../server/src/pipeline/checkpoint/redo-writer.ts";
import { restorePartition } from "../server/src/pipeline/checkpoint/restore.ts";
import { EmbeddedLogWriter, LOG_FOLDER, realLogParts } from "../server/src/sources/embedded/log-writer.ts";
import { EmbeddedCheckpointStore } from "../server/src/stores/embedded-checkpoint-store.ts";
import { realFileSystem } from "../server/src/stores/file-system.ts";
import type { ServerReport } from "./http/service.ts";
import { report } from "./report.ts";
import { EventStream } from "./support/event-stream.ts";
import { BENCH_SEED, engineConfig, Workload } from "./support/workload.ts";

const { values } = parseArgs({ options: { hours: { type: "string", default: "24" } } });
const RATE = 1000;
const SPAN_MS = Number(values.hours) * 3_600_000;
const RECORDS = (SPAN_MS / 1000) * RATE;
const TOKENS = 10_000;
/** Swaps that the service accepts before it is killed. They are in the log and partly in the redo. */
const TAIL = 30_000;
const SWAPS_PER_BODY = 500;
const GB = 1e9;

function stateOf(startMs: number): PartitionEngine {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  const options = { tokens: TOKENS, traders: 50_000, ratePerSecond: RATE, disorderMs: 30_000, startMs, seed: 1 };
  const stream = new EventStream(options);
  for (let i = 0; i < RECORDS; i++) {
    const nowMs = stream.next();
    engine.apply(stream.event, nowMs + 1000);
  }
  return engine;
}

/** Writes the state as the checkpoint of a data folder whose log begins after it. Returns the pauses in ms, and the bytes. */
async function writeCheckpoint(
  dataDir: string,
  engine: PartitionEngine,
): Promise<{ pausesMs: number[]; bytes: number }> {
  const folder = join(dataDir, LOG_FOLDER);
  mkdirSync(folder, { recursive: true });
  const limits = { partitions: 1, retentionMs: 3_600_000, retentionBytes: 4 * 1024 ** 3, nowMs: Date.now() };
  const log = new EmbeddedLogWriter({ folder, ...limits, ...realLogParts });
  log.raiseEnd(0, RECORDS, Date.now());
  const store = new EmbeddedCheckpointStore(dataDir, realFileSystem);
  const restored = await restorePartition({
    isStoreExclusive: false,
    store,
    partition: 0,
    owner: "bench",
    nowMs: Date.now,
    log: {
      range: async () => ({ ...log.range(0), logId: undefined, formerLogIds: [] }),
      isOwn: true,
      openAt: async () => {},
    },
    readLog: () => Promise.reject(new Error("no redo reads the log")),
    createEngine: () => engine,
    fingerprint: fingerprintOf(engine.config),
    restoreEngine: () => engine,
    applyRedo: async () => {},
    seenSinceMs: undefined,
    signal: new AbortController().signal,
  });
  const pausesMs: number[] = [];
  const checkpointer = new Checkpointer({
    store,
    claim: restored.claim,
    engine,
    redo: new RedoWriter(),
    snapshotIntervalMs: 5000,
    nowMs: Date.now,
    asOfMs: () => 0,
    beforeSwap: async () => {},
    release: async () => {},
    logStart: async () => 0,
    observer: { written: () => {}, paused: (ms) => pausesMs.push(ms) },
    onReclaimed: () => {},
    onFenced: (error) => {
      throw error;
    },
  });
  await checkpointer.finish();
  log.close();
  return { pausesMs, bytes: checkpointer.status?.bytes ?? 0 };
}

async function start(dataDir: string): Promise<{ child: ChildProcess; port: number; seconds: number }> {
  const startedMs = performance.now();
  const child = fork(join(import.meta.dirname, "http", "service.ts"), [dataDir]);
  const [{ port }] = (await once(child, "message")) as [Extract<ServerReport, { type: "listening" }>];
  return { child, port, seconds: (performance.now() - startedMs) / 1000 };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function postTail(port: number): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const workload = new Workload({ startMs: Date.now() - TAIL - 30_000, tokens: TOKENS });
  for (let i = 0; i < TAIL; i += SWAPS_PER_BODY) {
    const body = workload.chunk(SWAPS_PER_BODY).bytes.slice();
    const answer = await fetch(`http://127.0.0.1:${port}/api/swaps`, { method: "POST", headers, body });
    if (answer.status !== 202) throw new Error(`POST /api/swaps: ${answer.status} ${await answer.text()}`);
  }
}

const dataDir = mkdtempSync(join(tmpdir(), "swapstats-bench-restart-"));
try {
  const { pausesMs, bytes } = await writeCheckpoint(dataDir, stateOf(Date.now() - SPAN_MS - 120_000));
  const sorted = pausesMs.sort((a, b) => a - b);
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  report({
    what: "pause of the stream for a checkpoint, with an image of a day's state",
    goal: "at most 20 ms (p99)",
    figure: `p99 ${p99.toFixed(1)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(1)} ms, ${sorted.length} slices`,
    met: p99 <= 20,
    note: "A slice of at most 2 MiB is copied and checksummed between batches. Other threads write the files.",
    values: { "p99 ms": p99 },
  });
  const first = await start(dataDir);
  await postTail(first.port);
  await kill(first.child);
  const second = await start(dataDir);
  const status = await (await fetch(`http://127.0.0.1:${second.port}/api/status`)).json();
  const { checkpoint } = (status as { partitions: { checkpoint: { bytes: number } }[] }).partitions[0]!;
  await kill(second.child);
  const perGb = second.seconds / (checkpoint.bytes / GB);
  report({
    what: "restart after kill -9 with 24 hours of state at 1,000 swaps/s over 10,000 tokens",
    goal: "ready within 5 s per GB of checkpoint, and report the size",
    figure: `${second.seconds.toFixed(2)} s for ${(checkpoint.bytes / 1e6).toFixed(0)} MB: ${perGb.toFixed(1)} s per GB`,
    met: perGb <= 5,
    note: `Measured from the start of the process to ready, with ${TAIL} swaps behind the image. The first start, without these, took ${first.seconds.toFixed(2)} s. The image alone has ${(bytes / 1e6).toFixed(0)} MB. Starting the process and its threads is a fixed part of the time.`,
    values: { s: second.seconds, "s per GB": perGb, MB: checkpoint.bytes / 1e6 },
  });
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
