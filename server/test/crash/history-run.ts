/**
 * The crash run with a history. It holds, after kills and at the end, each row of the run without interruption over the same log exactly once and
 * nothing else: every settled swap, and every raw event with its outcome.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../../../scripts/servers/ports.ts";
import type { HistoryStatus } from "../../src/ports/history-store.ts";
import { never } from "../sources/embedded/log-support.ts";
import { randomFrom } from "../support/seed.ts";
import { CRASH_SETTINGS, type CrashOptions, type CrashReport, runCrashes } from "./crash-run.ts";
import { assertSameRows, ExpectedHistory, rawText, settledText } from "./expected-history.ts";
import type { HistorySite } from "./history-sites.ts";
import { MAIN, ServiceProcess, type Settings } from "./service-process.ts";
import { endWritten } from "./written-end.ts";

type HistoryRunOptions = Pick<CrashOptions, "dataDir" | "kills" | "minutes" | "seed" | "onKill"> & {
  readonly site: HistorySite;
  /** Kills between two comparisons of all rows. */
  readonly compareEvery: number;
  /** Chance that the store goes away while swaps are sent. It is back after some kills. */
  readonly away?: number;
  /** Kills between two lives in which so many deltas are written that further images of the state are due. The store is away meanwhile, if it ever is. */
  readonly slowLifeEvery?: number;
  /** Chance that files are merged after a kill, by a command that is killed as well. */
  readonly compactions?: number;
  /** Kills between two lives that last until minutes are final; undefined: only settled rows and raw ones are compared. */
  readonly longLifeEvery?: number;
};

export type HistoryCrashReport = CrashReport & {
  readonly rows: number;
  readonly rawRows: number;
  readonly historyComparisons: number;
  readonly killsWhileAway: number;
  readonly killedCompactions: number;
  readonly longLives: number;
  readonly slowLives: number;
};

/** Most of what is sent between two kills settles before the next ones: an event time of up to 15 minutes passes. */
const SECONDS_PER_KILL = 1_000;
const SETTINGS: Settings = {
  SWAPSTATS_HISTORY_RAW: "on",
  SWAPSTATS_HISTORY_BATCH_ROWS: "200",
  SWAPSTATS_HISTORY_MEMORY: "1MiB",
  SWAPSTATS_APP_REORG_HORIZON: "5m",
};
/** Longest wait before the store goes away. */
const AWAY_MS_MAX = 800;
const RECORDS_PER_LIFE = 800;
const AWAY_KILLS_MAX = 2;
/** More than two images take, with 256 deltas each at least. */
const SLOW_MS = 60_000;
const COMPACT_MS_MAX = 1_500;
const MARK_POLL_MS = 1_000;
const MARK_LIMIT_MS = 300_000;
/** Kills after which the event time has gone on by a minute for certain. */
const KILLS_PER_MINUTE = 3;
const execute = promisify(execFile);

class HistoryRun {
  readonly settings: Settings;
  readonly expected = new ExpectedHistory();
  comparisons = 0;
  killsWhileAway = 0;
  killedCompactions = 0;
  longLives = 0;
  slowLives = 0;
  readonly #options: HistoryRunOptions;
  readonly #random;
  #sinceSlow = 0;
  /** Whether the present life is one in which swaps are sent slowly. */
  #isSlow = false;
  /** Kills since minutes became final. */
  #sinceLong = 0;
  /** Whether a life lasted until it served. Before that neither log nor tables may exist. */
  #hasServed = false;
  /** Kills until the store is back; 0: it is there. */
  #awayFor = 0;

  constructor(options: HistoryRunOptions) {
    this.#options = options;
    this.#random = randomFrom(options.seed + 1_000);
    this.settings = { ...SETTINGS, ...options.site.settings };
  }

