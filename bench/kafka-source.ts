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

type Sides = Record<SideName, SideReport>;

function run(order: SideOrder): Promise<SideReport> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "kafka/side.ts"));
    child.once("message", (answer: SideReport) => resolve(answer));
    child.once("exit", () => reject(new Error(`the side ${order.side} ended without a report`)));
    child.send(order);
  });
}

async function measure({ target, redis, folder }: Site): Promise<Sides> {
  const runs: Record<SideName, SideReport[]> = { count: [], parse: [], read: [], apply: [], whole: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of SIDES) {
      const dataDir = join(folder, `${side}-${round}`);
      await redis.command("flushall");
      const order = { side, ...target, records: RECORDS, dataDir, redis: `${redis.host}:${redis.port}` };
      runs[side].push(await run(order));
    }
  }
  const middle = (side: SideName): SideReport => ({
    seconds: median(runs[side].map(({ seconds }) => seconds)),
    cpuSeconds: median(runs[side].map(({ cpuSeconds }) => cpuSeconds)),
    bytes: runs[side][0]!.bytes,
  });
  return Object.fromEntries(SIDES.map((side) => [side, middle(side)])) as Sides;
}

function tell(sides: Sides): void {
  const cpu = (side: SideName): number => (sides[side].cpuSeconds * 1e6) / RECORDS;
  const rate = (side: SideName): number => RECORDS / sides[side].seconds;
  const thousands = (side: SideName): string => `${Math.round(rate(side) / 1000)}k/s`;
  const share = rate("whole") / rate("count");
  const bytes = Math.round(sides.read.bytes / RECORDS);
  report({
    what: "Kafka to state in one thread with everything on (decoder, checks, all windows and statistics, checkpoints into Redis every 5 s), processor time",
    goal: "at most that of only consuming with the same client and JSON.parse",
    figure: `${cpu("whole").toFixed(2)} s per million swaps, against ${cpu("parse").toFixed(2)} s`,
    met: cpu("whole") <= cpu("parse"),
    note: `Time of the whole process, median of ${ROUNDS} rounds over ${RECORDS} records of ${bytes} bytes. Without checkpoints it took ${cpu("apply").toFixed(2)} s; our readers with checksums alone ${cpu("read").toFixed(2)} s, counting bytes with the client ${cpu("count").toFixed(2)} s. The engine's checks and apply, which wait for memory, limit it.`,
  });
  report({
    what: "the same in swaps per second, against a loop with the same client that only counts bytes",
    goal: `at least ${RATE_GOAL} of its rate`,
    figure: `${share.toFixed(2)} (${thousands("whole")} against ${thousands("count")})`,
    met: share >= RATE_GOAL,
    note: `The rate was ${thousands("apply")} without checkpoints, our readers alone ${thousands("read")}, client and JSON.parse ${thousands("parse")}. The broker runs on the same machine.`,
  });
}

await withSite(async (site) => {
  // The rate puts event times close together, so that arrivals, which are now, do not make them late.
  const feed = await SwapFeed.open(site.target, { startMs: Date.now() - 1_000_000 });
  await feed.fill(RECORDS);
  await feed.close();
  tell(await measure(site));
});
