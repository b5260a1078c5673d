import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { timePattern } from "../../../src/mapping/values/time-patterns.ts";
import { convertTime } from "../../../src/mapping/values/times.ts";
import { propertyOptions } from "../../support/seed.ts";
import { naiveInstant } from "../model/naive-times.ts";

const read = (text: string, pattern: string, zone = "UTC"): string =>
  convertTime(text, { kind: "pattern", pattern, zone });
const iso = (text: string): string => String(Date.parse(text));

test("counts of a unit are cut to milliseconds, exactly", () => {
  assert.equal(convertTime("1691514839", { kind: "seconds" }), "1691514839000");
  assert.equal(convertTime("1691514839.9999", { kind: "seconds" }), "1691514839999");
  assert.equal(convertTime("1.691514839e9", { kind: "seconds" }), "1691514839000");
  assert.equal(convertTime("0x64d277d7", { kind: "seconds" }), "1691514839000");
  assert.equal(convertTime("1691514839123", { kind: "milliseconds" }), "1691514839123");
  assert.equal(convertTime("1691514839123999", { kind: "microseconds" }), "1691514839123");
  assert.equal(convertTime("9007199254740993999999", { kind: "nanoseconds" }), "9007199254740993");
  assert.equal(convertTime("000", { kind: "seconds" }), "0");
  assert.equal(convertTime("0017", { kind: "seconds" }), "17000");
  assert.equal(convertTime("999", { kind: "microseconds" }), "0");
  for (const text of ["", "-1", "1 s", "1691514839s", "2023-08-08T17:13:59Z"]) {
    assert.equal(convertTime(text, { kind: "seconds" }), text, "what does not fit stays");
  }
});

test("a count of a unit is the quotient of integers", (t) => {
  const units = { seconds: 1_000_000_000n, milliseconds: 1_000_000n, microseconds: 1_000n, nanoseconds: 1n } as const;
  const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]));
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 22n }),
      fc.stringMatching(/^[0-9]{0,12}$/),
      unit,
      (whole, fraction, kind) => {
        const text = fraction === "" ? String(whole) : `${whole}.${fraction}`;
        const ns = (BigInt(whole + fraction) * units[kind]) / 10n ** BigInt(fraction.length);
        assert.equal(convertTime(text, { kind }), String(ns / 1_000_000n));
      },
    ),
    propertyOptions(t, 1_000),
  );
});

test("`utc` takes a date and time with or without fraction and zone", () => {
  for (const zone of ["", " UTC", " GMT", "Z", "z", "+00", "+0000", "+00:00", " +00:00"]) {
    assert.equal(convertTime(`2023-08-08 17:13:59.5${zone}`, { kind: "utc" }), "2023-08-08T17:13:59.5Z");
  }
  assert.equal(convertTime("2023-08-08T17:13:59", { kind: "utc" }), "2023-08-08T17:13:59Z");
  assert.equal(convertTime("2023-08-08 17:13:59+02", { kind: "utc" }), "2023-08-08 17:13:59+02");
});

test("patterns read what they say", () => {
  const expected = iso("2026-01-02T03:04:05.678Z");
  const forms: readonly (readonly [pattern: string, text: string])[] = [
    ["yyyy-MM-dd HH:mm:ss.SSS", "2026-01-02 03:04:05.678"],
    ["yyyy-MM-dd HH:mm:ss.SSSSSS", "2026-01-02 03:04:05.678999"],
    ["yyyy-MM-dd HH:mm:ss.u", "2026-01-02 03:04:05.678999999"],
    ["yyyy-MM-dd HH:mm:ss[.u]", "2026-01-02 03:04:05.678"],
    ["d/M/yy H:m:s.SSS", "2/1/26 3:4:5.678"],
    ["MMM d, yyyy hh:mm:ss.SSS a", "Jan 2, 2026 03:04:05.678 AM"],
    ["EEEE, d MMMM yyyy HH:mm:ss.SSS", "friday, 2 january 2026 03:04:05.678"],
    ["EEE MMM dd yyyy HH:mm:ss.SSS 'o''clock'", "Fri Jan 02 2026 03:04:05.678 o'clock"],
    ["yyyyMMddTHHmmssSSSZ", "20260102T030405678Z"],
    ["yyyy-MM-ddTHH:mm:ss.SSSZZ", "2026-01-02T05:34:05.678+02:30"],
    ["yyyy-MM-dd HH:mm:ss.SSS ZZZ", "2026-01-01 22:04:05.678 -0500"],
    ["yyyy-MM-dd HH:mm:ss.SSS Z", "2026-01-02 05:04:05.678 +02"],
  ];
  for (const [pattern, text] of forms) assert.equal(read(text, pattern), expected, pattern);
  assert.equal(read("2026-01-02", "yyyy-MM-dd"), iso("2026-01-02T00:00:00Z"));
  assert.equal(read("2026-01-02 03:04:05", "yyyy-MM-dd HH:mm:ss[.SSS]"), iso("2026-01-02T03:04:05Z"));
  assert.equal(read("12/31/1999 12:59 am", "MM/dd/yyyy hh:mm a"), iso("1999-12-31T00:59:00Z"));
  assert.equal(read("12/31/1999 12:59 pm", "MM/dd/yyyy hh:mm a"), iso("1999-12-31T12:59:00Z"));
});

