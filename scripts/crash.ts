/**
 * `npm run crash -- [--kills 1000] [--minutes M] [--seed S] [--report FILE]` runs the long form of the crash suite (server/test/crash/crash-run.ts) and
 * writes a report. The real program is killed with SIGKILL repeatedly under load, and everything is compared after each restart.
 *
 * With `--history` it is that of the history (server/test/crash/history-run.ts): on the embedded store, on one whose disk is full now and then
 * (`--store disk`), or on a PostgreSQL that is killed as well (`--store postgres`). Its figures are printed as a table.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type CrashOptions, type CrashReport, runCrashes } from "../server/test/crash/crash-run.ts";
import { type HistoryCrashReport, runHistoryCrashes } from "../server/test/crash/history-run.ts";
import { embeddedSite, type HistorySite, postgresSite, smallDiskSite } from "../server/test/crash/history-sites.ts";
import { REPOSITORY } from "./house/repository.ts";
import { readOptions } from "./options.ts";

const USAGE = `usage: npm run crash -- [options]
  --kills N      SIGKILLs of the service; the default is 1000
  --minutes M    ends earlier, after this time
  --seed S       repeats a run; the default is random and is printed
  --history      with a history, each row of which must be there once
  --store NAME   of the history: embedded (the default), disk (full now and then) or postgres (killed as well)
  --report FILE  the default is docs/reports/crash.md; with --history the figures are printed`;
const values = readOptions(USAGE, {
  kills: { type: "string", default: "1000" },
  minutes: { type: "string" },
  seed: { type: "string" },
  history: { type: "boolean", default: false },
  store: { type: "string", default: "embedded" },
  report: { type: "string", default: join(REPOSITORY, "docs/reports/crash.md") },
});
const kills = Number(values.kills);
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
  console.error("--kills and --seed are whole numbers");
  process.exit(2);
}

function commit(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: REPOSITORY, encoding: "utf8" }).trim();
  return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "server") === "" ? "" : " with changes"}`;
}

function reportText(report: CrashReport, startedAt: Date, minutes: number): string {
  const rows: [string, string | number][] = [
    ["date", startedAt.toISOString().slice(0, 10)],
    ["commit", commit()],
    ["machine", `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, Node ${process.version}`],
    ["seed", seed],
    ["duration", `${minutes.toFixed(0)} minutes`],
    ["kills with SIGKILL", report.kills],
    ["of these, before the service was ready", report.killsWhileStarting],
    ["swaps acknowledged", report.acknowledged],
    ["records in the log (some were sent twice, because the first was not acknowledged)", report.records],
    ["tokens", report.tokens],
    ["comparisons of counters and all figures of all tokens", report.comparisons],
    ["restarts from a checkpoint", report.checkpoints],
    ["acknowledged swaps that were missing", 0],
    ["swaps that were counted twice", 0],
    ["figures that differed", 0],
  ];
  const table = rows.map(([name, value]) => `| ${name} | ${value} |`).join("\n");
  return `# Crash report

Three senders post swaps (including copies, late swaps, swaps with future times, removals and re-inclusions) to the real program, and send
every swap that was not acknowledged again. The program is killed with SIGKILL at random moments, a fifth of them during its start. It writes a
checkpoint every 100 ms. After each restart the log must hold every acknowledged swap and nothing that was not sent.
Position, counters and every figure of every token in all windows must equal those of an engine that reads the same log from its
first record without interruption. At the end the figures must also equal those of the naive model. The run ends at the first difference.

\`npm run crash -- --kills ${kills} --seed ${seed}\` ended without a difference.

| what | |
|---|---|
${table}
`;
}

function historyText(report: HistoryCrashReport, startedAt: Date, minutes: number): string {
  const rows: [string, string | number][] = [
    ["command", `\`npm run crash -- --history --store ${values.store} --kills ${kills} --seed ${seed}\``],
    ["date, commit", `${startedAt.toISOString().slice(0, 10)}, ${commit()}`],
    ["duration", `${minutes.toFixed(0)} minutes`],
    ["kills with SIGKILL", report.kills],
    ["of these, before the service was ready", report.killsWhileStarting],
    ["of these, while the store was away", report.killsWhileAway],
    ["kills of a merge of files", report.killedCompactions],
    ["lives until minutes were final", report.longLives],
    ["lives of a minute with hundreds of deltas", report.slowLives],
    ["records in the log", report.records],
    ["comparisons of counters and all figures of all tokens", report.comparisons],
    ["comparisons of all rows", report.historyComparisons],
    ["settled rows at the end", report.rows],
    ["raw rows at the end", report.rawRows],
    ["rows that were missing, there twice, or of other content", 0],
    ["gaps", 0],
  ];
  return `| what | |\n|---|---|\n${rows.map(([name, value]) => `| ${name} | ${value} |`).join("\n")}\n`;
}

/** Returns the figures as a table. */
async function runHistory(options: Pick<CrashOptions, "dataDir" | "kills" | "seed" | "onKill">): Promise<string> {
  const open = SITES[values.store];
  if (open === undefined) throw new Error(`--store: ${values.store} is none of ${Object.keys(SITES).join(", ")}`);
  const site = await open();
  try {
    const isEmbedded = values.store === "embedded";
    const report = await runHistoryCrashes({
      ...{ ...options, site, compareEvery: 5, longLifeEvery: 10, slowLifeEvery: 12 },
      ...(isEmbedded ? { compactions: 0.1 } : { away: 0.2 }),
    });
    return historyText(report, startedAt, (Date.now() - startedAt.getTime()) / 60_000);
  } finally {
    await site.close();
  }
}

const dataDir = mkdtempSync(join(tmpdir(), "swapstats-crash-"));
const startedAt = new Date();
const SITES: Readonly<Record<string, () => HistorySite | Promise<HistorySite>>> = {
  embedded: () => embeddedSite(dataDir),
  disk: () => smallDiskSite(dataDir),
  postgres: () => postgresSite(join(dataDir, "postgres")),
};
let lastLineMs = 0;

function tellProgress(kill: number): void {
  if (performance.now() - lastLineMs < 10_000) return;
  lastLineMs = performance.now();
  const minutes = (Date.now() - startedAt.getTime()) / 60_000;
  console.log(
    `${kill} of ${kills} kills, ${minutes.toFixed(1)} min, about ${((minutes / kill) * (kills - kill)).toFixed(0)} min left`,
  );
}

try {
  console.log(`${kills} kills, seed ${seed}, data in ${dataDir}`);
  const limit = values.minutes === undefined ? {} : { minutes: Number(values.minutes) };
  const options = { dataDir, kills, seed, ...limit, onKill: tellProgress };
  if (values.history) console.log(await runHistory(options));
  else {
    const text = reportText(await runCrashes(options), startedAt, (Date.now() - startedAt.getTime()) / 60_000);
    const file = resolve(values.report);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(`${text}\nwritten to ${file}`);
  }
  rmSync(dataDir, { recursive: true, force: true });
} catch (error) {
  console.error(`failed with --kills ${kills} --seed ${seed}; the data folder is kept: ${dataDir}`);
  throw error;
}
