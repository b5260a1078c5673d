import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { StallWatch } from "../../../../src/sources/kafka/pressure/stall-watch.ts";

const AFTER_MS = 5_000;
const LOOK_MS = AFTER_MS / 5;

function watchIn(t: TestContext, afterMs = AFTER_MS): { watch: StallWatch; stalls: () => number } {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let stalls = 0;
  const watch = new StallWatch(afterMs, () => stalls++);
  return { watch, stalls: () => stalls };
}

describe("the watch for an owner that stands still", () => {
  test("the bound alone is no stall, and neither is standing still below it", (t) => {
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

  test("a read begins the wait anew, and ends a stall", (t) => {
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

  test("with no wait the bound is the stall", (t) => {
    const { watch } = watchIn(t, 0);
    assert.equal(watch.isStalled, false);
    watch.isAtBound = true;
    assert.equal(watch.isStalled, true);
    watch.noteRead();
    assert.equal(watch.isStalled, true);
  });
});
