import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { mergePatch, share } from "../../src/live/merge.ts";

const keys = fc.constantFrom("a", "b", "constructor", "__proto__", "c");
const json = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, 1, 2, "x", "y"),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(keys, tie("value"), { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>,
}));
const copy = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json;

/** Asserts that every part of `after` that equals the part of `before` at its place is that part. */
function assertShared(before: Json | undefined, after: Json): void {
  if (typeof before !== "object" || typeof after !== "object" || before === null || after === null) return;
  if (JSON.stringify(before) === JSON.stringify(after)) {
    assert.equal(after, before, "an equal part is another object");
    return;
  }
  for (const key of Object.keys(after)) {
    const [a, b] = [before, after].map((one) => (Object.hasOwn(one, key) ? (one as JsonObject)[key] : undefined));
    assertShared(a, b as Json);
  }
}

describe("merge patches with sharing", () => {
  test("give what RFC 7396 gives, change neither argument, and keep what is equal", (t) => {
    fc.assert(
      fc.property(json.value, json.value, (first, second) => {
        const [target, patch] = [copy(first), copy(second)];
        const [targetText, patchText] = [JSON.stringify(target), JSON.stringify(patch)];
        const expected = applyMergePatch(copy(target), copy(patch));
        const merged = mergePatch(target, patch);
        assert.deepEqual(merged, expected);
        assert.equal(JSON.stringify(target), targetText);
        assert.equal(JSON.stringify(patch), patchText);
        if (patchText === "{}" && typeof target === "object" && target !== null && !Array.isArray(target)) {
          assert.equal(merged, target);
        }
      }),
      propertyOptions(t, 500),
    );
  });

  test("snapshots keep every part that is equal to the one before", (t) => {
    fc.assert(
      fc.property(json.value, json.value, (first, second) => {
        const [before, after] = [copy(first), copy(second)];
        const text = JSON.stringify(before);
        const shared = share(before, copy(after));
        assert.deepEqual(shared, after);
        assert.equal(JSON.stringify(before), text);
        assert.equal(share(before, copy(before)), before);
      }),
      propertyOptions(t, 500),
    );
    const before = { rows: { x: { n: 1 }, y: { n: 2 } }, order: ["x", "y"] };
    const after = share(before, { rows: { x: { n: 1 }, y: { n: 3 } }, order: ["x", "y"] });
    assertShared(before, after);
    assert.deepEqual(after, { rows: { x: { n: 1 }, y: { n: 3 } }, order: ["x", "y"] });
  });

  test("a patch leaves unchanged rows and lists as they are", () => {
    const before = { rows: { x: { n: 1 }, y: { n: 2 } }, order: ["x", "y"] };
    const after = mergePatch(before, { rows: { y: { n: 3 }, x: { n: 1 } }, order: ["x", "y"] }) as typeof before;
    assertShared(before, after);
    assert.equal(after.rows.x, before.rows.x);
    assert.equal(after.order, before.order);
    assert.deepEqual(after.rows.y, { n: 3 });
  });
});
