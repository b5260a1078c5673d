import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { differenceOf, negated, percentChange, shareOf, sumOf } from "../../src/token/exact.ts";

const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 18 }))
  .map(([units, places]) => textOf(units, places));

/** Written by another way than the program's: by division. */
function textOf(units: bigint, places: number): string {
  const size = units < 0n ? -units : units;
  const base = 10n ** BigInt(places);
  const fraction = (size % base).toString().padStart(places, "0").replace(/0+$/, "");
  const sign = units < 0n ? "-" : "";
  return `${sign}${size / base}${places === 0 || fraction === "" ? "" : `.${fraction}`}`;
}

test("sums and differences of decimals are exact", (t) => {
  const property = fc.property(decimals, decimals, (a, b) => {
    assert.equal(differenceOf(sumOf([a, b]), b), a);
    assert.equal(differenceOf(a, a), "0");
    assert.equal(negated(negated(a)), a);
  });
  fc.assert(property, propertyOptions(t, 500));
  assert.equal(sumOf(["0.1", "0.2"]), "0.3");
  assert.equal(sumOf([]), "0");
  assert.equal(differenceOf("9007199254740993.000001", "9007199254740992.000002"), "0.999999");
});

test("a change in percent is rounded to six places, and absent where nothing was before", () => {
  assert.equal(percentChange("150", "100"), "50");
  assert.equal(percentChange("1", "3"), "-66.666667");
  assert.equal(percentChange("2", "3"), "-33.333333");
  assert.equal(percentChange("4", "3"), "33.333333");
  assert.equal(percentChange("-5", "-10"), "50");
  assert.equal(percentChange("5", "-10"), "150");
  assert.equal(percentChange("0", "7.25"), "-100");
  assert.equal(percentChange("7", "0"), undefined);
});

test("a share is a number for drawing, and absent where the whole is zero", () => {
  assert.equal(shareOf("2775.3", "4625.5"), 0.6);
  assert.equal(shareOf("0", "1"), 0);
  assert.equal(shareOf("1", "1"), 1);
  assert.equal(shareOf("0", "0"), undefined);
});
