import assert from "node:assert/strict";
import { test } from "node:test";
import { sparkPath } from "../../src/ui/spark-path.ts";

test("the line reaches from edge to edge, the highest value at the top", () => {
  assert.deepEqual(sparkPath(["1", "3", "2"], 100, 24), {
    line: "M0 22L50 2L100 12",
    area: "M0 22L50 2L100 12L100 24L0 24Z",
    direction: "up",
  });
});

test("gaps are left out, and equal values are a line in the middle", () => {
  assert.equal(sparkPath([null, "5", null, "5"], 90, 20).line, "M30 10L90 10");
  assert.equal(sparkPath(["7"], 90, 20).direction, "flat");
  assert.equal(sparkPath(["9", "8"], 90, 20).direction, "down");
});

test("without values there is no line", () => {
  for (const values of [[], [null], ["abc"]]) assert.equal(sparkPath(values, 90, 20).line, "");
});
