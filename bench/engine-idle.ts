/** The cost of one step of time with a million idle tokens, against a thousand. */
import { PartitionEngine } from "../server/src/engine/partition-engine.ts";
import { SwapEvent } from "../server/src/engine/swaps/swap-event.ts";
import { report } from "./report.ts";
import { BENCH_SEED, cpuMs, engineConfig, median } from "./support/workload.ts";

const FEW = 1_000;
const MANY = 1_000_000;
const START_MS = 1_767_225_600_000;
/** Long after the idle tokens' last swap, so that they are settled, but still within their longest window. */
const QUIET_MS = 3 * 3_600_000;
const STEPS = 20_000;
const STEP_MS = 100;
const ROUNDS = 5;

function eventOf(name: string, timeMs: number): SwapEvent {
  const event = new SwapEvent();
  event.bytes = Buffer.from(`${name}tx${timeMs}`);
  event.tokenEnd = name.length;
  event.txHashStart = name.length;
  event.txHashEnd = event.bytes.length;
  event.chainId = 1;
  event.usdMicro = 1_000_000;
  event.amount1 = 1000;
  event.eventTimeMs = timeMs;
  return event;
}

/** An engine with this many idle tokens, after their upkeep. */
function idleEngine(tokens: number): PartitionEngine {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  for (let i = 0; i < tokens; i++) engine.apply(eventOf(`t${i}`, START_MS + (i % 60_000)), START_MS + 60_000);
  for (let ms = 0; ms < QUIET_MS; ms += 8)
    engine.apply(eventOf("busy", START_MS + 60_000 + ms), START_MS + QUIET_MS + 60_000);
  return engine;
}

/** Processor time in us of a step: a swap of the only busy token, which advances time. */
function stepUs(engine: PartitionEngine, round: number): number {
  const events = Array.from({ length: STEPS }, (_, i) =>
    eventOf("busy", START_MS + 60_000 + QUIET_MS + (round * STEPS + i) * STEP_MS),
  );
  const before = cpuMs();
  for (const event of events) engine.apply(event, event.eventTimeMs);
  return ((cpuMs() - before) / STEPS) * 1000;
}

const few = idleEngine(FEW);
const many = idleEngine(MANY);
const ratios: number[] = [];
let manyUs = 0;
for (let round = 0; round < ROUNDS; round++) {
  const base = stepUs(few, round);
  manyUs = stepUs(many, round);
  ratios.push(manyUs / base);
}
report({
  what: "cost of advancing time with 1,000,000 idle tokens",
  goal: "as with 1,000, within noise",
  figure: `${median(ratios).toFixed(2)} times the cost with 1,000 (${manyUs.toFixed(2)} us per step)`,
  met: median(ratios) < 1.3,
  note: "A step is a swap of one busy token, 100 ms of event time after the previous one. Windows are computed at each request, so the passing of time costs nothing.",
  values: { us: manyUs, "times 1,000 tokens": median(ratios) },
});
