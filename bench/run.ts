/**
 * `npm run bench` runs every benchmark of this folder, one after the other, each in a separate process, and writes RESULTS.md. `npm run
 * bench -- decode http` runs only those and writes nothing. With `--write` their rows in RESULTS.md are replaced, and all others stay.
 * `--without engine-memory` leaves out the one that takes as long as all others together.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { Row } from "./report.ts";
import { type Result, resultsText } from "./support/results-file.ts";

const NOT_BENCHMARKS = new Set(["run.ts", "report.ts"]);
/** Takes half an hour and more. It runs last, so that the others need not wait for it. */
const LONGEST = "engine-memory";
/** Set for trials. Figures of other sizes than the rows say have no place in RESULTS.md. */
const SIZES = ["SWAPSTATS_BENCH_RECORDS", "SWAPSTATS_BENCH_SECONDS"];
const FOLDER = import.meta.dirname;

function runBenchmark(name: string, rowsFile: string): Result {
  console.log(`\n== ${name}`);
  rmSync(rowsFile, { force: true });
  const startedMs = performance.now();
  const { status } = spawnSync(process.execPath, [join(FOLDER, `${name}.ts`)], {
    stdio: "inherit",
    env: { ...process.env, SWAPSTATS_BENCH_ROWS_FILE: rowsFile },
  });
  console.log(`${name} took ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
  const lines = existsSync(rowsFile) ? readFileSync(rowsFile, "utf8").trimEnd().split("\n") : [];
  return { name, rows: lines.map((line) => JSON.parse(line) as Row), failed: status !== 0 };
}

function machine(): string {
  const processors = cpus();
  const memoryGib = (totalmem() / 2 ** 30).toFixed(1);
  const system = `${type()} ${release().split("-")[0]}`;
  return `${processors.length} x ${processors[0]?.model ?? "unknown processor"}, ${memoryGib} GiB, ${system}`;
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: FOLDER, encoding: "utf8" }).trim();
  const sources = ["../server", "../protocol", "../scripts/servers", ".", ":(exclude)RESULTS.md"];
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ...sources) !== "";
  return `${git("rev-parse", "--short", "HEAD")}${changed ? " with changes on top" : ""}`;
}

function allNames(): string[] {
  return globSync("*.ts", { cwd: FOLDER })
    .filter((file) => !NOT_BENCHMARKS.has(file))
    .map((file) => basename(file, ".ts"))
    .sort((a, b) => Number(a === LONGEST) - Number(b === LONGEST) || a.localeCompare(b));
}

function write(names: readonly string[], results: readonly Result[]): void {
  const path = join(FOLDER, "RESULTS.md");
  const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const versions = `Node ${process.version}, V8 ${process.versions.v8}, SQLite ${process.versions.sqlite}`;
  const measured = `${new Date().toISOString().slice(0, 10)}, ${commit()}`;
  writeFileSync(path, resultsText(before, { machine: machine(), versions, measured, names, results }));
}

function main(): void {
  const { positionals: selection, values } = parseArgs({
    options: { without: { type: "string", multiple: true, default: [] }, write: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const all = allNames();
  const unknown = [...selection, ...values.without].filter((name) => !all.includes(name));
  const names = all.filter(
    (name) => (selection.length === 0 || selection.includes(name)) && !values.without.includes(name),
  );
  if (unknown.length > 0 || names.length === 0) {
    console.error(`No benchmark is named ${unknown.join(" or ")}; there are ${all.join(", ")}.`);
    process.exitCode = 2;
    return;
  }
  const isWritten = selection.length === 0 || values.write;
  if (isWritten && SIZES.some((name) => process.env[name] !== undefined)) {
    console.error(`${SIZES.join(" and ")} are for trying: name benchmarks, and leave --write out.`);
    process.exitCode = 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
  const results = names.map((name) => runBenchmark(name, join(folder, "rows")));
  rmSync(folder, { recursive: true });

  const failed = results.filter((result) => result.failed).map((result) => result.name);
  if (isWritten) write(all, results);
  if (failed.length > 0) console.error(`Failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

main();
