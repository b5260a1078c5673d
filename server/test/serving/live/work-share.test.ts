import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkShare } from "../../../src/serving/live/work-share.ts";

test("after long work the next waits until the share has made up for it", () => {
  let nowMs = 0;
  const share = new WorkShare(100, 0.5, () => nowMs);
  const work = (ms: number) => (): string => {
    nowMs += ms;
    return "done";
  };
  assert.deepEqual([share.run(work(60)), share.run(work(200))], ["done", "done"], "some of the burst is left");
  assert.equal(share.run(work(1)), undefined);
  nowMs += 60;
  assert.equal(share.run(work(1)), undefined, "at the limit");
  nowMs += 2;
  assert.equal(share.run(work(1)), "done", "beyond it");
  nowMs += 1_000_000;
  assert.deepEqual(
    [share.run(work(400)), share.run(work(1))],
    ["done", undefined],
    "rest gives no more than the burst",
  );
});
