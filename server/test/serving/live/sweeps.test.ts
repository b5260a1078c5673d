import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { sweepEvery } from "../../../src/serving/live/sweeps.ts";

test("a sweep is left out after the process stood still, and never two in a row", (t) => {
  mock.timers.enable({ apis: ["setInterval"] });
  t.after(() => mock.timers.reset());
  let nowMs = 0;
  const swept: number[] = [];
  const timer = sweepEvery(
    1_000,
    () => nowMs,
    (atMs) => swept.push(atMs),
  );
  /** Time passes, and the timer runs once: at its time, or as late as the process. */
  const pass = (ms: number): void => {
    nowMs += ms;
    mock.timers.tick(1_000);
  };
  pass(1_000);
  pass(6_000);
  assert.deepEqual(swept, [1_000, 7_000], "late, and yet the process ran");
  pass(130_000);
  assert.deepEqual(swept, [1_000, 7_000], "it stood still");
  pass(1_000);
  pass(1_000);
  pass(10_000);
  pass(10_000);
  assert.deepEqual(swept.slice(2), [138_000, 139_000, 159_000]);
  clearInterval(timer);
});
