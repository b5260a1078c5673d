/**
 * Memory of a day: 1,000 tokens that share 1,000 swaps/s by Zipf 1.0 over 24 hours of event time, 50,000 traders; then the same with
 * 100,000 tokens; then of tokens that have retired. `node bench/engine-memory.ts [day|many|retired]` runs one of them.
 */
import { PartitionEngine } from "../server/src/engine/partition-engine.ts";
import { SwapEvent } from "../server/src/engine/swap-event.ts";
import { report } from "./report.ts";
import { EventStream } from "./support/event-stream.ts";
import { engineConfig } from "./support/workload.ts";

const START_MS = 1_767_225_600_000;
const DAY_MS = 86_400_000;
/** Beyond the longest window, so that what expires has begun to expire. */
const SPAN_MS = DAY_MS + 600_000;
const RATE = 1000;
const RETIRED = 200_000;

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function dayOf(tokens: number): Record<string, number> {
  const stream = new EventStream({
    tokens,
    traders: 50_000,
    ratePerSecond: RATE,
    disorderMs: 30_000,
    startMs: START_MS,
    seed: 1,
  });
  const engine = new PartitionEngine(engineConfig());
  let nextMs = START_MS;
  for (let nowMs = 0; nowMs < START_MS + SPAN_MS; ) {
    nowMs = stream.next();
    engine.apply(stream.event, nowMs + 1000);
    if (nowMs < nextMs || !process.stdout.isTTY) continue;
    nextMs += 3_600_000;
    process.stdout.write(
      `  ${((nowMs - START_MS) / 3_600_000).toFixed(0)} h: ${mb(engine.memory().total as number)}\n`,
    );
  }
  return engine.memory();
}

function parts(memory: Record<string, number>): string {
  return Object.entries(memory)
    .filter(([kind]) => kind !== "total")
    .map(([kind, bytes]) => `${kind} ${mb(bytes)}`)
    .join(", ");
}

function retiredBytes(): number {
  const engine = new PartitionEngine(engineConfig());
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
  // A day and more of one busy token: all others settle, expire and retire.
  for (let ms = 0; ms < 2 * DAY_MS; ms += 100) apply(name(0), START_MS + RETIRED + ms);
  const before = new PartitionEngine(engineConfig()).memory().total as number;
  return ((engine.memory().total as number) - before) / RETIRED;
}

const selected = process.argv[2];
if (selected === undefined || selected === "day") {
  const memory = dayOf(1000);
  const total = memory.total as number;
  report({
    what: "memory: 1,000 tokens sharing 1,000 swaps/s by Zipf 1.0 over 24 hours of event time",
    goal: "at most 200 MB",
    figure: mb(total),
    met: total <= 200e6,
    note: `In use, by kind: ${parts(memory)}.`,
  });
}
if (selected === undefined || selected === "retired") {
  const bytes = retiredBytes();
  report({
    what: "memory of a retired token",
    goal: "at most 200 bytes",
    figure: `${bytes.toFixed(0)} bytes`,
    met: bytes <= 200,
    note: "Id, symbol, counters, and the entries of the indexes by id and by symbol.",
  });
}
if (selected === undefined || selected === "many") {
  const memory = dayOf(100_000);
  report({
    what: "memory: 100,000 tokens by Zipf 1.0, 1,000 swaps/s, 24 hours",
    goal: "report",
    figure: mb(memory.total as number),
    met: undefined,
    note: `In use, by kind: ${parts(memory)}.`,
  });
}
