import assert from "node:assert/strict";
import { test } from "node:test";
import { exactTime, formatAge, formatClock, formatSpan } from "../../src/format/times.ts";
import { shortAddress, shortId } from "../../src/format/tokens.ts";

const plain = (text: string): string => text.replaceAll("\u202f", " ");

test("a span is written in its largest unit", () => {
  const spans = {
    0: "0 ms",
    34: "34 ms",
    999: "999 ms",
    1000: "1 s",
    1234: "1.2 s",
    59999: "59 s",
    60000: "1 min",
    3600000: "1 h",
    86400000: "1 d",
  };
  for (const [ms, expected] of Object.entries(spans)) assert.equal(plain(formatSpan(Number(ms))), expected);
  assert.equal(formatSpan(undefined), "–");
});

test("an age below a second, or in the future, is now", () => {
  assert.equal(formatAge(1_000, 1_999), "now");
  assert.equal(formatAge(5_000, 1_000), "now");
  assert.equal(plain(formatAge(1_000, 3_500)), "2 s");
  assert.equal(formatAge(undefined, 0), "–");
});

test("times of day are those of the reader, exact times are in UTC", () => {
  assert.match(formatClock(1_767_287_721_034), /^\d\d:\d\d:21$/);
  assert.equal(exactTime(1_767_287_721_034), "2026-01-01 17:15:21.034 UTC");
});

test("addresses keep their ends", () => {
  assert.equal(shortAddress("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"), "0xc02a…6cc2");
  assert.equal(shortAddress("0x12345"), "0x12345");
  assert.equal(shortId("1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"), "1:0xc02a…6cc2");
});
