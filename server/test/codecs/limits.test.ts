import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as limits from "../../src/codecs/limits.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { codeOf, eventOf, plain, recordWith } from "./decoding.ts";

/** A valid record of exactly this many bytes. */
function recordOfBytes(bytes: number): string {
  const empty = recordWith({ note: '""' });
  return recordWith({ note: `"${"x".repeat(bytes - empty.length)}"` });
}

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const objects = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

describe("each limit, at it and one beyond", () => {
  const cases: [what: string, record: string, code: string | undefined][] = [
    ["largest record", recordOfBytes(limits.RECORD_BYTES_MAX), undefined],
    ["larger record", recordOfBytes(limits.RECORD_BYTES_MAX + 1), "record_too_large"],
    // The record itself is the first level.
    ["deepest arrays", recordWith({ note: nested(limits.DEPTH_MAX - 1) }), undefined],
    ["deeper arrays", recordWith({ note: nested(limits.DEPTH_MAX) }), "too_deep"],
    ["deepest objects", recordWith({ note: objects(limits.DEPTH_MAX - 1) }), undefined],
    ["deeper objects", recordWith({ note: objects(limits.DEPTH_MAX) }), "too_deep"],
    ["deepest array that is no object", nested(limits.DEPTH_MAX), "not_an_object"],
    ["brackets in a string are no depth", recordWith({ note: `"${"[".repeat(1000)}"` }), undefined],
    ["as deep as a record can be", `{"a":${"[".repeat(1_000_000)}`, "too_deep"],
    ["longest string", recordWith({ token: `"${"x".repeat(limits.STRING_BYTES_MAX)}"` }), undefined],
    ["longer string", recordWith({ token: `"${"x".repeat(limits.STRING_BYTES_MAX + 1)}"` }), "bad_token"],
    ["longest string, escaped", recordWith({ token: `"${"\\u0078".repeat(limits.STRING_BYTES_MAX)}"` }), undefined],
    [
      "longer string, escaped",
      recordWith({ token: `"${"\\u0078".repeat(limits.STRING_BYTES_MAX + 1)}"` }),
      "bad_token",
    ],
    ["bytes count, not characters", recordWith({ who: `"${"€".repeat(43)}"` }), "bad_who"],
    ["bytes count, not characters, escaped", recordWith({ who: `"${"\\u20ac".repeat(43)}"` }), "bad_who"],
    ["longest symbol", recordWith({ token_symbol: `"${"x".repeat(limits.SYMBOL_BYTES_MAX)}"` }), undefined],
    ["longer symbol", recordWith({ token_symbol: `"${"x".repeat(limits.SYMBOL_BYTES_MAX + 1)}"` }), undefined],
    [
      "longest quoted decimal",
      recordWith({ amount_usd: `"1.${"0".repeat(limits.DECIMAL_CHARS_MAX - 2)}"` }),
      undefined,
    ],
    [
      "longer quoted decimal",
      recordWith({ amount_usd: `"1.${"0".repeat(limits.DECIMAL_CHARS_MAX - 1)}"` }),
      "bad_amount_usd",
    ],
    ["a number has no such limit", recordWith({ amount_usd: `1.${"0".repeat(100_000)}` }), undefined],
    ["huge digits and exponent, small value", recordWith({ amount_usd: `1${"0".repeat(100_000)}e-100000` }), undefined],
    ["huge exponent", recordWith({ amount_usd: `1e${"9".repeat(100_000)}` }), "bad_amount_usd"],
    ["huge negative exponent", recordWith({ amount_usd: `1e-${"9".repeat(100_000)}` }), undefined],
    ["zero with a huge exponent", recordWith({ log_index: `0e${"9".repeat(1000)}` }), undefined],
    ["an integer by its exponent", recordWith({ log_index: `0.${"0".repeat(1000)}7e1001` }), undefined],
    [
      "a fraction of any length",
      recordWith({ event_time: `"2026-01-01T00:00:00.${"9".repeat(100_000)}Z"` }),
      undefined,
    ],
    ["latest time", recordWith({ event_time: String(limits.EVENT_TIME_MS_MAX) }), undefined],
    ["later time", recordWith({ event_time: String(limits.EVENT_TIME_MS_MAX + 1) }), "bad_event_time"],
    ["latest time as text", recordWith({ event_time: '"9999-12-31T23:59:59.999Z"' }), undefined],
    ["later time as text", recordWith({ event_time: '"9999-12-31T23:59:59-00:01"' }), "bad_event_time"],
    ["earliest time", recordWith({ event_time: String(limits.EVENT_TIME_MS_MIN) }), undefined],
    ["earlier time", recordWith({ event_time: String(limits.EVENT_TIME_MS_MIN - 1) }), "time_in_seconds"],
    ["earliest time as text", recordWith({ event_time: '"1973-03-03T09:46:40Z"' }), undefined],
    ["earlier time as text", recordWith({ event_time: '"1973-03-03T09:46:39.999Z"' }), "bad_event_time"],
  ];
  for (const [what, record, code] of cases) test(what, () => assert.equal(codeOf(record), code));
});

