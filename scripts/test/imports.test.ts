import assert from "node:assert/strict";
import { test } from "node:test";
import { importsOf } from "../house/imports.ts";
import { parse } from "../house/source.ts";

const specifiers = (source: string): string[] => importsOf(parse(source)).map((entry) => entry.specifier);

test("every form of import is found with its properties", () => {
  const source = `#!/usr/bin/env node
import "./effect.ts";
import type { A } from "./types.ts";
import { type B, c } from "./mixed.ts";
import d, * as e from './rest.ts';
import type from "./named-type.ts";
export { f } from "./f.ts";
export type { G } from "./g.ts";
export * from "./all.ts";
const lazy = await import("./lazy.ts");
const plain = await import(\`./template.ts\`);
const old = require("./old.cjs");
const worker = new Worker(new URL("./worker.ts", import.meta.url));
let shape: import("./shape.ts").Shape;
import older = require("./older.cjs");
export { c };
export const text = "./no.ts";
export type Shape = { from: "./no-2.ts" };
// import "./no-3.ts";
const other = new URL("./data.json", import.meta.url);
const far = new URL("./no-4.ts", "https://example.org");
const unknown = await import(text);
`;
  assert.deepEqual(
    importsOf(parse(source)).map((entry) => [entry.specifier, entry.typeOnly, entry.startsThread, entry.line]),
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
      ["./template.ts", false, false, 11],
      ["./old.cjs", false, false, 12],
      ["./worker.ts", false, true, 13],
      ["./shape.ts", true, false, 14],
      ["./older.cjs", false, false, 15],
    ],
  );
});

test("the imported names are those of the other module", () => {
  const names = (source: string): unknown => importsOf(parse(source))[0]?.names;
  assert.deepEqual(names(`import a, { b as c, type D, default as e, "f g" as h } from "x";`), [
    "default",
    "b",
    "D",
    "default",
    "f g",
  ]);
  assert.deepEqual(names(`export { a as b, type C } from "x";`), ["a", "C"]);
  assert.deepEqual(names(`import "x";`), []);
  for (const all of [`import * as a from "x";`, `export * from "x";`, `import("x");`, `let a: import("x").B;`]) {
    assert.equal(names(all), "all", all);
  }
});

test("comments, strings, templates and regular expressions import nothing", () => {
  assert.deepEqual(specifiers("// import 'a';\n/* import 'b';\n */"), []);
  assert.deepEqual(specifiers(`a = "import 'a'" + 'require("b")' + \`import("c")\`;`), []);
  assert.deepEqual(specifiers("a = `${await import('a')} import('b') ${`${require('c')}`}`;"), ["a", "c"]);
  assert.deepEqual(specifiers(`f(/import("a")[/]require("b")\\//gu) / require("c") / d;`), ["c"]);
});

test("members and keys named like the keywords import nothing", () => {
  assert.deepEqual(specifiers(`a.require("x"); b.import("y"); export { from }; "z"; let from = { require: 1 };`), []);
});

test("a text that is not TypeScript is an error that names the file", () => {
  assert.throws(() => parse("const = 1;", "a.ts"), /a\.ts: /);
});
