/**
 * The crash run: several senders post swaps to the real program and repeat unacknowledged ones, while it is killed with SIGKILL at random
 * moments, also during its start. After each restart every acknowledged swap is in the log, the log holds nothing that was not sent, and
 * counters and all figures of all tokens equal those of an uninterrupted run over the same log.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import type { OutcomeWatch } from "../../src/codecs/raw-rows.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import type { Random } from "../support/seed.ts";
import { randomFrom } from "../support/seed.ts";
import { ServiceProcess, type Settings } from "./service-process.ts";
import { countCopy, embeddedLog, Shadow } from "./shadow.ts";

export type CrashOptions = {
  readonly dataDir: string;
  /** Largest number of kills. */
  readonly kills: number;
  /** Time after which the run ends also with fewer kills. Undefined: there is no limit. */
  readonly minutes?: number;
  readonly seed: number;
  /** Called after each kill. */
  readonly onKill: (kill: number) => void | Promise<void>;
  /** Settings of the service, in addition to those of the run. */
  readonly settings?: Settings;
  /** Event time that passes between two kills at most. Undefined: the run covers about an hour, however long it is. */
  readonly secondsPerKill?: number;
  /** Largest number of swaps that are acknowledged, on a machine of any speed, before a time is drawn after which the kill comes. */
  readonly recordsPerLife?: number;
  /** Follows what the uninterrupted run does. */
  readonly watch?: { readonly outcomes: OutcomeWatch; begin(shadow: Shadow): void };
  /** Returns for how long swaps are sent slowly before the next kill. Each delta of a checkpoint then has few, and there are many of them. */
  readonly slowMs?: () => number;
  /** Called when swaps begin to be sent. The kill does not wait for it, and the next start does. */
  readonly meanwhile?: () => Promise<void>;
  /** Form in which swaps are sent. Undefined: canonical events. */
  readonly form?: SentForm;
};

type SentForm = {
  /** Settings of the service, in addition to those of the run. */
  readonly settings: Settings;
  /** Query of `POST /api/swaps`. */
  readonly query: string;
  /** Returns the body with these canonical events. */
  readonly bodyOf: (lines: readonly string[]) => string;
  /** Returns the text of such an event in the log. */
  readonly eventOf: (line: string) => string;
};

