/**
 * Memory of a day: 1,000 tokens that share 1,000 swaps/s by Zipf 1.0 over 24 hours of event time, 50,000 traders (86 million swaps:
 * some ten minutes); of tokens that have retired; and of 100,000 tokens.
 * `node bench/engine-memory.ts [day|retired|many] [hours]` runs one of them.
 */
import { spawnSync } from "node:child_process";
import { PartitionEngine } from "../server/src/engine/partition-engine.ts";
import { SwapEvent } from "../server/src/engine/swaps/swap-event.ts";
import { report } from "./report.ts";
import { EventStream } from "./support/event-stream.ts";
import { BENCH_SEED, engineConfig } from "./support/workload.ts";

const START_MS = 1_767_225_600_000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** A little longer than a day, so that data has begun to expire. */
const MORE_MS = 600_000;
const MANY_HOURS = 24;
const RATE = 1000;
const RETIRED = 200_000;

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function memoryAfter(tokens: number, hours: number): Record<string, number> {
  const stream = new EventStream({
    tokens,
    traders: 50_000,
    ratePerSecond: RATE,
    disorderMs: 30_000,
    startMs: START_MS,
    seed: 1,
  });
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  let nextMs = START_MS;
  for (let nowMs = 0; nowMs < START_MS + hours * HOUR_MS + MORE_MS; ) {
    nowMs = stream.next();
    engine.apply(stream.event, nowMs + 1000);
    if (nowMs < nextMs || !process.stdout.isTTY) continue;
    nextMs += HOUR_MS;
    process.stdout.write(`  ${((nowMs - START_MS) / HOUR_MS).toFixed(0)} h: ${mb(engine.memory().total as number)}\n`);
  }
  return engine.memory();
}

function parts(memory: Record<string, number>): string {
  return Object.entries(memory)
    .filter(([kind]) => kind !== "total" && kind !== "image")
    .map(([kind, bytes]) => `${kind} ${mb(bytes)}`)
    .join(", ");
}

function retiredBytes(): number {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  const event = new SwapEvent();
  const name = (i: number): string => `0x${i.toString(16).padStart(40, "0")}`;
  const apply = (token: string, timeMs: number): void => {
    const tx = `0x${timeMs.toString(16).padStart(64, "0")}`;
    event.bytes = Buffer.from(`${token}${tx}SYM`);
    event.tokenEnd = token.length;
    event.txHashStart = token.length;
    event.txHashEnd = token.length + tx.length;
    event.symbolStart = event.txHashEnd;
    event.symbolEnd = event.symbolStart + 3;
    event.chainId = 1;
    event.usdMicro = 1_000_000;
    event.amount1 = 1000;
    event.eventTimeMs = timeMs;
    engine.apply(event, timeMs);
  };
  apply(name(0), START_MS);
  for (let i = 1; i <= RETIRED; i++) apply(name(i), START_MS + i);
  // More than a day of one busy token: all others settle, expire and retire.
  for (let ms = 0; ms < 2 * DAY_MS; ms += 100) apply(name(0), START_MS + RETIRED + ms);
  const before = new PartitionEngine(engineConfig(), BENCH_SEED).memory().total as number;
  return ((engine.memory().total as number) - before) / RETIRED;
}

/** In use, the image with its free room, and the process; `before` is the process before the first swap. */
function note(memory: Record<string, number>, before: number): string {
  const grown = mb(process.memoryUsage.rss() - before);
  return `In use, by kind: ${parts(memory)}. The process has grown by ${grown} (RSS); this includes the memory of the generated stream and the garbage of the run.`;
}

/** The parts of the state in MB. */
function megabytes(memory: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(memory).map(([part, bytes]) => [`MB ${part}`, bytes / 1e6]));
}

function runDay(hours = 24): void {
  const before = process.memoryUsage.rss();
  const memory = memoryAfter(1000, hours);
  const total = memory.total as number;
  report({
    what: `memory: 1,000 tokens sharing 1,000 swaps/s by Zipf 1.0 over ${hours} hours of event time`,
    goal: "at most 200 MB",
    figure: `${mb(total)} in use, image ${mb(memory.image as number)}`,
    met: hours < 24 ? undefined : total <= 200e6,
    note: note(memory, before),
    values: megabytes(memory),
  });
}

function runRetired(): void {
  const bytes = retiredBytes();
  report({
    what: "memory of a retired token",
    goal: "at most 200 bytes",
    figure: `${bytes.toFixed(0)} bytes`,
    met: bytes <= 200,
    note: "It holds id, symbol, counters, and the entries of the indexes by id and by symbol.",
    values: { bytes },
  });
}

function runMany(hours = MANY_HOURS): void {
  const before = process.memoryUsage.rss();
  const memory = memoryAfter(100_000, hours);
  report({
    what: `memory: 100,000 tokens by Zipf 1.0, 1,000 swaps/s, ${hours} hours`,
    goal: "report",
    figure: `${mb(memory.total as number)} in use, image ${mb(memory.image as number)}`,
    met: undefined,
    note: `${note(memory, before)} Settled buckets and traders grow until 24 hours are over.`,
    values: megabytes(memory),
  });
}

const CASES: Readonly<Record<string, (hours?: number) => void>> = { day: runDay, retired: runRetired, many: runMany };
const selected = process.argv[2];
if (selected !== undefined) {
  const run = CASES[selected];
  if (run === undefined) throw new Error(`no case is named ${selected}; there are ${Object.keys(CASES).join(", ")}`);
  run(process.argv[3] === undefined ? undefined : Number(process.argv[3]));
} else {
  // One process each, because memory that one run leaves would count for the next.
  for (const name of Object.keys(CASES)) {
    const { status } = spawnSync(process.execPath, [import.meta.filename, name], { stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
}
