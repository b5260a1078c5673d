import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const protocol = resolve(import.meta.dirname, "..");

test("types of the wire contract cost no import at run time", () => {
  const source = readFileSync(join(protocol, "test/client.ts"), "utf8");
  const imported = (text: string): string[] => [...text.matchAll(/from "(.*?)"/g)].map(([, name]) => name as string);
  const isSchema = (name: string): boolean => name.includes("/schemas/");
  assert.ok(imported(source).filter(isSchema).length > 5);
  assert.deepEqual(imported(stripTypeScriptTypes(source)).filter(isSchema), []);
});

test("a client with types and helpers of the protocol runs where no package is installed", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-client-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(protocol, "src"), join(folder, "src"), { recursive: true });
  cpSync(join(protocol, "test/client.ts"), join(folder, "test/client.mts"));
  const run = (file: string): string =>
    execFileSync(process.execPath, [join(folder, file)], { encoding: "utf8", stdio: "pipe" });
  const { held, head, isRanked } = JSON.parse(run("test/client.mts"));
  assert.deepEqual([held.late, head, isRanked], [1, "1:0xa", true]);
  // The schemas themselves do need a package, so the folder is one where it would be missed.
  assert.throws(() => run("src/schemas/figures.ts"), /typebox/);
});
