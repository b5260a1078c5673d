/**
 * `npm test` runs types, lint, house rules, then every test, on two cores within 45 minutes. All steps run even if an earlier one failed.
 * Arguments are paths or parts of paths of test files. With arguments only those tests run, without the other steps.
 *
 * A file that failed is run again, alone and with the seeds of its failures: on a busy machine a wait can end before its event. Suites that prove
 * figures by kills and disturbances must then pass several times. What passed only alone is listed as unstable. A fault that its seed repeats stays a
 * failure, and so does everything when many files failed.
 *
 * A skipped test, or one marked as unfinished, is a failure. A suite that lacks something on this machine is not registered
 * (server/test/support/requires.ts) and is listed here as "not run here"; in CI that is a failure too. A process that a test leaves behind,
 * such as a server, is named and killed, and fails the run.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { REPOSITORY } from "./house/repository.ts";
import { endLeftBehind, RUN_MARK, watchChildren } from "./watchdog.ts";

const TEST_FILES = [
  "protocol/test/**/*.test.ts",
  "server/test/**/*.test.ts",
  "scripts/test/**/*.test.ts",
  "sdk/test/**/*.test.ts",
  "dashboard/test/**/*.test.ts",
];
/** Suites that take longest. They start first, so that none is left for a single core at the end. */
const LONG_SUITES = /\/(chaos|crash|instances|model|stores)\/|fault|kafka/;
const FILE_TIMEOUT_MS = Number(process.env.SWAPSTATS_TEST_FILE_TIMEOUT_MS ?? 10 * 60_000);
/** A file that its timeout did not end is killed this much later. */
const KILL_AFTER_MS = Math.min(15_000, FILE_TIMEOUT_MS);
/** When more files than this failed, none is run again. */
const FILES_AGAIN_MAX = 5;
/** Their failures by chance would be missed if they had to pass only once. */
const PROOF_SUITES = /\/(chaos|crash|instances|model|history)\/|fault/;
const PROOFS_AGAIN = 3;
const SEED_TOLD = /repeat with SWAPSTATS_TEST_SEED=(\d+)/;
const SLOWEST_SHOWN = 20;
const TOTAL_BUDGET_MS = 45 * 60_000;

const STEPS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["build", "npm", "run", "-s", "build"],
  ["types", join(REPOSITORY, "node_modules/.bin/tsc"), "-b"],
  ["lint", join(REPOSITORY, "node_modules/.bin/biome"), "check", "--error-on-warnings", "."],
  ["house rules", process.execPath, join(REPOSITORY, "scripts/check-house.ts")],
];

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

/** Returns the names of the steps that failed. */
function runSteps(): string[] {
  const failed: string[] = [];
  for (const [name, command, ...args] of STEPS) {
    const startMs = performance.now();
    const { status, error } = spawnSync(command, args, { cwd: REPOSITORY, stdio: "inherit" });
    if (error !== undefined) console.error(error.message);
    if (status !== 0) failed.push(name);
    console.log(`${status === 0 ? "✔" : "✖"} ${name} (${seconds(startMs)})`);
  }
  return failed;
}

function testFiles(selection: readonly string[]): string[] {
  const named = selection.filter((part) => part.endsWith(".ts") && existsSync(part)).map((part) => resolve(part));
  const files = globSync(TEST_FILES as string[], { cwd: REPOSITORY })
    .map((file) => join(REPOSITORY, file))
    .sort();
  const selected =
    named.length > 0
      ? named
      : files.filter((file) => selection.length === 0 || selection.some((part) => file.includes(part)));
  const long = selected.filter((file) => LONG_SUITES.test(file));
  return [...long, ...selected.filter((file) => !LONG_SUITES.test(file))];
}

type Totals = {
  passed: number;
  failed: number;
  success: boolean;
  files: { file: string; durationMs: number }[];
  /** Number of failed tests by absolute path of their file. */
  failedFiles: Map<string, number>;
  /** Seeds that failed tests told. The runner does not say which file they are from. */
  seeds: Set<string>;
  skipped: string[];
  notRun: string[];
  /** Command lines of processes that outlived their test file. */
  leftBehind: string[];
};

