import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantOf, PastWindows } from "../../../src/serving/history/instants.ts";

const NOW_MS = 1_770_000_000_000;

describe("past instants", () => {
  test("are ms or times of RFC 3339 that exist, up to now", () => {
    const wanted = Date.UTC(2026, 0, 31, 12, 0, 0, 123);
    for (const at of [wanted, String(wanted), "2026-01-31T12:00:00.123Z", "2026-01-31t13:00:00.1239+01:00"]) {
      assert.equal(instantOf(at, "query", NOW_MS), wanted, String(at));
    }
    assert.equal(instantOf(NOW_MS, "body", NOW_MS), NOW_MS);
    for (const at of [
      NOW_MS + 1,
      99_999_999_999,
      1.5,
      "2026-02-29T00:00:00Z",
      "2026-01-01T24:00:00Z",
      "2026-01-01T00:00:60Z",
      "x",
    ]) {
      assert.throws(() => instantOf(at, "query", NOW_MS), { code: "invalid_parameters" }, String(at));
    }
  });

  test("windows of any length have the steps of the rule, from 10 s to the limit", () => {
    const windows = new PastWindows({
      windows: [{ name: "5m", lengthMs: 300_000, stepMs: 5_000 }],
      bucketStepMs: undefined,
      windowMaxMs: 7 * 86_400_000,
    });
    const steps = windows.of(["5m", "10s", "90s", "7d", "90s"], "query").map(({ name, stepMs }) => [name, stepMs]);
    assert.deepEqual(steps, [
      ["5m", 5_000],
      ["10s", 1_000],
      ["90s", 1_000],
      ["7d", 300_000],
    ]);
    for (const name of ["9s", "169h", "0s", "5x", ""]) {
      assert.throws(() => windows.of([name], "query"), { code: "invalid_parameters" }, name);
    }
    const [first] = new PastWindows({ windows: [], bucketStepMs: 2_000, windowMaxMs: 86_400_000 }).of(["90s"], "body");
    assert.equal(first?.stepMs, 2_000);
  });
});
