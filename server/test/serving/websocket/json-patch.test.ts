import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch, composeMergePatches } from "@swapstats/protocol/merge-patch.ts";
import fc from "fast-check";
import jsonPatch from "fast-json-patch";
import { operationsOf } from "../../../src/serving/websocket/json-patch.ts";
import { propertyOptions } from "../../support/seed.ts";

// Few keys, so that members meet; and the two characters that a pointer escapes.
const keys = fc.constantFrom("a", "b", "a/b", "~", "~1", "", "constructor", "toString");
const scalars = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom("x", ""), fc.boolean());
const objectOf = (values: fc.Arbitrary<Json>): fc.Arbitrary<JsonObject> =>
  fc.array(fc.tuple(keys, values), { maxLength: 5 }).map((entries) => Object.fromEntries(entries) as JsonObject);
const valuesTo = (depth: number, leaf: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  depth === 0
    ? leaf
    : fc.oneof(leaf, fc.array(leaf, { maxLength: 2 }), objectOf(fc.oneof(leaf, valuesTo(depth - 1, leaf))));
const documents = objectOf(valuesTo(3, scalars));
const patches = objectOf(valuesTo(3, fc.oneof(scalars, fc.constant<Json>(null))));

/** Applies the operations as a client does, checking each of them. */
function patched(base: JsonObject, patch: JsonObject): Json {
  const operations = structuredClone(operationsOf(patch, base)) as jsonPatch.Operation[];
  return jsonPatch.applyPatch(structuredClone(base) as object, operations, true).newDocument as Json;
}

test("another library applies the operations, and gets what the merge patch gives", (t) => {
  fc.assert(
    fc.property(documents, patches, (base, patch) => {
      assert.deepEqual(patched(base, patch), applyMergePatch(base, patch));
    }),
    propertyOptions(t, 1_000),
  );
});

test("a composed patch may remove what never was there, and the operations are valid", (t) => {
  fc.assert(
    fc.property(documents, patches, patches, (base, first, second) => {
      const composed = composeMergePatches(first, second);
      if (composed === undefined) return;
      assert.deepEqual(patched(base, composed), applyMergePatch(applyMergePatch(base, first), second));
    }),
    propertyOptions(t, 1_000),
  );
  assert.deepEqual(operationsOf({ a: null, rows: { x: null, y: { n: 1 } } }, { rows: {} }), [
    { op: "add", path: "/rows/y", value: { n: 1 } },
  ]);
});
