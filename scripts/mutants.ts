/**
 * `npm run mutants` shows that the properties of the engine, and of the history, can fail. Each breakage of the lists in scripts/mutants is made
 * in a copy of the sources, and the suites of server/test/engine, or those that it names, run against it until one fails. A breakage that no suite detects is a survivor;
 * docs/mutation-testing.md explains the accepted ones. Arguments select the breakages whose file and meaning contain all of them.
 * MUTANTS_WORKERS (default: the number of cores) sets how many run at once. MUTANTS_SKIP leaves out that many at the beginning, to continue
 * an interrupted run.
 *
 * The list is our own because a mutation-testing tool changes operators one by one: thousands of breakages without meaning, hours of
 * running, and none that says "a removal does not prolong a swap's life".
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ALL_MUTANTS, isStale } from "./mutants/all.ts";
import type { Mutant } from "./mutants/mutant.ts";

const root = resolve(import.meta.dirname, "..");
const engineFolder = "server/src/engine";
/** Everything that the suites import. */
const copied = [
  "package.json",
  "tsconfig.base.json",
  "scripts/mutants/preload.ts",
  "server/package.json",
  "server/src",
  "server/test",
];
/** The fastest and most sensitive suites first. `vectors` needs the decoder and detects nothing more than these. */
const suites = [
  "removals",
  "numbers",
  "brute-force",
  "reads",
  "time-edges",
  "order",
  "duplicates",
  "lateness",
  "traders",
  "memory/heap",
  "memory",
  "snapshots",
  "buckets/packed-rows",
  "candles",
  "large-buckets",
  "merged-buckets",
  "newest-swaps",
  "traders/trader-counts",
  "floods",
  "settled-swaps",
  "reads/unsettled-query",
];
const suiteTimeoutMs = 180_000;
/** One seed for all, so that a run can be repeated. */
const seed = "1";

type Verdict = { readonly mutant: Mutant; readonly killedBy: string | undefined; readonly seconds: number };

function sourceOf(folder: string, file: string): string {
  return readFileSync(join(folder, engineFolder, file), "utf8");
}

function makeCopy(from: string): string {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-mutants-"));
  for (const path of copied) cpSync(join(from, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Returns whether the suite passes in the folder. A suite that does not end has failed. */
function passes(folder: string, suite: string): Promise<boolean> {
  const { promise, resolve: settle, reject } = Promise.withResolvers<boolean>();
  const preload = join(folder, "scripts/mutants/preload.ts");
  const file = join(folder, "server/test/engine", `${suite}.test.ts`);
  const env = { ...process.env, SWAPSTATS_TEST_SEED: seed, SWAPSTATS_TEST_RUNS: "1" };
  const child = spawn(process.execPath, ["--import", preload, file], { cwd: folder, env, stdio: "ignore" });
  const timer = setTimeout(() => child.kill("SIGKILL"), suiteTimeoutMs);
  child.once("error", reject);
  child.once("exit", (code) => {
    clearTimeout(timer);
    settle(code === 0);
  });
  return promise;
}

/** Returns the suites that may notice the breakage, in their order. */
function suitesOf({ suites: own, first }: Mutant): readonly string[] {
  if (own !== undefined) return own;
  return first === undefined ? suites : [first, ...suites.filter((suite) => suite !== first)];
}

/** Returns the first suite that fails in the folder. */
async function firstFailing(folder: string, ordered: Iterable<string>): Promise<string | undefined> {
  for (const suite of ordered) {
    if (!(await passes(folder, suite))) return suite;
  }
  return undefined;
}

async function judge(folder: string, mutant: Mutant): Promise<Verdict> {
  const source = sourceOf(folder, mutant.file);
  const target = join(folder, engineFolder, mutant.file);
  const startMs = performance.now();
  writeFileSync(
    target,
    source.replace(mutant.search, () => mutant.replacement),
  );
  const killedBy = await firstFailing(folder, suitesOf(mutant));
  writeFileSync(target, source);
  return { mutant, killedBy, seconds: (performance.now() - startMs) / 1000 };
}

function tell({ mutant, killedBy, seconds }: Verdict): void {
  const fate = killedBy === undefined ? "SURVIVED" : `killed by ${killedBy}`;
  const known = killedBy === undefined && mutant.survives !== undefined ? " (as explained)" : "";
  console.log(`${fate}${known}: ${mutant.file}: ${mutant.what} (${seconds.toFixed(1)} s)`);
}

async function judgeAll(pristine: string, mutants: readonly Mutant[], workers: number): Promise<Verdict[]> {
  const waiting = [...mutants];
  const verdicts: Verdict[] = [];
  const work = async (): Promise<void> => {
    const folder = makeCopy(pristine);
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const verdict = await judge(folder, mutant);
        tell(verdict);
        verdicts.push(verdict);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return verdicts;
}

/** Judges all breakages in copies of one copy, so that a change of the tree during the run has no effect. Returns the exit code. */
async function run(pristine: string): Promise<number> {
  const stale = ALL_MUTANTS.filter((mutant) => isStale(mutant, sourceOf(pristine, mutant.file)));
  for (const { file, search } of stale) console.error(`not once in ${file}: ${JSON.stringify(search)}`);
  if (stale.length > 0) {
    console.error("The list in scripts/mutants is older than the engine: bring these entries up to date.");
    return 1;
  }
  const wanted = process.argv.slice(2);
  const selected = ALL_MUTANTS.filter(({ file, what }) => wanted.every((part) => `${file} ${what}`.includes(part)));
  if (selected.length === 0) {
    console.error(`No breakage has ${wanted.join(" and ")} in its file and meaning; the lists are in scripts/mutants.`);
    return 1;
  }
  const broken = await firstFailing(pristine, new Set(selected.flatMap(suitesOf)));
  if (broken !== undefined) {
    console.error(`The suite ${broken} fails without any breakage: mend that first.`);
    return 1;
  }
  const mutants = selected.slice(Number(process.env.MUTANTS_SKIP ?? 0));
  const verdicts = await judgeAll(pristine, mutants, Number(process.env.MUTANTS_WORKERS ?? availableParallelism()));
  return summarise(verdicts);
}

function summarise(verdicts: readonly Verdict[]): number {
  const survivors = verdicts.filter(({ killedBy }) => killedBy === undefined);
  const unexplained = survivors.filter(({ mutant }) => mutant.survives === undefined);
  const outlived = verdicts.filter(({ killedBy, mutant }) => killedBy !== undefined && mutant.survives !== undefined);
  console.log(
    `${verdicts.length} breakages, ${verdicts.length - survivors.length} killed, ${survivors.length} survived`,
  );
  for (const { mutant } of unexplained) console.error(`unexplained survivor: ${mutant.file}: ${mutant.what}`);
  for (const { mutant } of outlived) console.error(`was to survive, but is killed: ${mutant.file}: ${mutant.what}`);
  return unexplained.length + outlived.length > 0 ? 1 : 0;
}

const pristine = makeCopy(root);
try {
  process.exitCode = await run(pristine);
} finally {
  rmSync(pristine, { recursive: true });
}
