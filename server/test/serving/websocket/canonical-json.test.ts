import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import type { Json } from "@swapstats/protocol/json.ts";
import fc from "fast-check";
import { propertyOptions } from "../../support/seed.ts";

test("members are sorted by the code units of their names, without spaces", () => {
  const text = canonicalJson(
    JSON.parse('{"b": 1, "a": {"z": "é", "y": [1, null]}, "A": "1", "\u{1f600}": 0, "\uff5e": 0, "10": 2, "9": 3}'),
  );
  assert.equal(text, '{"10":2,"9":3,"A":"1","a":{"y":[1,null],"z":"é"},"b":1,"\u{1f600}":0,"\uff5e":0}');
  // As zlib of Python computes it.
  assert.equal(crc32(canonicalJson({ b: 1, a: { z: "é", y: [1, null] } })), 720_920_661);
});

test("equal values have equal texts, whatever the order of their members, and each text parses to its value", (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value)) as Json;
      assert.equal(canonicalJson(reversed(plain)), canonicalJson(plain));
      assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
    }),
    propertyOptions(t, 300),
  );
});

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, one]) => [name, reversed(one as Json)]),
  );
}