const CANONICAL: SentForm = {
  settings: {},
  query: "",
  bodyOf: (lines) => lines.join("\n"),
  eventOf: (line) => line,
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
/** The same of slow senders: there is a batch in most intervals of checkpoints. */
const SLOW_PAUSE_MS_MAX = 300;
const SLOW_BATCH_MAX = 3;
/** More records than all senders send between two kills. */
const RECORDS_PER_KILL = 1_500;
/** Event time that a run covers. */
const SPAN_SECONDS = 3_000;
const MARGIN_SECONDS = 600;
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
  readonly #form: SentForm;
  #batch: readonly string[] = [];
  #sentCount = 0;

  /** All senders have one generator: if each had its own, the event times of one would fall behind those of others in a long run. */
  constructor(random: Random, generator: SwapGenerator, attempts: Map<string, number>, form: SentForm) {
    this.#form = form;
    this.#random = random;
    this.#attempts = attempts;
    this.#generator = generator;
  }

  /** Number of acknowledged swaps. */
  get sentCount(): number {
    return this.#sentCount;
  }

  /** Sends until the service breaks off or the signal says stop. */
  async run(service: ServiceProcess, signal: AbortSignal, isSlow: boolean): Promise<void> {
    const [batchMax, pauseMsMax] = isSlow ? [SLOW_BATCH_MAX, SLOW_PAUSE_MS_MAX] : [BATCH_MAX, PAUSE_MS_MAX];
    while (!signal.aborted) {
      if (this.#batch.length === 0) this.#batch = this.#nextBatch(batchMax);
      const { bodyOf, eventOf, query } = this.#form;
      const events = this.#batch.map(eventOf);
      for (const event of events) countCopy(this.#attempts, event);
      const sent = await service.post(bodyOf(this.#batch), query).catch(() => undefined);
      if (sent === undefined) return;
      assert.equal(sent, this.#batch.length);
      for (const event of events) countCopy(this.acknowledged, event);
      this.#sentCount += sent;
      this.#batch = [];
      await pause(this.#random.below(pauseMsMax));
    }
  }

  #nextBatch(batchMax: number): readonly string[] {
    const wanted = 1 + this.#random.below(batchMax);
    const bytes = Buffer.alloc(wanted * RECORD_BYTES_MAX);
    let end = 0;
    for (let i = 0; i < wanted; i++) end = this.#generator.write(bytes, end);
    return bytes.toString("utf8", 0, end).trimEnd().split("\n");
  }
}

export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  const { dataDir, kills, minutes = Number.POSITIVE_INFINITY, seed, form = CANONICAL } = options;
  const endMs = performance.now() + minutes * 60_000;
  const settings = { ...CRASH_SETTINGS, ...options.settings, ...form.settings };
  const random = randomFrom(seed);
  const port = await freePort();
  const { config } = loadConfig({ env: settings });
  const shadow = new Shadow(embeddedLog(dataDir), toEngineConfig(config), undefined, options.watch?.outcomes);
  options.watch?.begin(shadow);
  const attempts = new Map<string, number>();
  const generator = generatorOf(seed, kills, options.secondsPerKill);
  const senders = Array.from(
    { length: SENDERS },
    (_, i) => new Sender(randomFrom(seed + 1 + i), generator, attempts, form),
  );
  const start = () => new ServiceProcess(port, dataDir, settings);
  let done = 0;
  let killsWhileStarting = 0;
  let comparisons = 0;
  let checkpoints = 0;
  while (done < kills && performance.now() < endMs) {
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
        const meanwhile = options.meanwhile?.();
        const slowMs = options.slowMs?.() ?? 0;
        const life = { records: random.below(options.recordsPerLife ?? 1), ms: random.below(RUN_MS_MAX) };
        await sendUntilKilled(service, senders, slowMs > 0 ? { records: 0, ms: slowMs } : life, slowMs > 0);
        await meanwhile;
      }
    } finally {
      await service.kill("SIGKILL");
    }
    await options.onKill(++done);
  }
  const service = start();
  try {
    await shadow.compare(service, await service.caughtUp());
    checkAcknowledged(senders, shadow, attempts);
    const tokens = await shadow.compareToModel(service);
    const acknowledged = senders.reduce((sum, sender) => sum + total(sender.acknowledged), 0);
    const records = shadow.position;
    return {
      kills: done,
      killsWhileStarting,
      acknowledged,
      records,
      tokens,
      comparisons: comparisons + 1,
      checkpoints,
    };
  } finally {
    await service.kill("SIGKILL");
  }
}

function generatorOf(seed: number, kills: number, pace: number | undefined): SwapGenerator {
  const secondsPerKill = pace ?? SPAN_SECONDS / kills;
  return new SwapGenerator({
    ...GENERATOR_DEFAULTS,
    ratePerSecond: RECORDS_PER_KILL / secondsPerKill,
    tokens: 60,
    traders: 200,
    duplicates: 0.02,
    late: 0.002,
    // Far behind the present nothing is in the future: one such swap would make all that follow late.
    future: pace === undefined ? 0.001 : 0,
    removed: 0.02,
    seed,
    startMs: Date.now() - 1_000 * (kills * secondsPerKill + MARGIN_SECONDS),
  });
}

async function sendUntilKilled(
  service: ServiceProcess,
  senders: readonly Sender[],
  { records, ms }: { readonly records: number; readonly ms: number },
  isSlow: boolean,
): Promise<void> {
  const stop = new AbortController();
  const sent = (): number => senders.reduce((sum, { sentCount }) => sum + sentCount, 0);
  const enough = sent() + records;
  const sending = senders.map((sender) => sender.run(service, stop.signal, isSlow));
  while (sent() < enough && !service.hasExited) await pause(PAUSE_MS_MAX);
  await pause(ms);
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
