import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readDecimal, readValue, valueText } from "../../../src/screener/filter/values.ts";
import { type Field, findField } from "../../../src/screener/model/fields.ts";

const NOW_MS = 1_760_000_000_000;
const field = (name: string): Field => findField(name) as Field;

describe("values as people write them", () => {
  test("numbers are exact, with suffix, currency, percent and groups of digits", () => {
    for (const [text, value] of [
      ["10k", "10000"],
      ["1.5M", "1500000"],
      ["0.0000012b", "1200"],
      ["1.23456k", "1234.56"],
      ["$1,500", "1500"],
      ["-5%", "-5"],
      ["+3", "3"],
      [".5", "0.5"],
      ["007.50", "7.5"],
      ["-0", "0"],
      ["12 000", "12000"],
    ] as const) {
      assert.equal(readDecimal(text), value, text);
    }
    for (const text of ["", "k", ".", "1,5", "1.2.3", "ten", "1e5", "--1", "0x10"]) {
      assert.equal(readDecimal(text), undefined, text);
    }
  });

  test("any decimal is read as itself", () => {
    const digits = fc.stringMatching(/^[1-9][0-9]{0,30}$/);
    fc.assert(
      fc.property(digits, digits, (whole, end) => {
        assert.equal(readDecimal(`${whole}.${end.replace(/0+$/, "")}`), `${whole}.${end.replace(/0+$/, "")}`);
      }),
    );
  });

  test("a chain is a number or a name", () => {
    assert.deepEqual(readValue(field("chain_id"), "base", NOW_MS), { value: 8453 });
    assert.deepEqual(readValue(field("chain_id"), "56", NOW_MS), { value: 56 });
    assert.ok("error" in readValue(field("chain_id"), "1.5", NOW_MS));
  });

  test("a time is an instant in UTC, ms, or a span before now", () => {
    const read = (text: string) => readValue(field("first_seen"), text, NOW_MS);
    assert.deepEqual(read("2026-01-31 14:00"), { value: Date.UTC(2026, 0, 31, 14) });
    assert.deepEqual(read("2026-01-31"), { value: Date.UTC(2026, 0, 31) });
    assert.deepEqual(read("30m ago"), { value: NOW_MS - 1_800_000 });
    assert.deepEqual(read("1760000000123"), { value: 1_760_000_000_123 });
    for (const text of ["1760000000", "2026-02-30 25:00", "now", "ago"]) assert.ok("error" in read(text), text);
  });

  test("the text of a value is read as the value again", () => {
    const time = field("first_seen");
    for (const value of [1_760_000_000_000, 1_760_000_000_123]) {
      assert.deepEqual(readValue(time, valueText(time, value), NOW_MS), { value });
    }
  });
});
