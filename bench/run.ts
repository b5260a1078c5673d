/** `npm run bench`: runs benchmarks of this folder, each in a separate process (`-- --help` says how). */
import { globSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { runAgainst, runInProcess } from "./against/run-against.ts";
import { runProfile } from "./profile/run-profile.ts";
import { isTrial, TRIAL_SIZES, writeResults } from "./support/results.ts";
import type { Result } from "./support/results-file.ts";
import { runBenchmark } from "./support/run-benchmark.ts";

const NOT_BENCHMARKS = new Set(["run.ts", "report.ts"]);
/** Takes half an hour and more. It runs last, so that the others need not wait for it. */
const LONGEST = "engine-memory";
const FOLDER = import.meta.dirname;
const PROFILE = "profile";
const PAIRS_MAX = 100;
const TOP_MAX = 200;
const USAGE_ERROR = 2;
const INTERRUPTED = 130;

const HELP = `npm run bench                     runs all benchmarks, and writes bench/RESULTS.md
npm run bench -- NAME...          runs some, and writes nothing
npm run bench -- --write NAME...  replaces their rows in bench/RESULTS.md
npm run bench -- --without NAME   leaves one out (engine-memory takes as long as all others together)

npm run bench -- profile NAME     runs one under V8's sampling profiler, with all its Node processes and
                                  threads, and prints time by part, and self and inclusive time by function
      --top N                     functions in each table (20)
      --under TEXT                only samples below a function whose name or path has this text
      --threads-with TEXT         only threads in which such a function was seen

npm run bench -- --against COMMIT NAME
                                  runs one on COMMIT and on the working tree in turn (old, new, new, old),
                                  and prints medians of both, and their ratio with its range
      --pairs N                   pairs of runs (3)
npm run bench -- --against COMMIT --in-process
                                  decode, apply and the copy for the redo of both in one process, in turn
                                  on the same batches: the steadiest comparison of the applying thread

${TRIAL_SIZES.join(" and ")} make trials smaller where a benchmark reads them.
`;

function allNames(): string[] {
  return globSync("*.ts", { cwd: FOLDER })
    .filter((file) => !NOT_BENCHMARKS.has(file))
    .map((file) => basename(file, ".ts"))
    .sort((a, b) => Number(a === LONGEST) - Number(b === LONGEST) || a.localeCompare(b));
}

const OPTIONS = {
  without: { type: "string", multiple: true, default: [] as string[] },
  write: { type: "boolean", default: false },
  against: { type: "string" },
  pairs: { type: "string", default: "3" },
  "in-process": { type: "boolean", default: false },
  top: { type: "string", default: "20" },
  under: { type: "string", default: "" },
  "threads-with": { type: "string", default: "" },
  help: { type: "boolean", default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

function refused(message: string): number {
  console.error(message);
  return USAGE_ERROR;
}

function isCount(text: string, max: number): boolean {
  return /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= max;
}

/** Runs benchmarks one after the other. */
async function runAll(selection: readonly string[], values: Values, signal: AbortSignal): Promise<number> {
  const all = allNames();
  const names = all.filter(
    (name) => (selection.length === 0 || selection.includes(name)) && !values.without.includes(name),
  );
  if (names.length === 0) return refused(`No benchmark is left; there are ${all.join(", ")}.`);
  const isWritten = selection.length === 0 || values.write;
  if (isWritten && isTrial()) {
    return refused(`${TRIAL_SIZES.join(" and ")} are for trying: name benchmarks, and leave --write out.`);
  }
  const results: Result[] = [];
  for (const name of names) {
    console.log(`\n== ${name}`);
    results.push(await runBenchmark({ folder: FOLDER, name, signal }));
  }
  const failed = results.filter((result) => result.failed).map((result) => result.name);
  if (isWritten) writeResults(FOLDER, all, results);
  if (failed.length > 0) console.error(`Failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

async function main(signal: AbortSignal): Promise<number> {
  const { positionals, values } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const isProfile = positionals[0] === PROFILE;
  const selection = isProfile ? positionals.slice(1) : positionals;
  const all = allNames();
  const unknown = [...selection, ...values.without].filter((name) => !all.includes(name));
  if (unknown.length > 0) return refused(`No benchmark is named ${unknown.join(" or ")}; there are ${all.join(", ")}.`);
  if (!isProfile && values.against === undefined && !values["in-process"]) return runAll(selection, values, signal);
  if (values["in-process"]) {
    if (values.against === undefined || selection.length > 0) return refused("--in-process goes with --against alone.");
    return runInProcess(FOLDER, values.against, signal);
  }
  const [name] = selection;
  if (name === undefined || selection.length > 1) return refused("Name exactly one benchmark.");
  if (values.write) return refused("--write does not go with profile or --against: their runs are for reading.");
  if (isProfile) {
    if (values.against !== undefined) return refused("profile and --against do not go together.");
    if (!isCount(values.top, TOP_MAX)) return refused(`--top ${values.top} is no number from 1 to ${TOP_MAX}.`);
    const { top, under, "threads-with": threadsWith } = values;
    return runProfile({ folder: FOLDER, name, top: Number(top), under, threadsWith, signal });
  }
  if (!isCount(values.pairs, PAIRS_MAX)) return refused(`--pairs ${values.pairs} is no number from 1 to ${PAIRS_MAX}.`);
  return runAgainst({ folder: FOLDER, commit: values.against!, name, pairs: Number(values.pairs), signal });
}

const ending = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => ending.abort(new Error(name)));
try {
  process.exitCode = await main(ending.signal);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = ending.signal.aborted ? INTERRUPTED : 1;
}
