import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backoffMs, retrying } from "../../src/shared/retry.ts";

const LIMITS = { firstMs: 100, longestMs: 1_000 };

describe("pauses between attempts", () => {
  test("double with each failure up to the longest, less up to half by jitter", () => {
    for (const [failures, wholeMs] of [
      [1, 100],
      [2, 200],
      [3, 400],
      [4, 800],
      [5, 1_000],
      [5_000, 1_000],
    ] as const) {
      for (let i = 0; i < 50; i++) {
        const pauseMs = backoffMs(LIMITS, failures);
        assert.ok(pauseMs >= wholeMs / 2 && pauseMs <= wholeMs, `${pauseMs} after ${failures} failures`);
      }
    }
  });

  test("are spread, so that many instances do not return at the same moment", () => {
    const pauses = new Set(Array.from({ length: 100 }, () => backoffMs(LIMITS, 5)));
    assert.ok(pauses.size > 20, `${pauses.size} different pauses`);
  });
});

describe("a call that is retried", () => {
  const noPause = { firstMs: 0, longestMs: 0 };

  test("succeeds when an attempt within the limit does", async () => {
    let calls = 0;
    const result = await retrying(noPause, 2, () => true).execute(() => {
      calls++;
      if (calls <= 2) throw new Error("away");
      return "there";
    });
    assert.deepEqual([result, calls], ["there", 3]);
  });

  test("rejects with its last error beyond the limit", async () => {
    let calls = 0;
    const call = () => Promise.reject(new Error(`away ${++calls}`));
    await assert.rejects(retrying(noPause, 2, () => true).execute(call), /away 3/);
  });

  test("rejects at once with an error that does not pass", async () => {
    let calls = 0;
    const call = () => Promise.reject(new Error(`wrong ${++calls}`));
    await assert.rejects(retrying(noPause, 2, () => false).execute(call), /wrong 1/);
  });
});
