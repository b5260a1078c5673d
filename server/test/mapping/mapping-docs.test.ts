/** docs/mapping.md agrees with the language: its mappings give the swaps that it shows, and every row of its tables of values holds. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { MAPPING_FORMATS } from "../../src/mapping/language.ts";
import * as limits from "../../src/mapping/limits.ts";
import { MappedEvents } from "../../src/mapping/mapper.ts";
import { MODIFIERS } from "../../src/mapping/reading/modifiers.ts";
import { parseMapping } from "../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../src/mapping/record-mapper.ts";
import { FIELDS } from "../../src/mapping/values/fields.ts";
import { plainEvent } from "../support/plain-event.ts";

const docs = readFileSync(new URL("../../../docs/mapping.md", import.meta.url), "utf8");
const replayDocs = readFileSync(new URL("../../../docs/replay.md", import.meta.url), "utf8");

/** Blocks of the page in order, with their kind. */
const blocks = [...docs.matchAll(/^```(yaml|json)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({
  kind: kind as string,
  text: text as string,
}));

/** Returns the JSON of each event that the mapping makes of the record. */
function mapped(yaml: string, record: string): string[] {
  const mapper = openMapper(parseMapping(yaml, "docs"));
  const events = new MappedEvents();
  const bytes = Buffer.from(record);
  assert.equal(mapper.map({ bytes, start: 0, end: bytes.length, row: 7 }, events), undefined);
  const ends = [...events.ends.subarray(0, events.count)];
  return ends.map((end, index) => Buffer.from(events.bytes.subarray(ends[index - 1] ?? 0, end)).toString());
}

const REQUIRED: Readonly<Record<string, string>> = {
  chain_id: "1",
  tx_hash: "{ value: h }",
  log_index: "0",
  token: "{ value: T }",
  side: "{ value: buy }",
  amount_token: "1",
  amount_usd: "1",
  event_time: "1767322800000",
};

function withField(field: string, value: string): string {
  const fields = { ...REQUIRED, [field]: value };
  return `swaps: [{ ${Object.entries(fields)
    .map(([name, text]) => `${name}: ${text}`)
    .join(", ")} }]`;
}

describe("docs/mapping.md", () => {
  test("its mappings give the swaps that stand behind their records", () => {
    const kinds = blocks.map(({ kind }) => kind).join(" ");
    assert.equal(kinds, "json yaml json yaml json json yaml json json");
    const [first, ...others] = blocks as { kind: string; text: string }[];
    const order = [others[0], first, ...others.slice(1)];
    for (let at = 0; at < order.length; at += 3) {
      const [mapping, record, swaps] = order.slice(at, at + 3).map((block) => block?.text ?? "");
      assert.deepEqual(
        mapped(mapping as string, (record as string).trim()).map(plainEvent),
        (swaps as string).trimEnd().split("\n").map(plainEvent),
      );
    }
  });

  test("its first mapping has about twenty lines", () => assert.ok((blocks[1]?.text.split("\n").length ?? 99) <= 22));

  const values = [...docs.matchAll(/^\| value \| record \| `([a-z_]+)` \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/gm)];
  test("has tables of values", () => assert.equal(values.length, 5));
  for (const [, field = "", table = ""] of values) {
    for (const [row, value = "", record = "", expected] of table.matchAll(
      /^\| `(.+?)`(?:[,:] .*)? \| `(\{.*\})` \| (.*) \|$/gm,
    )) {
      test(`${field}: ${value}`, () => {
        assert.ok(row);
        const [event] = mapped(withField(field, value), record).map((text) => plainEvent(text));
        assert.equal(String(event?.[field]), expected);
      });
    }
    test(`each row of the table for ${field} is tested`, () => {
      const rows = table.trimEnd().split("\n").length;
      assert.equal([...table.matchAll(/^\| `(.+?)`(?:[,:] .*)? \| `(\{.*\})` \| (.*) \|$/gm)].length, rows);
    });
  }

  const conditions = /^\| condition \| record \| holds \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/m.exec(docs)?.[1] ?? "";
  const cases = [...conditions.matchAll(/^\| `(.+?)`(?:, all)? \| `(\{.*\})` \| (yes|no) \|$/gm)];
  test("has conditions", () => assert.equal(cases.length, conditions.trimEnd().split("\n").length));
  for (const [, condition = "", record = "", holds] of cases) {
    test(`condition: ${condition}`, () => {
      const isText = !/^[{[]/.test(condition);
      const yaml = `when: ${isText ? JSON.stringify(condition) : condition}\n${withField("chain_id", "1")}`;
      assert.equal(mapped(yaml, record).length, holds === "yes" ? 1 : 0);
    });
  }

  test("names every format, key and modifier of the language", () => {
    for (const name of [...MAPPING_FORMATS, ...MODIFIERS]) assert.ok(docs.includes(name), name);
    const error = (): unknown => parseMapping("nothing: 1", "m");
    assert.throws(error, (thrown: Error) => {
      const keys = /there are ([a-z_, ]+)/.exec(thrown.message)?.[1]?.split(", ") ?? [];
      assert.ok(keys.length > 10);
      for (const key of keys) assert.ok(docs.includes(`\`${key.trim()}\``), key);
      return true;
    });
    assert.ok(Object.keys(FIELDS).length > 20);
  });
});

test("the limits of docs/mapping.md are those of the language", () => {
  const { NODES_MAX, REFERENCES_MAX, LIST_MAX, DEPTH_MAX, VALUES_MAX, PATH_STEPS_MAX, PATH_INDEX_MAX } = limits;
  const shown = (count: number): string => count.toLocaleString("en-US");
  for (const text of [
    `${limits.MAPPING_BYTES_MAX / 1024} KiB, ${shown(NODES_MAX)} YAML values, ${REFERENCES_MAX} references, lists of ${LIST_MAX}, nesting of ${DEPTH_MAX}`,
    `${shown(VALUES_MAX)} entries`,
    `${PATH_STEPS_MAX} steps, indexes to ${shown(PATH_INDEX_MAX)}`,
    `${limits.NUMBER_CHARS_MAX} characters, exponents to ${limits.EXPONENT_MAX}; results of ${shown(limits.RESULT_DIGITS_MAX)} digits`,
    `| ${shown(limits.TEXT_CHARS_MAX)} characters |`,
    `${limits.PATTERN_CHARS_MAX} characters, ${limits.PATTERN_INSTRUCTIONS_MAX} instructions of RE2`,
    `${limits.TIME_PATTERN_CHARS_MAX} characters, ${limits.TIME_OPTIONAL_PARTS_MAX} optional parts`,
    `1 to ${limits.SWAPS_PER_ELEMENT_MAX} swaps`,
    `| ${shown(limits.RECORD_EVENTS_MAX)} and 8 MiB of events`,
  ]) {
    assert.ok(docs.includes(text), text);
  }
});

test("the mapping of docs/replay.md is read", () => {
  const yaml = /^```yaml\n([\s\S]*?)^```$/m.exec(replayDocs)?.[1] ?? "";
  const record = {
    hash: "0x1",
    log: 3,
    coin: "T",
    kind: "B",
    qty: "2",
    price: "1.5",
    block_time: "2026-01-02 03:04:05",
  };
  assert.match(mapped(yaml, JSON.stringify(record))[0] ?? "", /"side":"buy".*"amount_usd":"?3"?,/);
});
