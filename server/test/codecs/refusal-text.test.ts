import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { splitBody } from "../../src/codecs/body-splitter.ts";
import { DEAD_LETTER_MESSAGES, type DeadLetterCode } from "../../src/codecs/dead-letter-codes.ts";
import { refusalText } from "../../src/codecs/refusal-text.ts";
import { printableText } from "../../src/shared/printable-text.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { codeOf, recordWith } from "./decoding.ts";
import { damaged, recordText } from "./hostile-records.ts";

const SWAP = recordWith();

/** The code of a record and its sentence. */
function refusalOf(record: Uint8Array | string): { code: DeadLetterCode; text: string } {
  const bytes = Buffer.from(record as string);
  const code = codeOf(bytes);
  assert.ok(code !== undefined, "the record is refused");
  const amid = Buffer.concat([Buffer.from("{"), bytes, Buffer.from('"}')]);
  const text = refusalText(code, bytes, 0, bytes.length);
  assert.equal(refusalText(code, amid, 1, 1 + bytes.length), text, "what stands around a record says nothing about it");
  return { code, text };
}

describe("a refusal names the field and the value", () => {
  const cases: [fields: Record<string, string | undefined>, code: string, start: RegExp][] = [
    [{ chain_id: '"1"' }, "bad_chain_id", /^chain_id is "1"; /],
    [{ log_index: "-1" }, "bad_log_index", /^log_index is -1; /],
    [{ transaction_index: "1.5" }, "bad_tx_index", /^transaction_index is 1\.5; /],
    [{ side: '"BUY"' }, "bad_side", /^side is "BUY"; side must be the string buy or sell/],
    [{ amount_token: undefined, amount: "0" }, "bad_amount_token", /^amount is 0; /],
    [{ amount_usd: '"1,000.50"' }, "bad_amount_usd", /^amount_usd is "1,000\.50"; /],
    [{ price_usd: '"-1"' }, "bad_price_usd", /^price_usd is "-1"; /],
    [{ event_time: "1767225600" }, "time_in_seconds", /^event_time is 1767225600; .*milliseconds/],
    [{ event_time: "null", ts: '"2026-02-30T00:00:00Z"' }, "bad_event_time", /^ts is "2026-02-30T00:00:00Z"; /],
    [{ block_number: "true" }, "bad_block_number", /^block_number is true; /],
    [{ removed: '"true"' }, "bad_removed", /^removed is "true"; /],
    [{ revision: "[1]" }, "bad_revision", /^revision is \[1\]; /],
    [{ schema_version: '"v1"' }, "bad_schema_version", /^schema_version is "v1"; /],
    [{ tx_hash: "7" }, "bad_tx_hash", /^tx_hash is 7; /],
    [{ event_id: '{"a":1}' }, "bad_event_id", /^event_id is \{"a":1\}; /],
    [{ token_address: "5", token: '"x"' }, "bad_token", /^token_address is 5; /],
    [{ token_symbol: "9" }, "bad_token_symbol", /^token_symbol is 9; /],
    [{ pool_address: "1" }, "bad_pool", /^pool_address is 1; /],
    [{ wallet: "", maker: "false" }, "bad_who", /^maker is false; /],
    [{ block_hash: "12" }, "bad_block_hash", /^block_hash is 12; /],
  ];
  for (const [fields, code, start] of cases) {
    test(code, () => {
      const given = Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== ""));
      const refusal = refusalOf(recordWith(given));
      assert.equal(refusal.code, code);
      assert.match(refusal.text, start);
      assert.ok(refusal.text.endsWith(DEAD_LETTER_MESSAGES[refusal.code]));
    });
  }

  test("a long value is cut, and control characters in it are made harmless", () => {
    const { text } = refusalOf(recordWith({ who: `"${"w".repeat(500)}"` }));
    assert.match(text, /^who is "w{62}…; /);
    // JSON may contain C1 controls and marks that reverse the direction of text.
    const hostile = refusalOf(recordWith({ side: '"\u009b31m\u202ebuy\u0007"'.replace("\u0007", "") }));
    assert.match(hostile.text, /^side is "\?31m\?buy"; /);
  });

  test("the last of a repeated name is shown, even after many others and written with escapes", () => {
    const many = Array.from({ length: 300 }, (_, i) => `"n${i}":${i}`).join(",");
    const record = `${SWAP.slice(0, -1)},${many},"s\\u0069de":"hold"}`;
    assert.match(refusalOf(record).text, /^side is "hold"; /);
  });

  test("a swap from the future is shown with its arrival", () => {
    const record = Buffer.from(recordWith({ event_time: "4102444800000" }));
    const text = refusalText("quarantined", record, 0, record.length, 1_767_225_600);
    assert.match(text, /^event_time is 4102444800000, the arrival is 1767225600; event_time is further ahead/);
  });
});

