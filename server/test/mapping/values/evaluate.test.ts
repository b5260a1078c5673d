import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Mapping } from "../../../src/mapping/language.ts";
import { NUMBER_CHARS_MAX, SCALE_MAX, TEXT_CHARS_MAX } from "../../../src/mapping/limits.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { evaluate, holds } from "../../../src/mapping/values/evaluate.ts";
import { presentText } from "../../../src/mapping/values/null-markers.ts";
import { propertyOptions } from "../../support/seed.ts";
import * as arbitrary from "../model/arbitraries.ts";
import { naiveHolds, naiveValue } from "../model/naive-values.ts";

const REQUIRED = {
  ...{
    chain_id: 1,
    tx_hash: "a",
    log_index: 0,
    token: "a",
    side: "a",
    amount_token: "a",
    amount_usd: "a",
    event_time: "a",
  },
};

function mappingOf(fields: object, more: object = {}): Mapping {
  return parseMapping(JSON.stringify({ ...more, swaps: [{ ...REQUIRED, ...fields }] }), "m.yaml");
}

/** Evaluates one field of a mapping over a record of texts. */
function fieldValue(
  name: string,
  expression: unknown,
  record: Record<string, string> = {},
  more: object = {},
): string | undefined {
  const mapping = mappingOf({ [name]: expression }, more);
  const nulls = new Set(mapping.nulls);
  const field = mapping.swaps[0]?.fields.find((candidate) => candidate.name === name);
  assert.ok(field);
  return evaluate(field.expression, (index) => presentText(record[mapping.references[index]?.name ?? ""], nulls));
}

const price = (expression: unknown, record?: Record<string, string>, more?: object): string | undefined =>
  fieldValue("price_usd", expression, record, more);
const who = (expression: unknown, record?: Record<string, string>): string | undefined =>
  fieldValue("who", expression, record);

test("null markers and spaces around a text mean an absent value", () => {
  for (const x of ["", "  ", "NULL", " null ", "\\N", "None\n"]) assert.equal(who("x", { x }), undefined);
  assert.equal(who("x", { x: " none " }), "none");
  assert.equal(fieldValue("who", "x", { x: "NULL" }, { nulls: ["-", " n/a "] }), "NULL");
  assert.equal(fieldValue("who", "x", { x: " n/a" }, { nulls: ["-", " n/a "] }), undefined);
  assert.equal(who({ value: "NULL" }), "NULL", "a constant is what it is");
});

test("arithmetic is exact", () => {
  assert.equal(
    price({ path: "x", scale: 18 }, { x: "123456789012345678901234567890" }),
    "123456789012.34567890123456789",
  );
  assert.equal(price({ path: "x", scale: "d" }, { x: "0x64", d: "2" }), "1");
  assert.equal(price({ add: ["x", "y", 1] }, { x: "0.1", y: "0.2" }), "1.3");
  assert.equal(price({ multiply: ["x", 1e-18] }, { x: "1e18" }), "1");
  assert.equal(price({ subtract: ["x", "y"] }, { x: "1", y: "1.000" }), "0");
  assert.equal(price({ divide: [1, 3] }), "0.333333333333333333");
  assert.equal(price({ divide: [2, 3] }), "0.666666666666666667");
  assert.equal(price({ divide: [5e-19, 1] }), "0", "half to even");
  assert.equal(price({ divide: [15e-19, 1] }), "0.000000000000000002", "half to even");
  assert.equal(price({ negate: { abs: "x" } }, { x: "-2" }), "-2");
  assert.equal(price({ path: "x", abs: true, negate: true }, { x: "-2" }), "2", "abs is applied behind negate");
});

test("a value is absent if an operand or a scale is absent, or a divisor is zero", () => {
  assert.equal(price({ add: ["x", "y"] }, { x: "1" }), undefined);
  assert.equal(price({ divide: ["x", "y"] }, { x: "1", y: "0.0" }), undefined);
  assert.equal(price({ path: "x", scale: "d" }, { x: "1" }), undefined);
  assert.equal(price({ path: "x", scale: "d", default: 7 }, { x: "1" }), "7");
  assert.equal(who({ concat: ["x", "y"] }, { x: "1" }), undefined);
});

