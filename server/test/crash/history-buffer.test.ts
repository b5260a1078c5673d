/** The store of the history is away for longer than the buffer lasts, and the service is killed meanwhile. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, suite, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import type { HistoryGap } from "../../src/ports/history-store.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { CRASH_SETTINGS } from "./crash-run.ts";
import { assertSameRows, ExpectedHistory } from "./expected-history.ts";
import { readStored } from "./history-run.ts";
import { type HistorySite, postgresSite } from "./history-sites.ts";
import { MAIN, ServiceProcess, type Settings } from "./service-process.ts";
import { embeddedLog, Shadow } from "./shadow.ts";
import { endWritten } from "./written-end.ts";

const BATCH = 1_000;
const POLL_MS = 50;
const RECORDS_MAX = 60_000;
/** Records a second of event time: each batch takes some minutes. */
const RATE = 4;
const SMALL: Settings = {
  SWAPSTATS_HISTORY_RAW: "on",
  SWAPSTATS_HISTORY_MEMORY: "1MiB",
  SWAPSTATS_HISTORY_BUFFER_BYTES: "16MiB",
  SWAPSTATS_APP_REORG_HORIZON: "5m",
  SWAPSTATS_INGEST_EMBEDDED_RETENTION: "48h",
};

type Writing = {
  full: boolean;
  gaps: number;
  rows_lost: number;
  problem?: string;
  partitions: { waiting_rows: number }[];
};

class Outage {
  readonly expected = new ExpectedHistory();
  readonly shadow: Shadow;
  readonly site: HistorySite;
  service!: ServiceProcess;
  sent = 0;
  readonly #settings: Settings;
  readonly #dataDir: string;
  readonly #port: number;
  readonly #metricsPort: number;
  readonly #generator: SwapGenerator;

  private constructor(seed: number, dataDir: string, site: HistorySite, settings: Settings, ports: readonly number[]) {
    this.site = site;
    this.#dataDir = dataDir;
    this.#settings = settings;
    [this.#port, this.#metricsPort] = ports as [number, number];
    this.shadow = new Shadow(
      embeddedLog(dataDir),
      toEngineConfig(loadConfig({ env: settings }).config),
      undefined,
      this.expected.outcomes,
    );
    this.expected.begin(this.shadow);
    this.#generator = new SwapGenerator({
      ...GENERATOR_DEFAULTS,
      ...{ ratePerSecond: RATE, tokens: 60, traders: 200, duplicates: 0.02, removed: 0.02, seed },
      startMs: Date.now() - (1_000 * RECORDS_MAX) / RATE,
    });
  }

  static async begin(t: TestContext, site: HistorySite, onFailure: "gap" | "block"): Promise<Outage> {
    const ports = [await freePort(), await freePort()];
    const settings = {
      ...CRASH_SETTINGS,
      ...SMALL,
      ...site.settings,
      SWAPSTATS_METRICS_PROMETHEUS: `127.0.0.1:${ports[1]}`,
      SWAPSTATS_HISTORY_ON_FAILURE: onFailure,
    };
    const outage = new Outage(seedOf(t), tempDir(t, `history-${onFailure}`), site, settings, ports);
    outage.start();
    await outage.service.caughtUp();
    return outage;
  }

  start(): void {
    this.service = new ServiceProcess(this.#port, this.#dataDir, this.#settings);
  }

  async post(): Promise<void> {
    const bytes = Buffer.alloc(BATCH * RECORD_BYTES_MAX);
    let end = 0;
    for (let i = 0; i < BATCH; i++) end = this.#generator.write(bytes, end);
    assert.equal(await this.service.post(bytes.toString("utf8", 0, end).trimEnd()), BATCH);
    this.sent += BATCH;
    assert.ok(this.sent < RECORDS_MAX, "the buffer does not get full");
  }

  async writing(): Promise<Writing> {
    return ((await this.service.status()) as unknown as { history: Writing }).history;
  }

  async until(what: string, isReached: (writing: Writing) => boolean): Promise<Writing> {
    for (const limitMs = performance.now() + 120_000; ; await pause(POLL_MS)) {
      const writing = await this.writing();
      if (isReached(writing)) return writing;
      assert.ok(performance.now() < limitMs, `${what}: ${JSON.stringify(writing)}\n${this.service.log}`);
    }
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`)).text();
    return Number(new RegExp(`^swapstats_history_${name} (\\S+)$`, "m").exec(text)?.[1]);
  }

  async past(atMs: number): Promise<boolean> {
    const [token] = this.shadow.engine.tokens();
    const body = JSON.stringify({ ids: [this.shadow.engine.info(token as number).id], windows: ["1m"], at: atMs });
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${this.service.url}/api/tokens/stats`, { method: "POST", headers, body });
    const answer = (await response.json()) as { history_complete: boolean };
    assert.equal(response.status, 200, JSON.stringify(answer));
    return answer.history_complete;
  }

  /** Runs a command beside the service. */
  async command(...args: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
    const env = { PATH: process.env.PATH, SWAPSTATS_DATA_DIR: this.#dataDir, ...this.#settings };
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, said };
  }

  /** Ends the service in order, and reads what the store holds. */
  async end() {
    await endWritten(async (isFirst) => {
      if (!isFirst) this.start();
      await this.service.caughtUp();
      const { code } = await this.service.kill("SIGTERM");
      assert.equal(code, 0, this.service.log);
      return this.service.log;
    });
    await this.expected.follow();
    return readStored(this.site);
  }
}

