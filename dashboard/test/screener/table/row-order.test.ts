import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ENTER_MS, LEAVE_MS, nextChangeMs, type PlacedRow, placeRows } from "../../../src/screener/table/row-order.ts";

const shown = (rows: readonly PlacedRow[]): string =>
  rows.map(({ id, phase }) => id + { present: "", entering: "+", leaving: "-" }[phase]).join(" ");
const first = placeRows([], ["a", "b", "c"], 0, false);

describe("places of rows", () => {
  test("the first rows are there at once", () => {
    assert.equal(shown(first), "a b c");
    assert.equal(nextChangeMs(first, false), undefined);
  });

  test("a row that enters is marked for a moment", () => {
    const next = placeRows(first, ["a", "x", "b", "c"], 1_000, false);
    assert.equal(shown(next), "a x+ b c");
    assert.equal(nextChangeMs(next, false), 1_000 + ENTER_MS);
    assert.equal(shown(placeRows(next, ["a", "x", "b", "c"], 1_000 + ENTER_MS, false)), "a x b c");
  });

  test("a row that leaves stays in its place for a moment", () => {
    const next = placeRows(first, ["a", "c"], 1_000, false);
    assert.equal(shown(next), "a b- c");
    assert.equal(shown(placeRows(next, ["c", "a"], 1_000 + LEAVE_MS - 1, false)), "c b- a");
    assert.equal(shown(placeRows(next, ["a", "c"], 1_000 + LEAVE_MS, false)), "a c");
    assert.equal(shown(placeRows(next, ["a", "b", "c"], 1_010, false)), "a b c");
  });

  test("nothing changes: the same array and the same rows", () => {
    assert.equal(placeRows(first, ["a", "b", "c"], 5_000, false), first);
    const moved = placeRows(first, ["b", "a", "c"], 5_000, false);
    assert.equal(moved[0], first[1]);
  });

  test("while the order is held no row moves, enters or goes away", () => {
    const held = placeRows(first, ["x", "c", "a"], 1_000, true);
    assert.equal(shown(held), "a b- c");
    assert.equal(nextChangeMs(held, true), undefined);
    assert.equal(shown(placeRows(held, ["x", "c", "a", "b"], 90_000, true)), "a b c");
    assert.equal(shown(placeRows(held, ["x", "c", "a"], 90_000, false)), "x+ c a");
  });

  test("many new rows at once are another query, and nothing is marked", () => {
    const other = Array.from({ length: 61 }, (_, i) => `n${i}`);
    assert.ok(placeRows(first, other, 0, false).every(({ phase }) => phase === "present"));
    assert.ok(placeRows(first, other.slice(1), 0, false).some(({ phase }) => phase === "entering"));
  });

  test("after every mark has ended the rows are the order, whatever happened before", () => {
    const order = fc.uniqueArray(fc.constantFrom(..."abcdefghij"), { maxLength: 10 });
    const step = fc.record({ order, isHeld: fc.boolean(), afterMs: fc.integer({ min: 0, max: 500 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), order, (steps, last) => {
        let rows: readonly PlacedRow[] = [];
        let nowMs = 0;
        for (const { order: next, isHeld, afterMs } of steps) {
          nowMs += afterMs;
          rows = placeRows(rows, next, nowMs, isHeld);
          assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length, "no row twice");
        }
        rows = placeRows(rows, last, nowMs, false);
        rows = placeRows(rows, last, nowMs + ENTER_MS, false);
        assert.equal(shown(rows), last.join(" "));
      }),
    );
  });
});
