/**
 * `npm run chaos -- [--minutes 30] [--seed S] [--brokers 1] [--store redis] [--history] [--report FILE]` runs the long form of the chaos suite
 * (server/test/chaos/chaos-run.ts) and writes a report. The run ends at the first difference, with the seed and the folder of all logs.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type ChaosReport, runChaos } from "../server/test/chaos/chaos-run.ts";
import { KINDS, SESSION_MS } from "../server/test/chaos/disturbances.ts";
import { STORE_NAMES } from "../server/test/chaos/store-servers.ts";
import { REPOSITORY } from "./house/repository.ts";
import { readOptions } from "./options.ts";

const USAGE = `usage: npm run chaos -- [options]
  --minutes M    the default is 30
  --seed S       repeats a run; the default is random and is printed
  --brokers N    of Kafka; the default is 1
  --store NAME   of checkpoints: ${STORE_NAMES.join(", ")}; the default is redis
  --history      with a history in ClickHouse, each row of which must be there once
  --report FILE  the default is docs/reports/chaos.md, with --history docs/reports/chaos-history.md`;
const values = readOptions(USAGE, {
  minutes: { type: "string", default: "30" },
  seed: { type: "string" },
  brokers: { type: "string", default: "1" },
  store: { type: "string", default: "redis" },
  history: { type: "boolean", default: false },
  report: { type: "string" },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const brokers = Number(values.brokers);
if (!(minutes > 0) || !Number.isInteger(seed) || !Number.isInteger(brokers) || brokers < 1) {
  console.error("--minutes is a number above 0, --seed and --brokers are whole numbers");
  process.exit(2);
}
const found = STORE_NAMES.find((name) => name === values.store);
if (found === undefined) {
  console.error(`--store is one of ${STORE_NAMES.join(", ")}`);
  process.exit(2);
}
const store = found;
const command = `npm run chaos -- --minutes ${minutes} --seed ${seed} --brokers ${brokers} --store ${store}${values.history ? " --history" : ""}`;
const reportFile = values.report ?? join(REPOSITORY, `docs/reports/${values.history ? "chaos-history" : "chaos"}.md`);
const PARTITIONS = 6;
const RATE = 200;
const STORE_TEXTS = { redis: "one Redis", sentinel: "Redis with Sentinels", s3: "S3", kafka: "Kafka itself" } as const;

function commit(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: REPOSITORY, encoding: "utf8" }).trim();
  return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "server") === "" ? "" : " with changes"}`;
}

function table(rows: readonly (readonly [string, string | number])[]): string {
  return rows.map(([name, value]) => `| ${name} | ${value} |`).join("\n");
}

const HISTORY_TEXT = `
The instances also write the history into a real ClickHouse: settled swaps and raw events. After each round the store must have as many rows of each partition
as an engine hands over that reads the topic without interruption, and no gap with missing rows. At the end every row must be equal, read by SQL and by the program's reader, and every mark must be true.
`;

function historyRows({ history }: ChaosReport): (readonly [string, string | number])[] {
  if (history === undefined) return [];
  return [
    ["settled swaps in the history", history.settledRows],
    ["raw events in the history", history.rawRows],
    ["rows of the history that were missing, there twice, or different", 0],
    ["gaps with missing rows", 0],
    ["gaps without missing rows: a chain began with swaps from before a mark", history.emptyGaps],
    ["streams of the history, and how many of them have a mark", `${history.streams}, ${history.marks}`],
    ["rows that were sent again, and that ClickHouse had not merged yet", history.copies],
  ];
}

function reportText(report: ChaosReport, startedAt: Date, took: number): string {
  const problems = Object.entries(report.problems).sort(([, a], [, b]) => b - a);
  return `# Chaos report

Up to four instances of the real program share a topic of ${PARTITIONS} partitions on a real Kafka. Checkpoints are in ${STORE_TEXTS[store]}, and NATS connects the instances. A
producer writes ${RATE} records a second, including copies, late swaps, swaps with future times, removals, re-inclusions and invalid records. In each round the seed selects one to three
of the disturbances below, which happen at the same time.

Then the producer pauses until every instance sees every partition with one living owner and without lag. Counters
and every figure of every token in all windows, from every instance, must equal those of engines that read the topic from its first record without interruption.
At the end they must also equal those of the naive model.
${report.history === undefined ? "" : HISTORY_TEXT}
At each instance a client stays subscribed to tokens and a ranking. Its patches must apply, and neither revision nor epoch may go back
while the instance lives. After each round its data must equal the responses of the instance. The run ends at the first difference.

\`${command}\` ended without a difference.

| what | |
|---|---|
${table([
  ["date", startedAt.toISOString().slice(0, 10)],
  ["commit", startedFrom],
  ["machine", `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, Node ${process.version}`],
  ["seed", seed],
  ["brokers", brokers],
  ["session timeout of the group (SWAPSTATS_CHAOS_SESSION_MS)", `${SESSION_MS / 1_000} s`],
  ["checkpoint store", STORE_TEXTS[store]],
  ["duration", `${took.toFixed(0)} minutes`],
  ["rounds", report.rounds],
  ["starts of instances", report.starts],
  ["records in the topic", report.records],
  ["tokens", report.tokens],
  ["responses (of one token, with all its figures) compared with the uninterrupted run", report.answersCompared],
  ["responses compared with the naive model, at the end", report.answersToModel],
  ["figures that differed", 0],
  ["messages to subscribers", report.messages],
  ["connections of subscribers", report.connections],
  ["channels whose data was compared with the responses", report.channelsCompared],
  ["revisions or epochs that went back, patches that did not apply", 0],
  ["restarts of the producer after a failure", report.producerFailures],
  [
    "longest time from the end of a round until everything was up to date",
    `${(report.settledMsMax / 1000).toFixed(1)} s`,
  ],
  ...historyRows(report),
])}

## Disturbances

| disturbance | times |
|---|---|
${table(KINDS.map((kind) => [kind, report.disturbances[kind] ?? 0]))}

## Problems that the status reported when everything was up to date

Numbers are replaced by N. The status reports such problems on purpose, for example that a store lost its content.

| problem | rounds |
|---|---|
${table(problems.length === 0 ? [["none", 0]] : problems)}
`;
}

const folder = mkdtempSync(join(tmpdir(), "swapstats-chaos-"));
const startedAt = new Date();
// Read now, because others may commit during the run.
const startedFrom = commit();
try {
  console.log(`${minutes} minutes, seed ${seed}, ${brokers} brokers, data in ${folder}`);
  const elapsed = (): number => (Date.now() - startedAt.getTime()) / 60_000;
  const report = await runChaos({
    ...{
      folder,
      seed,
      minutes,
      brokers,
      store,
      partitions: PARTITIONS,
      ratePerSecond: RATE,
      hasHistory: values.history,
    },
    log: (line) => console.log(`${elapsed().toFixed(1)} min ${line}`),
  });
  const text = reportText(report, startedAt, elapsed());
  const file = resolve(reportFile);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`${text}\nwritten to ${file}`);
  rmSync(folder, { recursive: true, force: true });
} catch (error) {
  console.error(`failed: ${command}; logs and data of the servers are kept: ${folder}`);
  throw error;
}
