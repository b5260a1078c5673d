import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deadLetterMessage } from "../../src/codecs/dead-letter-codes.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { MappedEvents } from "../../src/mapping/mapper.ts";
import { parseMapping } from "../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../src/mapping/record-mapper.ts";

const SWAP = `
swaps:
  - chain_id: 1
    tx_hash: hash
    log_index: i
    token: mint
    who: { first: [maker, owner] }
    side: { column: type, values: { B: buy, S: sell } }
    amount_token: { path: raw.amount, scale: raw.decimals }
    amount_usd: { multiply: [amount, price] }
    ts: { path: time, time: seconds }
`;
const GOOD = {
  hash: "0xab",
  i: 3,
  mint: "TKN",
  type: "B",
  raw: { amount: "1500", decimals: 3 },
  amount: "2",
  price: 1.5,
  time: 1767225600,
};

/** Maps a record, and returns the messages of everything that is refused. */
function refusals(mapping: string, record: unknown): string[] {
  const mapper = openMapper(parseMapping(mapping, "m.yaml"));
  const events = new MappedEvents();
  const bytes = Buffer.from(typeof record === "string" ? record : JSON.stringify(record));
  const given = { bytes, start: 0, end: bytes.length };
  const outcome = mapper.map(given, events);
  if (outcome === "schema_needed") throw new Error("JSON has no schema");
  if (outcome !== undefined) return [mapper.refusalText(outcome, given, events, undefined)];
  return Array.from({ length: events.count }, (_, index) => index).flatMap((index) => {
    const start = index === 0 ? 0 : events.ends[index - 1]!;
    const code = new SwapDecoder().decode(events.bytes, start, events.ends[index]!, new SwapEvent());
    return code === undefined ? [] : [mapper.refusalText(code, given, events, index)];
  });
}

describe("the message of a refused event names its place in the mapping", () => {
  const cases: readonly (readonly [change: object, message: string])[] = [
    [{}, ""],
    [{ type: "BUY" }, `swaps[0].side from \`type\` is "BUY"; ${deadLetterMessage("bad_side")}`],
    [{ i: -1 }, `swaps[0].log_index from \`i\` is "-1"; ${deadLetterMessage("bad_log_index")}`],
    [{ mint: { a: 1 } }, `swaps[0].token from \`mint\` is {"a":1}; ${deadLetterMessage("bad_token")}`],
    [
      { amount: "1,5" },
      `swaps[0].amount_usd from \`amount\`, \`price\` is "(1,5 * 1.5)"; ${deadLetterMessage("bad_amount_usd")}`,
    ],
    [
      { raw: { amount: "x", decimals: 3 } },
      `swaps[0].amount_token from \`raw.amount\`, \`raw.decimals\` is "(x / 10^3)"; ${deadLetterMessage("bad_amount_token")}`,
    ],
    [{ time: 12 }, `swaps[0].ts from \`time\` is 12000; ${deadLetterMessage("time_in_seconds")}`],
    [{ maker: "m".repeat(200) }, `swaps[0].who from \`maker\`, \`owner\` is "${"m".repeat(62)}`],
    [
      { hash: null, price: "NULL" },
      "required fields are missing: swaps[0].amount_usd from `amount`, `price` is absent; swaps[0].tx_hash from `hash` is absent",
    ],
  ];
  for (const [change, message] of cases) {
    test(JSON.stringify(change).slice(0, 60), () => {
      const [found = ""] = refusals(SWAP, { ...GOOD, ...change });
      if (message === "") assert.equal(found, "");
      else assert.ok(found.startsWith(message), found);
    });
  }

  test("also of a later entry of swaps", () => {
    const second = SWAP.replace("swaps:\n", "").replace("type, values: { B: buy, S: sell }", "kind").trimStart();
    assert.deepEqual(refusals(`${SWAP}  ${second}`, { ...GOOD, kind: "x" }), [
      `swaps[1].side from \`kind\` is "x"; ${deadLetterMessage("bad_side")}`,
    ]);
  });
});

describe("the message of a record that cannot be read", () => {
  test("says what to write for an array", () => {
    assert.deepEqual(refusals(SWAP, [GOOD]), [
      "the record is JSON, but not an object; it is an array: write `each: $[*]` into the mapping to take its elements",
    ]);
    assert.deepEqual(refusals(`each: $[*]${SWAP}`, [GOOD]), []);
  });

  test("is that of a canonical record otherwise", () => {
    assert.deepEqual(refusals(SWAP, "5"), ['the record is JSON, but not an object; it is "5"']);
    assert.match(refusals(SWAP, '{"a":1')[0] ?? "", /^the record is not one JSON value; at byte 6/);
  });
});
