import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readerOfAvro } from "../../../src/mapping/formats/avro.ts";
import { VALUE_DEPTH_MAX, VALUES_MAX } from "../../../src/mapping/formats/record-cursor.ts";
import { propertyOptions, seedOf } from "../../support/seed.ts";
import { anyRecord, anyTyped, encoded } from "./avro-values.ts";
import { fuzz } from "./fuzz.ts";
import { decoded, refusal, shown } from "./trees.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const read = (schema: unknown, bytes: string | Uint8Array): unknown =>
  decoded(typeof bytes === "string" ? hex(bytes) : bytes, readerOfAvro(JSON.stringify(schema)));
const refused = (schema: unknown, bytes: string): string | undefined =>
  refusal(hex(bytes), readerOfAvro(JSON.stringify(schema)));

const PAIR = {
  type: "record",
  name: "test",
  fields: [
    { name: "a", type: "long" },
    { name: "b", type: "string" },
  ],
};
const SUITS = { type: "enum", name: "Suit", symbols: ["SPADES", "HEARTS", "DIAMONDS", "CLUBS"] };

describe("Avro values", () => {
  const cases: [what: string, schema: unknown, bytes: string, expected: unknown][] = [
    ["null", "null", "", null],
    ["false", "boolean", "00", false],
    ["true", "boolean", "01", true],
    ["int 0", "int", "00", 0],
    ["int -1", "int", "01", -1],
    ["int 1", "int", "02", 1],
    ["int -64", "int", "7f", -64],
    ["int 64", "int", "80 01", 64],
    ["the largest int", "int", "fe ff ff ff 0f", 2_147_483_647],
    ["the smallest int", "int", "ff ff ff ff 0f", -2_147_483_648],
    ["a long at 2^53 - 1", "long", "fe ff ff ff ff ff ff 1f", 9_007_199_254_740_991],
    ["a long above 2^53", "long", "82 80 80 80 80 80 80 20", 9_007_199_254_740_993n],
    ["the largest long", "long", "fe ff ff ff ff ff ff ff ff 01", 9_223_372_036_854_775_807n],
    ["the smallest long", "long", "ff ff ff ff ff ff ff ff ff 01", -9_223_372_036_854_775_808n],
    ["a float", "float", "cd cc cc 3d", 0.1],
    ["a float of 9 digits", "float", "01 00 80 3f", 1.0000001],
    ["the largest float", "float", "ff ff 7f 7f", 3.4028235e38],
    ["the smallest float", "float", "01 00 00 00", 1e-45],
    ["a double", "double", "9a 99 99 99 99 99 b9 3f", 0.1],
    ["a double that is no number", "double", "00 00 00 00 00 00 f8 7f", Number.NaN],
    ["bytes", "bytes", "06 00 ff 0a", "0x00ff0a"],
    ["no bytes", "bytes", "00", "0x"],
    ["the string of the specification", "string", "06 66 6f 6f", "foo"],
    ["a string that is not ASCII", "string", "0a e2 82 ac c3 a9", "€é"],
    ["the record of the specification", PAIR, "36 06 66 6f 6f", { a: 27, b: "foo" }],
    ["an enum", SUITS, "06", "CLUBS"],
    ["the array of the specification", { type: "array", items: "long" }, "04 06 36 00", [3, 27]],
    ["an array of two blocks", { type: "array", items: "long" }, "02 06 02 36 00", [3, 27]],
    ["a block with its size", { type: "array", items: "long" }, "03 04 06 36 00", [3, 27]],
    ["a map", { type: "map", values: "long" }, "04 02 61 06 02 62 36 00", { a: 3, b: 27 }],
    ["the union of the specification", ["null", "string"], "02 02 61", "a"],
    ["a union that is null", ["null", "string"], "00", null],
    ["fixed", { type: "fixed", name: "Md5", size: 4 }, "de ad be ef", "0xdeadbeef"],
    ["a decimal in bytes", { type: "bytes", logicalType: "decimal", precision: 9, scale: 2 }, "04 30 39", "123.45"],
    ["a negative decimal", { type: "bytes", logicalType: "decimal", precision: 9, scale: 4 }, "02 ff", "-0.0001"],
    ["a decimal without a scale", { type: "bytes", logicalType: "decimal", precision: 9 }, "04 30 39", "12345"],
    [
      "a decimal of 256 bits",
      { type: "fixed", name: "U256", size: 32, logicalType: "decimal", precision: 77, scale: 18 },
      `7f ${"ff".repeat(31)}`,
      "57896044618658097711785492504343953926634992332820282019728.792003956564819967",
    ],
    ["an empty decimal", { type: "bytes", logicalType: "decimal", precision: 9, scale: 2 }, "00", "0.00"],
    ["a big decimal", { type: "bytes", logicalType: "big-decimal" }, "08 04 30 39 04", "123.45"],
    ["a big decimal with a negative scale", { type: "bytes", logicalType: "big-decimal" }, "06 02 7b 03", "12300"],
    ["a date", { type: "int", logicalType: "date" }, "cc bf 02", "2026-01-01"],
    ["a date before 1970", { type: "int", logicalType: "date" }, "01", "1969-12-31"],
    ["a time of day", { type: "int", logicalType: "time-millis" }, "02", 1],
    ["timestamp-millis", { type: "long", logicalType: "timestamp-millis" }, "80 a0 d5 ed ee 66", 1_767_225_600_000],
    ["timestamp-micros", { type: "long", logicalType: "timestamp-micros" }, "02", 1],
    ["local-timestamp-millis", { type: "long", logicalType: "local-timestamp-millis" }, "02", 1],
    ["a uuid text", { type: "string", logicalType: "uuid" }, "02 61", "a"],
    [
      "a uuid of 16 bytes",
      { type: "fixed", name: "Id", size: 16, logicalType: "uuid" },
      "00112233445566778899aabbccddeeff",
      "00112233-4455-6677-8899-aabbccddeeff",
    ],
    ["an unknown logical type", { type: "long", logicalType: "wei" }, "02", 1],
    ["a type within a type", { type: { type: "long" } }, "02", 1],
  ];
  for (const [what, schema, bytes, expected] of cases) {
    test(what, () => {
      assert.equal(shown(read(schema, bytes)), shown(expected));
    });
  }

  test("names are resolved within their namespaces", () => {
    const schema = {
      type: "record",
      name: "trades.Trade",
      fields: [
        { name: "first", type: { type: "enum", name: "Side", symbols: ["buy", "sell"] } },
        { name: "second", type: "Side" },
        { name: "third", type: "trades.Side" },
        { name: "fourth", type: { type: "fixed", name: "Hash", namespace: "other", size: 1 } },
        { name: "fifth", type: "other.Hash" },
      ],
    };
    assert.deepEqual(
      { ...(read(schema, "00 02 00 aa bb") as object) },
      {
        first: "buy",
        second: "sell",
        third: "buy",
        fourth: "0xaa",
        fifth: "0xbb",
      },
    );
  });

  test("a type may contain itself", () => {
    const list = {
      type: "record",
      name: "List",
      fields: [
        { name: "v", type: "int" },
        { name: "next", type: ["null", "List"] },
      ],
    };
    assert.equal(JSON.stringify(read(list, "02 02 04 00")), '{"v":1,"next":{"v":2,"next":null}}');
  });

  test("types of other schemas are known", () => {
    const side = JSON.stringify({ type: "enum", name: "a.Side", symbols: ["buy", "sell"] });
    assert.equal(decoded(hex("02"), readerOfAvro('"a.Side"', [side])), "sell");
  });

  test("members named like those of objects are members", () => {
    const names = ["__proto__", "constructor", "toString"];
    const schema = { type: "record", name: "Odd", fields: names.map((name) => ({ name, type: "int" })) };
    assert.deepEqual(
      Object.entries(read(schema, "02 04 06") as object),
      names.map((name, i) => [name, i + 1]),
    );
  });
});

