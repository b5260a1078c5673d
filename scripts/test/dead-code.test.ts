import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDeadCode } from "../house/dead-code.ts";

const SRC = "server/src";

const problems = (files: Record<string, string>): string[] =>
  checkDeadCode(new Map(Object.entries(files))).map(({ file, line, message }) => `${file}:${line}: ${message}`);

test("an export that no file imports is found, of every form", () => {
  const forms = {
    a: "export const a = 1;",
    F: "\nexport function F(): void {}",
    C: "export class C {}",
    T: "export type T = number;",
    b: "const c = 1; export { c as b };",
    default: "export default 1;",
    x: `export { y as x } from "./other.ts";`,
  };
  for (const [name, text] of Object.entries(forms)) {
    const found = problems({ [`${SRC}/m.ts`]: text, [`${SRC}/other.ts`]: `export const y = 1;` });
    const line = name === "F" ? 2 : 1;
    assert.ok(found.includes(`${SRC}/m.ts:${line}: no file imports ${name}`), `${name}: ${found.join("\n")}`);
  }
  assert.deepEqual(problems({ [`${SRC}/m.ts`]: "export const a: Limit = 1; type Limit = number;" }), [
    `${SRC}/m.ts:1: no file imports a`,
  ]);
});

test("an import by name, a re-export, a namespace and import() use an export", () => {
  const user = (text: string) => problems({ [`${SRC}/m.ts`]: "export const a = 1;", [`${SRC}/main.ts`]: text });
  assert.deepEqual(user(`import { a as b } from "./m.ts"; b;`), []);
  assert.deepEqual(user(`import * as m from "./m.ts"; m;`), []);
  assert.deepEqual(user(`const { a } = await import("./m.ts");`), []);
  assert.deepEqual(user(`import { z } from "./m.ts"; z;`), [`${SRC}/m.ts:1: no file imports a`]);
});

test("what only tests use is dead, unless its own file uses it", () => {
  const inTest = { "server/test/m.test.ts": `import { LIMIT } from "../src/m.ts"; LIMIT;` };
  assert.deepEqual(problems({ ...inTest, [`${SRC}/m.ts`]: "export const LIMIT = 1;" }), [
    `${SRC}/m.ts:1: only tests use LIMIT`,
  ]);
  assert.deepEqual(problems({ ...inTest, [`${SRC}/m.ts`]: "export const LIMIT = 1; f(LIMIT);" }), []);
});

test("a helper of tests is used by tests, and types of the protocol are for its clients", () => {
  const helper = { "server/test/support/h.ts": "export const h = 1;" };
  assert.deepEqual(problems({ ...helper, "server/test/a.test.ts": `import { h } from "./support/h.ts"; h;` }), []);
  assert.deepEqual(problems({ "protocol/src/m.ts": "export type T = 1; export const v = 1;" }), [
    "protocol/src/m.ts:1: no file imports v",
  ]);
});

test("the entry of the client and the files that are made for it are for other programs", () => {
  const text = "export const a = 1; export type T = number;";
  assert.deepEqual(problems({ "sdk/src/index.ts": text, "sdk/src/wire/figures.ts": text }), []);
  assert.equal(problems({ "sdk/src/http.ts": text }).length, 2);
});

test("members of a class that nothing uses are found", () => {
  const used = (text: string, test = "") =>
    problems({
      [`${SRC}/main.ts`]: `class A { get size() { return 1; } run() {} #own() {} constructor() {} } ${text}`,
      "server/test/main.test.ts": test,
    });
  assert.deepEqual(used("a.run(); const { size } = a;"), []);
  assert.deepEqual(used(`a["run"](); a.size = 1;`), []);
  assert.deepEqual(used("a.run();"), [`${SRC}/main.ts:1: nothing uses the member size`]);
  assert.deepEqual(used("a.run();", "a.size;"), [`${SRC}/main.ts:1: only tests use the member size`]);
  // A platform calls the members of a class that it asks for.
  assert.deepEqual(problems({ [`${SRC}/main.ts`]: "class A extends Writable { _write() {} }" }), []);
});
