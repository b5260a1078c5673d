import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FIGURES_DOCUMENT, withFiguresTable } from "../docs.ts";

test("docs/http-api.md has the figures of the protocol's table", () => {
  const text = readFileSync(FIGURES_DOCUMENT, "utf8");
  assert.equal(text, withFiguresTable(text), "run `npm run docs`");
});
