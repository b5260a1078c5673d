import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { canonicalForms, canonicalId, canonicalToken, parseTokenId } from "../../src/shared/token-id.ts";

const CHAINS = new Map([
  [101, { addressBytes: 4 }],
  [102, { addressBytes: 2 }],
  [103, {}],
]);

describe("canonical tokens", () => {
  test("hex of any length is in lower case", () => {
    for (const digits of ["A", "aBc", "Ab".repeat(20), "AB".repeat(32), "F".repeat(126)]) {
      assert.equal(canonicalToken(`0X${digits}`), `0x${digits.toLowerCase()}`);
      assert.equal(canonicalId(`1:0x${digits}`, CHAINS), `1:0x${digits.toLowerCase()}`);
    }
    for (const text of ["0x", "0xG", "0xTOKEN", "0xAB::Coin::COIN", "0xAB\n", "x0xAB", "WETH", "0X"]) {
      assert.equal(canonicalToken(text), text);
    }
  });

  test("ids have a chain of 32 bits without leading zeros, a colon and a token", () => {
    assert.deepEqual(parseTokenId("4294967295:0XAB"), { chainId: 4_294_967_295, token: "0xab" });
    assert.deepEqual(parseTokenId("1:a:b\nc"), { chainId: 1, token: "a:b\nc" });
    for (const text of ["4294967296:x", "01:x", "1:", ":x", "x", "-1:x", "1 :x"])
      assert.equal(parseTokenId(text), undefined);
  });

  test("what is no id stays as it is, since a symbol may look like anything", () => {
    for (const text of ["0XAB", "WETH", "a:0xAB"]) assert.equal(canonicalId(text, CHAINS), text);
  });

  test("a name without a chain has a form for each length of addresses", () => {
    assert.deepEqual([...canonicalForms("0XA::m::T", CHAINS)], ["0XA::m::T", "0x0000000a::m::T", "0x000a::m::T"]);
    assert.deepEqual([...canonicalForms("0XA", CHAINS)], ["0xa", "0x0000000a", "0x000a"]);
    assert.deepEqual([...canonicalForms("WETH", CHAINS)], ["WETH"]);
  });
});
