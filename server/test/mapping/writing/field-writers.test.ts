/**
 * Fields are written by copies of bytes where their values are usual. Here they are compared with the expressions themselves, which other
 * tests compare with the naive model.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SwapDecoder } from "../../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../../src/engine/swaps/swap-event.ts";
import type { Mapping } from "../../../src/mapping/language.ts";
import { MappedEvents } from "../../../src/mapping/mapper.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../../src/mapping/record-mapper.ts";
import { RowMapper } from "../../../src/mapping/row-mapper.ts";
import { evaluate, holds } from "../../../src/mapping/values/evaluate.ts";
import { writeField } from "../../../src/mapping/values/fields.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { comparableEvent } from "../model/naive-mapper.ts";

const TEXTS: readonly unknown[] = [
  "a",
  { path: "a", values: { buy: "x", sell: 'y"z', "": "none", ä: "ae", null: "n" } },
  { path: "a", values: { buy: "x" }, otherwise: "other" },
  { path: "a", lower: true },
  { path: "a", default: "d" },
  { first: ["a", "b"] },
  { sign_of: "a", positive: "sell", negative: "buy" },
];
const DECIMALS: readonly unknown[] = [
  "a",
  ...[0, 2, 18, 60, 61, -3].map((scale) => ({ path: "a", scale })),
  { path: "a", scale: "b" },
  { multiply: ["a", "b"] },
  { multiply: ["a", 2.5] },
  {
    multiply: [
      { path: "a", scale: 18 },
      { path: "b", scale: "c" },
    ],
  },
  { multiply: ["a", "b", "c"] },
  { multiply: ["a", "b"], scale: 3 },
  { path: "a", negate: true },
  { path: "a", abs: true },
  { path: "a", scale: 6, negate: true },
  { path: "a", scale: "b", abs: true },
  { path: "a", scale: 2, negate: true, abs: true },
  { path: "a", decimal: "," },
  { value: "12.50" },
];
const INTEGERS: readonly unknown[] = ["a", { path: "a", values: { buy: 1, "7": "007" } }, { path: "a", scale: 2 }];
const TIMES: readonly unknown[] = [
  "a",
  ...["utc", "s", "ms", "us", "ns", "rfc3339"].map((time) => ({ path: "a", time })),
];
const BOOLEANS: readonly unknown[] = ["a", { path: "a", values: { insert: false, delete: true } }];
const CONDITIONS = [
  "a == buy",
  "a != buy",
  "a in [buy, true, 'x y']",
  "a == 7",
  "a not in [false]",
  "a exists",
  "a == null",
];

const WORDS = [
  ...[
    "",
    " ",
    "buy",
    "sell",
    " buy",
    "buy ",
    "null",
    "NULL",
    "\\N",
    "insert",
    "delete",
    "true",
    "false",
    "t",
    "x y",
    "ä",
    "\u00a0a",
    "a\u2028",
  ],
  ...[
    '"',
    "\\",
    "\u0001",
    'quo"te',
    "-",
    "0x1f",
    "0X1F",
    "0x",
    "1e5",
    "1E-5",
    "+1",
    ".5",
    "5.",
    "1.",
    "1,5",
    "1.234,5",
    "00",
    "007",
    "0.0",
  ],
  ...[
    "2026-01-02T03:04:05Z",
    "2026-01-02 03:04:05",
    "2026-01-02 03:04:05.678",
    "2026-01-02 03:04:05.",
    "2026-01-02 03:04:05Z",
  ],
  ...["2026-01-02t03:04:05.1z", "2026-01-02 03:04:05 UTC", "2026x01-02 03:04:05", "2026-01-02T03:04:05+01:00"],
];

function digits(random: Random, count: number): string {
  return Array.from({ length: count }, () => (random.chance(0.4) ? 0 : random.below(10))).join("");
}

function decimal(random: Random): string {
  const sign = random.chance(0.1) ? "-" : "";
  const whole = digits(random, random.below(random.chance(0.9) ? 16 : 90));
  const fraction = random.chance(0.5) ? "" : `.${digits(random, random.below(random.chance(0.9) ? 16 : 90))}`;
  const exponent = random.chance(0.2) ? random.pick(["e-7", "e-07", "E-12", "e5", "e-100", "e-", "-7", "e+3"]) : "";
  return `${sign}${whole}${fraction}${exponent}`;
}

/** A cell of a table, or the text of a JSON string or number. */
function cell(random: Random): string {
  if (random.chance(0.3)) return random.pick(WORDS);
  return random.chance(0.4) ? decimal(random) : digits(random, 1 + random.below(20)).replace(/^0+(?=.)/, "");
}

function jsonOf(random: Random, text: string): string {
  if (random.chance(0.05)) return random.pick(["null", "true", "false", "{}", "[1]"]);
  return /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text) && random.chance(0.5)
    ? text
    : JSON.stringify(text);
}

/** A mapping without tx_hash, so that an event may have any of these fields alone. */
function randomMapping(random: Random): Mapping {
  const swap = {
    chain_id: random.pick(INTEGERS),
    tx_hash: random.pick(TEXTS),
    log_index: random.pick(INTEGERS),
    token: random.pick(TEXTS),
    side: random.pick(TEXTS),
    amount_token: random.pick(DECIMALS),
    amount_usd: random.pick(DECIMALS),
    price_usd: random.pick(DECIMALS),
    event_time: random.pick(TIMES),
    removed: random.pick(BOOLEANS),
  };
  const nulls = random.chance(0.2) ? { nulls: ["", "true", "buy", "7"] } : {};
  return parseMapping(
    JSON.stringify({ swaps: [swap], ...nulls, ...(random.chance(0.3) ? { when: random.pick(CONDITIONS) } : {}) }),
    "m.yaml",
  );
}