describe("names", () => {
  const chosen: [what: string, fields: Record<string, string | undefined>, values: Record<string, unknown>][] = [
    ["a canonical name goes before its aliases", { who: '"a"', wallet: '"b"' }, { who: "a" }],
    ["aliases in their order", { maker: '"c"', trader: '"b"', wallet: '""' }, { who: "b" }],
    ["what is not used is not judged", { who: '"a"', wallet: "7", maker: '"\\ud800"' }, { who: "a" }],
    ["null is no value", { amount_usd: "null", usd: "5" }, { usdMicro: 5_000_000 }],
    [
      "an empty string is no value, also of a number",
      { price_usd: '""', revision: '""', removed: '""' },
      { priceUsd: Number.NaN },
    ],
    ["address and token", { token_address: '"addr"' }, { token: "addr", symbol: "TKN" }],
    [
      "address, token and symbol",
      { token_address: '"addr"', token: "7", token_symbol: '"S"' },
      { token: "addr", symbol: "S" },
    ],
    ["an address alone", { token_address: '"addr"', token: undefined }, { token: "addr", symbol: undefined }],
    [
      "address, token and a symbol that is too long: there is none",
      { token_address: '"addr"', token_symbol: `"${"s".repeat(65)}"` },
      { token: "addr", symbol: undefined, symbolDropped: true },
    ],
    [
      "address and a token that is too long for a symbol, even for a token",
      { token_address: '"addr"', token: `"${"s".repeat(129)}"` },
      { token: "addr", symbol: undefined, symbolDropped: true },
    ],
    ["transaction index", { tx_index: "4294967295" }, { txIndex: 4_294_967_295, symbolDropped: false }],
    ["its alias", { transaction_index: "7.0" }, { txIndex: 7 }],
    ["the canonical one goes first", { transaction_index: '"x"', tx_index: "1e1" }, { txIndex: 10 }],
    ["null and empty are none", { tx_index: "null", transaction_index: '""' }, { txIndex: 0 }],
    ["null leaves the alias", { tx_index: "null", transaction_index: "3" }, { txIndex: 3 }],
    [
      "a symbol keeps its case",
      { token_address: '"a"', token: `"0x${"AB".repeat(20)}"` },
      { symbol: `0x${"AB".repeat(20)}` },
    ],
  ];
  for (const [what, fields, values] of chosen) {
    test(what, () => {
      const event = eventOf(recordWith(fields));
      for (const [name, value] of Object.entries(values)) assert.deepEqual(event[name], value, name);
    });
  }

  test("the last of a repeated name counts, whichever way it is written", () => {
    const record = (tail: string) => `${recordWith().slice(0, -1)},${tail}}`;
    assert.equal(eventOf(record('"s\\u0069de":"sell"')).isBuy, false);
    assert.equal(eventOf(record('"side":"x","\\u0073ide":"sell"')).isBuy, false);
    assert.equal(codeOf(record('"side":null')), "missing_field");
    assert.equal(codeOf(record('"Side":"sell","side ":1,"sid\\u0000e":2,"__proto__":3')), undefined);
  });
});

describe("labels that are too long", () => {
  const symbols: [what: string, json: string, symbolDropped: boolean][] = [
    ["64 bytes", `"${"s".repeat(64)}"`, false],
    ["65 bytes", `"${"s".repeat(65)}"`, true],
    ["66 bytes in 22 characters", `"${"€".repeat(22)}"`, true],
    ["65 bytes by escapes", `"${"\\u0073".repeat(65)}"`, true],
    ["64 bytes by escapes", `"${"\\u0073".repeat(64)}"`, false],
    ["as long as a record can be", `"${"s".repeat(1_000_000)}"`, true],
  ];
  for (const [what, json, symbolDropped] of symbols) {
    test(what, () => {
      const event = eventOf(recordWith({ token_symbol: json }));
      assert.equal(event.symbolDropped, symbolDropped);
      assert.equal(event.symbol === undefined, symbolDropped);
      assert.equal(eventOf(recordWith()).symbolDropped, false, "the next event has a label of its own");
    });
  }

  test("a label that is no valid text is refused at any length", () => {
    assert.equal(codeOf(recordWith({ token_symbol: `"${"s".repeat(100)}\\ud800"` })), "bad_token_symbol");
    assert.equal(codeOf(recordWith({ token_symbol: '"\\udc00"' })), "bad_token_symbol");
    assert.equal(codeOf(recordWith({ token_symbol: "7" })), "bad_token_symbol");
  });
});

