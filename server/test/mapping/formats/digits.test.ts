import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DECIMAL_BYTES_MAX, DECIMAL_SCALE_MAX, decimalText } from "../../../src/mapping/formats/decimals.ts";
import {
  decimalBytesMax,
  INTEGER_BYTES_MAX,
  writeDecimal,
  writeHex,
  writeInteger,
} from "../../../src/mapping/formats/digits.ts";
import { propertyOptions } from "../../support/seed.ts";

const NEIGHBOUR = 0x7e;

/** Calls a writer amid other bytes, and returns what it wrote. Fails if it wrote elsewhere, or more than its limit. */
function written(bytesMax: number, write: (out: Uint8Array, at: number) => number): string {
  const out = new Uint8Array(bytesMax + 4).fill(NEIGHBOUR);
  const end = write(out, 2);
  assert.ok(end <= 2 + bytesMax);
  assert.deepEqual([out[0], out[1], ...out.subarray(end)], Array(out.length - (end - 2)).fill(NEIGHBOUR));
  return Buffer.from(out.subarray(2, end)).toString();
}

function decimal(bytes: Uint8Array, scale: number): string {
  const amid = Uint8Array.from([0xff, ...bytes, 0xff]);
  return written(decimalBytesMax(scale), (out, at) => writeDecimal(out, at, amid, 1, 1 + bytes.length, scale));
}

const integerOf = (bytes: Uint8Array): bigint =>
  bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString("hex")}`));

describe("digits of binary values", () => {
  test("integers are those of JavaScript", (t) => {
    const powers = Array.from({ length: 16 }, (_, i) => 10 ** i);
    const edges = [0, Number.MAX_SAFE_INTEGER, ...powers, ...powers.map((power) => power - 1), 2 ** 31, 2 ** 32];
    const check = (value: number): void => {
      assert.equal(
        written(INTEGER_BYTES_MAX, (out, at) => writeInteger(out, at, value)),
        String(value),
      );
    };
    for (const edge of edges) {
      check(edge);
      check(0 - edge);
    }
    fc.assert(fc.property(fc.maxSafeInteger(), check), propertyOptions(t, 2000));
  });

  test("decimals are those of BigInt", (t) => {
    const bytes = fc.uint8Array({ maxLength: DECIMAL_BYTES_MAX });
    const short = fc.uint8Array({ maxLength: 10 });
    const scale = fc.oneof(fc.nat(20), fc.nat(DECIMAL_SCALE_MAX));
    const property = fc.property(fc.oneof(bytes, short), scale, (value, places) => {
      assert.equal(decimal(value, places), decimalText(integerOf(value), places));
    });
    fc.assert(property, propertyOptions(t, 2000));
  });

  const cases: [hex: string, scale: number, expected: string][] = [
    ["", 0, "0"],
    ["", 2, "0.00"],
    ["00", 0, "0"],
    ["0000", 1, "0.0"],
    ["ff", 0, "-1"],
    ["ff", 4, "-0.0001"],
    ["80", 0, "-128"],
    ["8000", 2, "-327.68"],
    ["800000", 0, "-8388608"],
    ["ff00", 0, "-256"],
    ["2710", 4, "1.0000"],
    ["05f5e100", 8, "1.00000000"],
    ["7fffffffffffffff", 18, "9.223372036854775807"],
    ["8000000000000000", 18, "-9.223372036854775808"],
  ];
  for (const [hex, scale, expected] of cases) {
    test(`0x${hex} with ${scale} places is ${expected}`, () => {
      assert.equal(decimal(Buffer.from(hex, "hex"), scale), expected);
    });
  }

  test("the largest and the smallest decimal fit", () => {
    const largest = Uint8Array.from({ length: DECIMAL_BYTES_MAX }, (_, i) => (i === 0 ? 0x7f : 0xff));
    const smallest = Uint8Array.from({ length: DECIMAL_BYTES_MAX }, (_, i) => (i === 0 ? 0x80 : 0));
    for (const bytes of [largest, smallest]) {
      for (const scale of [0, 1, 309, DECIMAL_SCALE_MAX]) {
        assert.equal(decimal(bytes, scale), decimalText(integerOf(bytes), scale));
      }
    }
  });

  test("bytes are written as hex digits", () => {
    const bytes = Uint8Array.from([0, 9, 10, 0x7f, 0x80, 0xff]);
    const text = written(14, (out, at) => writeHex(out, at, bytes, 0, bytes.length));
    assert.equal(text, "0x00090a7f80ff");
    assert.equal(
      written(2, (out, at) => writeHex(out, at, bytes, 3, 3)),
      "0x",
    );
  });
});
