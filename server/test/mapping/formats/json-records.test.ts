import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEPTH_MAX, RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { SwapDecoder } from "../../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../../src/engine/swaps/swap-event.ts";
import { openJsonReader } from "../../../src/mapping/formats/json-records.ts";
import type { Mapping } from "../../../src/mapping/language.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { damaged } from "../../codecs/hostile-records.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { elementsOf, parseNaively, textOf } from "./naive-json.ts";
import { randomObject, randomShape, randomStyle, writeShape } from "./random-json.ts";

const REFERENCES = [
  "a",
  "b",
  "a.b",
  "a.b.c",
  "Token",
  "token",
  "list",
  "list[0]",
  "list[1].a",
  "a.b[0]",
  "[1]",
  "ä",
  "__proto__.a",
];
const PATHS = ["$.a", "$.a.b", "$.list[0]", "$.list[0].a", "$['a.b']", "$", "$.Token", "$[0].a"];
const EACH = [
  ...["$[*]", "$.list[*]", "$.a.list[*]", "$.list[*].a", "$.list[*].list[*]", "$[0][*]", "$.a[*].b[*]"],
  ...["$.a[*].b[*].c[*]", "$[*][*].a"],
];

/** A mapping whose references are all that matters. */
function mappingOf(references: readonly string[], each?: string, ignoresCase = false): Mapping {
  const swap = {
    chain_id: 1,
    token: { hash: references },
    tx_hash: "a",
    log_index: 0,
    side: "a",
    amount_token: "a",
    amount_usd: "a",
    event_time: "a",
  };
  return parseMapping(
    JSON.stringify({ ...(each === undefined ? {} : { each }), ignore_case: ignoresCase, swaps: [swap] }),
    "m.yaml",
  );
}

/** Behind the beginnings of `each` that end in a wildcard. */
const BEHIND = ["", ".a", ".b.c", ".Token", ".token", "[0]", "['a.b']", ".list[0]"];

function randomMapping(random: Random): Mapping {
  const each = random.chance(0.6) ? random.pick(EACH) : undefined;
  const enclosing = [...(each ?? "").matchAll(/\[\*\]/g)].flatMap(({ index }) =>
    random.chance(0.6) ? BEHIND.map((behind) => each!.slice(0, index + 3) + behind) : [],
  );
  const references = [...REFERENCES, ...PATHS, ...enclosing].filter(() => random.chance(0.5));
  return mappingOf(["a", ...references], each, random.chance(0.4));
}

type Reader = ReturnType<typeof openJsonReader>;

function read({ reader, values }: Reader, bytes: Uint8Array, start: number, end: number): string | undefined {
  values.clear();
  return reader.read({ bytes, start, end });
}

/** Compares a record that was read with the naive reader. */
function assertValues({ reader, values }: Reader, mapping: Mapping, text: string): void {
  const root = parseNaively(text);
  const elements = elementsOf(root, mapping.each, mapping.ignoresCase);
  assert.equal(reader.elementCount, elements.length, text);
  for (const [index, element] of elements.entries()) {
    reader.fill(index);
    for (const [reference, { name }] of mapping.references.entries()) {
      assert.equal(
        values.text(reference),
        textOf(mapping, reference, root, element),
        `${name} of element ${index} of ${text}`,
      );
    }
  }
}

const isNested = (text: string, mapping: Mapping): boolean =>
  text.trimStart().startsWith("{") ||
  (text.trimStart().startsWith("[") && typeof mapping.each?.[0] !== "string" && mapping.each !== undefined);