test("a price of zero is no price, in any spelling", () => {
  const zeros = ["0", "0.0", "-0", "-0.000", "0e5", "0E-999", "00", `0.${"0".repeat(90)}`];
  for (const text of zeros) {
    assert.equal(eventOf(recordWith({ price_usd: `"${text}"` })).priceUsd, Number.NaN, text);
    if (text !== "00") assert.equal(eventOf(recordWith({ price_usd: text })).priceUsd, Number.NaN, text);
  }
  assert.equal(eventOf(recordWith({ price_usd: `0.${"0".repeat(500_000)}` })).priceUsd, Number.NaN);
  assert.equal(eventOf(recordWith({ price_usd: '"\\u0030"' })).priceUsd, Number.NaN);
  for (const text of ["-1", "1e-61", "-1e-61", "1e61", "0x0", ".0", "0.", "+0", "-"]) {
    assert.equal(codeOf(recordWith({ price_usd: `"${text}"` })), "bad_price_usd", text);
  }
  assert.equal(codeOf(recordWith({ price_usd: `"0.${"0".repeat(99)}"` })), "bad_price_usd");
});

describe("ids and case", () => {
  test("the default event id is treated as absent", () => {
    const id = (event_id: string, tx_hash = '"0xAB"') => eventOf(recordWith({ tx_hash, event_id })).eventId;
    assert.equal(id('"1:0xab:3"'), undefined);
    assert.equal(id('"1:0x\\u0061b:3"'), undefined);
    assert.equal(id('"1:0xAB:3"'), "1:0xAB:3");
    assert.equal(id('"01:0xab:3"'), "01:0xab:3");
    assert.equal(id('"1:0xab:03"'), "1:0xab:03");
    assert.equal(id('"1:0xab:30"'), "1:0xab:30");
    assert.equal(id('"1:So1:3"', '"So1"'), undefined);
  });

  test("hex is lower-cased", () => {
    const address = `0X${"Ab".repeat(20)}`;
    const event = eventOf(
      recordWith({ token: `"${address}"`, pool: `"${address}"`, who: `"${address}"`, block_hash: '"0XAbC"' }),
    );
    for (const name of ["token", "pool", "who"]) assert.equal(event[name], address.toLowerCase());
    assert.equal(event.blockHash, "0xabc");
    for (const digits of ["A", "aBC", "AbCd", "ABCDEF", "Ab".repeat(20), "Ab".repeat(63)]) {
      const text = `0X${digits}`;
      for (const value of [`"${text}"`, `"\\u0030${text.slice(1)}"`]) {
        const fields = { token: value, pool: value, who: value, tx_hash: value, block_hash: value };
        const cased = eventOf(recordWith(fields));
        for (const name of ["token", "pool", "who", "txHash", "blockHash"])
          assert.equal(cased[name], text.toLowerCase());
      }
    }
    for (const text of ["0x", "0xTOKEN", "x0AB", "00xAB", "0xAB ", "0xAB::Coin::COIN", "1xAB", "0xABé"]) {
      assert.equal(eventOf(recordWith({ token: `"${text}"` })).token, Buffer.from(text).toString("latin1"));
    }
    assert.equal(eventOf(recordWith({ event_id: '"0xAB"', token_symbol: '"0xAB"' })).eventId, "0xAB");
    assert.equal(eventOf(recordWith({ tx_hash: '"0x"' })).txHash, "0x");
    assert.equal(eventOf(recordWith({ tx_hash: '"0XABg"' })).txHash, "0XABg");
  });
});

test("an event stays in the record's buffer unless a string must be rewritten", () => {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const record = Buffer.from(recordWith());
  assert.equal(decoder.decode(record, 0, record.length, event), undefined);
  assert.equal(event.bytes, record);
  const upper = Buffer.from(recordWith({ tx_hash: '"0XAB"' }));
  assert.equal(decoder.decode(upper, 0, upper.length, event), undefined);
  assert.notEqual(event.bytes, upper);
  assert.equal(upper.toString(), recordWith({ tx_hash: '"0XAB"' }), "the record itself is left as it was");
});

test("a producer that invents names costs other producers only time", () => {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const ordinary = Buffer.from(recordWith({ block_number: "7", who: '"w"' }));
  decoder.decode(ordinary, 0, ordinary.length, event);
  const expected = plain(event);
  for (let i = 0; i < 2000; i++) {
    // Names with the same length, beginning and end collide; the others fill the table.
    const name = i % 2 === 0 ? `aaaa${String(i).padStart(6, "0")}zzzz` : `n${i}`;
    const made = Buffer.from(recordWith({ [name]: "1", [`${name}x`]: '"y"' }));
    assert.equal(decoder.decode(made, 0, made.length, event), undefined);
    assert.equal(decoder.decode(ordinary, 0, ordinary.length, event), undefined);
    assert.deepEqual(plain(event), expected);
  }
});

test("an exception inside the decoder costs only time, and is counted", () => {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const record = Buffer.from(recordWith());
  decoder.decode(record, 0, record.length, event);
  const expected = plain(event);
  // No record is known to cause one, so the event throws once.
  let isFirst = true;
  const failing = new Proxy(new SwapEvent(), {
    set(target, name, value) {
      if (isFirst) {
        isFirst = false;
        throw new RangeError("Offset is outside the bounds of the DataView");
      }
      return Reflect.set(target, name, value);
    },
  });
  assert.equal(decoder.decode(record, 0, record.length, failing), undefined);
  assert.deepEqual(plain(failing), expected);
  assert.equal(decoder.fallbacks, 1);
});
