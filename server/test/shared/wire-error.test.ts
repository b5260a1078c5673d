import assert from "node:assert/strict";
import { test } from "node:test";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { fromWire, toWire } from "../../src/shared/wire-error.ts";

test("an error of the service keeps its code, its message and whether a retry may help", () => {
  const error = new SwapstatsError("unavailable", "ask again", { retryable: true });
  const back = fromWire(JSON.parse(JSON.stringify(toWire(error, "hidden"))));
  assert.ok(back instanceof SwapstatsError);
  assert.deepEqual([back.code, back.message, back.retryable], ["unavailable", "ask again", true]);
});

test("another error is internal: with its stack in the process, with a sentence of the sender outside", () => {
  const inside = toWire(new TypeError("no such member"));
  assert.deepEqual([inside.code, inside.retryable], ["internal", false]);
  assert.match(inside.message, /^TypeError: no such member\n {4}at /);
  assert.deepEqual(toWire("text"), { code: "internal", message: "text", retryable: false });
  const outside = toWire(new TypeError("no such member"), "its log says why");
  assert.deepEqual(outside, { code: "internal", message: "its log says why", retryable: false });
});
