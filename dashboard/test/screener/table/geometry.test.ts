import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { scrollToRow, visibleSlice } from "../../../src/screener/table/geometry.ts";

const count = fc.integer({ min: 0, max: 2_000 });
const height = fc.integer({ min: 20, max: 80 });
const px = fc.integer({ min: -500, max: 100_000 });

describe("rows that are drawn", () => {
  test("every visible row is drawn, and few others, at any scroll position", () => {
    fc.assert(
      fc.property(count, height, px, fc.integer({ min: 0, max: 2_000 }), (rows, rowHeight, scrollTop, viewHeight) => {
        const { start, end } = visibleSlice(rows, rowHeight, scrollTop, viewHeight);
        assert.ok(start >= 0 && start <= end && end <= rows);
        assert.ok(end - start <= Math.ceil(viewHeight / rowHeight) + 8);
        const top = Math.max(0, scrollTop);
        for (let row = 0; row < rows; row++) {
          const isVisible = (row + 1) * rowHeight > top && row * rowHeight < top + viewHeight;
          assert.ok(!isVisible || (row >= start && row < end), `row ${row}`);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("a row is scrolled into view by the shortest way", () => {
    assert.equal(scrollToRow(5, 10, 0, 100), 0);
    assert.equal(scrollToRow(10, 10, 0, 100), 10);
    assert.equal(scrollToRow(2, 10, 50, 100), 20);
  });
});
