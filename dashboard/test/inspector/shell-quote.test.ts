import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { safeJson, shellWord } from "../../src/inspector/shell-quote.ts";

/** Returns the words that a shell makes of the line. */
function wordsOf(line: string): string[] {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.split("\0").slice(0, -1);
}

test("a shell reads every text as one word, and changes nothing of it", () => {
  const hostile = [
    "'; touch /tmp/x; '",
    "$(id)",
    "`id`",
    "a\\'b",
    "!!",
    "-rf",
    "~",
    "*",
    "a\nb",
    '"',
    "\\",
    "#x",
    "''",
  ];
  assert.deepEqual(wordsOf(hostile.map(shellWord).join(" ")), hostile);
  const text = fc.string({ unit: "binary", minLength: 1 }).filter((one) => one.isWellFormed() && !one.includes("\0"));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => {
      assert.deepEqual(wordsOf(texts.map(shellWord).join(" ")), texts);
    }),
    { numRuns: 40 },
  );
});

test("JSON keeps its value, and shows everything that it holds", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = safeJson(value);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
    }),
  );
});
