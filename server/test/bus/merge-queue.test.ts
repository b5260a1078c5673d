import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { MERGE_REST_FACTOR, MERGE_TURN_MS, MergeQueue } from "../../src/bus/merge-queue.ts";

/** A queue whose clock is moved by merging and by the test alone. */
function queueOf(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const time = { nowMs: 0 };
  const queue = new MergeQueue(() => time.nowMs);
  const step = async (): Promise<void> => {
    const before = time.nowMs;
    t.mock.timers.tick(1);
    await new Promise((resolve) => setImmediate(resolve));
    if (time.nowMs === before) time.nowMs += 1;
  };
  return { queue, time, step };
}

test("a ranking that asks twice is merged once, in the order of asking, and not after it is deleted", async (t) => {
  const { queue, step } = queueOf(t);
  const merged: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => () => void merged.push(name)) as [() => void, () => void, () => void];
  for (const merge of [a, b, a, c]) queue.add(merge);
  queue.delete(b);
  await step();
  assert.deepEqual(merged, ["a", "c"]);
  queue.add(a);
  await step();
  assert.deepEqual(merged, ["a", "c", "a"]);
});

test("however much there is to merge, the queue takes a bounded share of the time, and all get their turn", async (t) => {
  const { queue, time, step } = queueOf(t);
  const costMs = 2;
  const counts: number[] = Array(50).fill(0);
  const turns: number[] = [];
  let inTurn = 0;
  for (let i = 0; i < counts.length; i++) {
    const merge = (): void => {
      counts[i] = (counts[i] as number) + 1;
      inTurn += 1;
      time.nowMs += costMs;
      // The next update has arrived.
      queue.add(merge);
    };
    queue.add(merge);
  }
  while (time.nowMs < 10_000) {
    inTurn = 0;
    await step();
    turns.push(inTurn);
  }
  const share = (counts.reduce((sum, count) => sum + count, 0) * costMs) / time.nowMs;
  assert.ok(share <= 1 / (1 + MERGE_REST_FACTOR) + 0.05 && share > 0.1, `${share} of the time`);
  assert.ok(Math.max(...turns) <= Math.ceil(MERGE_TURN_MS / costMs));
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
});
