import assert from "node:assert/strict";
import { test } from "node:test";
import { FIELDS, writeField } from "../../../src/mapping/values/fields.ts";

function check(name: string, written: Readonly<Record<string, string>>): void {
  for (const [text, json] of Object.entries(written)) assert.equal(writeField(name, text), json, text);
}

test("an absent value has no JSON", () => {
  for (const name of Object.keys(FIELDS)) {
    assert.equal(writeField(name, undefined), "");
    assert.equal(writeField(name, ""), "");
  }
});

test("texts that fit become the JSON of their field, and others stay texts", () => {
  check("token", { 12: '"12"', 'a"b': '"a\\"b"', "\u0001\ud800": '"\\u0001\\ud800"' });
  check("log_index", {
    "007": "7",
    0: "0",
    "12.000": "12",
    "0x1F": "31",
    "-1": '"-1"',
    "1.5": '"1.5"',
    "1e3": '"1e3"',
  });
  check("block_number", {
    [`0x${"f".repeat(64)}`]: String(2n ** 256n - 1n),
    [`0x${"f".repeat(65)}`]: `"0x${"f".repeat(65)}"`,
  });
  check("block_number", {
    "12345678901234567890": "12345678901234567890",
    "123456789012345678901": '"123456789012345678901"',
  });
  check("amount_token", {
    "1.50": "1.50",
    "-2": "-2",
    "0x10": "16",
    "1e3": '"1e3"',
    "1.": '"1."',
    ".5": '".5"',
    "01": '"01"',
  });
  check("removed", {
    TRUE: "true",
    t: "true",
    yes: "true",
    1: "true",
    False: "false",
    no: "false",
    0: "false",
    maybe: '"maybe"',
  });
  check("event_time", { 1700000000000: "1700000000000", "0017.0": "17", "1234567890123456": '"1234567890123456"' });
  check("ts", { "2026-01-02T03:04:05Z": '"2026-01-02T03:04:05Z"', "1.5": '"1.5"' });
});
