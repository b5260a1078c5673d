import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { printableCut, printableJson, printableText, QUOTED_LENGTH_MAX } from "../../src/shared/printable-text.ts";
import { propertyOptions } from "../support/seed.ts";

test("escape sequences, line feeds and marks of direction become question marks", () => {
  assert.equal(printableText("a\u001b[31mred\u009b1m\n\r\t\u0000\u007f"), "a?[31mred?1m?????");
  assert.equal(printableText("\u202eabc\u2066\u200b\u2028\ufeff\ud800\ue000"), "?abc??????");
});

test("ordinary text of any script stays as it is", () => {
  for (const text of ["WETH", "Äpfel & Öl", "日本語", "🍕", "a b"]) assert.equal(printableText(text), text);
});

test("a cut text has at most the length that was asked for, and says that it was cut", () => {
  assert.equal(printableCut("x".repeat(QUOTED_LENGTH_MAX)), "x".repeat(QUOTED_LENGTH_MAX));
  assert.equal(printableCut("x".repeat(QUOTED_LENGTH_MAX + 1)), `${"x".repeat(QUOTED_LENGTH_MAX - 1)}…`);
  assert.equal(printableCut("🍕🍕🍕🍕", 3), "🍕🍕…");
  assert.equal(printableCut("🍕🍕🍕", 3), "🍕🍕🍕");
});

test("whatever comes in, nothing unsafe and nothing too long comes out", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 1, max: 100 }), (text, max) => {
      const cut = printableCut(text, max);
      assert.ok(Array.from(cut).length <= max);
      assert.doesNotMatch(cut, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u);
    }),
    propertyOptions(t, 500),
  );
});

test("JSON becomes harmless without a change of its values", () => {
  const value = { "a\x7f\u0085": ["\x1b[31m\n", "\u202e\u{e0001}\ud800", "狗 plain"] };
  for (const json of [JSON.stringify(value), JSON.stringify(value, null, 2)]) {
    const safe = printableJson(json);
    assert.doesNotMatch(safe.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Cs}]/u);
    assert.deepEqual(JSON.parse(safe), value);
  }
});
