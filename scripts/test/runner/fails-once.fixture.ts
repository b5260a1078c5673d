import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { seedOf } from "../../../server/test/support/seed.ts";

const mark = process.env.SWAPSTATS_TEST_FIXTURE_MARK;

test("fails at its first run", (t) => {
  const seed = seedOf(t);
  assert.ok(mark !== undefined);
  if (existsSync(mark)) return t.diagnostic(`has seed ${seed}`);
  writeFileSync(mark, "");
  assert.fail(`nothing came with seed ${seed}`);
});
