/**
 * Every key is read by the program. The compiler says so, in a copy of the sources: code that reads a field of the table does not
 * compile when the field has another name. Code that takes a whole section may compile all the same, where the field is optional
 * to it. The name of the field must then occur in that code. (Giving each of these fields a wrong type, and compiling once for each,
 * would be strict. It takes 43 s of processor time instead of 9 s.)
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { keysOf } from "../../src/config/key.ts";
import { FEEDERS } from "../../src/config/keys/feeders.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { tempDir } from "../support/tmp.ts";

const ROOT = join(import.meta.dirname, "../../..");
const KEY = /(\w+): (?:required\(\s*)?key\(\s*"([^"]+)"/g;
/** A type that names a field, as in `Pick<Values, "field">`, does not read it. */
const NAMED_IN_TYPE = "TS2344";
const OPTIONS = {
  ...{ target: "es2025", lib: ["es2025"], types: ["node"], module: "nodenext", moduleDetection: "force" },
  ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true },
  allowImportingTsExtensions: true,
};
/** A key that no code reads, so that the test is seen to find one. */
const PROBE = "api.http.probe";

/** Keys that several types of feeders share; they are declared outside a section. */
const ELSEWHERE: readonly string[] = ["mapping"];

type Field = { readonly path: string; readonly name: string };

test("every key of the table is read", (t) => {
  const sources = new Sources(tempDir(t));
  assert.deepEqual(
    sources.fields.map(({ path }) => path).sort(),
    [...CONFIG_KEYS, ...keysOf(FEEDERS.types), { path: PROBE }]
      .map(({ path }) => path)
      .filter((path) => !ELSEWHERE.includes(path))
      .sort(),
  );

  const notMissed: Field[] = [];
  for (const batch of batchesOf(sources.fields)) {
    const paths = new Set(batch.map(({ path }) => path));
    const errors = sources.errors((found, { path, name }) =>
      paths.has(path) ? found.replace(name, `${name}Gone`) : found,
    );
    notMissed.push(
      ...batch.filter(({ name }) => !errors.some((line) => new RegExp(`'${name}'|\\b${name}(,|$)`).test(line))),
    );
  }
  const unread = notMissed.filter(({ name }) => !sources.mentions(name));
  assert.deepEqual(unread, [{ path: PROBE, name: "neverReadProbe" }]);
});

/** A copy of the sources in which the declarations of keys can be changed. */
class Sources {
  readonly fields: readonly Field[];
  readonly #folder: string;
  readonly #texts = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
    const source = join(folder, "server/src");
    mkdirSync(join(folder, "server"));
    cpSync(join(ROOT, "server/src"), source, { recursive: true });
    cpSync(join(ROOT, "server/package.json"), join(folder, "server/package.json"));
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: OPTIONS, include: ["server/src"] }));
    for (const file of ["keys.ts", ...globSync("keys/**/*.ts", { cwd: join(source, "config") })]) {
      const path = join(source, "config", file);
      const text = readFileSync(path, "utf8");
      const probe = `http: {\nneverReadProbe: key("${PROBE}", { type: "usd" }, "0", ""),`;
      this.#texts.set(path, file === "keys/api.ts" ? text.replace("http: {", probe) : text);
    }
    this.fields = [...this.#texts.values()].flatMap((text) =>
      [...text.matchAll(KEY)].map(([, name = "", path = ""]) => ({ path, name })),
    );
  }

  /** Whether code outside the table has this name in it. */
  mentions(name: string): boolean {
    const source = join(this.#folder, "server/src");
    return globSync("**/*.ts", { cwd: source }).some((file) => {
      const path = join(source, file);
      return !this.#texts.has(path) && new RegExp(`\\b${name}\\b`).test(readFileSync(path, "utf8"));
    });
  }

  /** Errors of the compiler when each declaration is replaced by what `change` makes of it. */
  errors(change: (found: string, field: Field) => string): string[] {
    for (const [file, text] of this.#texts) {
      writeFileSync(
        file,
        text.replace(KEY, (found, name: string, path: string) => change(found, { path, name })),
      );
    }
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const { stdout } = spawnSync(tsc, ["-p", this.#folder, "--pretty", "false"], { encoding: "utf8" });
    return stdout.split("\n").filter((line) => line !== "" && !line.includes(NAMED_IN_TYPE));
  }
}

/** Batches in which each name occurs once, because the compiler says the name alone. */
function batchesOf(fields: readonly Field[]): Field[][] {
  const batches: Field[][] = [];
  for (const field of fields) {
    const free = batches.find((batch) => batch.every(({ name }) => name !== field.name));
    if (free === undefined) batches.push([field]);
    else free.push(field);
  }
  return batches;
}
