import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { MappedEvents } from "../../../src/mapping/mapper.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../../src/mapping/record-mapper.ts";
import { propertyOptions, seedOf } from "../../support/seed.ts";
import { fuzz } from "./fuzz.ts";

/** Every field of the swap that is not under test. */
const CONSTANTS =
  "chain_id: 1, log_index: 1, side: { value: buy }, amount_token: 1, amount_usd: 1, event_time: 1767225600000, tx_hash: { value: '0xab' }, token: { value: T }";

type Shape = {
  readonly each: string | undefined;
  readonly references: readonly string[];
  readonly ignoresCase: boolean;
};

function mappingOf(format: string, { each, references, ignoresCase }: Shape): string {
  const fields = ["event_id", "pool", "who", "block_hash"].map(
    (name, i) => `${name}: ${JSON.stringify(references[i])}`,
  );
  return `{ format: ${format}, ignore_case: ${ignoresCase}, ${each === undefined ? "" : `each: "${each}",`} swaps: [{ ${CONSTANTS}, ${fields.join(", ")} }] }`;
}

/** Returns the events of a record, or the code. */
function mapped(mapping: string, bytes: Uint8Array): string[] | string {
  const mapper = openMapper(parseMapping(mapping, "test.yaml"));
  const events = new MappedEvents();
  const amid = Buffer.concat([Buffer.from("xx"), bytes, Buffer.from("xx")]);
  const outcome = mapper.map({ bytes: amid, start: 2, end: 2 + bytes.length }, events);
  if (outcome !== undefined) return outcome;
  return Array.from({ length: events.count }, (_, i) =>
    Buffer.from(events.bytes.subarray(i === 0 ? 0 : events.ends[i - 1], events.ends[i])).toString(),
  );
}

const name = fc.constantFrom("a", "A", "b", "a.b", "l", "constructor", "__proto__");
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, "", "x", "null", 'a "quoted" \\ text\n€', 0, -1, 1.5, 1e-7, 2 ** 53 - 1),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => (value === 0 ? 0 : value)),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const anyRecord = fc.oneof(
  fc.dictionary(name, anyValue, { noNullPrototype: true }),
  fc.array(fc.dictionary(name, anyValue, { noNullPrototype: true })),
);
const anyReference = fc.constantFrom(
  ...[
    "a",
    "A",
    "b",
    "a.b",
    "a.b.a",
    "l",
    "l.a",
    "constructor",
    "$.a",
    "$.A.b",
    "$.l[0]",
    "$.l[1].a",
    "$['a.b']",
    "$.l[0].l[0].a",
  ],
);
const anyEach = fc.constantFrom(
  ...[undefined, "$[*]", "$.l[*]", "$.a.l[*]", "$[*].l[*]", "$.l[*].l[*]", "$.l[0].l[*]", "$.l[*].l[*].a", "$.l[*][*]"],
);
const anyShape: fc.Arbitrary<Shape> = anyEach.chain((each) => {
  const enclosing = [...(each ?? "").matchAll(/\[\*\]/g)].flatMap(({ index }) =>
    ["", ".a", ".A", ".l[0]", ".b.a", "[1]"].map((behind) => each!.slice(0, index + 3) + behind),
  );
  const reference = enclosing.length === 0 ? anyReference : fc.oneof(anyReference, fc.constantFrom(...enclosing));
  return fc.record({
    each: fc.constant(each),
    references: fc.array(reference, { minLength: 4, maxLength: 4 }),
    ignoresCase: fc.boolean(),
  });
});

describe("references of a binary record", () => {
  test("have the values that they have of the same record in JSON", (t) => {
    let compared = 0;
    fc.assert(
      fc.property(anyShape, anyRecord, (shape, record) => {
        const json = mapped(mappingOf("json", shape), Buffer.from(JSON.stringify(record)));
        const binary = mapped(mappingOf("msgpack", shape), encode(record));
        assert.deepEqual(binary, json === "not_an_object" ? "malformed_record" : json);
        if (json.length > 0 && typeof json !== "string") compared++;
      }),
      propertyOptions(t, 600),
    );
    assert.ok(compared > 0);
  });

  test("numbers that are none become texts", () => {
    const shape = { each: undefined, references: ["a", "b", "a", "b"], ignoresCase: false };
    const [event] = mapped(mappingOf("msgpack", shape), encode({ a: Number.NaN, b: Number.NEGATIVE_INFINITY }));
    assert.match(event ?? "", /"event_id":"NaN","?.*"-Infinity"/);
  });
});

describe("many values in one record", () => {
  const shape = { each: "$[*]", references: ["a", "b", "a", "b"], ignoresCase: false };

  test("MessagePack values in a row are read like a list of them", () => {
    const bytes = Buffer.concat([encode({ a: "x" }), encode({ a: "y", b: "z" })]);
    const list = mapped(mappingOf("msgpack", shape), encode([{ a: "x" }, { a: "y", b: "z" }]));
    assert.equal(list.length, 2);
    assert.deepEqual(mapped(mappingOf("msgpack", shape), bytes), list);
    assert.equal(mapped(mappingOf("msgpack", shape), bytes.subarray(0, -1)), "malformed_record");
  });
});

describe("a binary record that cannot be read", () => {
  const shape = { each: undefined, references: ["a", "b", "a", "b"], ignoresCase: false };
  const mapping = parseMapping(mappingOf("msgpack", shape), "test.yaml");
  const cases: [what: string, bytes: Uint8Array, code: string, text: RegExp][] = [
    ["is too large", Buffer.alloc(RECORD_BYTES_MAX + 1), "record_too_large", /larger than 1 MiB/],
    [
      "is cut",
      Buffer.from([0x81]),
      "malformed_record",
      /^the record cannot be read in the format of its mapping, msgpack: the record ends inside a value, at byte 1$/,
    ],
    ["is a number", Buffer.from([7]), "malformed_record", /it is a value without members/],
    ["is a list", Buffer.from([0x90]), "malformed_record", /it has many values.*take `each: \$\[\*\]` for many/],
    ["is JSON", Buffer.from("{}"), "malformed_record", /it looks like JSON/],
  ];
  for (const [what, bytes, code, text] of cases) {
    test(what, () => {
      const mapper = openMapper(mapping);
      const record = { bytes, start: 0, end: bytes.length };
      const events = new MappedEvents();
      assert.equal(mapper.map(record, events), code);
      assert.match(mapper.refusalText(code as "malformed_record", record, events, undefined), text);
    });
  }

  test("a record of the largest size is read", () => {
    const record = Buffer.concat([
      Buffer.from([0x81, 0xa1, 0x61, 0xc6, 0, 0x0f, 0xff, 0xf8]),
      Buffer.alloc(RECORD_BYTES_MAX - 8),
    ]);
    assert.equal(record.length, RECORD_BYTES_MAX);
    const other = { ...shape, references: ["b", "b", "b", "b"] };
    assert.equal(mapped(mappingOf("msgpack", other), record).length, 1);
  });

  test("damaged records never fail but with a code", (t) => {
    const seed = seedOf(t);
    const samples = fc.sample(fc.tuple(anyShape, anyRecord), { seed, numRuns: 50 });
    for (const [shape, record] of samples) {
      const mapper = openMapper(parseMapping(mappingOf("msgpack", shape), "test.yaml"));
      const events = new MappedEvents();
      fuzz(encode(record), seed, 100, (bytes) => {
        const outcome = mapper.map({ bytes, start: 0, end: bytes.length }, events);
        assert.ok(outcome === undefined || outcome === "malformed_record" || outcome === "too_many_swaps", outcome);
      });
    }
  });
});
