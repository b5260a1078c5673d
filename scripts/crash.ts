/**
 * `npm run crash -- [--kills 1000] [--seed S] [--report FILE]` runs the long form of the crash suite (server/test/crash/crash-run.ts) and
 * writes a report. The real program is killed with SIGKILL repeatedly under load, and everything is compared after each restart.
 */
import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type CrashReport, runCrashes } from "../server/test/crash/crash-run.ts";
import { REPOSITORY } from "./house/repository.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    seed: { type: "string" },
    report: { type: "string", default: join(REPOSITORY, "docs/reports/crash.md") },
  },
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

const dataDir = mkdtempSync(join(tmpdir(), "swapstats-crash-"));
const startedAt = new Date();
let lastLineMs = 0;
try {
  console.log(`${kills} kills, seed ${seed}, data in ${dataDir}`);
  const report = await runCrashes({
    dataDir,
    kills,
    seed,
    onKill: (kill) => {
      if (performance.now() - lastLineMs < 10_000) return;
      lastLineMs = performance.now();
      const minutes = (Date.now() - startedAt.getTime()) / 60_000;
      console.log(
        `${kill} of ${kills} kills, ${minutes.toFixed(1)} min, about ${((minutes / kill) * (kills - kill)).toFixed(0)} min left`,
      );
    },
  });
  const text = reportText(report, startedAt, (Date.now() - startedAt.getTime()) / 60_000);
  const file = resolve(values.report);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(`${text}\nwritten to ${file}`);
  rmSync(dataDir, { recursive: true, force: true });
} catch (error) {
  console.error(`failed with --kills ${kills} --seed ${seed}; the data folder is kept: ${dataDir}`);
  throw error;
}