  /** Before swaps are sent. */
  slowMs(): number {
    const { slowLifeEvery = Number.POSITIVE_INFINITY } = this.#options;
    this.#isSlow = ++this.#sinceSlow >= slowLifeEvery;
    if (!this.#isSlow) return 0;
    this.#sinceSlow = 0;
    this.slowLives++;
    return SLOW_MS;
  }

  /** While swaps are sent. */
  async meanwhile(): Promise<void> {
    this.#hasServed = true;
    const { site, away = 0 } = this.#options;
    const delayMs = this.#random.below(AWAY_MS_MAX);
    if (this.#awayFor > 1 || (this.#awayFor > 0 && this.#isSlow)) return;
    if (this.#awayFor === 0 && !this.#random.chance(this.#isSlow ? Math.ceil(away) : away)) return;
    await pause(delayMs);
    const isBack = this.#awayFor === 1;
    await site.setAway(!isBack);
    this.#awayFor = isBack ? 0 : 1 + this.#random.below(AWAY_KILLS_MAX);
  }

  async afterKill(kill: number): Promise<void> {
    const { compareEvery, compactions = 0, longLifeEvery = Number.POSITIVE_INFINITY } = this.#options;
    this.#sinceLong++;
    if (!this.#hasServed) return;
    if (this.#awayFor > 0) {
      this.killsWhileAway++;
      if (this.#awayFor > 1) this.#awayFor--;
      return;
    }
    if (this.#random.chance(compactions)) await this.#compactUntilKilled();
    if (kill % compareEvery === 0) await this.#compare(false);
    if (this.#sinceLong >= longLifeEvery) await this.#live("SIGKILL", true);
  }

  /** The store is back, and the service ends in order. Then everything is there. */
  async end(): Promise<{ rows: number; rawRows: number }> {
    const { site, longLifeEvery, dataDir } = this.#options;
    if (this.#awayFor > 0) await site.setAway(false);
    const isLong = longLifeEvery !== undefined && this.#sinceLong >= KILLS_PER_MINUTE;
    await endWritten((isFirst) => this.#live("SIGTERM", isFirst && isLong));
    await this.#compare(true);
    const { stdout } = await execute(process.execPath, [MAIN, "history", "verify"], {
      env: { PATH: process.env.PATH, SWAPSTATS_DATA_DIR: dataDir, ...this.settings },
    });
    assert.match(stdout, /The history is sound/);
    return { rows: this.expected.settled.length, rawRows: this.expected.raw.length };
  }

  /** `isLong`: until further minutes are final. Returns the end of the service's output. */
  async #live(signal: NodeJS.Signals, isLong: boolean): Promise<string> {
    const { dataDir } = this.#options;
    const service = new ServiceProcess(await freePort(), dataDir, { ...CRASH_SETTINGS, ...this.settings });
    try {
      await service.caughtUp();
      if (isLong) {
        const beforeMs = await this.#finalMs();
        const limitMs = performance.now() + MARK_LIMIT_MS;
        while ((await this.#finalMs()) === beforeMs) {
          assert.ok(performance.now() < limitMs, "no further minute is final");
          await pause(MARK_POLL_MS);
        }
        this.longLives++;
        this.#sinceLong = 0;
      }
      const { code } = await service.kill(signal);
      if (signal === "SIGTERM") assert.equal(code, 0, service.log);
      return service.log;
    } finally {
      await service.kill("SIGKILL");
    }
  }

  async #finalMs(): Promise<number> {
    const store = await this.#options.site.open();
    try {
      return (await store.status()).streams[0]?.settledBeforeMs ?? 0;
    } finally {
      await store.close();
    }
  }

  async #compactUntilKilled(): Promise<void> {
    const env = { PATH: process.env.PATH, SWAPSTATS_DATA_DIR: this.#options.dataDir, ...this.settings };
    const command = execute(process.execPath, [MAIN, "history", "compact"], { env });
    const killer = setTimeout(() => command.child.kill("SIGKILL"), this.#random.below(COMPACT_MS_MAX));
    await command.catch((error: { signal?: string; stderr?: string }) => {
      assert.equal(error.signal, "SIGKILL", error.stderr);
      this.killedCompactions++;
    });
    clearTimeout(killer);
  }

  /** Asserts that the store holds a beginning of what it must hold, or all of it. */
  async #compare(isWhole: boolean): Promise<void> {
    const { expected } = this;
    await expected.follow();
    const { rows, raw, status } = await readStored(this.#options.site);
    assert.deepEqual(status.gaps, []);
    assert.ok(status.streams.length <= 1, `${status.streams.length} streams`);
    const { firstSequence = 0, nextSequence = 0, rows: counted = 0 } = status.streams[0] ?? {};
    assert.deepEqual([firstSequence, nextSequence, counted], [0, rows.length, rows.length]);
    const [settledEnd, rawEnd] = isWhole ? [Infinity, Infinity] : [rows.length, raw.length];
    assertSameRows(rows, expected.settled.slice(0, settledEnd), "settled rows");
    assertSameRows(raw, expected.raw.slice(0, rawEnd), "raw rows");
    this.comparisons++;
  }
}

/** Reads everything that the store holds. */
export async function readStored(site: HistorySite): Promise<{ rows: string[]; raw: string[]; status: HistoryStatus }> {
  const store = await site.open();
  try {
    const status = await store.status();
    const rows: string[] = [];
    const all = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
    for await (const batch of store.rows(all, undefined, [], never)) rows.push(...batch.map(settledText));
    return { rows, raw: (await site.rawRows()).map(rawText), status };
  } finally {
    await store.close();
  }
}

export async function runHistoryCrashes(options: HistoryRunOptions): Promise<HistoryCrashReport> {
  const run = new HistoryRun(options);
  const { dataDir, kills, minutes, seed } = options;
  const report = await runCrashes({
    ...{ dataDir, kills, seed },
    ...(minutes === undefined ? {} : { minutes }),
    settings: run.settings,
    secondsPerKill: SECONDS_PER_KILL,
    recordsPerLife: RECORDS_PER_LIFE,
    watch: run.expected,
    slowMs: () => run.slowMs(),
    meanwhile: () => run.meanwhile(),
    onKill: async (kill) => {
      await run.afterKill(kill);
      await options.onKill(kill);
    },
  });
  const { rows, rawRows } = await run.end();
  const { comparisons: historyComparisons, killsWhileAway, killedCompactions, longLives, slowLives } = run;
  return { ...report, rows, rawRows, historyComparisons, killsWhileAway, killedCompactions, longLives, slowLives };
}
