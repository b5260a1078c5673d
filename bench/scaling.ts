/**
 * Swaps a second and processor time by worker threads, by partitions, and by the skew of tokens, from fetched batches to state: `node
 * bench/scaling.ts [--rounds N]`. All settings have their turn in each round, and the medians count.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { recordsOf } from "./kafka/site.ts";
import { report } from "./report.ts";
import { type Measured, runSetting, type Setting } from "./scaling/run.ts";
import { SKEWS, ZIPF_1 } from "./scaling/stream.ts";
import { machineLoad, quantile } from "./support/spread.ts";

const { values: options } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const ROUNDS = Number(options.rounds);
/** At 1,000 swaps/s the horizon of all partitions is full after 900,000 swaps. */
const BEFORE = recordsOf(900_000);
const MEASURED = recordsOf(400_000);
const CORES = availableParallelism();
const THREADS = [1, 2, 4, 8, 16].filter((threads) => threads <= CORES);
const MOST = THREADS.at(-1)!;
/** Divides evenly among all numbers of threads. */
const PARTITIONS = 16;

const settings: readonly Setting[] = [
  ...THREADS.map((threads) => ({ threads, partitions: PARTITIONS, skew: ZIPF_1 })),
  ...[1, 4, 64].map((partitions) => ({ threads: MOST, partitions, skew: ZIPF_1 })),
  ...SKEWS.filter((skew) => skew !== ZIPF_1).map((skew) => ({ threads: MOST, partitions: PARTITIONS, skew })),
];
const rounds: Measured[][] = [];
for (let round = 0; round < ROUNDS; round++) {
  const results: Measured[] = [];
  for (const setting of settings) results.push(await runSetting(setting, BEFORE, MEASURED));
  rounds.push(results);
}
const load = machineLoad();

const thousands = (perSecond: number): string => `${Math.round(perSecond / 1000)}k`;
settings.forEach(({ threads, partitions, skew }, at) => {
  const of = (value: (measured: Measured, one: Measured) => number): number[] =>
    rounds.map((results) => value(results[at]!, results[0]!));
  const perSecond = of((measured) => measured.perSecond);
  const times = of((measured, one) => measured.perSecond / one.perSecond);
  const busiest = quantile(
    of((measured) => measured.perSecondOfBusiest),
    0.5,
  );
  const cpuUs = quantile(
    of((measured) => measured.cpuUs),
    0.5,
  );
  const share = quantile(
    of((measured) => measured.shareOfBusiest),
    0.5,
  );
  const middle = quantile(perSecond, 0.5);
  report({
    what: `scaling: ${threads} ${threads === 1 ? "thread" : "threads"}, ${partitions} ${partitions === 1 ? "partition" : "partitions"}, ${skew.name}`,
    goal: "none",
    figure: `${thousands(middle)} swaps/s, ${quantile(times, 0.5).toFixed(2)} times one thread; ${cpuUs.toFixed(2)} us of processor time a swap`,
    met: undefined,
    note:
      `From fetched batches to state with the copy for the redo, and a full horizon; ${MEASURED} swaps, median of ${ROUNDS} rounds (${thousands(Math.min(...perSecond))} to ${thousands(Math.max(...perSecond))}). ` +
      `The busiest thread has ${(100 * share).toFixed(0)} % of the swaps; ${thousands(busiest)}/s with a processor for each thread. At the end: ${load}.`,
    values: { "swaps/s": middle, "times one thread": quantile(times, 0.5), us: cpuUs, "swaps/s by busiest": busiest },
  });
});
