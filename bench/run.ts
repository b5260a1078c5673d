/**
 * `npm run bench`: runs every benchmark of this folder, one after the other, each in a process of its own, and writes
 * RESULTS.md. `npm run bench -- decode http` runs those alone and writes nothing; `npm run bench -- --without engine-memory`
 * runs all but that one, which takes as long as the others together, and RESULTS.md says so.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { Row } from "./report.ts";

const NOT_BENCHMARKS = new Set(["run.ts", "report.ts"]);
/** Half an hour and more: last, so that the others need not be waited for. */
const LONGEST = "engine-memory";
const FOLDER = import.meta.dirname;

type Result = { readonly name: string; readonly rows: Row[]; readonly failed: boolean };

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
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", "../server", "../protocol", ".") !== "";
  return `${git("rev-parse", "--short", "HEAD")}${changed ? " with changes on top" : ""}`;
}

function table(results: readonly Result[]): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  const lines = results.flatMap(({ name, rows }) =>
    rows.map(({ what, goal, figure, met, note }) => {
      const verdict = met === undefined ? "" : met ? "yes" : "no";
      return `| ${[what, goal, figure, verdict, note, `\`${name}\``].map(cell).join(" | ")} |`;
    }),
  );
  return [
    "| what | goal | figure | met | how, and what bounds it | benchmark |",
    "|---|---|---|---|---|---|",
    ...lines,
  ].join("\n");
}

function main(): void {
  const { positionals: selection, values } = parseArgs({
    options: { without: { type: "string", multiple: true, default: [] } },
    allowPositionals: true,
  });
  const names = globSync("*.ts", { cwd: FOLDER })
    .filter((file) => !NOT_BENCHMARKS.has(file))
    .map((file) => basename(file, ".ts"))
    .filter((name) => (selection.length === 0 || selection.includes(name)) && !values.without.includes(name))
    .sort((a, b) => Number(a === LONGEST) - Number(b === LONGEST) || a.localeCompare(b));
  if (names.length === 0) {
    console.error(`No benchmark is named ${selection.join(" or ")}; each .ts file in bench/ is one.`);
    process.exitCode = 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-"));
  const results = names.map((name) => runBenchmark(name, join(folder, "rows")));
  rmSync(folder, { recursive: true });

  const failed = results.filter((result) => result.failed).map((result) => result.name);
  if (selection.length === 0) {
    const failures = [
      failed.length === 0 ? "" : `\nFailed: ${failed.join(", ")}.\n`,
      values.without.length === 0 ? "" : `\nNot run this time: ${values.without.join(", ")}.\n`,
    ].join("");
    const head = `# Results\n\nMade by \`npm run bench\`. Ratios are of one run on one machine.\n\n- date: ${new Date().toISOString().slice(0, 10)}\n- machine: ${machine()}\n- versions: Node ${process.version}, V8 ${process.versions.v8}, SQLite ${process.versions.sqlite}\n- commit: ${commit()}\n`;
    writeFileSync(join(FOLDER, "RESULTS.md"), `${head}${failures}\n${table(results)}\n`);
  }
  if (failed.length > 0) console.error(`Failed: ${failed.join(", ")}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

main();
