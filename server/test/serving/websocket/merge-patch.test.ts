import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch, composeMergePatches, diffMergePatch, equalJson } from "@swapstats/protocol/merge-patch.ts";
import fc from "fast-check";
import { propertyOptions } from "../../support/seed.ts";

/** The examples of RFC 7396, appendix A. */
const examples: [Json, Json, Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test("apply gives the results of RFC 7396, and changes neither argument", () => {
  for (const [target, patch, result] of examples) {
    const before = structuredClone([target, patch]);
    assert.deepEqual(applyMergePatch(target, patch), result);
    assert.deepEqual([target, patch], before);
  }
});

// Few keys, so that members meet; names of Object.prototype, which must be keys like any other.
const keys = fc.constantFrom("a", "b", "c", "__proto__", "constructor", "toString");
const scalars = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom("x", "y", ""), fc.boolean());
const objectOf = (values: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> =>
  fc.array(fc.tuple(keys, values), { maxLength: 5 }).map((entries) => Object.fromEntries(entries) as JsonObject);
const valuesTo = (depth: number, leaf: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  depth === 0
    ? leaf
    : fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), objectOf(fc.oneof(leaf, valuesTo(depth - 1, leaf))));
const documents = objectOf(valuesTo(3, scalars));
const patches = objectOf(valuesTo(3, fc.oneof(scalars, fc.constant<Json>(null))));

test("apply(a, diff(a, b)) is b, and the diff of equals is empty", (t) => {
  fc.assert(
    fc.property(documents, documents, (a, b) => {
      const patch = diffMergePatch(a, b);
      assert.ok(equalJson(applyMergePatch(a, patch), b));
      assert.deepEqual(applyMergePatch(a, patch), b);
      assert.equal(Object.keys(patch).length === 0, equalJson(a, b));
      assert.deepEqual(JSON.parse(JSON.stringify(patch)), patch);
    }),
    propertyOptions(t, 2_000),
  );
});

test("one composed patch has the effect of two, on any document", (t) => {
  let composed = 0;
  fc.assert(
    fc.property(documents, patches, patches, (document, first, second) => {
      const both = composeMergePatches(first, second);
      if (both === undefined) return;
      composed += 1;
      assert.deepEqual(applyMergePatch(document, both), applyMergePatch(applyMergePatch(document, first), second));
    }),
    propertyOptions(t, 4_000),
  );
  assert.ok(composed > 100, `only ${composed} pairs could be composed`);
});

test("patches compose unless an object replaces something that was set or removed", () => {
  assert.deepEqual(composeMergePatches({ a: { b: 1 } }, { a: null, c: 2 }), { a: null, c: 2 });
  assert.deepEqual(composeMergePatches({ a: null }, { a: 1 }), { a: 1 });
  assert.deepEqual(composeMergePatches({ a: { b: null } }, { a: { b: 2, c: 3 } }), { a: { b: 2, c: 3 } });
  assert.equal(composeMergePatches({ a: null }, { a: { b: 1 } }), undefined);
  assert.equal(composeMergePatches({ a: 5 }, { a: {} }), undefined);
  assert.equal(composeMergePatches({ a: { b: [1] } }, { a: { b: { c: 1 } } }), undefined);
});

test("a diff to a document with a null is refused, because no merge patch can set one", () => {
  assert.throws(() => diffMergePatch({}, { a: null }), TypeError);
  assert.throws(() => diffMergePatch({ a: 1 }, { a: { b: null } }), TypeError);
  assert.deepEqual(diffMergePatch({ a: [1] }, { a: [null] }), { a: [null] });
});