async function runTests(files: readonly string[], concurrency: number): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-run-"));
  const notRunFile = join(folder, "not-run");
  process.env.SWAPSTATS_TEST_NOT_RUN_FILE = notRunFile;
  process.env[RUN_MARK] = folder;
  // Programs that a suite starts hundreds of times load from here: the crash suites take a third less time.
  const { NODE_COMPILE_CACHE: given } = process.env;
  process.env.NODE_COMPILE_CACHE = given ?? join(folder, "compiled");
  const totals: Totals = {
    ...{ passed: 0, failed: 0, success: false, files: [], failedFiles: new Map(), seeds: new Set() },
    ...{ skipped: [], notRun: [], leftBehind: [] },
  };
  const events = run({
    files: [...files],
    cwd: REPOSITORY,
    concurrency,
    timeout: FILE_TIMEOUT_MS,
  });
  events.on("test:pass", (event) => {
    if (event.skip !== undefined || event.todo !== undefined) totals.skipped.push(event.name);
  });
  events.on("test:diagnostic", ({ message }) => {
    const seed = SEED_TOLD.exec(message)?.[1];
    if (seed !== undefined) totals.seeds.add(seed);
  });
  events.on("test:summary", (event) => {
    const { counts } = event;
    const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    if (event.file !== undefined) {
      if (!event.success) totals.failedFiles.set(resolve(event.file), failed);
      totals.files.push({ file: relative(REPOSITORY, event.file), durationMs: event.duration_ms });
      return;
    }
    totals.success = event.success;
    totals.passed = counts.passed;
    totals.failed = failed;
  });
  const unwatch = watchChildren(FILE_TIMEOUT_MS + KILL_AFTER_MS, (pid) => {
    console.error(`process ${pid} of a test file did not end in time and is killed`);
  });
  const report = events.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await finished(report);
  unwatch();
  totals.leftBehind = await endLeftBehind(folder);
  totals.notRun = readLines(notRunFile);
  // A process that is just ending may still write to the cache.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (given === undefined) delete process.env.NODE_COMPILE_CACHE;
  return totals;
}

/** Runs a failed file again, with each of these seeds, and without any if there is none. Resolves with whether everything passed. */
async function passesAgain(file: string, seeds: ReadonlySet<string>): Promise<boolean> {
  const times = PROOF_SUITES.test(file) ? PROOFS_AGAIN : 1;
  const { SWAPSTATS_TEST_SEED: given } = process.env;
  for (const seed of seeds.size === 0 ? [given] : seeds) {
    for (let time = 1; time <= times; time++) {
      const told = seed === undefined ? "" : `, with seed ${seed}`;
      console.log(`\nAgain, alone${told} (${time} of ${times}): ${relative(REPOSITORY, file)}\n`);
      if (seed !== undefined) process.env.SWAPSTATS_TEST_SEED = seed;
      const { success, passed, skipped, leftBehind } = await runTests([file], 1);
      if (given === undefined) delete process.env.SWAPSTATS_TEST_SEED;
      else process.env.SWAPSTATS_TEST_SEED = given;
      if (!success || passed === 0 || skipped.length > 0 || leftBehind.length > 0) return false;
    }
  }
  return true;
}

/** Returns the files that failed, and pass again alone. Empty unless all of them do, and they have all failures of the run. */
async function unstableFiles({ failed, failedFiles, seeds }: Totals): Promise<string[]> {
  const inFiles = failedFiles.values().reduce((sum, count) => sum + count, 0);
  if (failedFiles.size === 0 || failedFiles.size > FILES_AGAIN_MAX || inFiles !== failed) return [];
  for (const file of failedFiles.keys()) if (!(await passesAgain(file, seeds))) return [];
  return [...failedFiles.keys()].map((file) => relative(REPOSITORY, file));
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").sort();
  } catch {
    // No suite wrote one.
    return [];
  }
}

async function main(): Promise<void> {
  const startMs = performance.now();
  const selection = process.argv.slice(2);
  console.log(`Node ${process.version} on ${availableParallelism()} cores`);
  const failures = selection.length === 0 ? runSteps() : [];
  const files = testFiles(selection);
  const totals = await runTests(files, Math.max(2, availableParallelism()));
  const unstable = await unstableFiles(totals);
  console.log();
  for (const line of totals.notRun) console.log(line);
  for (const command of totals.leftBehind) console.log(`left behind by a test and killed: ${command}`);
  const slowest = totals.files.sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST_SHOWN);
  const times = slowest.map(({ file, durationMs }) => `${file} ${(durationMs / 1000).toFixed(0)} s`);
  if (files.length > SLOWEST_SHOWN) console.log(`Slowest: ${times.join(", ")}`);
  if (unstable.length > 0)
    console.log(`UNSTABLE: ${totals.failed} tests failed, and passed alone: ${unstable.join(", ")}`);
  else if (totals.failed > 0) failures.push(`${totals.failed} tests`);
  else if (!totals.success) failures.push("a suite");
  if (totals.passed === 0 && unstable.length === 0) failures.push("no test passed");
  if (totals.skipped.length > 0) failures.push(`skipped tests (${totals.skipped.join("; ")})`);
  if (process.env.CI === "true" && totals.notRun.length > 0) failures.push("suites that did not run");
  if (totals.leftBehind.length > 0 && unstable.length === 0)
    failures.push(`${totals.leftBehind.length} processes left behind`);
  if (performance.now() - startMs > TOTAL_BUDGET_MS)
    console.log("Over the 45 minutes that this command may take on two cores.");
  console.log(`${files.length} test files, ${totals.notRun.length} suites not run here, ${seconds(startMs)}`);
  if (failures.length > 0) console.log(`FAILED: ${failures.join(", ")}`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

await main();
