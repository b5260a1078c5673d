import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { RECORD_EVENTS_MAX, RECORD_REPLACE_STEPS_MAX, RECORD_TEXT_BYTES_MAX } from "../../src/mapping/limits.ts";
import { MappedEvents, type MappedRecord } from "../../src/mapping/mapper.ts";
import { parseMapping } from "../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../src/mapping/record-mapper.ts";
import { replacementSteps } from "../../src/mapping/values/replacements.ts";
import { propertyOptions } from "../support/seed.ts";
import * as arbitrary from "./model/arbitraries.ts";
import { comparableEvent, mapNaively, type NaiveRecord } from "./model/naive-mapper.ts";

const about = fc.record(
  {
    key: arbitrary.text,
    headers: fc.dictionary(fc.constantFrom("source", "other"), arbitrary.text),
    ...{ timestampMs: fc.nat(), partition: fc.nat(9), offset: fc.nat(), row: fc.nat() },
  },
  { requiredKeys: [] },
);

function recordOf({ text, key, headers, ...rest }: NaiveRecord): MappedRecord {
  const bytes = Buffer.from(`xx${text}yy`);
  const header = (name: string): Buffer | undefined =>
    headers !== undefined && Object.hasOwn(headers, name) ? Buffer.from(headers[name] ?? "") : undefined;
  return {
    bytes,
    start: 2,
    end: bytes.length - 2,
    key: key === undefined ? undefined : Buffer.from(key),
    header,
    ...rest,
  };
}

function eventsOf(events: MappedEvents): { json: string; swap: number }[] {
  return Array.from({ length: events.count }, (_, index) => {
    const start = index === 0 ? 0 : (events.ends[index - 1] ?? 0);
    const json = Buffer.from(events.bytes).toString("utf8", start, events.ends[index]);
    return { json: comparableEvent(json), swap: events.swapIndexes[index] ?? -1 };
  });
}

/** Compares the events of records with those of the model. */
function assertMapped(given: unknown, texts: readonly string[], rest: Omit<NaiveRecord, "text">): number {
  const events = new MappedEvents();
  const mapping = parseMapping(JSON.stringify(given), "m.yaml");
  const mapper = openMapper(mapping);
  let count = 0;
  for (const text of texts) {
    const record = { ...rest, text };
    const outcome = mapper.map(recordOf(record), events);
    const expected = mapNaively(mapping, record);
    assert.equal(outcome, expected === undefined ? "not_an_object" : undefined);
    if (expected === undefined) continue;
    assert.deepEqual(
      eventsOf(events),
      expected.events.map(({ json, swap }) => ({ json: comparableEvent(json), swap })),
    );
    assert.equal(events.skipped, expected.skipped);
    count += events.count;
  }
  return count;
}

test("JSON records become the events of the model", (t) => {
  const records = fc.array(arbitrary.recordJson, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(arbitrary.mapping, records, about, (given, texts, rest) => void assertMapped(given, texts, rest)),
    propertyOptions(t, 400),
  );
});

test("values around the elements of nested lists are those of the model", (t) => {
  let events = 0;
  const records = fc.array(arbitrary.nestedRecordJson, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(arbitrary.nestedMapping, records, (given, texts) => {
      events += assertMapped(given, texts, {});
    }),
    propertyOptions(t, 400),
  );
  assert.ok(events > 400, `${events} events`);
});

test("a constant is scaled by the member of each record", () => {
  const fields = { chain_id: 1, tx_hash: "a", log_index: 0, token: "a", side: "a", amount_usd: "a", event_time: "a" };
  const swap = { ...fields, amount_token: { negate: { value: -5 }, scale: "d" } };
  const mapper = openMapper(parseMapping(JSON.stringify({ swaps: [swap] }), "m.yaml"));
  const events = new MappedEvents();
  for (const [text, amount] of [
    ['{"d":1}', "0.5"],
    ['{"d":"2"}', "0.05"],
  ] as const) {
    assert.equal(mapper.map(recordOf({ text }), events), undefined);
    assert.ok(eventsOf(events)[0]?.json.includes(`amount_token:"${amount}"`));
  }
});

test("an error of the program becomes a dead letter that says so, and the next record is mapped", () => {
  const fields =
    "tx_hash: tx, log_index: 0, token: token, side: { value: buy }, amount_token: 1, amount_usd: 1, event_time: 1767322800000";
  const mapping = parseMapping(`swaps: [{ chain_id: 1, who: "@header.who", ${fields} }]`, "trades.yaml", ".");
  const mapper = openMapper(mapping);
  const events = new MappedEvents();
  const bytes = Buffer.from('{"tx":"0x1","token":"0x2"}');
  const record = { bytes, start: 0, end: bytes.length };
  const header = (): never => {
    throw new RangeError("out of bounds");
  };
  assert.equal(mapper.map({ ...record, header }, events), "malformed_record");
  assert.equal(events.count, 0);
  const text = mapper.refusalText("malformed_record", record, events, undefined);
  assert.match(text, /^out of bounds; this is an error of swapstats and not of the record/);
  assert.equal(mapper.map(record, events), undefined);
  assert.equal(events.count, 1);
});

