import assert from "node:assert/strict";
import { test } from "node:test";
import { importsOf } from "../house/imports.ts";
import { tokenize } from "../house/tokens.ts";

const words = (source: string): string[] =>
  tokenize(source)
    .filter((token) => token.kind === "word")
    .map((token) => token.text);

const specifiers = (source: string): string[] => importsOf(tokenize(source)).map((entry) => entry.specifier);

test("comments, strings, templates and regular expressions are no code", () => {
  assert.deepEqual(words("a // Date\n/* Date\n */ b"), ["a", "b"]);
  assert.deepEqual(words(`a = "Date" + 'Date\\' Date' + b`), ["a", "b"]);
  assert.deepEqual(words("a = `Date ${b + `Date ${c}`} Date` + d"), ["a", "b", "c", "d"]);
  assert.deepEqual(words("a = `${{ b: { c } }} Date`; d"), ["a", "b", "c", "d"]);
  assert.deepEqual(words("return /Date[/]Date\\//gu.test(a) / b / c"), ["return", "test", "a", "b", "c"]);
  assert.deepEqual(words("#!/usr/bin/env Date\na"), ["a"]);
});

test("private names, numbers and lines", () => {
  assert.deepEqual(words("this.#state = 0x1f + 1_000n"), ["this", "#state"]);
  assert.deepEqual(
    tokenize("a\n`\n\n`\nb").map((token) => [token.kind, token.line]),
    [
      ["word", 1],
      ["template", 2],
      ["word", 5],
    ],
  );
});

test("every form of import is found, with what it is", () => {
  const source = `
import "./effect.ts";
import type { A } from "./types.ts";
import { type B, c } from "./mixed.ts";
import d, * as e from './rest.ts';
import type from "./named-type.ts";
export { f } from "./f.ts";
export type { G } from "./g.ts";
export * from "./all.ts";
const lazy = await import("./lazy.ts");
const old = require("./old.cjs");
const worker = new Worker(new URL("./worker.ts", import.meta.url));
export { c };
export const text = "./no.ts";
export type Shape = { from: "./no-2.ts" };
// import "./no-3.ts";
const other = new URL("./data.json", import.meta.url);
`;
  assert.deepEqual(
    importsOf(tokenize(source)).map((entry) => [entry.specifier, entry.typeOnly, entry.startsThread, entry.line]),
    [
      ["./effect.ts", false, false, 2],
      ["./types.ts", true, false, 3],
      ["./mixed.ts", false, false, 4],
      ["./rest.ts", false, false, 5],
      ["./named-type.ts", false, false, 6],
      ["./f.ts", false, false, 7],
      ["./g.ts", true, false, 8],
      ["./all.ts", false, false, 9],
      ["./lazy.ts", false, false, 10],
      ["./old.cjs", false, false, 11],
      ["./worker.ts", false, true, 12],
    ],
  );
});

test("members and keys named like the keywords import nothing", () => {
  assert.deepEqual(specifiers(`a.require("x"); b.import("y"); export { from }; "z";`), []);
});