describe("a damaged Avro record", () => {
  const ARRAY = { type: "array", items: "null" };
  const cases: [what: string, schema: unknown, bytes: string, message: RegExp][] = [
    ["is empty", "long", "", /ends inside a number, at byte 0/],
    ["ends inside a number", "long", "80", /ends inside a number/],
    ["has a number of 11 bytes", "long", `${"80".repeat(10)}01`, /more than 10 bytes/],
    ["ends inside a text", "string", "06 66", /ends inside a value/],
    ["claims a text of 2^60 bytes", "string", "80 80 80 80 80 80 80 80 20", /ends inside a value/],
    ["claims 2^60 bytes", "bytes", "80 80 80 80 80 80 80 80 20", /ends inside a value/],
    [
      "claims 2^60 items of no bytes",
      ARRAY,
      "80 80 80 80 80 80 80 80 20",
      new RegExp(`more than ${VALUES_MAX} values`),
    ],
    ["claims 2^60 items", { type: "array", items: "int" }, "80 80 80 80 80 80 80 80 20", /more than/],
    ["claims 2^60 members", { type: "map", values: "int" }, "80 80 80 80 80 80 80 80 20", /more than/],
    ["has a negative length", "string", "01", /negative/],
    ["has text that is not UTF-8", "string", "02 ff", /not UTF-8/],
    ["has a boolean 2", "boolean", "02", /a boolean is the byte 2/],
    ["has an unknown symbol", SUITS, "08", /index 4/],
    ["has a negative symbol", SUITS, "01", /index -1/],
    ["has an unknown type of a union", ["null", "int"], "04", /a union of 2 types has the index 2/],
    ["has more bytes", "int", "02 00", /1 bytes follow/],
    ["has a huge decimal", { type: "bytes", logicalType: "decimal", precision: 9 }, "82 02", /has 129 bytes/],
    ["has a huge scale", { type: "bytes", logicalType: "big-decimal" }, "08 02 01 d2 0f", /scale 1001/],
    [
      "has a big decimal that ends early",
      { type: "bytes", logicalType: "big-decimal" },
      "08 02 01 02 00",
      /does not fill/,
    ],
  ];
  for (const [what, schema, bytes, message] of cases) {
    test(what, () => assert.match(refused(schema, bytes) ?? "is read", message));
  }

  test("values may be nested to the limit, and no deeper", () => {
    const list = { type: "record", name: "List", fields: [{ name: "next", type: ["null", "List"] }] };
    assert.equal(refused(list, `${"02".repeat(VALUE_DEPTH_MAX - 1)}00`), undefined);
    assert.match(refused(list, `${"02".repeat(VALUE_DEPTH_MAX)}00`) ?? "is read", /nested more than 100 deep/);
    const endless = { type: "record", name: "Self", fields: [{ name: "self", type: "Self" }] };
    assert.match(refused(endless, "") ?? "is read", /nested more than/);
  });

  test("never fails but as a malformed record", (t) => {
    const seed = seedOf(t);
    for (const record of fc.sample(anyRecord(3), { seed, numRuns: 40 })) {
      const reader = readerOfAvro(JSON.stringify(record.schema));
      fuzz(encoded(record), seed, 200, (bytes) => refusal(bytes, reader));
    }
  });
});