test("a value around the element is that of the element's own list, in every format", () => {
  const fields = { chain_id: 1, log_index: "x", token: "x", side: "x", amount_token: 1, amount_usd: 1, event_time: 1 };
  const swap = { ...fields, tx_hash: { concat: ["$.b[*].n", { value: "/" }, "$.b[*].t[*].h", { value: "/" }, "x"] } };
  const given = { each: "$.b[*].t[*].l[*]", swaps: [swap], ignore_case: true };
  const logs = (...names: string[]): object[] => names.map((x) => ({ x }));
  const record = {
    b: [
      {
        n: 1,
        t: [
          { h: "A", l: logs("a", "b") },
          { h: "B", l: [] },
          { l: logs("c"), h: "C" },
        ],
      },
      { n: 2, t: [] },
      { t: { l: logs("d")[0], H: "D" }, N: 3 },
      { n: 4, t: [{ h: "E" }, { l: logs("e") }] },
      { t: [{ h: "F", l: logs("f") }] },
    ],
  };
  const expected = ["1/A/a", "1/A/b", "1/C/c", "3/D/d", undefined, undefined];
  for (const [format, bytes] of [
    ["json", Buffer.from(JSON.stringify(record))],
    ["msgpack", encode(record)],
  ] as const) {
    const mapper = openMapper(parseMapping(JSON.stringify({ ...given, format }), "m.yaml"));
    const events = new MappedEvents();
    for (let round = 0; round < 3; round++) {
      assert.equal(mapper.map({ bytes, start: 0, end: bytes.length }, events), undefined);
      const hashes = eventsOf(events).map(({ json }) => /tx_hash:"(.*?)"/.exec(json)?.[1]);
      assert.deepEqual(hashes, expected, format);
    }
  }
  const table = {
    format: "csv",
    delimiter: ",",
    columns: ["x", "n"],
    each: "$[*]",
    swaps: [{ ...fields, tx_hash: "$[*].n" }],
  };
  const mapper = openMapper(parseMapping(JSON.stringify(table), "m.yaml"));
  const events = new MappedEvents();
  const bytes = Buffer.from("a,0x1");
  assert.equal(mapper.map({ bytes, start: 0, end: bytes.length }, events), undefined);
  assert.match(eventsOf(events)[0]?.json ?? "", /tx_hash:"0x1"/);
});

test("the elements of one record read a limited amount of text", () => {
  const fields = { chain_id: 1, log_index: "n", token: "n", side: "n", amount_token: 1, amount_usd: 1, event_time: 1 };
  // A text with an escape is made anew for each element that reads it.
  const given = { each: "$.list[*]", when: "$.text == x", swaps: [{ ...fields, tx_hash: "n" }] };
  const mapper = openMapper(parseMapping(JSON.stringify(given), "m.yaml"));
  const events = new MappedEvents();
  const map = (elements: number, text: string) => {
    const list = Array.from({ length: elements }, (_, n) => ({ n }));
    const bytes = Buffer.from(JSON.stringify({ text, list }));
    return mapper.map({ bytes, start: 0, end: bytes.length }, events);
  };
  const text = "\n".repeat(2 ** 18);
  const most = RECORD_TEXT_BYTES_MAX / (2 * text.length);
  assert.equal(map(most, text), undefined);
  assert.equal(events.skipped, most);
  assert.equal(map(most + 1, text), "too_many_swaps");
  assert.equal(map(most, text), undefined, "each record has its own limit");
});

test("the regular expressions of one record take a limited number of steps, and one element is always mapped", () => {
  const path = { path: "$.text", replace: { pattern: "b{20}", with: "" } };
  const fields = { chain_id: 1, log_index: "n", token: "n", side: "n", amount_token: 1, amount_usd: 1, event_time: 1 };
  const given = { each: "$.list[*]", swaps: [{ ...fields, tx_hash: { hash: [path] } }] };
  const mapper = openMapper(parseMapping(JSON.stringify(given), "m.yaml"));
  const events = new MappedEvents();
  const map = (elements: number) => {
    const list = Array.from({ length: elements }, (_, n) => ({ n }));
    const bytes = Buffer.from(JSON.stringify({ text: "a".repeat(4_096), list }));
    return mapper.map({ bytes, start: 0, end: bytes.length }, events);
  };
  const before = replacementSteps();
  assert.equal(map(1), undefined);
  const most = Math.floor(RECORD_REPLACE_STEPS_MAX / (replacementSteps() - before));
  assert.ok(most > 1 && most < RECORD_EVENTS_MAX);
  assert.equal(map(most), undefined);
  assert.equal(events.count, most);
  assert.equal(map(most + 1), "too_many_swaps");
  assert.equal(events.count, 0);
  assert.equal(map(most), undefined, "each record has its own steps");
});
