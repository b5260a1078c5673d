import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { CONTRACT_FOLDER, contractDocuments } from "../contract-docs.ts";

test("the documents of docs/api are those of the contract", () => {
  for (const [path, text] of contractDocuments()) {
    assert.equal(readFileSync(resolve(CONTRACT_FOLDER, path), "utf8"), text, `${path}: run \`npm run docs\``);
  }
});