const DRY_RUNS_MAX = 60;

/** Repairs the gaps beside the service, whose answers then miss nothing. */
async function repair(outage: Outage, gaps: readonly HistoryGap[]): Promise<void> {
  const endMs = Math.max(...gaps.map(({ toMs }) => toMs));
  for (const limitMs = performance.now() + 150_000; ; await pause(20 * POLL_MS)) {
    const { streams } = (await readStored(outage.site)).status;
    if (streams.some(({ settledBeforeMs }) => settledBeforeMs >= endMs)) break;
    assert.ok(performance.now() < limitMs, "the times of the gaps do not become final");
  }
  // The checkpoint that knows the gaps comes soon.
  let dry = await outage.command("history", "repair", "--dry-run");
  for (let tries = 0; /does not know the gap yet/.test(dry.said); tries++) {
    assert.ok(tries < DRY_RUNS_MAX, dry.said);
    dry = await outage.command("history", "repair", "--dry-run");
  }
  assert.match(dry.said, /can be repaired: [0-9,]+ swaps are missing/);
  assert.equal(dry.code, 0, dry.said);
  const done = await outage.command("history", "repair");
  assert.match(done.said, /repaired: [0-9,]+ swaps/);
  assert.equal(done.code, 0, done.said);
  for (const { fromMs, toMs } of gaps) {
    // The status of a store may be a second old.
    for (let i = 0; !(await outage.past((fromMs + toMs) / 2)); i++) {
      assert.ok(i < 100, "the answers stay incomplete");
      await pause(POLL_MS);
    }
  }
  const verified = await outage.command("history", "verify");
  assert.equal(verified.code, 0, verified.said);
  const middle = String(Math.floor(((gaps[0] as HistoryGap).fromMs + (gaps[0] as HistoryGap).toMs) / 2));
  const audit = ["audit", "--all", "--sample", "10", "--window", "1m", "--at", middle, "--url", outage.service.url];
  const audited = await outage.command(...audit);
  assert.equal(audited.code, 0, audited.said);
  assert.match((await outage.command("history", "repair")).said, /^There are no gaps\.$/m);
}

const timeOf = (text: string): number => JSON.parse(text)[0];
const isIn = (gaps: readonly HistoryGap[], ms: number): boolean =>
  gaps.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);

