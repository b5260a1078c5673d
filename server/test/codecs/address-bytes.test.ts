import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { canonicalId, canonicalToken, parseTokenId } from "../../src/shared/token-id.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { codeOf, eventOf, recordWith, TEST_CHAINS } from "./decoding.ts";

const LONG = `0x${"2".padStart(64, "0")}`;
const json = (text: string): string => JSON.stringify(text);
const tokenOf = (token: string, chain = "101"): unknown =>
  eventOf(recordWith({ chain_id: chain, token: json(token) })).token;

describe("a chain whose addresses have 32 bytes", () => {
  const forms: [given: string, canonical: string][] = [
    ["0x2", LONG],
    ["0X2", LONG],
    ["0x02", LONG],
    [LONG, LONG],
    ["0x2::sui::SUI", `${LONG}::sui::SUI`],
    [`${LONG}::sui::SUI`, `${LONG}::sui::SUI`],
    ["0XaB::Coin::COIN", `0x${"ab".padStart(64, "0")}::Coin::COIN`],
    ["0xAB::x::Y<0xCD::z::W>", `0x${"ab".padStart(64, "0")}::x::Y<0xCD::z::W>`],
    ["0x2::", `${LONG}::`],
    // Longer than an address: lower-cased, and not padded.
    [`0x${"A".repeat(65)}`, `0x${"a".repeat(65)}`],
    [`0x${"A".repeat(65)}::m::T`, `0x${"a".repeat(65)}::m::T`],
    // No hex, or hex before something that is no path.
    ["0x", "0x"],
    ["0x::sui::SUI", "0x::sui::SUI"],
    ["0x2:sui", "0x2:sui"],
    ["0xAG::sui::SUI", "0xAG::sui::SUI"],
    ["x0x2::sui::SUI", "x0x2::sui::SUI"],
    ["::0x2", "::0x2"],
    ["SUI", "SUI"],
  ];
  for (const [given, canonical] of forms) {
    test(`${given.slice(0, 40)} in an event and in an id`, () => {
      assert.equal(tokenOf(given), canonical);
      assert.equal(tokenOf(canonical), canonical, "the canonical form stays");
      assert.equal(canonicalToken(given, 32), canonical);
      assert.equal(canonicalId(`101:${given}`, TEST_CHAINS), `101:${canonical}`);
    });
  }

  test("pools and traders are padded when they are hex as a whole; hashes, event ids and symbols are not", () => {
    const event = eventOf(
      recordWith({
        chain_id: "101",
        pool: '"0xAB"',
        who: '"0x2::a::B"',
        tx_hash: '"0xAB"',
        block_hash: '"0xAB"',
        token_symbol: '"0xAB"',
        event_id: '"0xAB"',
      }),
    );
    assert.equal(event.pool, `0x${"ab".padStart(64, "0")}`);
    assert.equal(event.who, "0x2::a::B");
    assert.deepEqual([event.txHash, event.blockHash, event.symbol, event.eventId], ["0xab", "0xab", "0xAB", "0xAB"]);
    assert.equal(eventOf(recordWith({ chain_id: "101", who: '"\\u0030x2"' })).who, LONG);
  });

  test("other chains are not changed", () => {
    assert.equal(tokenOf("0x2", "1"), "0x2");
    assert.equal(tokenOf("0xAB::sui::SUI", "1"), "0xAB::sui::SUI");
    assert.equal(tokenOf("0x2", "102"), "0x02");
    assert.equal(canonicalId("1:0xAB", TEST_CHAINS), "1:0xab");
    assert.equal(canonicalId("SUI", TEST_CHAINS), "SUI");
  });

  test("the limit of 128 bytes applies to the canonical form, so that both spellings are treated alike", () => {
    const path = `::${"m".repeat(60)}`;
    for (const hex of ["0x2", LONG]) {
      assert.equal(String(tokenOf(hex + path)).length, 128);
      assert.equal(codeOf(recordWith({ chain_id: "101", token: json(`${hex}${path}m`) })), "bad_token");
    }
    assert.equal(tokenOf(`0x2${path}m`, "1"), `0x2${path}m`);
    // Hex itself fits even at the longest length that may be configured.
    assert.equal(String(tokenOf("0x2", "103")).length, 128);
    assert.equal(
      eventOf(recordWith({ chain_id: "103", who: '"0x2"', pool: '"0X3"' })).who,
      `0x${"2".padStart(126, "0")}`,
    );
    assert.equal(codeOf(recordWith({ chain_id: "103", token: '"0x2::a"' })), "bad_token");
  });

  test("an event whose forms are canonical stays in the record's buffer", () => {
    const decoder = new SwapDecoder(TEST_CHAINS);
    const event = new SwapEvent();
    const record = Buffer.from(recordWith({ chain_id: "101", token: json(`${LONG}::sui::SUI`), who: json(LONG) }));
    assert.equal(decoder.decode(record, 0, record.length, event), undefined);
    assert.equal(event.bytes, record);
  });

  test("events and ids agree on any token", (t) => {
    const random = randomFrom(seedOf(t));
    const pieces = ["0x", "0X", "2", "aB", "::", ":", "sui", "é", "0".repeat(61), "F".repeat(64), "<", "\n"];
    for (let i = 0; i < 3000; i++) {
      let token = random.chance(0.8) ? "0x" : "";
      for (let k = random.below(5); k >= 0; k--) token += random.pick(pieces);
      const chain = random.pick([101, 102, 103, 1]);
      const id = parseTokenId(`${chain}:${token}`, TEST_CHAINS);
      const record = recordWith({ chain_id: String(chain), token: json(token) });
      if (Buffer.byteLength(id?.token ?? "") > 128) assert.equal(codeOf(record), "bad_token");
      else assert.equal(eventOf(record).token, Buffer.from(id?.token ?? "").toString("latin1"), token);
    }
  });
});
