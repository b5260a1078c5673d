import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { WIRE_FOLDER, wireTexts } from "../client-types.ts";

test("the client's types are those of the contract", () => {
  const texts = wireTexts();
  assert.deepEqual(readdirSync(WIRE_FOLDER).sort(), [...texts.keys()].sort(), "run `npm run docs`");
  for (const [name, text] of texts) {
    assert.equal(readFileSync(resolve(WIRE_FOLDER, name), "utf8"), text, `sdk/src/wire/${name}: run \`npm run docs\``);
  }
});
