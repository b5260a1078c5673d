/** docs/websocket.md names every error and close code that the code uses, and none that does not exist. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { problemCodes } from "@swapstats/protocol/problems.ts";
import { closeCodes } from "@swapstats/protocol/websocket.ts";

const root = resolve(import.meta.dirname, "../../..");
const document = readFileSync(join(root, "docs/websocket.md"), "utf8");
const folder = join(root, "server/src/serving/websocket");
const source = globSync("*.ts", { cwd: folder })
  .map((name) => readFileSync(join(folder, name), "utf8"))
  .join("\n");

test("error codes", () => {
  const made = [...source.matchAll(/new ProblemError\(\s*"([a-z_]+)"/g)].map((match) => match[1] as string);
  const used = new Set([...made, "unknown_token", "ambiguous_token", "unavailable", "internal"]);
  assert.ok(used.size > 10);
  assert.deepEqual(
    [...used].filter((code) => !document.includes(`\`${code}\``)),
    [],
  );
  const table = document.slice(document.indexOf("## Errors"));
  const named = [...table.matchAll(/^\| (`[a-z_`, ]+`) \|/gm)].flatMap((row) => (row[1] as string).match(/[a-z_]+/g));
  assert.deepEqual(
    named.filter((code) => !(problemCodes as readonly string[]).includes(code as string)),
    [],
  );
});

test("close codes", () => {
  for (const code of Object.values(closeCodes)) assert.match(document, new RegExp(`\\b${code}\\b`));
});
