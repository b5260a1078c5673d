import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PAGE, withKeys } from "../config-docs.ts";

test("docs/configuration.md has every key and every secret as the table has them", () => {
  const page = readFileSync(PAGE, "utf8");
  assert.equal(page, withKeys(page), "run `npm run docs`");
});

test("a key of the table is in the page, and a secret in the list of secrets", () => {
  const page = [
    "head",
    "<!-- keys: written by npm run docs -->",
    "former text",
    "<!-- end of keys -->",
    "between",
    "<!-- secrets: written by npm run docs -->",
    "",
    "<!-- end of secrets -->",
    "tail",
    "<!-- feeders: written by npm run docs -->",
    "",
    "<!-- end of feeders -->",
  ].join("\n");
  const written = withKeys(page, [
    { path: "a.size", kind: { type: "integer", min: 1, max: 2 }, defaultText: "1", meaning: "Size." },
    { path: "a.password", kind: { type: "secret" }, defaultText: "", meaning: "Password." },
  ]);
  assert.match(
    written,
    /^\| `a\.size` \| `1` \| Size\. \|\n\| `a\.password` \| \| Password\. \|\n<!-- end of keys -->$/m,
  );
  assert.match(written, /^- `a\.password`\n<!-- end of secrets -->\ntail$/m);
  assert.match(written, /^`type: file`\n\n\| key \| default \| meaning \|$/m);
  assert.doesNotMatch(written, /former text/);
  assert.throws(() => withKeys("no marks"), /has no part "keys"/);
});
