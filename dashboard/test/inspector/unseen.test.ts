import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeUnseen } from "../../src/inspector/unseen.ts";

test("characters that show as nothing or turn the text are escaped, and others stay", () => {
  assert.equal(escapeUnseen("a\u202eb\u200bc\u0007\u2028\u00a0"), "a\\u202eb\\u200bc\\u0007\\u2028\\u00a0");
  assert.equal(escapeUnseen("\u{e0041}"), "\\udb40\\udc41");
  assert.equal(escapeUnseen("Ω 🚀 é <b>"), "Ω 🚀 é <b>");
});
