import assert from "node:assert/strict";
import { test } from "node:test";
import { figureKinds, figures } from "@swapstats/protocol/figures.ts";
import { screenerLimits } from "@swapstats/protocol/limits.ts";
import { needsWindow, screenerField, screenerFields } from "@swapstats/protocol/screener/fields.ts";
import { numberOperators, textOperators } from "@swapstats/protocol/screener/query.ts";
import { operatorsOf } from "../../../src/screener/filter/operators.ts";
import { fields, findField } from "../../../src/screener/model/fields.ts";
import { queryLimits } from "../../../src/screener/model/query.ts";

test("the fields are those of the service, each with its kind and whether it needs a window", () => {
  assert.deepEqual(fields.map(({ name }) => name).sort(), [...screenerFields].sort());
  for (const { name, kind, isOfWindow } of fields) {
    const field = screenerField(name);
    assert.ok(field !== undefined);
    assert.equal(isOfWindow, needsWindow(field), name);
    const value = { time: "time", flag: "flag", text: "text", integer: "integer", count: "integer" }[kind as string];
    assert.equal(value ?? "decimal", field.value, name);
  }
});

test("every figure of a window can be a column, other than flags and the edges of the window", () => {
  const shown = Object.entries(figures).flatMap(([name, { kind }]) =>
    ["flag", "mark", "share"].includes(kind) || figureKinds[kind].form === "object" || /^(open|close)_time$/.test(name)
      ? []
      : [name],
  );
  assert.deepEqual(
    fields.flatMap(({ name, isColumn }) => (isColumn && !name.includes(".") ? [name] : [])).sort(),
    shown.sort(),
  );
});

test("the operators of a kind are those of the service", () => {
  assert.deepEqual([...operatorsOf("usd")].sort(), [...numberOperators].sort());
  assert.deepEqual([...operatorsOf("integer")].sort(), [...numberOperators].sort());
  assert.deepEqual([...operatorsOf("text")].sort(), [...textOperators].sort());
  assert.deepEqual(operatorsOf("flag"), ["eq", "ne"]);
});

test("the limits are those of the service", () => {
  const { leavesMax, depthMax, valuesMax, valueCharsMax, sortsMax, rowsMax } = screenerLimits;
  assert.deepEqual(queryLimits, { leavesMax, depthMax, valuesMax, valueCharsMax, sortsMax, rowsMax });
});

test("labels are different, and a name without a field is not found", () => {
  assert.equal(new Set(fields.map(({ label }) => label)).size, fields.length);
  assert.equal(findField("volume"), undefined);
});
