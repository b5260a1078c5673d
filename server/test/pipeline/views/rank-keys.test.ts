import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RankKey } from "../../../src/engine/reads/rank-key.ts";
import { RankKeys } from "../../../src/pipeline/views/rank-keys.ts";
import { propertyOptions } from "../../support/seed.ts";

/** Exact values from one number to four, and values that differ in their last digit. Undefined: the figure is absent. */
const value = fc.option(
  fc
    .tuple(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }), fc.nat({ max: 199 }))
    .map(([big, shift]) => big >> BigInt(shift)),
  { nil: undefined },
);

function keyOf(given: bigint | undefined): RankKey {
  const key = new RankKey();
  if (given === undefined) key.setNumber(Number.NaN);
  else key.setInteger(given);
  return key;
}

const compareExactly = (a: bigint | undefined, b: bigint | undefined): number => {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a < b ? -1 : a > b ? 1 : 0;
};

describe("the keys of a ranking", () => {
  test("keys have the order of their exact values, with absent values last, also compared with a separate key", (t) => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 20 }), value, (values, other) => {
        const keys = new RankKeys();
        // Stored twice: further numbers of an earlier key must not remain.
        for (const given of [...values].reverse()) keys.store(0, keyOf(given));
        for (const [index, given] of values.entries()) keys.store(index, keyOf(given));
        for (const [index, given] of values.entries()) {
          assert.equal(keys.isPresent(index), given !== undefined);
          assert.equal(Math.sign(keys.compareTo(index, keyOf(other))), compareExactly(given, other));
          for (const [second, besides] of values.entries()) {
            assert.equal(Math.sign(keys.compare(index, second)), compareExactly(given, besides));
            const descending = RankKeys.compareOf(keys, index, keys, second, "desc");
            const isAbsent = given === undefined || besides === undefined;
            assert.equal(Math.sign(descending) + 0, (isAbsent ? 1 : -1) * compareExactly(given, besides) + 0);
          }
        }
      }),
      propertyOptions(t, 200),
    );
  });

  test("keys stay when the capacity grows", () => {
    const keys = new RankKeys();
    keys.store(7, keyOf(2n ** 150n + 1n));
    keys.reserve(5_000);
    assert.ok(keys.capacity >= 5_000);
    assert.equal(keys.compareTo(7, keyOf(2n ** 150n + 1n)), 0);
    assert.ok(keys.compareTo(7, keyOf(2n ** 150n)) > 0);
  });
});