requires("the history on a server that is away", { servers: ["postgres"] }, () => {
  suite("the history on a server that is away for longer than the buffer lasts", () => {
    const folder = tempDir({ after }, "postgres");

    test("gap: the gap is told with its times, everything outside it is there once, and a repair fills it", async (t) => {
      const site = await postgresSite(`${folder}/gap`);
      t.after(() => site.close());
      const outage = await Outage.begin(t, site, "gap");
      t.after(() => outage.service.kill("SIGKILL"));
      for (let i = 0; i < 4; i++) await outage.post();
      await outage.service.caughtUp();
      await site.setAway(true);
      const random = randomFrom(seedOf(t));
      for (let i = random.below(4); i >= 0; i--) await outage.post();
      await outage.service.kill("SIGKILL");
      outage.start();
      await outage.service.caughtUp();
      for (let isFull = false; !isFull; { full: isFull } = await outage.writing()) await outage.post();
      for (let i = 0; i < 3; i++) await outage.post();
      await outage.shadow.compare(outage.service, await outage.service.caughtUp());
      const lost = await outage.until("rows are lost", ({ gaps, rows_lost }) => gaps > 0 && rows_lost > 0);
      assert.match(lost.problem ?? "", /The history store cannot be opened/);
      assert.deepEqual([await outage.metric("buffer_full"), await outage.metric("up")], [1, 0]);
      assert.ok((await outage.metric("gaps_total")) > 0 && (await outage.metric("lost_rows_total")) > 0);
      await site.setAway(false);
      await outage.until("the store is back", ({ full, problem }) => !full && problem === undefined);
      for (let i = 0; i < 5; i++) await outage.post();
      await outage.service.caughtUp();
      await outage.until(
        "all is written",
        ({ problem, partitions }) =>
          problem === undefined && partitions.every(({ waiting_rows: rows }) => rows < BATCH),
      );
      const { rows, raw, status } = await readStored(site);
      assert.ok(status.gaps.length > 0);
      for (const { fromMs, toMs } of status.gaps) assert.equal(await outage.past((fromMs + toMs) / 2), false);
      await outage.expected.follow();
      const { raw: expectedRaw } = outage.expected;
      const settled = outage.expected.settled.slice(0, status.streams[0]?.nextSequence);
      const outside = (texts: readonly string[]) => texts.filter((text) => !isIn(status.gaps, timeOf(text)));
      assertSameRows(outside(rows), outside(settled), "settled rows outside gaps");
      const known = new Set(settled);
      assert.ok(rows.every((row) => known.has(row)) && new Set(rows).size === rows.length);
      assert.ok(rows.length < settled.length, "no row is missing");
      assert.ok(outside(settled).length > 4 * BATCH, "the gap is everything");
      const knownRaw = new Set(expectedRaw);
      assert.ok(raw.every((row) => knownRaw.has(row)) && new Set(raw).size === raw.length);
      for (const gap of status.gaps) assert.ok(gap.isRepairable);
      t.diagnostic(`${settled.length} rows, ${rows.length} stored, gaps ${JSON.stringify(status.gaps)}`);
      await repair(outage, status.gaps);
      const repaired = await outage.end();
      assert.deepEqual(repaired.status.gaps, []);
      assertSameRows(repaired.rows, outage.expected.settled, "settled rows after the repair");
    });

    test("block: applying waits, also after a kill, and then everything is there once", async (t) => {
      const site = await postgresSite(`${folder}/block`);
      t.after(() => site.close());
      const outage = await Outage.begin(t, site, "block");
      t.after(() => outage.service.kill("SIGKILL"));
      for (let i = 0; i < 4; i++) await outage.post();
      await outage.service.caughtUp();
      await site.setAway(true);
      for (let isFull = false; !isFull; { full: isFull } = await outage.writing()) await outage.post();
      for (let i = 0; i < 3; i++) await outage.post();
      const waiting = (await outage.service.status()).partitions[0];
      assert.ok((waiting?.lag ?? 0) > 0, "applying goes on");
      await outage.service.kill("SIGKILL");
      outage.start();
      // It is not ready while records wait, so its status is asked for.
      for (let isFull = false; !isFull; await pause(POLL_MS)) {
        isFull = await outage
          .writing()
          .then(({ full }) => full)
          .catch(() => false);
      }
      await site.setAway(false);
      await outage.shadow.compare(outage.service, await outage.service.caughtUp());
      const { rows, raw, status } = await outage.end();
      assert.deepEqual(status.gaps, []);
      assertSameRows(rows, outage.expected.settled, "settled rows");
      assertSameRows(raw, outage.expected.raw, "raw rows");
      assert.ok(rows.length > 10 * BATCH);
    });
  });
});
