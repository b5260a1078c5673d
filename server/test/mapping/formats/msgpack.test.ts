import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { readMsgpack } from "../../../src/mapping/formats/msgpack.ts";
import { VALUE_DEPTH_MAX } from "../../../src/mapping/formats/record-cursor.ts";
import { propertyOptions, seedOf } from "../../support/seed.ts";
import { fuzz } from "./fuzz.ts";
import { decoded, refusal, shown } from "./trees.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const read = (bytes: string): unknown => decoded(hex(bytes), readMsgpack);

describe("MessagePack values", () => {
  const cases: [what: string, bytes: string, expected: unknown][] = [
    ["nil", "c0", null],
    ["false", "c2", false],
    ["true", "c3", true],
    ["positive fixint", "7f", 127],
    ["negative fixint", "e0", -32],
    ["uint 8", "cc ff", 255],
    ["uint 16", "cd ff ff", 65_535],
    ["uint 32", "ce ff ff ff ff", 4_294_967_295],
    ["uint 64 that a double holds", "cf 00 1f ff ff ff ff ff ff", 9_007_199_254_740_991],
    ["the largest uint 64", "cf ff ff ff ff ff ff ff ff", 18_446_744_073_709_551_615n],
    ["int 8", "d0 80", -128],
    ["int 16", "d1 80 00", -32_768],
    ["int 32", "d2 80 00 00 00", -2_147_483_648],
    ["the smallest int 64", "d3 80 00 00 00 00 00 00 00", -9_223_372_036_854_775_808n],
    ["int 64 -1", "d3 ff ff ff ff ff ff ff ff", -1],
    ["float 32", "ca 3d cc cc cd", 0.1],
    ["float 64", "cb 3f b9 99 99 99 99 99 9a", 0.1],
    ["fixstr", "a3 66 6f 6f", "foo"],
    ["str 8", "d9 03 66 6f 6f", "foo"],
    ["str 16", "da 00 03 66 6f 6f", "foo"],
    ["str 32", "db 00 00 00 03 e2 82 ac", "€"],
    ["bin 8", "c4 02 00 ff", "0x00ff"],
    ["bin 16", "c5 00 01 ff", "0xff"],
    ["bin 32", "c6 00 00 00 00", "0x"],
    ["fixarray", "92 01 c0", [1, null]],
    ["array 16", "dc 00 01 01", [1]],
    ["array 32", "dd 00 00 00 01 01", [1]],
    ["fixmap", "82 a1 61 01 a1 62 02", { a: 1, b: 2 }],
    ["map 16", "de 00 01 a1 61 01", { a: 1 }],
    ["map 32", "df 00 00 00 01 a1 61 01", { a: 1 }],
    ["a map with numbers as names", "82 07 01 c3 02", { 7: 1, true: 2 }],
    ["a repeated name", "82 a1 61 01 a1 61 02", { a: 2 }],
    ["fixext 1", "d4 05 ff", "0xff"],
    ["fixext 16", `d8 05 ${"ab".repeat(16)}`, `0x${"ab".repeat(16)}`],
    ["ext 8", "c7 03 05 01 02 03", "0x010203"],
    ["ext 16", "c8 00 01 05 01", "0x01"],
    ["ext 32", "c9 00 00 00 01 05 01", "0x01"],
    ["timestamp 32", "d6 ff 69 55 b9 00", "2026-01-01T00:00:00Z"],
    ["timestamp 64", "d7 ff 77 35 94 00 69 55 b9 00", "2026-01-01T00:00:00.500Z"],
    ["timestamp 96", "c7 0c ff 00 00 00 01 ff ff ff ff ff ff ff ff", "1969-12-31T23:59:59.000000001Z"],
    ["a timestamp beyond the year 9999", "c7 0c ff 00 00 00 00 00 00 00 3f ff ff ff ff", "274877906943 s"],
  ];
  for (const [what, bytes, expected] of cases) {
    test(what, () => assert.equal(shown(read(bytes)), shown(expected)));
  }

  test("members named like those of objects are members", () => {
    const entries = Object.entries(read("82 a9 5f5f70726f746f5f5f 01 ab 636f6e7374727563746f72 02") as object);
    assert.deepEqual(entries, [
      ["__proto__", 1],
      ["constructor", 2],
    ]);
  });
});

describe("a damaged MessagePack record", () => {
  const cases: [what: string, bytes: string, message: RegExp][] = [
    ["is empty", "", /ends inside a value, at byte 0/],
    ["begins with the unused byte", "c1", /no value begins with the byte c1/],
    ["ends inside a text", "a3 66", /ends inside a value/],
    ["claims a text of 4 GiB", "db ff ff ff ff 00", /ends inside a value/],
    ["claims bytes of 4 GiB", "c6 ff ff ff ff 00", /ends inside a value/],
    ["claims 2^32 items", "dd ff ff ff ff 01 02", /ends inside a value/],
    ["claims 2^32 members", "df ff ff ff ff 01 02", /ends inside a value/],
    ["claims an extension of 4 GiB", "c9 ff ff ff ff 05 00", /ends inside a value/],
    ["has text that is not UTF-8", "a1 ff", /not UTF-8/],
    ["has a list as a name", "81 90 01", /a name in a map is no text/],
    ["has nil as a name", "81 c0 01", /a name in a map is no text/],
    ["has a timestamp of 5 bytes", "c7 05 ff 00 00 00 00 00", /a timestamp has 5 bytes/],
    ["has more bytes", "01 02", /1 bytes follow/],
  ];
  for (const [what, bytes, message] of cases) {
    test(what, () => assert.match(refusal(hex(bytes), readMsgpack) ?? "is read", message));
  }

  test("values may be nested to the limit, and no deeper", () => {
    assert.equal(refusal(hex(`${"91".repeat(VALUE_DEPTH_MAX)}c0`), readMsgpack), undefined);
    assert.match(refusal(hex(`${"91".repeat(VALUE_DEPTH_MAX + 1)}c0`), readMsgpack) ?? "is read", /nested more than/);
    assert.match(refusal(Buffer.alloc(1_000_000, 0x91), readMsgpack) ?? "is read", /nested more than/);
  });

  test("never fails but as a malformed record", (t) => {
    const seed = seedOf(t);
    for (const value of fc.sample(anyValue, { seed, numRuns: 40 })) {
      fuzz(encode(value, { useBigInt64: true }), seed, 200, (bytes) => refusal(bytes, readMsgpack));
    }
  });
});

const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    // The library writes -0 as the integer 0.
    fc.double().map((value) => (value === 0 ? 0 : value)),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(fc.string({ unit: "grapheme" }), tie("value"), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

/** The form in which integers are read: as numbers where a double holds them. */
function asRead(value: unknown): unknown {
  if (typeof value === "bigint") return value >= -(2n ** 53n) && value < 2n ** 53n ? Number(value) : value;
  if (Array.isArray(value)) return value.map(asRead);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asRead(item)]));
}

test("records that the library encoded are read as they were", (t) => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encode(value, { useBigInt64: true });
      assert.equal(shown(decoded(bytes, readMsgpack)), shown(asRead(value)));
    }),
    propertyOptions(t, 1000),
  );
});
