import assert from "node:assert/strict";
import { test } from "node:test";
import { CATCH_UP_MS, type Sight, seenUntil, sightAt } from "../../src/token/sight.ts";

const after = (...steps: readonly [sees: boolean, atMs: number][]): Sight =>
  steps.reduce<Sight>((sight, [sees, atMs]) => sightAt(sight, sees, atMs), {});

test("without blindness everything is seen on arrival", () => {
  assert.equal(seenUntil(after([true, 5]), 10), 10);
});

test("a blindness counts from its first moment until the page has caught up", () => {
  const blind = after([false, 1_000], [false, 4_000]);
  assert.equal(seenUntil(blind, 9_000), 1_000);
  const back = sightAt(blind, true, 9_000);
  assert.equal(seenUntil(back, 9_000 + CATCH_UP_MS - 1), 1_000);
  assert.equal(seenUntil(back, 9_000 + CATCH_UP_MS), 9_000 + CATCH_UP_MS);
});

test("a connection that is cut again before it has caught up stays blind since the first cut", () => {
  assert.equal(seenUntil(after([false, 1_000], [true, 2_000], [false, 2_500]), 20_000), 1_000);
  assert.equal(seenUntil(after([false, 1_000], [true, 2_000], [false, 2_000 + CATCH_UP_MS]), 20_000), 5_000);
});