describe("the scanner of JSON records", () => {
  test("finds what the naive reader finds, also in records of one shape one after another", (t) => {
    const random = randomFrom(seedOf(t));
    for (let run = 0; run < 600; run++) {
      const mapping = randomMapping(random);
      const reader = openJsonReader(mapping);
      const shape = random.chance(0.8) ? randomObject(random, 4) : randomShape(random, 4);
      const style = randomStyle(random);
      const texts = Array.from({ length: 1 + random.below(8) }, () => writeShape(random, shape, style));
      const bytes = Buffer.from(texts.join("\n"));
      let start = 0;
      for (const text of texts) {
        const end = start + Buffer.byteLength(text);
        const outcome = read(reader, bytes, start, end);
        assert.equal(outcome, isNested(text, mapping) ? undefined : "not_an_object", text);
        if (outcome === undefined) assertValues(reader, mapping, text);
        start = end + 1;
      }
    }
  });

  test("refuses damaged records with the code of canonical ones, and reads the next one", (t) => {
    const random = randomFrom(seedOf(t));
    const decoder = new SwapDecoder();
    const event = new SwapEvent();
    for (let run = 0; run < 150; run++) {
      const mapping = randomMapping(random);
      const reader = openJsonReader(mapping);
      const shape = randomObject(random, 4);
      const style = randomStyle(random);
      for (let record = 0; record < 20; record++) {
        const good = Buffer.from(writeShape(random, shape, style));
        const bytes = damaged(random, good);
        const code = decoder.decode(bytes, 0, bytes.length, event);
        const isReadable = code === undefined || !["invalid_utf8", "too_deep", "malformed_json"].includes(code);
        const outcome = read(reader, bytes, 0, bytes.length);
        const text = Buffer.from(bytes).toString();
        if (isReadable) assert.equal(outcome, isNested(text, mapping) ? undefined : "not_an_object", text);
        else assert.equal(outcome, code, text);
        if (outcome === undefined) assertValues(reader, mapping, text);
        if (read(reader, good, 0, good.length) === undefined) assertValues(reader, mapping, good.toString());
      }
    }
  });

  test("reads nothing behind the end of a record", () => {
    const reader = openJsonReader(mappingOf(["a", "b"]));
    const whole = Buffer.from('{"a":"xy","b":12.5}}"a":1,"b":true]');
    for (let round = 0; round < 3; round++) {
      for (let end = 0; end < 19; end++) assert.equal(read(reader, whole, 0, end), "malformed_json", `${end}`);
      assert.equal(read(reader, whole, 0, 19), undefined);
      assert.equal(reader.values.text(1), "12.5");
    }
  });

  test("refuses what is no JSON at a place that it has read before", () => {
    const reader = openJsonReader(mappingOf(["a", "b"]));
    const refused = [
      "01",
      "-01",
      "00",
      "-",
      "+1",
      "1.",
      ".5",
      "1.e5",
      "1e",
      "1e+",
      "truex",
      "tru",
      "nul",
      "1 2",
      "0x1",
      "NaN",
    ];
    const accepted = [
      "0",
      "-0",
      "10",
      "0.10",
      "-1.5",
      "1e5",
      "1E-7",
      "-0e+00",
      "true",
      "false",
      "null",
      '"x"',
      "[1]",
      "{}",
    ];
    for (const first of ["1", '"text"']) {
      for (const [values, outcome] of [
        [refused, "malformed_json"],
        [accepted, undefined],
      ] as const) {
        for (const value of values) {
          const good = Buffer.from(`{"a":${first},"b":2}`);
          assert.equal(read(reader, good, 0, good.length), undefined);
          const bytes = Buffer.from(`{"a":${value},"b":2}`);
          assert.equal(read(reader, bytes, 0, bytes.length), outcome, value);
        }
      }
    }
  });

  test("the limits of depth and size are those of canonical records", () => {
    const reader = openJsonReader(mappingOf(["a", "a.a.a.a", "list[0][0][0]", "$.b"], "$.list[*]"));
    const nested = (depth: number): Buffer => Buffer.from(`{"list":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`);
    assert.equal(read(reader, nested(DEPTH_MAX), 0, nested(DEPTH_MAX).length), undefined);
    assert.equal(read(reader, nested(DEPTH_MAX + 1), 0, nested(DEPTH_MAX + 1).length), "too_deep");
    const objects = (depth: number): Buffer => Buffer.from(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    assert.equal(read(reader, objects(DEPTH_MAX), 0, objects(DEPTH_MAX).length), undefined);
    assert.equal(read(reader, objects(DEPTH_MAX + 1), 0, objects(DEPTH_MAX + 1).length), "too_deep");
    const long = (bytes: number): Buffer => Buffer.from(`{"b":"${"x".repeat(bytes - 8)}"}`);
    assert.equal(read(reader, long(RECORD_BYTES_MAX), 0, RECORD_BYTES_MAX), undefined);
    assert.equal(read(reader, long(RECORD_BYTES_MAX + 1), 0, RECORD_BYTES_MAX + 1), "record_too_large");
  });

  test("elements whose values are not kept are read again", () => {
    const mapping = mappingOf(["a", "b", "b.c", "$.last"], "$.list[*]");
    const reader = openJsonReader(mapping);
    const items = Array.from({ length: 9_000 }, (_, i) => (i % 3 === 0 ? `{"a":${i},"b":"${i}"}` : `{"b":{"c":${i}}}`));
    const text = `{"list":[${items.join(",")}],"last":"x"}`;
    for (let round = 0; round < 2; round++) {
      assert.equal(read(reader, Buffer.from(text), 0, Buffer.byteLength(text)), undefined);
      assertValues(reader, mapping, text);
    }
  });

  test("a mapping with more kinds of objects than tables reads them all", () => {
    const names = Array.from({ length: 100 }, (_, i) => `m${i}.x`);
    const mapping = mappingOf(names);
    const reader = openJsonReader(mapping);
    const text = `{${names.map((_, i) => `"m${i}":{"y":0,"x":${i}}`).join(",")}}`;
    for (let round = 0; round < 3; round++) {
      assert.equal(read(reader, Buffer.from(text), 0, text.length), undefined);
      assertValues(reader, mapping, text);
    }
  });
});
