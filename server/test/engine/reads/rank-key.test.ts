import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { placesOf, type SortField } from "@swapstats/protocol/figures.ts";
import { RankKey, rankKeyOfText } from "../../../src/engine/reads/rank-key.ts";
import { compareAsText, compareChainTexts } from "../../../src/engine/token-order.ts";
import { compareDecimals } from "../../../src/shared/decimal-order.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";

const keyOf = (text: string | undefined, field: SortField): RankKey => {
  const key = new RankKey();
  rankKeyOfText(text, placesOf(field), key);
  return key;
};

const compareKeys = (a: RankKey, b: RankKey): number =>
  Math.sign(a.k0 - b.k0 || a.k1 - b.k1 || a.k2 - b.k2 || a.k3 - b.k3);

function decimal(random: Random, wholeDigits: number, places: number): string {
  const digits = (count: number): string => Array.from({ length: count }, () => random.below(10)).join("");
  const whole = String(BigInt(digits(1 + random.below(wholeDigits)) || "0"));
  const fraction = digits(random.below(places + 1)).replace(/0+$/, "");
  const text = fraction === "" ? whole : `${whole}.${fraction}`;
  return random.chance(0.3) && text !== "0" ? `-${text}` : text;
}

/** The same number with another last digit. */
function neighbour(random: Random, text: string): string {
  const last = text.at(-1) as string;
  const other = String((Number(last) + 1 + random.below(8)) % 10);
  return text.includes(".") && other === "0" ? text : text.slice(0, -1) + other;
}

describe("keys of rankings", () => {
  for (const [field, wholeDigits, places] of [
    ["volume_usd", 30, 6],
    ["volume_token", 43, 18],
    ["net_volume_usd", 20, 6],
    ["price_change_pct", 25, 6],
  ] as const) {
    test(`${field}: order like the served decimals, to the last of many digits`, (t) => {
      const random = randomFrom(seedOf(t));
      for (let i = 0; i < 4_000; i++) {
        const a = decimal(random, wholeDigits, places);
        const b = random.chance(0.5) ? neighbour(random, a) : decimal(random, wholeDigits, places);
        const order = Math.sign(compareDecimals(a, b));
        assert.equal(compareKeys(keyOf(a, field), keyOf(b, field)), order, `${a} and ${b}`);
      }
    });
  }

  test("an absent figure has a key of its own, which zero does not have", () => {
    assert.equal(keyOf(undefined, "close").isPresent, false);
    assert.equal(keyOf("0", "net_volume_usd").isPresent, true);
    assert.equal(compareKeys(keyOf("0", "volume_usd"), keyOf("0.000001", "volume_usd")), -1);
  });
});

describe("the order of ids", () => {
  test("bytes of UTF-8 order as JavaScript orders the texts, surrogates among them", (t) => {
    const random = randomFrom(seedOf(t));
    const letters = ["a", "b", "\u007f", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{1f600}", "\u{10ffff}"];
    const encoder = new TextEncoder();
    for (let i = 0; i < 5_000; i++) {
      const text = (): string => Array.from({ length: random.below(4) }, () => random.pick(letters)).join("");
      const [a, b] = [text(), text()];
      const x = encoder.encode(a);
      const y = encoder.encode(b);
      const both = new Uint8Array([...x, ...y]);
      const order = Math.sign(compareAsText(both, 0, x.length, x.length, both.length));
      assert.equal(order, a < b ? -1 : a > b ? 1 : 0, JSON.stringify([a, b]));
    }
  });

  test("ids of several chains have the order of the chain's text with its colon", () => {
    for (const [a, b] of [
      [1, 10],
      [137, 1],
      [56, 8453],
    ] as const) {
      assert.equal(Math.sign(compareChainTexts(a, b)), `${a}:x` < `${b}:x` ? -1 : 1);
    }
  });
});
