/**
 * The real program reads files that grow: lines that are rotated by renaming, and a table that is rotated by copying and truncating. It is
 * killed with SIGKILL at random moments, also between the log and the position. In the end nothing is missing, and every figure equals
 * that of an engine, and of the naive model, over the whole files.
 */
import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { ServiceProcess } from "./service-process.ts";
import { embeddedLog, type ReadPartition, Shadow } from "./shadow.ts";

const KILLS = 24;
const RUN_MS_MAX = 700;
const KILL_WHILE_STARTING = 0.2;
const START_MS_MAX = 900;
const CHUNK_MAX = 40;
const PAUSE_MS_MAX = 400;
const READ_LIMIT_MS = 120_000;
/** Longer than a time stamp of the file system is exact. */
const ROTATION_PAUSE_MS = 50;
/** Of the table, so that its order alone decides about its swaps. */
const TABLE_CHAIN = 777;
const COLUMNS = [
  ...["tx_hash", "log_index", "tx_index", "token", "token_symbol", "pool", "who", "side"],
  ...["amount_token", "amount_usd", "price_usd", "event_time", "block_number", "block_hash"],
];
const MAPPING = `format: csv
swaps:
  - chain_id: ${TABLE_CHAIN}
${COLUMNS.map((name) => `    ${name}: ${name}`).join("\n")}
`;

type Fields = Record<string, string | number | boolean>;
type FeederStatus = {
  name: string;
  state: string;
  records: number;
  swaps: number;
  rejected: number;
  behind?: { count: number };
};

function generatorOf(seed: number): SwapGenerator {
  const startMs = Date.now() - 3_600_000;
  // The event times must not reach the present: swaps of the future are not counted.
  // Removals and late swaps that come again in a copy are counted again, so the figures of a run without kills have none.
  const shares = { duplicates: 0.02, late: 0, future: 0, removed: 0 };
  return new SwapGenerator({
    ...GENERATOR_DEFAULTS,
    ...shares,
    ratePerSecond: 40,
    tokens: 40,
    traders: 200,
    seed,
    startMs,
  });
}

function nextLine(generator: SwapGenerator): string {
  const bytes = Buffer.alloc(RECORD_BYTES_MAX);
  return bytes.toString("utf8", 0, generator.write(bytes, 0)).trimEnd();
}

/** A file that grows by pieces that may end within a line, and what it is to give. */
class GrowingFile {
  /** Canonical swaps, in order. */
  readonly swaps: string[] = [];
  rows = 0;
  #pending = "";
  #rotations = 0;
  readonly path: string;
  readonly #random: Random;

  constructor(path: string, random: Random, head: string) {
    this.path = path;
    this.#random = random;
    writeFileSync(path, head);
  }

  add(row: string, swap: string | undefined): void {
    this.#pending += `${row}\n`;
    this.rows++;
    if (swap !== undefined) this.swaps.push(swap);
  }

