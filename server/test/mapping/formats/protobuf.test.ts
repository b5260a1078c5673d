import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import protobufjs from "protobufjs";
import { type MessagePlan, readMessage } from "../../../src/mapping/formats/protobuf.ts";
import { readProtobufSchema, STATEMENTS_MAX } from "../../../src/mapping/formats/protobuf-schema.ts";
import { VALUE_DEPTH_MAX } from "../../../src/mapping/formats/record-cursor.ts";
import { propertyOptions, seedOf } from "../../support/seed.ts";
import { fuzz } from "./fuzz.ts";
import { decoded, refusal, shown } from "./trees.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const NO_IMPORTS = (): undefined => undefined;

function planOf(body: string, syntax = 'syntax = "proto3";'): MessagePlan {
  const plan = readProtobufSchema(`${syntax} ${body}`, NO_IMPORTS).byIndexes([0]);
  assert.ok(plan !== undefined);
  return plan;
}
const read = (plan: MessagePlan, bytes: Uint8Array): unknown => decoded(bytes, (cursor) => readMessage(cursor, plan));
const refused = (plan: MessagePlan, bytes: Uint8Array): string | undefined =>
  refusal(bytes, (cursor) => readMessage(cursor, plan));

describe("Protobuf values", () => {
  const cases: [type: string, bytes: string, expected: unknown][] = [
    ["int32", "08 96 01", 150],
    ["int32", "08 ff ff ff ff ff ff ff ff ff 01", -1],
    ["int32", "08 80 80 80 80 f8 ff ff ff ff 01", -2_147_483_648],
    ["int64", "08 ff ff ff ff ff ff ff 0f", 9_007_199_254_740_991],
    ["int64", "08 81 80 80 80 80 80 80 10", 9_007_199_254_740_993n],
    ["int64", "08 ff ff ff ff ff ff ff ff 7f", 9_223_372_036_854_775_807n],
    ["int64", "08 80 80 80 80 80 80 80 80 80 01", -9_223_372_036_854_775_808n],
    ["uint32", "08 ff ff ff ff 0f", 4_294_967_295],
    ["uint64", "08 ff ff ff ff ff ff ff ff ff 01", 18_446_744_073_709_551_615n],
    ["sint32", "08 03", -2],
    ["sint32", "08 ff ff ff ff 0f", -2_147_483_648],
    ["sint64", "08 fe ff ff ff ff ff ff ff ff 01", 9_223_372_036_854_775_807n],
    ["sint64", "08 ff ff ff ff ff ff ff ff ff 01", -9_223_372_036_854_775_808n],
    ["bool", "08 01", true],
    ["fixed32", "0d ff ff ff ff", 4_294_967_295],
    ["sfixed32", "0d ff ff ff ff", -1],
    ["fixed64", "09 ff ff ff ff ff ff ff ff", 18_446_744_073_709_551_615n],
    ["sfixed64", "09 ff ff ff ff ff ff ff ff", -1],
    ["float", "0d cd cc cc 3d", 0.1],
    ["double", "09 9a 99 99 99 99 99 b9 3f", 0.1],
    ["double", "09 00 00 00 00 00 00 f0 7f", Number.POSITIVE_INFINITY],
    ["string", "0a 07 74 65 73 74 69 6e 67", "testing"],
    ["string", "0a 03 e2 82 ac", "€"],
    ["bytes", "0a 03 00 ff 0a", "0x00ff0a"],
    ["repeated int32", "0a 06 03 8e 02 9e a7 05", [3, 270, 86_942]],
    ["repeated int32", "08 03 08 8e 02", [3, 270]],
    ["repeated int32", "08 03 0a 01 04", [3, 4]],
    ["repeated string", "0a 01 61 0a 00", ["a", ""]],
    ["map<string, int64>", "0a 05 0a 01 61 10 05", { a: 5 }],
    ["map<string, int64>", "0a 05 0a 01 61 10 05 0a 03 0a 01 61", { a: 0 }],
    ["map<uint64, string>", "0a 0b 08 ff ff ff ff ff ff ff ff ff 01", { "18446744073709551615": "" }],
    ["map<bool, bool>", "0a 02 10 01", { false: true }],
  ];
  for (const [type, bytes, expected] of cases) {
    test(`${type} from ${bytes}`, () => {
      assert.equal(shown(read(planOf(`message M { ${type} v = 1; }`), hex(bytes))), shown({ v: expected }));
    });
  }

  test("enums are read by name, unknown numbers stay numbers", () => {
    const plan = planOf(
      "message M { Side v = 1; } enum Side { option allow_alias = true; NONE = 0; BUY = 1; LONG = 1; SELL = -1; }",
    );
    assert.equal(shown(read(plan, hex("08 01"))), shown({ v: "BUY" }));
    assert.equal(shown(read(plan, hex("08 ff ff ff ff ff ff ff ff ff 01"))), shown({ v: "SELL" }));
    assert.equal(shown(read(plan, hex("08 07"))), shown({ v: 7 }));
    assert.equal(shown(read(plan, hex(""))), shown({ v: "NONE" }));
  });

  test("fields of proto3 that are not written have their zero, those with presence are absent", () => {
    const plan =
      planOf(`message M { int32 a = 1; string b = 2; bytes c = 3; bool d = 4; double e = 5; repeated int32 f = 6;
      map<string, int32> g = 7; optional int32 h = 8; M i = 9; oneof kind { int32 j = 10; string k = 11; } }`);
    const zeros = { a: 0, b: "", c: "0x", d: false, e: 0, f: [], g: {} };
    assert.equal(shown(read(plan, hex(""))), shown(zeros));
    assert.equal(shown(read(plan, hex("40 00"))), shown({ ...zeros, h: 0 }));
  });

  test("fields of proto2 that are not written have their declared default, or are absent", () => {
    const plan = planOf(
      `message M { optional int32 a = 1; optional int32 b = 2 [default = -7]; optional string c = 3 [default = "x"]; required int32 d = 4;
      optional E e = 5 [default = TWO]; optional bool f = 6 [default = true]; optional int64 g = 7 [default = 9223372036854775807]; }
      enum E { ONE = 1; TWO = 2; }`,
      'syntax = "proto2";',
    );
    assert.equal(shown(read(plan, hex(""))), shown({ b: -7, c: "x", e: "TWO", f: true }));
  });

  test("presence of editions is that of their features", () => {
    const plan = planOf(
      "message M { int32 a = 1; int32 b = 2 [features.field_presence = IMPLICIT]; }",
      'edition = "2023";',
    );
    assert.equal(shown(read(plan, hex(""))), shown({ b: 0 }));
  });

  test("of a oneof the last value counts", () => {
    const plan = planOf("message M { oneof kind { int32 a = 1; string b = 2; M c = 3; } }");
    assert.equal(shown(read(plan, hex("08 01 12 01 61"))), shown({ b: "a" }));
    assert.equal(shown(read(plan, hex("12 01 61 08 01"))), shown({ a: 1 }));
    assert.equal(shown(read(plan, hex("1a 02 08 01 1a 03 12 01 61"))), shown({ c: { b: "a" } }));
  });

  test("parts of one message are merged, the last of other values counts", () => {
    const plan = planOf("message M { M m = 1; int32 a = 2; repeated int32 l = 3; }");
    const expected = { m: { a: 5, l: [1, 2] }, a: 4, l: [] };
    assert.equal(shown(read(plan, hex("0a 04 10 07 18 01 0a 04 10 05 18 02 10 03 10 04"))), shown(expected));
  });

  test("unknown fields of every wire type are skipped", () => {
    const plan = planOf("message M { int32 v = 1; }");
    const unknown = "10 96 01 19 00 00 00 00 00 00 00 00 22 02 08 01 2d 00 00 00 00 33 08 05 3b 3c 34";
    assert.equal(shown(read(plan, hex(`${unknown} 08 01`))), shown({ v: 1 }));
    // A value of another wire type than the field's is unknown as well.
    assert.equal(shown(read(plan, hex("0a 01 05 0d 00 00 00 00"))), shown({ v: 0 }));
  });

  test("well-known messages become one value", () => {
    const plan = planOf(`import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
      import "google/type/decimal.proto"; import "confluent/type/decimal.proto"; import "google/protobuf/struct.proto";
      message M { google.protobuf.Timestamp time = 1; google.protobuf.UInt64Value wrapped = 2; google.protobuf.StringValue text = 3;
        google.type.Decimal decimal = 4; confluent.type.Decimal exact = 5; repeated google.protobuf.Timestamp times = 6;
        map<string, google.protobuf.BoolValue> flags = 7; google.protobuf.Struct more = 8; }`);
    const record =
      "0a 0c 08 80 f2 d6 ca 06 10 80 ca b5 ee 01 12 0b 08 ff ff ff ff ff ff ff ff ff 01 1a 00 22 05 0a 03 31 2e 35 2a 06 0a 02 cf c7 18 02 32 00 32 02 08 01 3a 05 0a 01 61 12 00 42 0c 0a 0a 0a 01 61 12 05 1a 03 66 6f 6f";
    assert.equal(
      shown(read(plan, hex(record))),
      shown({
        time: "2026-01-01T00:00:00.500Z",
        wrapped: 18_446_744_073_709_551_615n,
        text: "",
        decimal: { value: "1.5" },
        exact: "-123.45",
        times: ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"],
        flags: { a: false },
        more: { fields: { a: { string_value: "foo" } } },
      }),
    );
    assert.equal(
      shown(read(plan, hex("0a 02 08 01 0a 02 10 01"))),
      shown({ time: "1970-01-01T00:00:01.000000001Z", times: [], flags: {} }),
    );
  });

  test("members named like those of objects are members", () => {
    const plan = planOf("message M { int32 constructor = 1; int32 toString = 2; int32 hasOwnProperty = 3; }");
    assert.equal(shown(read(plan, hex("08 01 10 02"))), shown({ constructor: 1, toString: 2, hasOwnProperty: 0 }));
  });
});

