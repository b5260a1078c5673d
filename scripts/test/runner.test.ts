/** The test command itself: it fails when it must, and it names what it left out. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../server/test/support/tmp.ts";
import { REPOSITORY } from "../house/repository.ts";

type Result = { status: number | null; output: string };

function runFixture(name: string, ci = false, timeoutMs = 60_000, env: Readonly<Record<string, string>> = {}): Result {
  // A test file learns from NODE_TEST_CONTEXT that it runs below a runner. A nested runner must not see it.
  const { NODE_TEST_CONTEXT: _, CI: __, SWAPSTATS_TEST_NOT_RUN_FILE: ___, ...environment } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(REPOSITORY, "scripts/test.ts"), join(import.meta.dirname, "runner", `${name}.fixture.ts`)],
    {
      env: { ...environment, ...env, SWAPSTATS_TEST_FILE_TIMEOUT_MS: String(timeoutMs), ...(ci ? { CI: "true" } : {}) },
      encoding: "utf8",
    },
  );
  return { status, output: stdout + stderr };
}

describe("the test command", { concurrency: true }, () => {
  test("passes, and ends with the runner's own summary", () => {
    const { status, output } = runFixture("passes", true);
    assert.equal(status, 0, output);
    assert.match(output, /tests 1\n.*pass 1\n.*fail 0\n/s);
  });

  for (const [fixture, reason] of [
    ["fails", /FAILED: 1 tests/],
    ["throws", /FAILED: 1 tests/],
    ["suite-fails", /FAILED: /],
    ["skips", /FAILED: skipped tests \(skips itself\)/],
    ["unfinished", /FAILED: skipped tests \(is work to do\)/],
  ] as const) {
    test(`fails when a test file ${fixture}`, () => {
      const { status, output } = runFixture(fixture);
      assert.equal(status, 1, output);
      assert.match(output, reason);
      assert.doesNotMatch(output, /UNSTABLE/);
    });
  }

  test("runs a failed file again, alone and with its seed, and lists what passes then as unstable", (t) => {
    const mark = join(tempDir(t, "runner"), "mark");
    const { status, output } = runFixture("fails-once", true, 60_000, { SWAPSTATS_TEST_FIXTURE_MARK: mark });
    assert.equal(status, 0, output);
    const seed = /nothing came with seed (\d+)/.exec(output)?.[1];
    assert.match(output, new RegExp(`Again, alone, with seed ${seed} \\(1 of 1\\): .*fails-once.fixture.ts\n`));
    assert.match(
      output,
      new RegExp(`has seed ${seed}\n.*UNSTABLE: 1 tests failed, and passed alone: .*fails-once`, "s"),
    );
  });

  test("kills a test file that is in an endless loop", () => {
    const { status, output } = runFixture("endless", false, 1_000);
    assert.equal(status, 1, output);
    assert.match(output, /process \d+ of a test file did not end in time and is killed/);
    assert.match(output, /FAILED: /);
  });

  test("kills and names a process that a test left behind, and fails", () => {
    const { status, output } = runFixture("leaves");
    assert.equal(status, 1, output);
    assert.match(output, /left behind by a test and killed: sleep 987/);
    assert.match(output, /FAILED: 1 processes left behind/);
  });

  test("lists a suite that lacks something, and fails because of it in CI", () => {
    const here = runFixture("lacks");
    assert.equal(here.status, 0, here.output);
    assert.match(here.output, /not run here: a suite in snake language: no Python 3 with .*a_module_that_nobody_has/);
    const inCi = runFixture("lacks", true);
    assert.equal(inCi.status, 1, inCi.output);
    assert.match(inCi.output, /in CI every suite runs, but here is no Python 3/);
  });
});
