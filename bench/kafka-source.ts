/**
 * From a Kafka topic to state in one thread, with everything that the service does there, against loops with the same client that only
 * count bytes, or only parse: records of about 640 bytes in 4 partitions, all produced beforehand. Each side is a separate process. The
 * sides alternate, and the medians count.
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { SwapFeed } from "./kafka/feed.ts";
import type { SideName, SideOrder, SideReport } from "./kafka/side.ts";
import { recordsOf, type Site, withSite } from "./kafka/site.ts";
import { report } from "./report.ts";
import { median } from "./support/workload.ts";

const RECORDS = recordsOf(1_000_000);
const ROUNDS = 3;
const SIDES: readonly SideName[] = ["count", "parse", "read", "apply", "whole"];
const RATE_GOAL = 0.35;

type Runs = Readonly<Record<SideName, SideReport[]>>;

/** The sides with goals against client and JSON.parse. */
const AGAINST_PARSE = [
  { side: "apply", what: "without checkpoints", goal: 1 },
  { side: "whole", what: "with checkpoints into Redis every 5 s", goal: 1.3 },
] as const;

function run(order: SideOrder): Promise<SideReport> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "kafka/side.ts"));
    child.once("message", (answer: SideReport) => resolve(answer));
    child.once("exit", () => reject(new Error(`the side ${order.side} ended without a report`)));
    child.send(order);
  });
}

async function measure({ target, redis, folder }: Site): Promise<Runs> {
  const runs: Runs = { count: [], parse: [], read: [], apply: [], whole: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of SIDES) {
      const dataDir = join(folder, `${side}-${round}`);
      await redis.command("flushall");
      const order = { side, ...target, records: RECORDS, dataDir, redis: `${redis.host}:${redis.port}` };
      runs[side].push(await run(order));
    }
  }
  return runs;
}

function tell(runs: Runs): void {
  const cpu = (side: SideName): number => (median(runs[side].map(({ cpuSeconds }) => cpuSeconds)) * 1e6) / RECORDS;
  const rate = (side: SideName): number => RECORDS / median(runs[side].map(({ seconds }) => seconds));
  const thousands = (side: SideName): string => `${Math.round(rate(side) / 1000)}k/s`;
  const bytes = Math.round(runs.read[0]!.bytes / RECORDS);
  for (const { side, what, goal } of AGAINST_PARSE) {
    const ratios = runs[side].map(({ cpuSeconds }, round) => cpuSeconds / runs.parse[round]!.cpuSeconds);
    const times = median(ratios);
    report({
      what: `Kafka to state in one thread, ${what}: processor time against only consuming with the same client and JSON.parse`,
      goal: `at most ${goal.toFixed(1)} times`,
      figure: `${times.toFixed(2)} times (${cpu(side).toFixed(2)} s per million swaps, against ${cpu("parse").toFixed(2)} s)`,
      met: times <= goal,
      note: `Decoder, checks, all windows and statistics. Time of the whole process, median of ${ROUNDS} rounds (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} times) over ${RECORDS} records of ${bytes} bytes. Our readers with checksums alone took ${cpu("read").toFixed(2)} s, counting bytes with the client ${cpu("count").toFixed(2)} s.`,
      values: { "CPU-us a swap": cpu(side), "times client and JSON.parse": times },
    });
  }
  const share = rate("whole") / rate("count");
  report({
    what: "Kafka to state in one thread with checkpoints, swaps per second against a loop with the same client that only counts bytes",
    goal: `at least ${RATE_GOAL} of its rate`,
    figure: `${share.toFixed(2)} (${thousands("whole")} against ${thousands("count")})`,
    met: share >= RATE_GOAL,
    note: `The rate was ${thousands("apply")} without checkpoints, our readers alone ${thousands("read")}, client and JSON.parse ${thousands("parse")}. The broker runs on the same machine.`,
    values: { "swaps/s": rate("whole"), "of counting": share, "swaps/s without checkpoints": rate("apply") },
  });
}

await withSite(async (site) => {
  // The rate puts event times close together, so that arrivals, which are now, do not make them late.
  const feed = await SwapFeed.open(site.target, { startMs: Date.now() - 1_000_000 });
  await feed.fill(RECORDS);
  await feed.close();
  tell(await measure(site));
});