test("a text that is no such time stays as it is", () => {
  for (const text of [
    "2026-02-29 00:00:00",
    "2026-13-01 00:00:00",
    "2026-01-00 00:00:00",
    "2026-01-02 24:00:00",
    "2026-01-02 00:60:00",
    "2026-01-02 00:00:60",
    "2026-01-02 0:00:00",
    "x2026-01-02 00:00:00",
    "",
  ]) {
    assert.equal(read(text, "yyyy-MM-dd HH:mm:ss"), text);
  }
  for (const text of ["01/01/2026 13:00 pm", "01/01/2026 13:00 am", "01/01/2026 00:30 am"]) {
    assert.equal(read(text, "dd/MM/yyyy hh:mm a"), text);
  }
  assert.equal(read("2026-01-02 00:00 +24:00", "yyyy-MM-dd HH:mm ZZ"), "2026-01-02 00:00 +24:00");
});

test("local times that occur twice are the first, and skipped ones move on", () => {
  const pattern = "yyyy-MM-dd HH:mm";
  assert.equal(read("2026-10-25 02:30", pattern, "Europe/Berlin"), iso("2026-10-25T00:30:00Z"));
  assert.equal(read("2026-10-25 03:00", pattern, "Europe/Berlin"), iso("2026-10-25T02:00:00Z"));
  assert.equal(read("2026-03-29 02:30", pattern, "Europe/Berlin"), iso("2026-03-29T01:30:00Z"));
  assert.equal(read("2026-03-29 01:59", pattern, "Europe/Berlin"), iso("2026-03-29T00:59:00Z"));
  assert.equal(read("2026-01-02 03:04", pattern, "Asia/Kathmandu"), iso("2026-01-01T21:19:00Z"));
  assert.equal(read("2026-04-05 01:45", pattern, "Australia/Lord_Howe"), iso("2026-04-04T14:45:00Z"));
  assert.equal(read("2026-01-02 03:04", pattern, "-03:30"), iso("2026-01-02T06:34:00Z"));
});

test("local times of any zone are the instants that Intl shows for them", (t) => {
  const zones = fc.constantFrom(
    ...["Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"],
    ...["Africa/Casablanca", "America/Sao_Paulo", "Pacific/Chatham", "UTC", "+05:45", "Antarctica/Troll"],
  );
  const transitions = [1_774_746_000_000, 1_792_890_000_000, 1_772_953_200_000, 1_793_512_800_000, 1_325_203_200_000];
  const near = fc
    .tuple(fc.constantFrom(...transitions), fc.integer({ min: -93_600, max: 93_600 }))
    .map(([ms, s]) => ms + s * 1000);
  const local = fc.oneof(
    near,
    fc.integer({ min: 100_000_000, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
  );
  fc.assert(
    fc.property(local, zones, (localMs, zone) => {
      const text = new Date(localMs).toISOString();
      assert.equal(read(text, "yyyy-MM-ddTHH:mm:ss.SSS'Z'", zone), String(naiveInstant(localMs, zone)));
    }),
    propertyOptions(t, 200),
  );
});

test("a pattern says what is wrong with it", () => {
  const problems: Readonly<Record<string, RegExp>> = {
    "yyyy-MM-dd QQ": /has QQ, which is no part of a time/,
    "yyyy-MM": /has no day/,
    "HH:mm:ss": /has no year/,
    "yyyy-MM-dd hh:mm": /must have h and a together/,
    "yyyy-MM-dd HH:mm a": /must have h and a together/,
    "yyyy-MM-dd yy": /has the year twice/,
    "yyyy-MM-dd [HH": /has \[ without \]/,
    "yyyy-MM-dd HH]": /has \] without \[/,
    "yyyy-MM-dd 'at": /has a quotation mark without its end/,
    "yyyy-MM-dd ss.SSSSSSSSSS": /has SSSSSSSSSS/,
    "yyyy-MM-dd[.][.][.][.][.]": /has 5 optional parts; there are at most 4/,
    [`yyyy-MM-dd${".".repeat(119)}`]: /has 129 characters; a pattern has at most 128/,
  };
  timePattern("yyyy-MM-dd[.][.][.][.]");
  timePattern(`yyyy-MM-dd${".".repeat(118)}`);
  for (const [pattern, problem] of Object.entries(problems)) assert.throws(() => timePattern(pattern), problem);
});
