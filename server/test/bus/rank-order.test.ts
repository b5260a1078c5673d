import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compareRankKeys, decodeCursor, encodeCursor, mergeRanked, orderByValue } from "../../src/bus/rank-order.ts";
import type { RankKey } from "../../src/bus/responses.ts";
import { compareDecimals } from "../../src/shared/decimal-order.ts";
import { propertyOptions } from "../support/seed.ts";

const PLACES = 18n;

/** A decimal as served and its exact value in units of 10^-18. */
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 26n }), fc.integer({ min: 0, max: 30 }))
  .map(([negative, units, shift]) => {
    const value = (negative ? -1n : 1n) * (units / 10n ** BigInt(shift));
    return { value, text: served(value) };
  });

function served(value: bigint): string {
  const magnitude = value < 0n ? -value : value;
  const digits = magnitude.toString().padStart(Number(PLACES) + 1, "0");
  const whole = digits.slice(0, -Number(PLACES));
  const fraction = digits.slice(-Number(PLACES)).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

describe("order of figures", () => {
  test("the order of decimal texts is that of their exact values", (t) => {
    fc.assert(
      fc.property(decimal, decimal, (a, b) => {
        assert.equal(Math.sign(compareDecimals(a.text, b.text)), a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
      }),
      propertyOptions(t, 2000),
    );
  });

  test("puts rows without the figure last both ways, and ties by id", () => {
    const rows = (order: "asc" | "desc") =>
      [
        { value: undefined, id: "1:a" },
        { value: "2", id: "1:c" },
        { value: "10", id: "1:b" },
        { value: "2", id: "1:B" },
        { value: "-3", id: "1:x" },
        { value: undefined, id: "0:z" },
      ]
        .sort((a, b) => compareRankKeys(a, b, order))
        .map((row) => row.id);
    assert.deepEqual(rows("desc"), ["1:b", "1:B", "1:c", "1:x", "0:z", "1:a"]);
    assert.deepEqual(rows("asc"), ["1:x", "1:B", "1:c", "1:b", "0:z", "1:a"]);
  });

  test("several lists have the order of all rows together", () => {
    const key = (value: string, id: string): { key: RankKey } => ({ key: { value, id } });
    const lists = [
      [key("9", "a"), key("5", "b")],
      [key("7", "c"), key("5", "d")],
    ];
    assert.deepEqual(
      mergeRanked(lists, orderByValue("desc"), 3).map((row) => row.key),
      [key("9", "a").key, key("7", "c").key, key("5", "b").key],
    );
  });

  test("an id of several lists is listed once, where it stands best", () => {
    const key = (value: string, id: string): { key: RankKey } => ({ key: { value, id } });
    const lists = [
      [key("9", "a"), key("5", "b")],
      [key("7", "a"), key("5", "c"), key("4", "b")],
    ];
    assert.deepEqual(
      mergeRanked(lists, orderByValue("desc"), 10).map((row) => row.key.id),
      ["a", "b", "c"],
    );
  });
});

describe("cursor", () => {
  const request = { window: "5m", sort: "volume_usd", order: "desc" } as const;

  test("a cursor decodes to the place that it was made of", () => {
    for (const key of [
      { value: "12.5", id: "1:0xé" },
      { value: undefined, id: "1:x" },
    ]) {
      assert.deepEqual(decodeCursor(request, encodeCursor(request, key)), key);
    }
  });

  test("a cursor of another ranking, or an invented one, is a bad request", () => {
    const cursor = encodeCursor(request, { value: "1", id: "1:x" });
    const bad = (text: string, of: Parameters<typeof decodeCursor>[0] = request) =>
      assert.throws(() => decodeCursor(of, text), { code: "bad_request" });
    bad(cursor, { ...request, order: "asc" });
    bad(cursor, { ...request, window: "1h" });
    bad("");
    bad("!!!");
    bad(Buffer.from('["5m","volume_usd","desc","x; drop",1]').toString("base64url"));
    bad(Buffer.from('["5m","volume_usd","desc","1e5","1:x"]').toString("base64url"));
  });
});
