/** Writes RESULTS.md with the machine, the versions and the commit of a run. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { type Result, resultsText } from "./results-file.ts";

/** Set for trials. Figures of other sizes than the rows say have no place in RESULTS.md. */
export const TRIAL_SIZES = ["SWAPSTATS_BENCH_RECORDS", "SWAPSTATS_BENCH_SECONDS"];

export function isTrial(): boolean {
  return TRIAL_SIZES.some((name) => process.env[name] !== undefined);
}

function machine(): string {
  const processors = cpus();
  const memoryGib = (totalmem() / 2 ** 30).toFixed(1);
  const system = `${type()} ${release().split("-")[0]}`;
  return `${processors.length} x ${processors[0]?.model ?? "unknown processor"}, ${memoryGib} GiB, ${system}`;
}

function commit(folder: string): string {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: folder, encoding: "utf8" }).trim();
  const sources = ["../server", "../protocol", "../scripts/servers", ".", ":(exclude)RESULTS.md"];
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ...sources) !== "";
  return `${git("rev-parse", "--short", "HEAD")}${changed ? " with changes on top" : ""}`;
}

/** Replaces the rows of these benchmarks. `folder` holds RESULTS.md. `names` lists all benchmarks; the rows of the table have this order. */
export function writeResults(folder: string, names: readonly string[], results: readonly Result[]): void {
  const path = join(folder, "RESULTS.md");
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const versions = `Node ${process.version}, V8 ${process.versions.v8}, SQLite ${process.versions.sqlite}`;
  const measured = `${new Date().toISOString().slice(0, 10)}, ${commit(folder)}`;
  writeFileSync(path, resultsText(before, { machine: machine(), versions, measured, names, results }));
}
