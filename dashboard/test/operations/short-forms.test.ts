import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRate, rangesOf } from "../../src/operations/short-forms.ts";

test("rates have about three digits", () => {
  const rates = [undefined, 0, 0.001, 0.31, 3.456, 9.999, 12.34, 99.96, 1_240, 56_789];
  assert.deepEqual(rates.map(formatRate), [
    "–",
    "0",
    "<0.01",
    "0.31",
    "3.46",
    "10.0",
    "12.3",
    "100",
    "1,240",
    "56.8\u202fk",
  ]);
});

test("numbers are written as ranges", () => {
  assert.equal(rangesOf([]), "none");
  assert.equal(rangesOf([7, 0, 2, 1, 9, 10]), "0–2, 7, 9–10");
});
