/**
 * `npm test` runs types, lint, house rules, then every test, on two cores within 45 minutes. All steps run even if an earlier one failed.
 * Arguments are paths or parts of paths of test files. With arguments only those tests run, without the other steps.
 *
 * A file in which nothing but waits ended without their event is run once more, alone, since a busy machine can cause that. It is listed
 * even if it passes then. Any other failure is final.
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
import { type EventData, run } from "node:test";
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
/** With more files than this the failure is that of the run. */
const RUN_AGAIN_MAX = 5;
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
  /** Absolute paths of the files that failed. */
  failedFiles: Set<string>;
  /** Those of them with a failure that is no ended wait, and what it is. */
  wrong: Map<string, string>;
  skipped: string[];
  notRun: string[];
  /** Command lines of processes that outlived their test file. */
  leftBehind: string[];
};

/** What a failed test tells of its file: that a wait ended, that something is wrong, or only that a part of the test failed, which tells itself. */
function kindOf({ details: { error } }: EventData.TestFail): "wait" | "wrong" | "part" {
  const { failureType, cause } = error as Error & { failureType?: string };
  if (failureType === "subtestsFailed" || failureType === "cancelledByParent") return "part";
  if (failureType === "testTimeoutFailure") return "wait";
  return cause instanceof Error && cause.name === "TimeoutError" ? "wait" : "wrong";
}

async function runTests(files: readonly string[], concurrency: number): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-run-"));
  const notRunFile = join(folder, "not-run");
  process.env.SWAPSTATS_TEST_NOT_RUN_FILE = notRunFile;
  process.env[RUN_MARK] = folder;
  // Programs that a suite starts hundreds of times load from here: the crash suites take a third less time.
  process.env.NODE_COMPILE_CACHE ??= join(folder, "compiled");
  const totals: Totals = {
    ...{ passed: 0, failed: 0, success: false, files: [], failedFiles: new Set(), wrong: new Map() },
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
  events.on("test:fail", (event) => {
    if (event.file !== undefined && kindOf(event) === "wrong") totals.wrong.set(resolve(event.file), event.name);
  });
  events.on("test:summary", (event) => {
    if (event.file !== undefined) {
      if (!event.success) totals.failedFiles.add(resolve(event.file));
      totals.files.push({ file: relative(REPOSITORY, event.file), durationMs: event.duration_ms });
      return;
    }
    totals.success = event.success;
    totals.passed = event.counts.passed;
    totals.failed = event.counts.tests - event.counts.passed - event.counts.skipped - event.counts.todo;
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
  rmSync(folder, { recursive: true });
  return totals;
}

/** Runs files again, alone, if only waits ended in them. Returns the totals of both runs, where the second one counts for these files. */
async function runAgain(first: Totals): Promise<Totals> {
  const files = [...first.failedFiles].filter((file) => !first.wrong.has(file));
  if (files.length === 0 || files.length > RUN_AGAIN_MAX) return first;
  const names = files.map((file) => relative(REPOSITORY, file)).join(", ");
  console.log(`\nWaits ended without their event in ${names}. Once more, alone:\n`);
  const second = await runTests(files, 1);
  const isGood = second.success && first.wrong.size === 0 && first.failedFiles.size === files.length;
  console.log(`\nWaits that ended in the first run: ${names}: ${second.success ? "passed" : "failed"} alone.`);
  return {
    ...{ passed: first.passed + second.passed, failed: isGood ? 0 : first.failed, success: isGood },
    ...{ files: first.files, failedFiles: first.failedFiles, wrong: first.wrong },
    skipped: [...first.skipped, ...second.skipped],
    notRun: first.notRun,
    leftBehind: [...first.leftBehind, ...second.leftBehind],
  };
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
  const totals = await runAgain(await runTests(files, Math.max(2, availableParallelism())));
  console.log();
  for (const line of totals.notRun) console.log(line);
  for (const command of totals.leftBehind) console.log(`left behind by a test and killed: ${command}`);
  const slowest = totals.files.sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST_SHOWN);
  const times = slowest.map(({ file, durationMs }) => `${file} ${(durationMs / 1000).toFixed(0)} s`);
  if (files.length > SLOWEST_SHOWN) console.log(`Slowest: ${times.join(", ")}`);
  if (totals.failed > 0) failures.push(`${totals.failed} tests`);
  else if (!totals.success) failures.push("a suite");
  if (totals.passed === 0) failures.push("no test passed");
  if (totals.skipped.length > 0) failures.push(`skipped tests (${totals.skipped.join("; ")})`);
  if (process.env.CI === "true" && totals.notRun.length > 0) failures.push("suites that did not run");
  if (totals.leftBehind.length > 0) failures.push(`${totals.leftBehind.length} processes left behind`);
  if (performance.now() - startMs > TOTAL_BUDGET_MS)
    console.log("Over the 45 minutes that this command may take on two cores.");
  console.log(`${files.length} test files, ${totals.notRun.length} suites not run here, ${seconds(startMs)}`);
  if (failures.length > 0) console.log(`FAILED: ${failures.join(", ")}`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

await main();
