/**
 * The same job by hand in other systems, beside ours: one topic, one machine, in turn. Each side is a process of its own and is measured
 * whole, from its start. The figures of the peers are compared with those of our engine; a difference fails the run.
 */
import { join } from "node:path";
import { firstTokens, SwapFeed } from "./kafka/feed.ts";
import { recordsOf, type Site, withSite } from "./kafka/site.ts";
import { type Answer, compareAnswers, type Job, type Query } from "./peers/figures.ts";
import type { OwnOrder, OwnSideName } from "./peers/own-side.ts";
import { buildFlink, buildGo } from "./peers/programs.ts";
import { CAN_MEASURE, type Command, type Measured, runSide } from "./peers/side-process.ts";
import { type Side, tellSides } from "./peers/table.ts";

const RECORDS = recordsOf(2_000_000);
const ROUNDS = 3;
/** Tokens whose figures are compared: those of the first swaps, so that busy and rare ones are among them. */
const COMPARED_TOKENS = 400;
const DIFFERENCES_SHOWN = 10;

/** A side by itself: how it is called in the table, and how it is run. */
type Contender = {
  readonly name: string;
  readonly job: string;
  /** Undefined: it has no figures to compare. */
  readonly compared: Job | undefined;
  readonly command: Command;
  /** Runs before each measurement. */
  readonly prepare?: () => Promise<unknown>;
};

function parseSide({ target }: Site): Contender {
  const args = [join(import.meta.dirname, "peers/parse-side.ts"), JSON.stringify({ ...target, records: RECORDS })];
  return {
    name: "client and JSON.parse alone, Node",
    job: "none",
    compared: undefined,
    command: { program: process.execPath, args },
  };
}

function ownSide(site: Site, side: OwnSideName, name: string, job: string): Contender {
  const { target, redis, folder } = site;
  const order: OwnOrder = {
    ...{ ...target, side, records: RECORDS, redis: `${redis.host}:${redis.port}` },
    dataDir: join(folder, side),
  };
  const args = [join(import.meta.dirname, "peers/own-side.ts"), JSON.stringify(order)];
  return {
    ...{ name, job, compared: undefined, command: { program: process.execPath, args } },
    prepare: () => redis.command("flushall"),
  };
}

function goSide(site: Site, program: string, goJob: Job, job: string): Contender {
  const { brokers, topic, partitions } = site.target;
  const args = [
    ...["-job", goJob, "-brokers", brokers.join(","), "-topic", topic],
    ...["-partitions", String(partitions), "-records", String(RECORDS)],
  ];
  return { name: "Go by hand, franz-go and sonic", job, compared: goJob, command: { program, args } };
}

function flinkSide({ target }: Site, { program, args }: Command, job: string): Contender {
  const command = { program, args: [...args, target.brokers.join(","), target.topic, String(RECORDS)] };
  return { name: "Flink 2.2, process function by hand, heap state", job, compared: "small", command };
}

/** Our engine without checkpoints comes second, and its figures are those that the peers must have. */
function contenders(site: Site): Contender[] {
  const whole = "whole job: 7 windows, OHLC, VWAP, traders, removals, exact";
  const small = "four figures, three windows, floats";
  const list = [
    parseSide(site),
    ownSide(site, "apply", "swapstats, no checkpoints", whole),
    ownSide(site, "checkpoints", "swapstats, checkpoints into Redis", whole),
  ];
  const go = buildGo();
  if ("missing" in go) console.log(`Skipped: the peer in Go. There is ${go.missing}.`);
  else list.push(goSide(site, go.program, "whole", whole), goSide(site, go.program, "small", small));
  const flink = buildFlink();
  if ("missing" in flink) console.log(`Skipped: the peer in Flink. There is ${flink.missing}.`);
  else list.push(flinkSide(site, flink, small));
  return list;
}

function check(name: string, job: Job, ours: Answer, theirs: Answer): void {
  const { compared, differences } = compareAnswers(job, ours, theirs);
  if (differences.length > 0 || compared === 0) {
    const shown = differences.slice(0, DIFFERENCES_SHOWN).join("\n");
    throw new Error(`${name}: ${differences.length} of ${compared} figures differ from those of our engine:\n${shown}`);
  }
  console.log(`  ${compared} figures are those of our engine`);
}

async function measure(site: Site, ids: readonly string[]): Promise<Side[]> {
  const all = contenders(site);
  const runs = new Map<Contender, Measured[]>(all.map((contender) => [contender, []]));
  const ours = (await runSide(all[1]!.command, { ids })).answer;
  const query: Query = { as_of: ours.as_of!, ids };
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of all) {
      await contender.prepare?.();
      const { answer, ...measured } = await runSide(contender.command, query);
      const [cpu, seconds] = [measured.cpuSeconds.toFixed(2), measured.seconds.toFixed(1)];
      console.log(`round ${round + 1}: ${contender.name} (${contender.job}): ${cpu} CPU-s, ${seconds} s`);
      if (contender.compared !== undefined) check(contender.name, contender.compared, ours, answer);
      runs.get(contender)!.push(measured);
    }
  }
  return all.map((contender) => ({ name: contender.name, job: contender.job, runs: runs.get(contender)! }));
}

async function compare(site: Site): Promise<void> {
  // A swap lies 1 ms behind the one before it, and the last one is of now, so that none is ahead of its arrival.
  const options = { startMs: Date.now() - RECORDS };
  const feed = await SwapFeed.open(site.target, options);
  await feed.fill(RECORDS);
  await feed.close();
  tellSides(await measure(site, firstTokens(COMPARED_TOKENS, options)), RECORDS);
}

if (CAN_MEASURE) await withSite(compare);
else console.log("Skipped: all peers. There is no /proc, by which processes are measured (Linux has it).");