describe("missing fields", () => {
  test("are named, with the names that the record has instead", () => {
    const one = refusalOf(recordWith({ amount_usd: undefined, amountUSD: "4", pair: '"x"' })).text;
    assert.equal(
      one,
      "a required field is missing: amount_usd (or usd); other names in the record: amountUSD (for amount_usd?), pair",
    );
    assert.equal(
      refusalOf(recordWith({ ts: '""', event_time: undefined })).text,
      'a required field is missing: ts (it is "")',
    );
    assert.match(refusalOf("{}").text, /^required fields are missing: chain_id, log_index, side, .*, tx_hash, token/);
  });

  test("other names are cut to 64 characters", () => {
    const names = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`column_${i}`, "1"]));
    const { text } = refusalOf(recordWith({ side: undefined, ...names }));
    assert.match(text, /other names in the record: .{63}…$/u);
  });

  const envelopes: [what: string, record: string, says: RegExp][] = [
    ["Debezium or Connect with a schema", `{"schema":{},"payload":${SWAP}}`, /Debezium or Kafka Connect.*in payload/],
    ["a change event", `{"before":null,"after":${SWAP},"op":"c"}`, /Debezium.*in after/],
    ["CloudEvents", `{"specversion":"1.0","id":"7","data":${SWAP}}`, /CloudEvents.*in data/],
    ["text inside", `{"message":${JSON.stringify(SWAP)}}`, /envelope.*in message/],
  ];
  for (const [what, record, says] of envelopes) {
    test(`an envelope: ${what}`, () => assert.match(refusalOf(record).text, says));
  }
  test("names that every JavaScript object has are treated like others", () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      assert.match(refusalOf(`{"${name}":{}}`).text, new RegExp(`other names in the record: ${name}$`));
    }
  });
  test("a swap with a field of envelopes is still a swap", () => {
    assert.doesNotMatch(refusalOf(recordWith({ side: undefined, data: "{}" })).text, /envelope/);
  });
});

describe("records that are no swap at all", () => {
  const framed = (payload: Uint8Array | string): Buffer =>
    Buffer.concat([Buffer.of(0, 0, 0, 0, 17), Buffer.from(payload as string)]);
  const cases: [what: string, record: Uint8Array | string, says: RegExp][] = [
    ["gzip", gzipSync(SWAP), /gzip.*Content-Encoding/],
    ["zstd", zstdCompressSync(Buffer.from(SWAP)), /zstd/],
    ["zip", "PK\u0003\u0004rest", /zip archive: unpack/],
    ["Parquet", "PAR1\u0015\u0004", /Parquet.*swapstats replay/],
    ["Avro", "Obj\u0001\u0002", /Avro/],
    ["Confluent's frame with JSON", framed(SWAP), /schema registry \(byte 0 and schema 17\), with JSON/],
    ["Confluent's frame with Avro", framed(Buffer.of(2, 4, 200, 1)), /schema registry .*Avro or Protobuf/],
    ["Protobuf", Buffer.of(10, 3, 65, 66, 67, 16, 1), /Protobuf/],
    ["binary data", Buffer.of(65, 1, 2, 3), /binary data/],
    ["an array", `[${SWAP}]`, /it is an array: one record is one swap/],
    ["JSON in a string", JSON.stringify(SWAP), /encoded twice/],
    ["a number", "12", /it is "12"/],
    ["null", " null", /it is "null"/],
    ["a byte order mark", `\ufeff${SWAP}`, /byte order mark/],
    ["UTF-16", Buffer.from(SWAP, "utf16le"), /UTF-16/],
    ["UTF-16 with a mark", Buffer.from(`\ufeff${SWAP}`, "utf16le"), /UTF-16/],
    ["a row of a table", "1,0xab,3,PEPE,buy,2,4", /CSV.*mapping/],
    ["a quoted row with semicolons", '"1";"0xab";"3"', /CSV/],
    ["XML", "<swap/>", /XML/],
    ["an event stream", `data: ${SWAP}`, /behind `data:`/],
    ["single quotes", "{'a':1}", /double quotes, not in single/],
    ["names without quotes", "{a:1}", /names stand in double quotes/],
    ["nothing", "", /it is empty$/],
    ["blanks", " \t", /it is blank$/],
    ["a word", "hello", /begins with "hello"/],
    ["a cut record", SWAP.slice(0, 70), /at byte \d+, in .*the record ends in the middle$/],
    ["a stray comma", `${SWAP.slice(0, -1)},}`, /behind|follows the value of event_time: a name in double quotes/],
    ["NaN", recordWith({ fee: "NaN" }), /in the value of fee: "NaN}"/],
    ["two objects", SWAP + SWAP, /follows the object: one record is one object/],
    ["a control character", recordWith({ side: '"b\u001by"' }), /in the value of side: ""b\?y"/],
    ["Latin-1", Buffer.from(recordWith({ note: '"café"' }), "latin1"), /byte e9 at position \d+, behind ".*caf"/],
    ["too long", `{"a":"${"x".repeat(1024 * 1024)}"}`, /1048584 bytes or more/],
  ];
  for (const [what, record, says] of cases) test(what, () => assert.match(refusalOf(record).text, says));

  test("a body that cannot be read is explained as well", () => {
    const looks = (body: Uint8Array | string, says: RegExp): void =>
      assert.throws(() => splitBody(Buffer.from(body as string), 10), { code: "bad_request", message: says });
    looks(gzipSync(SWAP), /gzip/);
    looks("a,b,c,d\n1,2,3,4\n", /CSV/);
    looks("PAR1....", /Parquet/);
    looks(Buffer.from(SWAP, "utf16le").subarray(1), /UTF-16|binary/);
  });
});

test("every sentence about any record is short and harmless", (t) => {
  const random = randomFrom(seedOf(t));
  for (let i = 0; i < 5000; i++) {
    const record = Buffer.from(damaged(random, Buffer.from(recordText(random))));
    const code = codeOf(record);
    if (code === undefined) continue;
    const text = refusalText(code, record, 0, record.length);
    assert.equal(printableText(text), text);
    assert.ok(text.length < 700, text);
  }
});
