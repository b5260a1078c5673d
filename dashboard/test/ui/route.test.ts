import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changedHash, hrefTo, readHash } from "../../src/ui/route.ts";

test("an address names a view, a token and parameters", () => {
  const { view, id, params } = readHash("#/token/1:0xc02a?window=5m&interval=1m");
  assert.deepEqual(
    [view, id, [...params]],
    [
      "token",
      "1:0xc02a",
      [
        ["window", "5m"],
        ["interval", "1m"],
      ],
    ],
  );
});

test("an unknown or empty address is the screener, with its parameters", () => {
  for (const hash of ["", "#", "#/", "#/nothing", "#/screener"]) assert.equal(readHash(hash).view, "screener");
  assert.equal(readHash("#/?sort=trades").params.get("sort"), "trades");
});

test("an address that is typed by hand and no code is kept as it is", () => {
  assert.equal(readHash("#/token/100%").id, "100%");
});

test("colons and commas stay readable", () => {
  assert.equal(hrefTo("token", "1:0xc02a", { windows: "5m,1h" }), "#/token/1:0xc02a?windows=5m,1h");
});

test("a change of parameters keeps the others, and the empty text removes one", () => {
  assert.equal(changedHash("#/screener?a=1&b=2", { b: "3", c: "4" }), "#/screener?a=1&b=3&c=4");
  assert.equal(changedHash("#/screener?a=1&b=2", { a: "", b: undefined }), "#/screener");
});

test("any id and any parameter survive the address", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme", minLength: 1 }), (id, value) => {
      const read = readHash(hrefTo("token", id, { value }));
      assert.deepEqual([read.view, read.id, read.params.get("value")], ["token", id, value]);
    }),
  );
});