  /** Writes what was added, or a part of it. */
  flush(isWhole: boolean): void {
    const length = isWhole ? this.#pending.length : this.#random.below(this.#pending.length + 1);
    appendFileSync(this.path, this.#pending.slice(0, length));
    this.#pending = this.#pending.slice(length);
  }

  async rotate(how: "rename" | "copy"): Promise<void> {
    await pause(ROTATION_PAUSE_MS);
    this.flush(true);
    const name = `${this.path}.${this.#rotations++}`;
    if (how === "rename") {
      renameSync(this.path, name);
      writeFileSync(this.path, "");
    } else {
      copyFileSync(this.path, name);
      truncateSync(this.path);
    }
  }
}

/** Writes to both files until it is stopped. */
async function write(
  lines: GrowingFile,
  table: GrowingFile,
  random: Random,
  hasBegun: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const [ofLines, ofTable] = [generatorOf(random.below(2 ** 31)), generatorOf(random.below(2 ** 31))];
  while (!signal.aborted) {
    for (let i = 1 + random.below(CHUNK_MAX); i > 0; i--) {
      const line = nextLine(ofLines);
      if (random.chance(0.01)) lines.add('{"side":"hold"}', undefined);
      lines.add(line, line);
      const fields: Fields = { ...(JSON.parse(nextLine(ofTable)) as Fields), chain_id: TABLE_CHAIN };
      const swap = Object.fromEntries(
        ["chain_id", ...COLUMNS].flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
      );
      table.add(COLUMNS.map((name) => String(fields[name] ?? "")).join(","), JSON.stringify(swap));
    }
    lines.flush(false);
    table.flush(false);
    // Files that were rotated before a feeder has begun are not read.
    if (random.chance(0.02) && hasBegun()) await lines.rotate("rename");
    if (random.chance(0.02) && hasBegun()) await table.rotate("copy");
    await pause(random.below(PAUSE_MS_MAX));
  }
  lines.flush(true);
  table.flush(true);
}

/** Texts as a partition of a log. */
function partitionOf(texts: readonly string[]): () => ReadPartition {
  const payload = Buffer.from(texts.join(""));
  let at = 0;
  const ends = Uint32Array.from(texts, (text) => (at += Buffer.byteLength(text)));
  const batch = { partition: 0, baseOffset: 0, nextOffset: texts.length, count: texts.length };
  return () => ({
    range: async () => ({ startOffset: 0, endOffset: texts.length, logId: undefined, formerLogIds: [] }),
    read: async () => ({ ...batch, payload, ends, arrivalsMs: Date.now() }),
    close: async () => {},
  });
}

async function feedersOf(service: ServiceProcess): Promise<FeederStatus[]> {
  return ((await service.status()) as unknown as { feeders: FeederStatus[] }).feeders;
}

/** The service has closed idle connections while the whole files were computed here; the first request may find that out. */
async function freshConnection(service: ServiceProcess): Promise<void> {
  while ((await fetch(`${service.url}/healthz`).catch(() => undefined)) === undefined) {
    assert.ok(!service.hasExited, service.log);
  }
}

async function readToEnd(service: ServiceProcess, wanted: ReadonlyMap<string, number>): Promise<FeederStatus[]> {
  const limitMs = performance.now() + READ_LIMIT_MS;
  for (;;) {
    assert.ok(!service.hasExited, service.log);
    assert.ok(performance.now() < limitMs, JSON.stringify([await feedersOf(service), [...wanted]]));
    const feeders = await feedersOf(service);
    if (feeders.every(({ name, records }) => records >= wanted.get(name)!)) return feeders;
    for (const { name, state } of feeders) assert.notEqual(state, "failed", name);
    await pause(20);
  }
}

test("killed with SIGKILL at random moments while files grow and are rotated, the service has every row once", async (t) => {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const folder = tempDir(t, "crash-files");
  const dataDir = tempDir(t, "crash");
  const lines = new GrowingFile(join(folder, "trades.ndjson"), random, "");
  const table = new GrowingFile(join(folder, "table.csv"), random, `${COLUMNS.join(",")}\n`);
  writeFileSync(join(folder, "mapping.yaml"), MAPPING);
  const config = join(folder, "config.yaml");
  const entry = (name: string, path: string) =>
    `    - type: file\n      name: ${name}\n      path: ${path}\n      poll: 20ms\n`;
  writeFileSync(
    config,
    `ingest:\n  feeders:\n${entry("lines", lines.path)}${entry("table", table.path)}      mapping: ${join(folder, "mapping.yaml")}\n`,
  );
  const settings = {
    SWAPSTATS_CONFIG: config,
    SWAPSTATS_WINDOWS_CLOCK: "event",
    SWAPSTATS_APP_SNAPSHOT_INTERVAL: "100ms",
    SWAPSTATS_INGEST_EMBEDDED_RETENTION: "48h",
  };
  const port = await freePort();
  const start = (): ServiceProcess => new ServiceProcess(port, dataDir, settings);
  const stop = new AbortController();
  const hasBegun = (): boolean =>
    ["lines", "table"].every((name) => existsSync(join(dataDir, "feeders", `${name}.json`)));
  const writing = write(lines, table, randomFrom(seed + 1), hasBegun, stop.signal);
  for (let kill = 0; kill < KILLS; kill++) {
    const service = start();
    if (random.chance(KILL_WHILE_STARTING)) await pause(random.below(START_MS_MAX));
    else {
      while ((await fetch(`${service.url}/readyz`).catch(() => undefined))?.status !== 200) {
        assert.ok(!service.hasExited, service.log);
        await pause(10);
      }
      await pause(random.below(RUN_MS_MAX));
    }
    await service.kill("SIGKILL");
  }
  stop.abort();
  await writing;

  const service = start();
  t.after(async () => {
    await service.kill("SIGKILL");
  });
  await service.caughtUp();
  const wanted = new Map([
    ["lines", lines.rows],
    ["table", table.rows],
  ]);
  const feeders = await readToEnd(service, wanted);
  // The counts are kept with the position, so each record is counted once, however often it was sent.
  assert.deepEqual(
    feeders.map(({ name, records, swaps, rejected }) => [name, records, swaps, rejected]),
    [lines, table].map(({ rows, swaps }, i) => [["lines", "table"][i], rows, swaps.length, rows - swaps.length]),
  );
  await service.caughtUp();
  const engine = toEngineConfig(loadConfig({ env: settings }).config);
  const log = new Shadow(embeddedLog(dataDir), engine);
  await log.follow();
  const whole = new Shadow(partitionOf([...lines.swaps, ...table.swaps]), engine);
  await whole.follow();
  await freshConnection(service);
  const tokens = await whole.compareFigures(service);
  await freshConnection(service);
  assert.equal(await whole.compareToModel(service), tokens);
  assert.equal(whole.engine.counters.late, 0);
  const sentAgain = log.position - whole.position;
  assert.ok(sentAgain >= 0);
  t.diagnostic(JSON.stringify({ kills: KILLS, rows: lines.rows + table.rows, tokens, sentAgain }));
  assert.ok(lines.rows > 1_000 && tokens > 20, "too little was written to show anything");
});
