import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ceilingOf, chartPaths } from "../../src/operations/chart-path.ts";

const SIZE = { width: 100, height: 22 };

test("a ceiling is the next of 1, 2 and 5 times a power of ten", () => {
  for (const [max, ceiling] of [
    [0, 1],
    [0.3, 1],
    [1, 1],
    [1.01, 2],
    [2, 2],
    [3, 5],
    [5, 5],
    [6, 10],
    [11, 20],
    [999, 1_000],
  ] as const) {
    assert.equal(ceilingOf(max), ceiling, String(max));
  }
  fc.assert(fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (max) => assert.ok(ceilingOf(max) >= max)));
});

test("the span fills the width, and the ceiling the height", () => {
  const points = [0, 50, 100].map((atMs) => ({ atMs, value: atMs / 10 }));
  const { line, area, max } = chartPaths(points, SIZE, 100, 100);
  assert.equal(max, 10);
  assert.equal(line, "M0,21L50,11L100,1");
  assert.equal(area, "M0,22L0,21L50,11L100,1L100,22Z");
});

test("a line is broken where nothing is known, and older points are left out", () => {
  const values = [1, 1, undefined, 1, 1, undefined, 1];
  const points = values.map((value, i) => ({ atMs: i * 10, value }));
  const { line } = chartPaths(points, SIZE, 60, 50);
  // What is left of the first run is one point, and the last run is one point: neither is a line.
  assert.equal(line.match(/M/g)?.length, 1);
  assert.deepEqual(chartPaths([], SIZE, 60, 50), { line: "", area: "", max: 1 });
});