describe("an invalid Avro schema is refused", () => {
  const cases: [what: string, schema: string, message: RegExp][] = [
    ["no JSON", "{", /is not JSON/],
    ["an unknown type", '"Trade"', /the type Trade is not defined/],
    ["no type", "7", /7 is no type/],
    ["a type twice", JSON.stringify([SUITS, SUITS]), /the type Suit is defined twice/],
    ["a record without fields", '{"type":"record","name":"R"}', /has no fields/],
    ["a record without a name", '{"type":"record","fields":[]}', /has no name/],
    ["fixed without a size", '{"type":"fixed","name":"F"}', /has no size/],
    ["a scale of 1001", '{"type":"bytes","logicalType":"decimal","scale":1001}', /scale 1001/],
    ["deep types", `${'{"type":'.repeat(200)}"int"${"}".repeat(200)}`, /nested more than/],
    ["an array without items", '{"type":"array"}', /undefined is no type/],
  ];
  for (const [what, schema, message] of cases) {
    test(what, () => assert.throws(() => readerOfAvro(schema), { code: "bad_request", message }));
  }
});

test("records that avsc encoded are read as they were", (t) => {
  fc.assert(
    fc.property(anyTyped(3), (typed) => {
      assert.equal(shown(read(typed.schema, encoded(typed))), shown(typed.expected));
    }),
    propertyOptions(t, 1000),
  );
});