describe("a damaged Protobuf record", () => {
  const plan = planOf(
    "message M { int32 i = 1; string s = 2; M m = 3; repeated fixed32 f = 4; double d = 5; map<string, M> map = 6; }",
  );
  const cases: [what: string, bytes: string, message: RegExp][] = [
    ["ends inside a tag", "80", /ends inside a number/],
    ["ends inside a number", "08 80", /ends inside a number/],
    ["has a number of 11 bytes", `08 ${"80".repeat(10)} 01`, /more than 10 bytes/],
    ["ends inside a text", "12 05 61", /ends inside a value/],
    ["claims a text of 2^60 bytes", "12 80 80 80 80 80 80 80 80 10", /ends inside a value/],
    ["claims a message of 2^60 bytes", "1a 80 80 80 80 80 80 80 80 10", /ends inside a value/],
    ["claims 2^60 bytes of packed values", "22 80 80 80 80 80 80 80 80 10", /ends inside a value/],
    ["claims an unknown field of 2^60 bytes", "7a 80 80 80 80 80 80 80 80 10", /ends inside a value/],
    ["ends inside a double", "29 00", /ends inside a value/],
    ["has half a packed value", "22 05 00 00 00 00 00", /ends inside a value/],
    ["has a message that ends inside a value", "1a 02 12 05 61 61 61 61 61", /ends inside a value/],
    ["has text that is not UTF-8", "12 01 ff", /not UTF-8/],
    ["has the field 0", "00 01", /invalid number/],
    ["has a field beyond 2^29", "80 80 80 80 80 01 01", /invalid number/],
    ["has the wire type 6", "0e", /wire type 6/],
    ["has the wire type 7", "0f", /wire type 7/],
    ["ends a group that did not begin", "0c", /wire type 4/],
    ["has a group without its end", "7b 08 01", /ends inside a number/],
    ["has a group that ends as another", "7b 74", /the group 15 ends as the group 14/],
  ];
  for (const [what, bytes, message] of cases) {
    test(what, () => assert.match(refused(plan, hex(bytes)) ?? "is read", message));
  }

  test("messages and groups may be nested to the limit, and no deeper", () => {
    const nested = (depth: number): Buffer => {
      let bytes = Buffer.alloc(0);
      for (let i = 0; i < depth; i++)
        bytes = Buffer.concat([hex("1a"), Buffer.from([(bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes]);
      return bytes;
    };
    assert.equal(refused(plan, nested(VALUE_DEPTH_MAX - 1)), undefined);
    assert.match(refused(plan, nested(VALUE_DEPTH_MAX)) ?? "is read", /nested more than/);
    assert.match(refused(plan, Buffer.alloc(100_000, 0x7b)) ?? "is read", /nested more than/);
  });

  test("messages of many fields and few bytes are limited", () => {
    const fields = Array.from({ length: 1000 }, (_, i) => `int32 f${i} = ${i + 2};`).join(" ");
    const wide = planOf(`message M { repeated M m = 1; ${fields} }`);
    assert.match(
      refused(wide, Buffer.concat(Array.from({ length: 3000 }, () => hex("0a 00")))) ?? "is read",
      /more than \d+ values/,
    );
  });

  test("a group of the schema is refused", () => {
    const grouped = planOf("message M { optional group G = 1 { optional int32 a = 2; } }", 'syntax = "proto2";');
    assert.match(refused(grouped, hex("0b 10 01 0c")) ?? "is read", /it has a group, which is not supported/);
  });

  test("never fails but as a malformed record", (t) => {
    const seed = seedOf(t);
    for (const value of fc.sample(anyMessage, { seed, numRuns: 40 })) {
      fuzz(TYPE.encode(TYPE.create(value)).finish(), seed, 200, (bytes) => refused(PLAN, bytes));
    }
  });
});

describe("Protobuf schemas", () => {
  test("messages are found by name, and by the indexes of frames", () => {
    const schema = readProtobufSchema(
      'syntax = "proto3"; package a.b; enum First { X = 0; } message A { message C { int32 c = 1; } enum E { Y = 0; } message D { int32 d = 1; } } message B { int32 b = 1; }',
      NO_IMPORTS,
    );
    const namesOf = (plan: MessagePlan | undefined): readonly string[] | undefined => plan?.shape.names;
    assert.deepEqual(namesOf(schema.byIndexes([1])), ["b"]);
    assert.deepEqual(namesOf(schema.byIndexes([0, 0])), ["c"]);
    assert.deepEqual(namesOf(schema.byIndexes([0, 1])), ["d"]);
    assert.deepEqual(namesOf(schema.byName("a.b.A.D")), ["d"]);
    assert.deepEqual(namesOf(schema.byName("B")), ["b"]);
    for (const indexes of [[], [2], [-1], [0, 2], [1, 0], [0.5]]) assert.equal(schema.byIndexes(indexes), undefined);
    assert.equal(schema.byName("First"), undefined);
    assert.equal(schema.byName("Nothing"), undefined);
  });

  test("types of imported files are known, and their messages have no indexes", () => {
    const texts = new Map([
      [
        "common/token.proto",
        'syntax = "proto3"; package a; import "other.proto"; message Token { other.Chain chain = 1; }',
      ],
      ["other.proto", 'syntax = "proto3"; package other; message Chain { uint32 id = 1; }'],
    ]);
    const schema = readProtobufSchema(
      'syntax = "proto3"; package a; import "common/token.proto"; import "options.proto"; message Trade { Token token = 1; }',
      (name) => texts.get(name),
    );
    const plan = schema.byIndexes([0]);
    assert.ok(plan !== undefined);
    assert.equal(shown(read(plan, hex("0a 04 0a 02 08 05"))), shown({ token: { chain: { id: 5 } } }));
    assert.equal(schema.byIndexes([1]), undefined);
  });

  test("have statements up to a limit, with those of their imports", () => {
    // The syntax, an import and a field of its own.
    const other = `syntax = "proto3"; message O { reserved 1${";".repeat(STATEMENTS_MAX - 4)} }`;
    const schema = (more: string): string => `syntax = "proto3"; import "o.proto"; message M { int32 a = 1; ${more} }`;
    readProtobufSchema(schema(""), () => other);
    assert.throws(() => readProtobufSchema(schema(";"), () => other), {
      code: "bad_request",
      message: /more than 4000 statements/,
    });
  });

  const cases: [what: string, schema: string, message: RegExp][] = [
    ["no schema", "{", /cannot be used/],
    ["an unknown edition", 'edition = "1999";', /1999/],
    [
      "an unknown type",
      'syntax = "proto3"; import "x.proto"; message M { Foo f = 1; }',
      /Foo.*it imports x\.proto, which is not known here/,
    ],
    ["deep messages", `syntax = "proto3"; ${"message M {".repeat(10_000)}`, /cannot be used/],
  ];
  for (const [what, schema, message] of cases) {
    test(`${what} is refused`, () => {
      assert.throws(() => readProtobufSchema(schema, NO_IMPORTS), { code: "bad_request", message });
    });
  }
});

const SCALARS: Readonly<Record<string, fc.Arbitrary<number | bigint | string | boolean>>> = {
  int32: fc.integer(),
  sint32: fc.integer(),
  sfixed32: fc.integer(),
  uint32: fc.nat(4_294_967_295),
  fixed32: fc.nat(4_294_967_295),
  int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  sint64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  sfixed64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fixed64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  double: fc.double(),
  bool: fc.boolean(),
  string: fc.string({ unit: "grapheme" }),
};
const FIELDS = Object.keys(SCALARS).map(
  (type, i) => `${type} ${type}_one = ${i + 1}; repeated ${type} ${type}_many = ${i + 50};`,
);
const TEXT = `syntax = "proto3"; message M { ${FIELDS.join(" ")} repeated M inner = 100; map<string, M> named = 101; }`;
const TYPE = protobufjs.parse(TEXT, { keepCase: true }).root.lookupType("M");
const PLAN = readProtobufSchema(TEXT, NO_IMPORTS).byIndexes([0]) as MessagePlan;

type Fields = Record<string, unknown>;
const { message: anyMessage } = fc.letrec<{ message: Fields }>((tie) => ({
  message: fc
    .tuple(
      fc.record(Object.fromEntries(Object.entries(SCALARS).map(([type, one]) => [`${type}_one`, one])), {
        requiredKeys: [],
      }),
      fc.record(
        Object.fromEntries(
          Object.entries(SCALARS).map(([type, one]) => [`${type}_many`, fc.array(one, { maxLength: 4 })]),
        ),
        {
          requiredKeys: [],
        },
      ),
      fc.oneof({ maxDepth: 2 }, fc.constant([]), fc.array(tie("message"), { maxLength: 2 })),
      fc.oneof(
        { maxDepth: 2 },
        fc.constant({}),
        fc.dictionary(fc.string({ maxLength: 5 }), tie("message"), { maxKeys: 2, noNullPrototype: true }),
      ),
    )
    .map(([ones, many, inner, named]) => ({ ...ones, ...many, inner, named })),
}));

/** All fields in their order, with the zeros of those that are not given, and integers as numbers where a double holds them. */
function asRead(message: Fields): Fields {
  const exact = (value: unknown): unknown =>
    typeof value === "bigint" && value >= -(2n ** 53n) && value < 2n ** 53n ? Number(value) : value;
  const read: Fields = {};
  for (const type of Object.keys(SCALARS)) {
    const zero = type === "bool" ? false : type === "string" ? "" : 0;
    const one = exact(message[`${type}_one`] ?? zero);
    read[`${type}_one`] = one;
    read[`${type}_many`] = ((message[`${type}_many`] ?? []) as unknown[]).map(exact);
  }
  read.inner = (message.inner as Fields[]).map(asRead);
  read.named = Object.fromEntries(
    Object.entries(message.named as Record<string, Fields>).map(([name, item]) => [name, asRead(item)]),
  );
  return read;
}

/** The library takes 64 bits as two halves. */
function forLibrary(message: Fields): Fields {
  const half = (value: bigint): number => Number(BigInt.asIntN(32, value));
  const long = (value: unknown): unknown =>
    typeof value === "bigint" ? { low: half(value), high: half(value >> 32n), unsigned: value >= 2n ** 63n } : value;
  return Object.fromEntries(
    Object.entries(message).map(([name, value]) => {
      if (name === "inner") return [name, (value as Fields[]).map(forLibrary)];
      if (name === "named")
        return [
          name,
          Object.fromEntries(
            Object.entries(value as Record<string, Fields>).map(([key, item]) => [key, forLibrary(item)]),
          ),
        ];
      return [name, Array.isArray(value) ? value.map(long) : long(value)];
    }),
  );
}

test("records that protobufjs encoded are read as they were", (t) => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = TYPE.encode(TYPE.create(forLibrary(message))).finish();
      assert.equal(shown(read(PLAN, bytes)), shown(asRead(message)));
    }),
    propertyOptions(t, 500),
  );
});
