import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { PROBLEMS_SHOWN_MAX } from "../../src/config/read-settings.ts";
import { tempDir } from "../support/tmp.ts";

function saidOf(folder: string, text: string): string {
  const filePath = join(folder, "config.yaml");
  writeFileSync(filePath, text);
  try {
    loadConfig({ filePath, env: {} });
    return "fine";
  } catch (error) {
    return (error as Error).message;
  }
}

test("a file with the largest number of wrong keys is refused with a short list, and in linear time", (t) => {
  const folder = tempDir(t);
  const keys = Array.from({ length: 24_000 }, (_, index) => `k${index}: 1\n`).join("");
  writeFileSync(join(folder, "config.yaml"), keys);
  // Where each key is compared with all others this takes minutes; a process of its own can be given up.
  const script = `
    const { loadConfig } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/config/load.ts"))});
    try { loadConfig({ filePath: ${JSON.stringify(join(folder, "config.yaml"))}, env: {} }); } catch (error) { console.log(error.message); }`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 60_000 }).toString();
  assert.match(out, /has more than 10000 keys/);
  assert.ok(out.split("\n").length <= PROBLEMS_SHOWN_MAX + 4, out);
});

test("each wrong key is reported, up to a limit", (t) => {
  const folder = tempDir(t);
  const wrong = (count: number): string => Array.from({ length: count }, (_, index) => `zq${index}: 1\n`).join("");
  assert.match(
    saidOf(folder, wrong(PROBLEMS_SHOWN_MAX)),
    new RegExp(`^the configuration has ${PROBLEMS_SHOWN_MAX} problems`),
  );
  const more = saidOf(folder, wrong(PROBLEMS_SHOWN_MAX + 1));
  assert.match(more, new RegExp(`^the configuration has more than ${PROBLEMS_SHOWN_MAX} problems`));
  assert.match(more, /\n {2}and more$/);
});

test("a key that occurs twice is reported with its second line, also in nested and flow sections", (t) => {
  const folder = tempDir(t);
  assert.match(
    saidOf(folder, "data_dir: a\ndata_dir: b\n"),
    /\(line 2\): is not valid YAML: the key data_dir occurs twice/,
  );
  assert.match(
    saidOf(folder, "app: {grace: 5s, grace: 6s}\n"),
    /\(line 1\): is not valid YAML: the key app\.grace occurs twice/,
  );
});