test("an operation that cannot be done gives a text that is no number", () => {
  assert.equal(price({ multiply: ["x", 5] }, { x: "abc" }), "(abc * 5)");
  assert.equal(price({ path: "x", scale: "d" }, { x: "100", d: "1.5" }), "(100 / 10^1.5)");
  assert.equal(
    price({ path: "x", scale: "d" }, { x: "100", d: String(SCALE_MAX) }),
    `0.${"1".padStart(SCALE_MAX - 2, "0")}`,
  );
  assert.equal(price({ path: "x", scale: "d" }, { x: "100", d: String(SCALE_MAX + 1) }), `(100 / 10^${SCALE_MAX + 1})`);
  assert.equal(price({ negate: "x" }, { x: "abc" }), "(-abc)");
  assert.equal(price({ negate: "x" }, { x: "1".repeat(NUMBER_CHARS_MAX) }), `-${"1".repeat(NUMBER_CHARS_MAX)}`);
  assert.equal(
    price({ negate: "x" }, { x: "1".repeat(NUMBER_CHARS_MAX + 1) }),
    `(-${"1".repeat(NUMBER_CHARS_MAX + 1)})`,
  );
  assert.equal(price({ negate: "x" }, { x: "1e400" }), `-1${"0".repeat(400)}`);
  assert.equal(price({ negate: "x" }, { x: "1e401" }), "(-1e401)");
  assert.match(price({ multiply: Array(256).fill("x") }, { x: "1e400" }) ?? "", /^\(1e400 \* /);
});

test("the longest chain of operations ends at once, and its text is bounded", () => {
  const deep = (depth: number): unknown => (depth === 0 ? "x" : { multiply: Array(2).fill(deep(depth - 1)) });
  assert.match(price(deep(8), { x: "1e399" }) ?? "", /^\(/);
  const long = who({ concat: Array(200).fill("x") }, { x: "y".repeat(4000) });
  assert.equal(long?.length, TEXT_CHARS_MAX);
});

test("modifiers are applied in one order, whatever their order in the file", () => {
  const expression = {
    ...{ default: 1, abs: true, scale: 2, decimal: ",", values: { "1.000,50": "-2.000,50" }, lower: true },
    replace: { pattern: "X", with: "" },
    path: "x",
  };
  assert.equal(price(expression, { x: " X1.000,50" }), "20.005");
  assert.equal(price(expression, { x: "NULL" }), "1");
});

test("a value that `values` does not have stays, or becomes `otherwise`; an absent one stays absent", () => {
  const values = { B: "buy", S: "sell" };
  assert.equal(who({ path: "x", values }, { x: "B" }), "buy");
  assert.equal(who({ path: "x", values }, { x: "?" }), "?");
  assert.equal(who({ path: "x", values, otherwise: "none" }, { x: "?" }), "none");
  assert.equal(who({ path: "x", values, otherwise: "none" }, {}), undefined);
  assert.equal(who({ path: "x", values: { "": "empty" } }, {}), "empty", "the empty text stands for an absent value");
  assert.equal(who({ path: "x", values: { B: "" } }, { x: "B" }), undefined);
  assert.equal(who({ path: "x", values: { a: "b" } }, { x: "constructor" }), "constructor");
});

test("decimals are read as the mapping spells them, constants and results in plain notation", () => {
  const comma = { decimal: "," };
  assert.equal(price("x", { x: "1.234,5" }, comma), "1234.5");
  assert.equal(price("x", { x: "12.34" }, comma), "12.34", "no groups of three digits");
  assert.equal(price({ value: "1.234" }, {}, comma), "1.234");
  assert.equal(price({ add: ["x", 1.5] }, { x: "1.234,5" }, comma), "1236");
  assert.equal(price({ first: ["y", "x"] }, { x: "1'234,5" }, comma), "1234.5");
  assert.equal(price({ path: "x", decimal: "." }, { x: "1.234" }, comma), "1.234");
  assert.equal(price("x", { x: "1,234,567.8" }, { thousands: "," }), "1234567.8");
  assert.equal(price("x", { x: "1,23,567.8" }, { thousands: "," }), "1,23,567.8");
  for (const [name, expression] of [
    ["who", "x"],
    ["who", { concat: ["x"] }],
    ["who", { first: ["x"] }],
    ["event_time", { path: "x", time: "utc" }],
    ["log_index", "x"],
  ] as const) {
    assert.equal(fieldValue(name, expression, { x: "1.234,5" }, comma), "1.234,5", "only decimals are spelled");
  }
  assert.equal(fieldValue("who", { sign_of: "x", positive: "+", negative: "-" }, { x: "-1.234,5" }, comma), "-");
  assert.equal(
    price({ concat: ["x", { value: ",5" }] }, { x: "1.234" }, comma),
    "1234.5",
    "a whole that was put together",
  );
  const mapping = mappingOf({ when: "x > 1000" }, comma);
  assert.equal(
    holds(mapping.swaps[0]?.when ?? { kind: "any", of: [] }, (index) =>
      mapping.references[index]?.name === "x" ? "1.234,5" : undefined,
    ),
    true,
  );
});

test("the side of a swap comes from a sign", () => {
  const side = { sign_of: "x", positive: "sell", negative: "buy" };
  assert.deepEqual(
    ["-5", "0.1", "0", "abc", ""].map((x) => who(side, { x })),
    ["buy", "sell", "0", "abc", undefined],
  );
});

test("a hash depends on every text and its place, and is an integer for a field of integers", () => {
  // sha256(00000002 "ab" 00000001 "c"), and sha256(ffffffff 00000003 "äx").
  assert.equal(who({ hash: ["x", "y"] }, { x: "ab", y: "c" }), "f2939f903016e5bb29b1e4a61cdbd376");
  assert.equal(who({ hash: ["x", "y"] }, { y: "äx" }), "ad7398417b7b1deeff9c348c8f21af05");
  assert.equal(fieldValue("log_index", { hash: ["x", "y"] }, { x: "ab", y: "c" }), "1922277264");
  assert.notEqual(who({ hash: ["x", "y"] }, { x: "ab", y: "c" }), who({ hash: ["x", "y"] }, { x: "a", y: "bc" }));
  assert.notEqual(who({ hash: ["x", "y"] }, { x: "a" }), who({ hash: ["x", "y"] }, { y: "a" }));
  assert.equal(who({ hash: ["x", "y"] }, {}), undefined);
  assert.match(fieldValue("log_index", { first: [{ hash: ["x"] }] }, { x: "a" }) ?? "", /^[0-9]{1,10}$/);
  assert.match(fieldValue("log_index", { concat: [{ hash: ["x"] }] }, { x: "a" }) ?? "", /^[0-9a-f]{32}$/);
});

test("conditions compare numbers exactly and texts by equality", () => {
  const check = (when: unknown, x: string | undefined): boolean => {
    const mapping = mappingOf({ when });
    return holds(mapping.swaps[0]?.when ?? assert.fail(), (index) =>
      mapping.references[index]?.name === "x" ? x : undefined,
    );
  };
  for (const x of ["5", "5.00", "+5", "0.5e1", "0x5"]) {
    for (const operator of ["==", "<=", ">="]) assert.equal(check(`x ${operator} 5`, x), true, `${x} ${operator} 5`);
    for (const operator of ["!=", "<", ">"]) assert.equal(check(`x ${operator} 5`, x), false, `${x} ${operator} 5`);
    assert.equal(check("x in [4, '5.0']", x), true);
    assert.equal(check("x not in [4, 5]", x), false);
  }
  assert.equal(check("x > 9007199254740992", "9007199254740993"), true);
  assert.equal(check("x < 0.30000000000000000001", "0.3"), true);
  for (const operator of ["<", "<=", ">", ">=", "=="]) {
    assert.equal(check(`x ${operator} 5`, "abc"), false);
    assert.equal(check(`x ${operator} 5`, undefined), false);
  }
  assert.equal(check("x != 5", undefined), true);
  assert.equal(check("x not in [5]", undefined), true);
  assert.equal(check("x == Buy", "buy"), false);
  assert.equal(check("x == 'it''s'", "it's"), true);
  assert.equal(check('x in [a, "b, c"]', "b, c"), true);
  assert.equal(check("x exists", "5"), true);
  assert.equal(check("x missing", "5"), false);
  assert.equal(check("y missing", "5"), true);
  assert.equal(check(["x > 4", "x < 6"], "5"), true);
  assert.equal(check(["x > 4", "x < 5"], "5"), false);
  assert.equal(check({ any: ["x > 5", { not: "x == 4" }] }, "5"), true);
  assert.equal(check({ not: { all: ["x == 5", "y missing"] } }, "5"), false);
});

test("expressions have the values of the model", (t) => {
  const kinds = { who: "text", price_usd: "decimal", event_time: "time", log_index: "text" } as const;
  const name = fc.constantFrom("who", "price_usd", "event_time", "log_index" as const) as fc.Arbitrary<
    keyof typeof kinds
  >;
  const expression = name.chain((field) => fc.tuple(fc.constant(field), arbitrary.expression(kinds[field])));
  const texts = fc.array(fc.oneof(arbitrary.text, arbitrary.numberText), { minLength: 64, maxLength: 64 });
  const spelling = fc.constantFrom({}, { decimal: "," }, { thousands: "," }, { decimal: ",", thousands: "'" });
  fc.assert(
    fc.property(expression, texts, spelling, ([field, given], values, more) => {
      const mapping = mappingOf({ [field]: given }, more);
      const nulls = new Set(mapping.nulls);
      const lookup = (index: number): string | undefined => presentText(values[index % values.length], nulls);
      const { expression: parsed } =
        mapping.swaps[0]?.fields.find((candidate) => candidate.name === field) ?? assert.fail();
      assert.equal(evaluate(parsed, lookup), naiveValue(parsed, lookup));
    }),
    propertyOptions(t, 2_000),
  );
});

test("conditions hold when they hold in the model", (t) => {
  const texts = fc.array(fc.oneof(arbitrary.text, arbitrary.numberText), { minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(arbitrary.condition, texts, fc.constantFrom({}, { decimal: "," }), (when, values, more) => {
      const mapping = mappingOf({ when }, more);
      const nulls = new Set(mapping.nulls);
      const lookup = (index: number): string | undefined => presentText(values[index % values.length], nulls);
      const parsed = mapping.swaps[0]?.when ?? assert.fail();
      assert.equal(holds(parsed, lookup), naiveHolds(parsed, lookup));
    }),
    propertyOptions(t, 1_000),
  );
});
