import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Json, mergePatch } from "@swapstats/client";
import fc from "fast-check";
import { type JsonLine, jsonLines, LINES_MAX } from "../../src/inspector/json-lines.ts";

const written = (lines: readonly JsonLine[]): string =>
  lines
    .map(({ depth, key, text }) => `${" ".repeat(depth * 2)}${key === undefined ? "" : `${key}: `}${text}`)
    .join("\n");

const marks = (lines: readonly JsonLine[]): string[] =>
  lines.flatMap(({ key, text, mark, was }) =>
    mark === undefined ? [] : [`${mark} ${key} ${text.replace(/,$/, "")}${was === undefined ? "" : ` was ${was}`}`],
  );

/** Data has no null, which a merge patch cannot set. */
const data = fc.letrec<{ value: Json; object: Json }>((tie) => ({
  value: fc.oneof(fc.integer(), fc.string(), fc.boolean(), tie("object"), fc.array(fc.integer(), { maxLength: 3 })),
  object: fc.dictionary(fc.constantFrom("a", "b", "c", "d", "__proto__"), tie("value"), { maxKeys: 4 }),
})).object;

describe("a value in lines", () => {
  test("the lines are those of formatted JSON", () => {
    const value = { a: { b: [1, "x"] }, c: {}, d: [], e: null };
    assert.equal(written(jsonLines(value)), JSON.stringify(value, undefined, 2));
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (any) => {
        assert.deepEqual(JSON.parse(written(jsonLines(any as Json))), JSON.parse(JSON.stringify(any)));
      }),
    );
  });

  test("unseen characters are escaped, and a long text is cut", () => {
    assert.equal(jsonLines("a\u202eb")[0]?.text, '"a\\u202eb"');
    assert.equal(jsonLines("x".repeat(5_000))[0]?.text.length, 2_001);
  });

  test("stops at the given number of lines and counts the rest", () => {
    const of = (count: number): readonly JsonLine[] => jsonLines(Array.from({ length: count }, (_, i) => i));
    assert.equal(of(LINES_MAX - 2).length, LINES_MAX);
    const beyond = of(LINES_MAX);
    assert.equal(beyond.length, LINES_MAX + 1);
    assert.equal(beyond.at(-1)?.text, "… 2 more lines");
  });
});

describe("marks", () => {
  const before = { symbol: "WETH", windows: { "5m": { trades: 3, close: "1.5", open: "1" } }, old: { a: 1 } };
  const after = { symbol: "WETH", windows: { "5m": { trades: 4, close: "1.5" }, "1h": { trades: 9 } } };

  test("changed, added and removed places are marked with the value before", () => {
    assert.deepEqual(marks(jsonLines(after, { before })), [
      'changed "trades" 4 was 3',
      'removed "open" "1"',
      'added "1h" {',
      'added "trades" 9',
      'removed "old" {…}',
    ]);
  });

  test("in a patch null removes, and what is absent did not change", () => {
    const patch = { windows: { "5m": { trades: 4, open: null }, "1h": { trades: 9 } }, old: null };
    assert.deepEqual(marks(jsonLines(patch, { before, isPatch: true })), [
      'changed "trades" 4 was 3',
      'removed "open" null was "1"',
      'added "1h" {',
      'added "trades" 9',
      'removed "old" null was {…}',
    ]);
  });

  test("only changes: the objects around them stay, and equal data has no line", () => {
    const changed = mergePatch(before, { windows: { "5m": { trades: 4 } } });
    const keys = jsonLines(changed, { before, onlyChanges: true }).map(({ key, text }) => key ?? text);
    assert.deepEqual(keys, ["{", '"windows"', '"5m"', '"trades"', "}", "},", "}"]);
    assert.deepEqual(jsonLines(before, { before: structuredClone(before), onlyChanges: true }), []);
  });

  test("data that is equal has no mark, and data that differs has one", () => {
    fc.assert(
      fc.property(data, data, (from, to) => {
        const lines = jsonLines(to, { before: from });
        assert.equal(marks(lines).length === 0, JSON.stringify(sorted(from)) === JSON.stringify(sorted(to)));
        assert.deepEqual(marks(jsonLines(to, { before: from, onlyChanges: true })), marks(lines));
      }),
    );
  });
});

function sorted(value: Json): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member as Json)]));
}
