import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PATTERN_CHARS_MAX, PATTERN_INSTRUCTIONS_MAX, TEXT_CHARS_MAX } from "../../../src/mapping/limits.ts";
import { checkReplacement, replaceMatches } from "../../../src/mapping/values/replacements.ts";
import { propertyOptions } from "../../support/seed.ts";

const check = (pattern: string, replacement = ""): string | undefined => checkReplacement({ pattern, replacement });

test("all matches are replaced, and groups may stand in the replacement", () => {
  assert.equal(replaceMatches("a-b-c", { pattern: "-", replacement: "" }), "abc");
  assert.equal(replaceMatches("https://x/?tx=0xab&y", { pattern: "^.*tx=([0-9a-fx]+).*$", replacement: "$1" }), "0xab");
  assert.equal(replaceMatches("WETH/USDC", { pattern: "^(\\w+)/(\\w+)$", replacement: "$2-$1 $$" }), "USDC-WETH $");
  assert.equal(replaceMatches("Äpfel 🍕", { pattern: "(?i)ä|.$", replacement: "?" }), "?pfel ?");
});

test("patterns that need more than linear time, or too much of it, are refused with the reason", () => {
  for (const pattern of ["(?=a)", "(?<=a)b", "(a)\\1", "(?!a)", "a++", "("]) {
    assert.match(check(pattern) ?? "", /^is no regular expression of the linear kind/, pattern);
  }
  assert.equal(check("a".repeat(PATTERN_CHARS_MAX - 10)), undefined);
  assert.match(check("a".repeat(PATTERN_CHARS_MAX + 1)) ?? "", /has 257 characters/);
  assert.equal(check(`a{${PATTERN_INSTRUCTIONS_MAX - 2}}`), undefined);
  assert.match(check(`a{${PATTERN_INSTRUCTIONS_MAX - 1}}`) ?? "", /repeats too much: it has 513 instructions/);
  assert.match(check("(a{100}){100}") ?? "", /invalid repeat count/);
  assert.match(check("(a)", "$2") ?? "", /has no group 2/);
});

test("a text is cut to the limit before and after", () => {
  const long = "x".repeat(TEXT_CHARS_MAX + 5);
  assert.equal(replaceMatches(long, { pattern: "y", replacement: "" }).length, TEXT_CHARS_MAX);
  assert.equal(replaceMatches(long, { pattern: "^x", replacement: "yyyyyy" }).length, TEXT_CHARS_MAX);
  const doubled = replaceMatches("x".repeat(200), { pattern: "x", replacement: "z".repeat(100) });
  assert.equal(doubled, "z".repeat(TEXT_CHARS_MAX));
});

test("a text whose searches could take too long stays as it is", () => {
  const hostile = { pattern: "(?:[^c]{1,10}){1,10}c|a", replacement: "-" };
  assert.equal(checkReplacement(hostile), undefined);
  const text = `${"a".repeat(TEXT_CHARS_MAX - 1)}d`;
  assert.equal(replaceMatches(text, hostile), text);
  const largest = { pattern: `x{${PATTERN_INSTRUCTIONS_MAX - 2}}`, replacement: "" };
  const match = "x".repeat(PATTERN_INSTRUCTIONS_MAX - 2);
  const rest = "a".repeat(TEXT_CHARS_MAX - match.length);
  assert.equal(replaceMatches(rest + match, largest), rest, "one search through the longest text is allowed");
  assert.equal(replaceMatches(match + rest, largest), match + rest, "two are not");
  assert.equal(replaceMatches("aad", hostile), "--d");
});

test("replacements are those of the built-in engine", (t) => {
  const patterns = [
    "a",
    "a+",
    "[ab]+c?",
    "^a|b$",
    "(a)(b)?",
    "(a|ab)(c|bcd)?",
    "a*",
    "\\w+",
    "[^a]",
    "(b+)|c",
    ".",
    "ab|a|b",
  ];
  const pattern = fc.constantFrom(...patterns);
  const replacement = fc.constantFrom("", "x", "[$1]", "$$");
  const text = fc.stringMatching(/^[abcd ]{0,20}$/);
  fc.assert(
    fc.property(pattern, replacement, text, (given, by, value) => {
      const hasGroup = given.includes("(");
      if (by === "[$1]" && !hasGroup) return;
      const expected = value.replaceAll(new RegExp(given, "gu"), by);
      assert.equal(replaceMatches(value, { pattern: given, replacement: by }), expected);
    }),
    propertyOptions(t, 1_000),
  );
});
