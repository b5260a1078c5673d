import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { partsOf, round, signOf, write } from "../../src/format/decimal.ts";
import {
  exact,
  exactUsd,
  formatAmount,
  formatBytes,
  formatCount,
  formatPercent,
  formatPrice,
  formatUsd,
} from "../../src/format/figures.ts";

/** Spaces between number and unit are narrow; the expectations use plain ones. */
const plain = (text: string): string => text.replaceAll("\u202f", " ").replaceAll("\u2212", "-");

function holds(form: (value: string) => string, cases: Readonly<Record<string, string>>): void {
  for (const [value, expected] of Object.entries(cases)) assert.equal(plain(form(value)), expected, value);
}

describe("short forms", () => {
  test("dollars have three significant digits and a unit", () => {
    holds(formatUsd, {
      "0": "$0.00",
      "0.000000": "$0.00",
      "0.004": "<$0.01",
      "0.005": "$0.01",
      "-0.004": "<$0.01",
      "12.3": "$12.30",
      "999.994": "$999.99",
      "999.995": "$1.00 k",
      "1000": "$1.00 k",
      "203821.849367": "$204 k",
      "999499": "$999 k",
      "999500": "$1.00 M",
      "1234567.8": "$1.23 M",
      "-1234567.8": "-$1.23 M",
      "12345678901": "$12.3 B",
      "1234567890123456789": "$1,234,568 T",
    });
  });

  test("counts are whole below 10,000", () => {
    holds(formatCount, {
      "0": "0",
      "9999": "9,999",
      "10000": "10.0 k",
      "99950": "100 k",
      "1234567": "1.23 M",
      "-12": "-12",
    });
  });

  test("prices have five significant digits, and count the zeros of tiny ones", () => {
    holds(formatPrice, {
      "64821.7": "64,821.70",
      "3247.849": "3,247.85",
      "223.73494": "223.73",
      "1.001842": "1.0018",
      "0": "0",
      "0.064821": "0.06482",
      "0.0001234": "0.0001234",
      "0.00001234": "0.0₄1234",
      "0.0000012340567": "0.0₅1234",
      "0.00009999999": "0.0001000",
      "0.0000000000001": "0.0₁₂1",
      "12345678.9": "12.3 M",
    });
  });

  test("percent have a sign, and none at zero", () => {
    holds(formatPercent, {
      "0": "0.00%",
      "0.004": "0.00%",
      "-0.004": "0.00%",
      "0.790707": "+0.79%",
      "-12.44": "-12.4%",
      "1200": "+1.20 k%",
      "9.995": "+10.00%",
    });
  });

  test("amounts of a token", () => {
    holds(formatAmount, { "1.5": "1.500", "12345.6": "12.3 k", "0.000000000000000001": "0.0₁₇1", "-250.5": "-250.50" });
  });

  test("bytes", () => {
    assert.equal(plain(formatBytes(0)), "0 B");
    assert.equal(plain(formatBytes(1023)), "1023 B");
    assert.equal(plain(formatBytes(65_536)), "64.0 KiB");
    assert.equal(plain(formatBytes(1024 ** 3 * 1.5)), "1.5 GiB");
  });

  test("a missing or unreadable figure is a dash", () => {
    for (const form of [formatUsd, formatCount, formatPrice, formatPercent, formatAmount, exact, exactUsd]) {
      for (const value of [null, undefined, "", "abc", "NaN"]) assert.equal(form(value), "–");
    }
    assert.equal(formatBytes(undefined), "–");
  });
});

describe("exact values", () => {
  test("keep every digit", () => {
    assert.equal(exact("1234567.000001"), "1,234,567.000001");
    assert.equal(plain(exact("-0.5", "%")), "-0.5%");
    assert.equal(exact("12", "WETH"), "12 WETH");
    assert.equal(plain(exactUsd("-1234.5")), "-$1,234.5");
    assert.equal(
      exact("123456789012345678901234567890.123456789012345678"),
      "123,456,789,012,345,678,901,234,567,890.123456789012345678",
    );
  });

  test("exponents of numbers are written out", () => {
    assert.equal(exact(1e-7), "0.0000001");
    assert.equal(exact("1.25e3"), "1,250");
    assert.equal(exact("1.25e1"), "12.5");
  });

  test("any decimal survives, and any rounding is off by half a unit at most", () => {
    const decimal = fc.tuple(fc.boolean(), fc.bigInt(0n, 10n ** 30n), fc.stringMatching(/^\d{0,18}$/));
    fc.assert(
      fc.property(decimal, fc.nat(18), ([negative, integer, fraction], places) => {
        const text = `${negative ? "-" : ""}${integer}${fraction === "" ? "" : `.${fraction}`}`;
        const parts = partsOf(text);
        assert.ok(parts !== undefined);
        const isZero = integer === 0n && /^0*$/.test(fraction);
        assert.equal(plain(write(parts)).replaceAll(",", ""), isZero ? text.replace("-", "") : text);
        assert.equal(signOf(text), isZero ? 0 : negative ? -1 : 1);
        const rounded = round(parts, places);
        const scaled = (given: { integer: string; fraction: string }): bigint =>
          BigInt(given.integer + given.fraction.padEnd(18, "0"));
        const off = scaled(rounded) - scaled(parts);
        const half = 10n ** BigInt(18 - places) / 2n;
        assert.ok(off <= half && off >= -half, `${text} at ${places}: off by ${off}`);
      }),
    );
  });
});
