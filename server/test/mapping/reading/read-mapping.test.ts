import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  ALIASES_MAX,
  CONSTANT_CHARS_MAX,
  DEPTH_MAX,
  LIST_MAX,
  MAPPING_BYTES_MAX,
  PATH_INDEX_MAX,
  PATH_STEPS_MAX,
  REFERENCE_CHARS_MAX,
  REFERENCES_MAX,
  SWAPS_PER_ELEMENT_MAX,
  VALUES_MAX,
} from "../../../src/mapping/limits.ts";
import { parseMapping, readMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { propertyOptions } from "../../support/seed.ts";
import * as arbitrary from "../model/arbitraries.ts";
import { mappingText, problemsOf } from "./mappings.ts";

const EXAMPLES = ["binance-trades", "dune-trades", "eth-dex", "solana-trades"];
const exampleText = (name: string): string =>
  readFileSync(new URL(`../../../../docs/mappings/${name}/mapping.yaml`, import.meta.url), "utf8");

test("the mappings of tables are read", () => {
  for (const name of EXAMPLES) parseMapping(exampleText(name), name);
  const { columns, swaps, nulls, format, each } = parseMapping(exampleText("binance-trades"), "m.yaml");
  assert.deepEqual(
    [columns?.length, swaps.length, nulls, format, each],
    [7, 1, ["", "\\N", "NULL", "null", "None"], undefined, undefined],
  );
  const side = swaps[0]?.fields.find(({ name }) => name === "side");
  assert.equal(side?.place, "swaps[0].side");
  assert.deepEqual(
    [...(side?.expression.values ?? [])],
    [
      ["True", "sell"],
      ["true", "sell"],
      ["False", "buy"],
      ["false", "buy"],
    ],
  );
});

test("all problems are listed, each with its line and place", () => {
  const text = `formt: json
swap: 3
each: trades[*]
when: "a = b"
swaps:
  - chain_id: 1
    tx_hsh: a
    token: {path: a, vlaues: {}}
    side: {first: [a, "$.x[*]"]}
    who: {first: [a], path: b}
    amount_token: {path: x, scale: 256}
    amount_usd: "@tiemstamp"
    event_time: {path: t, time: "secnds"}
    log_index:
      path: a
      replace:
        - pattern: "x"
        - pattern: "(?=a)"
    price_usd: {multiply: []}
    pool: {path: p, time: utc}
    removed: [a]`;
  const lines = problemsOf(text);
  const expected = [
    /^line 1: formt: is not a key; .* \(did you mean format\?\)$/,
    /^line 2: swap: is not a key; .* \(did you mean swaps\?\)$/,
    /^line 3: each: must be a path from the root of the record, such as \$\.trades\[\*\]$/,
    /^line 4: when: has =; write == to compare$/,
    /^line 7: swaps\[0\]\.tx_hsh: is not a field of a swap \(did you mean tx_hash\?\)$/,
    /^line 8: swaps\[0\]\.token\.vlaues: is not a source or a modifier of a value \(did you mean values\?\)$/,
    /^line 9: swaps\[0\]\.side\.first\[1\]: \$\.x\[\*\] has \[\*\], and the mapping has no valid `each`; write `each: \$\.x\[\*\]` to map each element$/,
    /^line 10: swaps\[0\]\.who: has first and path; a value has one source, so put one into the other$/,
    /^line 11: swaps\[0\]\.amount_token\.scale: must be a whole number of places from -255 to 255, or /,
    /^line 12: swaps\[0\]\.amount_usd: @tiemstamp is none of .* \(did you mean @timestamp\?\); a member of that name is \$\['@tiemstamp'\]$/,
    /^line 13: swaps\[0\]\.event_time\.time: is none of .* \(did you mean seconds\?\)/,
    /^line 18: swaps\[0\]\.log_index\.replace\[1\]\.pattern: is no regular expression of the linear kind/,
    /^line 19: swaps\[0\]\.price_usd\.multiply: must have 1 to 256 elements, and has 0$/,
    /^line 20: swaps\[0\]\.pool\.time: belongs to fields that are times/,
    /^line 21: swaps\[0\]\.removed: must be the name of a member or column, /,
    /^line 6: swaps\[0\]: lacks tx_hash; every swap needs it$/,
  ];
  assert.equal(lines.length, expected.length, lines.join("\n"));
  for (const [index, pattern] of expected.entries()) assert.match(lines[index] ?? "", pattern);
});

test("each member of the language is checked", () => {
  const one = (field: string, ...head: string[]): string => {
    const problems = problemsOf(mappingText([field], head));
    assert.equal(problems.length, 1, problems.join("\n"));
    return problems[0] ?? "";
  };
  assert.match(one("who: {value: x, lower: true}"), /who: has a value, so it has nothing else/);
  assert.match(one("who: {lower: true}"), /who: needs a source/);
  assert.match(one("who: {path: a, otherwise: b}"), /otherwise: stands beside `values`/);
  assert.match(one("who: {path: a, positive: b}"), /positive: belongs to sign_of/);
  assert.match(one("who: {sign_of: a, positive: b}"), /sign_of: needs negative/);
  assert.match(one("who: {subtract: [a]}"), /subtract: must have 2 elements, and has 1/);
  assert.match(one("who: {choose: [{when: a exists}]}"), /choose\[0\]: must have when and then, or else alone/);
  assert.match(
    one("who: {choose: [{else: a}, {when: a exists, then: b}]}"),
    /choose\[0\]\.else: must be the last case/,
  );
  assert.match(one("who: {value: [1]}"), /who\.value: must be a text, a number, true or false/);
  assert.match(one("who: .nan"), /who: must be a text, a number, true or false/);
  assert.match(one("who: {path: 5}"), /who\.path: must be the name of a member or column/);
  assert.match(one('who: ""'), /who: is empty/);
  assert.match(one("who: {path: a, path: b}"), /who\.path: occurs twice/);
  assert.match(one("who: {? [a] : b, path: a}"), /who: has a key that is not text/);
  assert.match(one("event_time: {path: a, time: yyyy-MM}"), /time: has no day; a pattern is written like/);
  assert.match(
    one("event_time: {path: a, time: yyyy-MM-dd, zone: Mars/Olympus}"),
    /zone: must be the name of a time zone/,
  );
  assert.match(one("event_time: {path: a, time: utc, zone: UTC}"), /zone: stands beside a pattern of `time`/);
  assert.match(one("price_usd: {path: a, decimal: ;}"), /decimal: must be "\." or ","/);
  assert.match(one("price_usd: {path: a, thousands: .}"), /thousands: must be the one sign between thousands/);
  assert.match(one("who: a", "format: xml"), /format: must be one of json, csv/);
  assert.match(
    one("who: a", "format: json", "schema: a.avsc"),
    /schema: belongs to the format avro, protobuf, json_schema; the format is json/,
  );
  assert.match(one("who: a", "message: A"), /message: belongs to the format protobuf; the format is not set/);
  assert.match(one("who: a", "delimiter: ab"), /delimiter: must be one character/);
  assert.match(one("who: a", "ignore_case: 1"), /ignore_case: must be true or false/);
  assert.match(one("who: a", "columns: [a, [b]]"), /columns\[1\]: must be a text/);
  assert.match(one("who: a", "nulls: none"), /nulls: must be a list/);
  assert.match(one("who: a", "each: $.a"), /each: names no elements; write \$\.a\[\*\]/);
  assert.match(one("who: a", "each: $..a[*]"), /each: is no path at `\.\.a/);
  assert.match(
    one("who: $.a[*].b"),
    /who: \$\.a\[\*\]\.b has \[\*\], and the mapping has no valid `each`; write `each: \$\.a\[\*\]`/,
  );
  assert.match(problemsOf("swaps: {}")[0] ?? "", /^line 1: swaps: must be a list of 1 to 64 swaps/);
  assert.match(problemsOf("a\n b: c: d")[0] ?? "", /^line [12]: is not valid YAML: /);
  assert.match(problemsOf("")[0] ?? "", /must be a mapping with a list `swaps`/);
});

test("conditions are checked", () => {
  const one = (condition: unknown): string => {
    const problems = problemsOf(mappingText([], [`when: ${JSON.stringify(condition)}`]));
    assert.equal(problems.length, 1, problems.join("\n"));
    return problems[0] ?? "";
  };
  assert.match(one("a"), /when: has no comparison; write REF == VALUE/);
  assert.match(one("a <"), /when: has no value to compare with/);
  assert.match(one("a < b"), /when: compares with b, which is no number/);
  assert.match(one("== b"), /when: is empty; write the name of a member/);
  assert.match(one("a in [b, ]"), /when: has no value to compare with/);
  assert.match(one("a in []"), /when: has no value to compare with/);
  assert.match(one("a == b, c"), /when: has b, c, which is no value; put text with other signs into '...'/);
  assert.match(one("a == 'b"), /when: has 'b, which is no value/);
  assert.match(one({ some: ["a == b"] }), /when\.some: is not any, all or not/);
  assert.match(one({ not: "a = b" }), /when\.not: has =; write ==/);
  assert.match(one({ any: "a == b" }), /when\.any: must be a list of conditions/);
  assert.match(one(true), /when: must be a text such as/);
});

test("references are parsed into steps", () => {
  const steps = (text: string): unknown => {
    const { references } = parseMapping(mappingText([`who: ${JSON.stringify(text)}`]), "m.yaml");
    const reference = references.find(({ name }) => name === text);
    return reference !== undefined && "steps" in reference ? [reference.of, ...reference.steps] : reference;
  };
  assert.deepEqual(steps("a.b[0].c"), ["element", "a", "b", 0, "c"]);
  assert.deepEqual(steps("[1][2]"), ["element", 1, 2]);
  assert.deepEqual(steps("Amount [USD]"), ["element", "Amount [USD]"]);
  assert.deepEqual(steps("$amount"), ["element", "$amount"]);
  assert.deepEqual(steps("$"), ["record"]);
  assert.deepEqual(steps("$.a['odd. name'][\"it's\"][3]"), ["record", "a", "odd. name", "it's", 3]);
  assert.deepEqual(steps("$['__proto__'].constructor"), ["record", "__proto__", "constructor"]);
  assert.deepEqual(steps("@header.trace.id"), { of: "header", name: "@header.trace.id", header: "trace.id" });
  assert.deepEqual(steps("@key"), { of: "key", name: "@key" });
});

test("constants keep their digits, and keys of `values` what was written", () => {
  const { swaps } = parseMapping(
    mappingText([
      "price_usd: 12345678901234567890.123456789012345678",
      "chain_id: 0x38",
      "amount_usd: {multiply: [a, 1e-18]}",
      "removed: {path: a, values: {True: no, 1.0: yes, ~: x}}",
    ]),
    "m.yaml",
  );
  const field = (name: string): unknown => swaps[0]?.fields.find((candidate) => candidate.name === name)?.expression;
  assert.partialDeepStrictEqual(field("price_usd"), { source: { text: "12345678901234567890.123456789012345678" } });
  assert.partialDeepStrictEqual(field("chain_id"), { source: { text: "56" } });
  assert.partialDeepStrictEqual(field("amount_usd"), {
    source: { of: [{}, { source: { text: "0.000000000000000001" } }] },
  });
  const values = (field("removed") as { values: Map<string, string> }).values;
  assert.deepEqual([...values].sort(), [
    ["", "x"],
    ["1", "yes"],
    ["1.0", "yes"],
    ["True", "no"],
    ["true", "no"],
    ["~", "x"],
  ]);
});

test("a key of `values` that was written has the word over one that only means the same", () => {
  for (const values of ["{True: a, true: b}", "{true: b, True: a}"]) {
    const { swaps } = parseMapping(mappingText([`who: {path: x, values: ${values}}`]), "m.yaml");
    const read = swaps[0]?.fields.find(({ name }) => name === "who")?.expression.values;
    assert.deepEqual([read?.get("True"), read?.get("true")], ["a", "b"]);
  }
});

test("every limit holds at its value and not beyond", () => {
  const ok = (text: string): void => void parseMapping(text, "m.yaml");
  const bad = (text: string, problem: RegExp): void => assert.match(problemsOf(text).join("\n"), problem);
  const repeat = (count: number, part: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => part(index)).join(", ");
  const swaps = (count: number): string =>
    `swaps: [${repeat(count, () => "{chain_id: 1, tx_hash: a, log_index: 0, token: a, side: a, amount: a, usd: a, ts: a}")}]`;
  ok(swaps(SWAPS_PER_ELEMENT_MAX));
  bad(swaps(SWAPS_PER_ELEMENT_MAX + 1), /swaps: must have 1 to 64 elements, and has 65/);
  const references = (count: number): string =>
    mappingText([
      `who: {first: [${repeat(LIST_MAX - 10, (index) => `r${index}`)}]}`,
      `pool: {first: [${repeat(count - LIST_MAX + 9, (index) => `s${index}`)}]}`,
    ]);
  ok(references(REFERENCES_MAX));
  bad(references(REFERENCES_MAX + 1), /is one reference too many; a mapping has at most 256/);
  ok(mappingText([`who: ${"a".repeat(REFERENCE_CHARS_MAX)}`]));
  bad(mappingText([`who: ${"a".repeat(REFERENCE_CHARS_MAX + 1)}`]), /has 257 characters; a reference has at most 256/);
  ok(mappingText([`who: $${".a".repeat(PATH_STEPS_MAX)}`]));
  bad(mappingText([`who: $${".a".repeat(PATH_STEPS_MAX + 1)}`]), /has 33 names and indexes/);
  ok(mappingText([`who: a[${PATH_INDEX_MAX}]`]));
  bad(mappingText([`who: $[${PATH_INDEX_MAX + 1}]`]), /has the index 1000000; the largest is 999999/);
  ok(mappingText([`who: {concat: [${repeat(LIST_MAX, () => "a")}]}`]));
  bad(
    mappingText([`who: {concat: [${repeat(LIST_MAX + 1, () => "a")}]}`]),
    /concat: must have 1 to 256 elements, and has 257/,
  );
  ok(mappingText([`who: {value: ${"x".repeat(CONSTANT_CHARS_MAX)}}`]));
  bad(
    mappingText([`who: {value: ${"x".repeat(CONSTANT_CHARS_MAX + 1)}}`]),
    /has 257 characters; a constant has at most 256/,
  );
  ok(mappingText([`who: {path: a, values: {${repeat(VALUES_MAX, (index) => `v${index}: ""`)}}}`]));
  bad(
    mappingText([`who: {path: a, values: {${repeat(VALUES_MAX + 1, (index) => `v${index}: ""`)}}}`]),
    /has 4097 entries; there are at most 4096/,
  );
  ok(mappingText([`who: ${"{lower: ".repeat(DEPTH_MAX)}a${"}".repeat(DEPTH_MAX)}`]));
  bad(
    mappingText([`who: ${"{lower: ".repeat(DEPTH_MAX + 1)}a${"}".repeat(DEPTH_MAX + 1)}`]),
    /is nested more than 16 deep/,
  );
  ok(mappingText([], [`when: ${"{not: ".repeat(DEPTH_MAX)}a exists${"}".repeat(DEPTH_MAX)}`]));
  bad(
    mappingText([], [`when: ${"{not: ".repeat(DEPTH_MAX + 1)}a exists${"}".repeat(DEPTH_MAX + 1)}`]),
    /is nested more than 16 deep/,
  );
  ok(mappingText(["pool: &p {lower: a}", `who: {first: [${repeat(ALIASES_MAX, () => "*p")}]}`]));
  bad(
    mappingText(["pool: &p {lower: a}", `who: {first: [${repeat(ALIASES_MAX + 1, () => "*p")}]}`]),
    /has more than 100 aliases/,
  );
  const comment = (bytes: number): string => `${mappingText([])}\n#${"x".repeat(bytes - mappingText([]).length - 2)}`;
  ok(comment(MAPPING_BYTES_MAX));
  bad(comment(MAPPING_BYTES_MAX + 1), /has more than 65536 bytes; is it the file of swaps\?/);
});

test("aliases that grow without bound, and those that contain themselves, end soon", () => {
  const growing = [
    "a: &l0 [x, x]",
    ...Array.from({ length: 30 }, (_, index) => `b${index}: &l${index + 1} [*l${index}, *l${index}]`),
  ];
  assert.match(problemsOf(`${growing.join("\n")}\nswaps: *l30`).join("\n"), /is not a key/);
  const expressions = Array.from(
    { length: 15 },
    (_, index) => `      - &e${index + 1} {first: [${Array(9).fill(`*e${index}`).join(", ")}]}`,
  );
  const text = mappingText([`who:\n      first:\n      - &e0 a\n${expressions.slice(0, 10).join("\n")}`]);
  assert.match(problemsOf(text).join("\n"), /more than 10000 values; aliases count at each use/);
  assert.match(problemsOf(mappingText(["who: &self {first: [*self]}"])).join("\n"), /nested more than 16 deep/);
});

test("a file that is too deep, absent, too large or a folder is refused by name", (t) => {
  assert.match(problemsOf("[".repeat(60_000)).join("\n"), /is nested too deeply/);
  const folder = mkdtempSync(join(tmpdir(), "mapping-"));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.throws(
    () => readMapping(join(folder, "none.yaml")),
    /the mapping .*none\.yaml does not exist; check the path/,
  );
  assert.throws(() => readMapping(folder), /is not a file/);
  writeFileSync(join(folder, "large.yaml"), "#".repeat(MAPPING_BYTES_MAX + 1));
  assert.throws(() => readMapping(join(folder, "large.yaml")), /has more than 65536 bytes/);
  writeFileSync(join(folder, "m.yaml"), mappingText([], ["format: avro", "schema: s/trade.avsc"]));
  assert.equal(readMapping(join(folder, "m.yaml")).schemaPath, join(folder, "s/trade.avsc"));
});

test("random mappings are read, and reading them twice gives the same", (t) => {
  fc.assert(
    fc.property(arbitrary.mapping, (given) => {
      const text = JSON.stringify(given);
      assert.deepEqual(parseMapping(text, "m.yaml"), parseMapping(text, "m.yaml"));
    }),
    propertyOptions(t, 100),
  );
});

test("whatever the text is, reading it ends with a mapping or with its problems", (t) => {
  const parts = fc.oneof(
    fc.constantFrom(...EXAMPLES.map(exampleText)),
    arbitrary.mapping.map((given) => JSON.stringify(given)),
    arbitrary.mapping.map((given) => JSON.stringify(given, null, 1)),
  );
  const hostile = fc.oneof(
    fc.constantFrom(
      "__proto__",
      "constructor",
      "&a ",
      "*a",
      "<<: *a",
      "!!js/function ",
      "!!binary ",
      "? ",
      "\t",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "'",
      '"',
      "|\n",
      ">\n",
      "---\n",
      "%YAML 1.1\n",
      "\u0000",
      "\ufeff",
      ": ",
      "#",
      "0x",
      ".inf",
      "~",
      "[*]",
      "$.",
      "@",
    ),
    fc.string({ unit: "binary", maxLength: 8 }),
  );
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(30), hostile), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(parts, edits, (start, changes) => {
      const text = changes.reduce((result, [at, length, by]) => {
        const from = at % (result.length + 1);
        return result.slice(0, from) + by + result.slice(from + length);
      }, start);
      try {
        parseMapping(text, "m.yaml");
      } catch (error) {
        assert.ok(error instanceof SwapstatsError, String(error));
        assert.equal(error.code, "bad_request");
        assert.ok(error.message.length < 8_000);
      }
      assert.equal(Object.keys(Object.prototype).length, 0);
    }),
    propertyOptions(t, 200),
  );
});
