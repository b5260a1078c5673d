/**
 * The crash run: several senders post swaps to the real program and repeat unacknowledged ones, while it is killed with SIGKILL at random
 * moments, also during its start. After each restart every acknowledged swap is in the log, the log holds nothing that was not sent, and
 * counters and all figures of all tokens equal those of an uninterrupted run over the same log.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import type { Random } from "../support/seed.ts";
import { randomFrom } from "../support/seed.ts";
import { freePort, ServiceProcess, type Settings } from "./service-process.ts";
import { countCopy, embeddedLog, Shadow } from "./shadow.ts";

type CrashOptions = {
  readonly dataDir: string;
  readonly kills: number;
  readonly seed: number;
  /** Called after each kill. */
  readonly onKill: (kill: number) => void;
};

export type CrashReport = {
  readonly kills: number;
  readonly killsWhileStarting: number;
  readonly acknowledged: number;
  readonly records: number;
  readonly tokens: number;
  readonly comparisons: number;
  readonly checkpoints: number;
};

const SENDERS = 3;
const BATCH_MAX = 40;
const PAUSE_MS_MAX = 20;
/** Event time runs so fast that a run of any length covers about an hour: records of a sender for each kill, and seconds. */
const RECORDS_PER_KILL = 500;
const SPAN_SECONDS = 3_000;
const RUN_MS_MAX = 700;
/** Share of kills before the service is ready. */
const KILL_WHILE_STARTING = 0.2;
const START_MS_MAX = 900;
/** Small limits, so that checkpoints, new bases and removals of old files happen between any two kills. */
export const CRASH_SETTINGS: Settings = {
  SWAPSTATS_WINDOWS_CLOCK: "event",
  SWAPSTATS_APP_SNAPSHOT_INTERVAL: "100ms",
  SWAPSTATS_INGEST_EMBEDDED_RETENTION: "48h",
};

/** One client. It sends its stream in order, and repeats a batch until it is acknowledged, as any careful producer does. */
class Sender {
  readonly acknowledged = new Map<string, number>();
  readonly #generator: SwapGenerator;
  readonly #random: Random;
  readonly #attempts: Map<string, number>;
  #batch: readonly string[] = [];

  constructor(seed: number, kills: number, startMs: number, attempts: Map<string, number>) {
    this.#random = randomFrom(seed);
    this.#attempts = attempts;
    this.#generator = new SwapGenerator({
      ...GENERATOR_DEFAULTS,
      ratePerSecond: Math.max(1, (kills * RECORDS_PER_KILL) / SPAN_SECONDS),
      tokens: 60,
      traders: 200,
      duplicates: 0.02,
      late: 0.002,
      future: 0.001,
      removed: 0.02,
      seed,
      startMs,
    });
  }

  /** Sends until the service breaks off or the signal says stop. */
  async run(service: ServiceProcess, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#batch.length === 0) this.#batch = this.#nextBatch();
      for (const line of this.#batch) countCopy(this.#attempts, line);
      const sent = await service.post(this.#batch.join("\n")).catch(() => undefined);
      if (sent === undefined) return;
      assert.equal(sent, this.#batch.length);
      for (const line of this.#batch) countCopy(this.acknowledged, line);
      this.#batch = [];
      await pause(this.#random.below(PAUSE_MS_MAX));
    }
  }

  #nextBatch(): readonly string[] {
    const wanted = 1 + this.#random.below(BATCH_MAX);
    const bytes = Buffer.alloc(wanted * RECORD_BYTES_MAX);
    let end = 0;
    for (let i = 0; i < wanted; i++) end = this.#generator.write(bytes, end);
    return bytes.toString("utf8", 0, end).trimEnd().split("\n");
  }
}

export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const { dataDir, kills, seed } = options;
  const random = randomFrom(seed);
  const port = await freePort();
  const { config } = loadConfig({ env: CRASH_SETTINGS });
  const shadow = new Shadow(embeddedLog(dataDir), toEngineConfig(config));
  const attempts = new Map<string, number>();
  const startMs = Date.now() - 3_600_000;
  const senders = Array.from({ length: SENDERS }, (_, i) => new Sender(seed + 1 + i, kills, startMs, attempts));
  const start = () => new ServiceProcess(port, dataDir, CRASH_SETTINGS);
  let killsWhileStarting = 0;
  let comparisons = 0;
  let checkpoints = 0;
  for (let kill = 1; kill <= kills; kill++) {
    const service = start();
    try {
      if (random.chance(KILL_WHILE_STARTING)) {
        killsWhileStarting++;
        await pause(random.below(START_MS_MAX));
      } else {
        const status = await service.caughtUp();
        await shadow.compare(service, status);
        comparisons++;
        checkpoints += status.partitions[0]?.checkpoint === undefined ? 0 : 1;
        checkAcknowledged(senders, shadow, attempts);
        await sendUntilKilled(service, senders, random.below(RUN_MS_MAX));
      }
    } finally {
      await service.kill("SIGKILL");
    }
    options.onKill(kill);
  }
  const service = start();
  try {
    await shadow.compare(service, await service.caughtUp());
    checkAcknowledged(senders, shadow, attempts);
    const tokens = await shadow.compareToModel(service);
    const acknowledged = senders.reduce((sum, sender) => sum + total(sender.acknowledged), 0);
    const records = shadow.position;
    return { kills, killsWhileStarting, acknowledged, records, tokens, comparisons: comparisons + 1, checkpoints };
  } finally {
    await service.kill("SIGKILL");
  }
}

async function sendUntilKilled(service: ServiceProcess, senders: readonly Sender[], afterMs: number): Promise<void> {
  const stop = new AbortController();
  const sending = senders.map((sender) => sender.run(service, stop.signal));
  await pause(afterMs);
  await service.kill("SIGKILL");
  stop.abort();
  await Promise.all(sending);
}

/** Asserts that every acknowledged record is in the log as often as it was acknowledged, and none more often than it was sent. */
function checkAcknowledged(senders: readonly Sender[], shadow: Shadow, attempts: ReadonlyMap<string, number>): void {
  const acknowledged = new Map<string, number>();
  for (const sender of senders) {
    for (const [line, times] of sender.acknowledged) acknowledged.set(line, (acknowledged.get(line) ?? 0) + times);
  }
  for (const [line, times] of acknowledged) {
    assert.ok((shadow.copies.get(line) ?? 0) >= times, `acknowledged, and not in the log: ${line}`);
  }
  for (const [line, times] of shadow.copies) {
    assert.ok((attempts.get(line) ?? 0) >= times, `in the log more often than it was sent: ${line}`);
  }
}

function total(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((sum, times) => sum + times, 0);
}