/** The event by the expressions alone. Undefined if it is not wanted. */
function expectedEvent(mapping: Mapping, json: Readonly<Record<string, string | undefined>>): string | undefined {
  const rawText = (reference: number): string | undefined => json[mapping.references[reference]!.name];
  const lookup = (reference: number): string | undefined => {
    const raw = rawText(reference);
    if (raw === undefined || raw === "null") return undefined;
    const text = (raw.startsWith('"') ? (JSON.parse(raw) as string) : raw).trim();
    return text === "" || mapping.nulls.includes(text) ? undefined : text;
  };
  if (mapping.when !== undefined && !holds(mapping.when, lookup)) return undefined;
  const members = mapping.swaps[0]!.fields.flatMap(({ name, expression }) => {
    const raw = expression.source.kind === "reference" ? rawText(expression.source.reference) : undefined;
    const isNested = raw !== undefined && /^[{[]/.test(raw);
    const value = isNested ? raw : writeField(name, evaluate(expression, lookup));
    return value === "" ? [] : [`${JSON.stringify(name)}:${value}`];
  });
  return comparableEvent(`{${members.join(",")}}`);
}

function onlyEvent(events: MappedEvents): string | undefined {
  if (events.count === 0) return undefined;
  const text = Buffer.from(events.bytes).toString("utf8", 0, events.ends[0]);
  try {
    return comparableEvent(text);
  } catch (cause) {
    throw new Error(`no JSON: ${text}`, { cause });
  }
}

describe("fields of mapped events", () => {
  test("JSON records give what the expressions give", (t) => {
    const random = randomFrom(seedOf(t));
    const events = new MappedEvents();
    for (let run = 0; run < 800; run++) {
      const mapping = randomMapping(random);
      const mapper = openMapper(mapping);
      const records = Array.from({ length: 8 }, () => {
        const members = ["a", "b", "c"].filter(() => !random.chance(0.1));
        return Object.fromEntries(
          members.map((name) => [name, jsonOf(random, name === "c" ? String(random.below(40)) : cell(random))]),
        );
      });
      const texts = records.map((record) => `{${Object.entries(record).map(([name, json]) => `"${name}":${json}`)}}`);
      const bytes = Buffer.from(texts.join(""));
      let start = 0;
      for (const [index, record] of records.entries()) {
        const end = start + Buffer.byteLength(texts[index]!);
        assert.equal(mapper.map({ bytes, start, end }, events), undefined);
        assert.equal(onlyEvent(events), expectedEvent(mapping, record), texts[index]);
        start = end;
      }
    }
  });

  test("rows of tables give what the expressions give", (t) => {
    const random = randomFrom(seedOf(t));
    const events = new MappedEvents();
    for (let run = 0; run < 800; run++) {
      const mapping = randomMapping(random);
      const names = mapping.references.map(({ name }) => name);
      const mapper = new RowMapper(
        mapping,
        names.map((_, column) => column),
      );
      for (let row = 0; row < 8; row++) {
        const cells = names.map(() => cell(random));
        mapper.map(cells, row, events);
        const record = Object.fromEntries(names.map((name, column) => [name, JSON.stringify(cells[column])]));
        assert.equal(onlyEvent(events), expectedEvent(mapping, record), JSON.stringify(record));
      }
    }
  });

  test("a null marker equals no literal of a condition", () => {
    const swap = {
      chain_id: 1,
      tx_hash: "a",
      log_index: 0,
      token: "a",
      side: "a",
      amount_token: 1,
      amount_usd: 1,
      event_time: "a",
    };
    const mapper = openMapper(
      parseMapping(JSON.stringify({ nulls: ["true"], when: "a in [true, x]", swaps: [swap] }), "m.yaml"),
    );
    const events = new MappedEvents();
    for (const [value, count] of [
      ["true", 0],
      ['"true"', 0],
      ['"x"', 1],
      ["false", 0],
    ] as const) {
      const bytes = Buffer.from(`{"a":${value}}`);
      mapper.map({ bytes, start: 0, end: bytes.length }, events);
      assert.equal(events.count, count, value);
    }
  });

  test("a product of amount and price is rounded once, by the decoder", () => {
    const mapping = `swaps: [{ chain_id: 1, tx_hash: h, log_index: 0, token: t, side: { value: buy }, amount_token: a, amount_usd: { multiply: [a, p] }, event_time: { value: 1767225600000 } }]`;
    const mapper = openMapper(parseMapping(mapping, "m.yaml"));
    const events = new MappedEvents();
    const event = new SwapEvent();
    const usdMicro = (a: string, p: string): number => {
      const bytes = Buffer.from(`{"a":${a},"p":"${p}","h":"0x1","t":"T"}`);
      assert.equal(mapper.map({ bytes, start: 0, end: bytes.length }, events), undefined);
      assert.equal(new SwapDecoder().decode(events.bytes, 0, events.ends[0]!, event), undefined);
      return event.usdMicro;
    };
    assert.equal(usdMicro("2", "0.1234565"), 246_913);
    assert.equal(usdMicro("1", "0.0000005"), 0);
    assert.equal(usdMicro("1", "0.0000015"), 2);
    assert.equal(usdMicro("1.0000000000001", "0.0000005000000000000000000"), 1);
    assert.equal(usdMicro("123456789012.123456789012", "0.000000000001"), 123_457);
  });
});
