import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { STALL_STEPS, StallWatch } from "../../../../src/sources/kafka/pressure/stall-watch.ts";
import { StepsTaken } from "../../../support/steps-taken.ts";

const AFTER_MS = 5_000;
const LOOK_MS = AFTER_MS / 5;
const steps = new StepsTaken();

function watchIn(t: TestContext, afterMs = AFTER_MS): { watch: StallWatch; stalls: () => number } {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let stalls = 0;
  const watch = new StallWatch(afterMs, () => stalls++);
  return { watch, stalls: () => stalls };
}

describe("the watch for an owner that stands still", () => {
  test("neither the bound alone nor standing still below it is a stall", (t) => {
    const { watch, stalls } = watchIn(t);
    t.mock.timers.tick(10 * AFTER_MS);
    assert.equal(watch.isStalled, false);
    watch.isAtBound = true;
    t.mock.timers.tick(AFTER_MS - 1);
    assert.deepEqual([watch.isStalled, stalls()], [false, 0]);
    t.mock.timers.tick(1);
    assert.deepEqual([watch.isStalled, stalls()], [true, 1]);
    t.mock.timers.tick(10 * AFTER_MS);
    assert.equal(stalls(), 1);
    watch.isAtBound = false;
    assert.equal(watch.isStalled, false);
  });

  test("a read starts the wait again, and ends a stall", (t) => {
    const { watch, stalls } = watchIn(t);
    watch.isAtBound = true;
    for (let i = 0; i < 20; i++) {
      t.mock.timers.tick(4 * LOOK_MS);
      watch.noteRead();
    }
    assert.deepEqual([watch.isStalled, stalls()], [false, 0]);
    t.mock.timers.tick(AFTER_MS);
    assert.deepEqual([watch.isStalled, stalls()], [true, 1]);
    watch.noteRead();
    assert.equal(watch.isStalled, false);
    t.mock.timers.tick(AFTER_MS);
    assert.deepEqual([watch.isStalled, stalls()], [true, 2]);
  });

  test("without a wait, reaching the bound is a stall", (t) => {
    const { watch } = watchIn(t, 0);
    assert.equal(watch.isStalled, false);
    watch.isAtBound = true;
    assert.equal(watch.isStalled, true);
    watch.noteRead();
    assert.equal(watch.isStalled, true);
    watch.isAtBound = false;
    assert.equal(watch.isStalled, false);
  });

  test("an owner that is below the bound again is not watched", (t) => {
    const { watch, stalls } = watchIn(t);
    watch.isAtBound = true;
    t.mock.timers.tick(AFTER_MS - 1);
    watch.isAtBound = false;
    t.mock.timers.tick(AFTER_MS);
    assert.deepEqual([watch.isStalled, stalls()], [false, 0]);
  });

  test("the tests of this file take every step of its table", () => {
    assert.deepEqual(steps.missing("The stall watch", STALL_STEPS), []);
  });
});
