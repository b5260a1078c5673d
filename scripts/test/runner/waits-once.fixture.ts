import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { TimeoutError } from "../../servers/timeout-error.ts";

const mark = process.env.SWAPSTATS_TEST_FIXTURE_MARK;

test("waits in vain at its first run", async (t) => {
  assert.ok(mark !== undefined);
  if (existsSync(mark)) return;
  writeFileSync(mark, "");
  await t.test("in a part of it", () => {
    throw new TimeoutError("stuck for 120 s: nothing came");
  });
});
