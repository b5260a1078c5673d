import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../../src/cli/run.ts";
import { initialYaml } from "../../src/config/init.ts";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { defaultConfig, loadConfig } from "../../src/config/load.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { tempDir } from "../support/tmp.ts";

const never = new AbortController().signal;

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(args, output, never);
  return { code, out: output.outText(), err: output.errText() };
}

test("config init writes a file that config check accepts, and does not replace an existing file without --force", async (t) => {
  const file = join(tempDir(t), "config.yaml");
  const written = await cli("config", "init", file);
  assert.equal(written.code, 0, written.err);
  assert.match(written.out, /config check --config/);
  const checked = await cli("config", "check", "--config", file);
  assert.deepEqual([checked.code, checked.out], [0, "The configuration is fine.\n"]);
  writeFileSync(file, "app: {grace: 1s}\n");
  const again = await cli("config", "init", file);
  assert.equal(again.code, 1);
  assert.match(again.err, /exists already; give another name, or --force/);
  assert.equal(readFileSync(file, "utf8"), "app: {grace: 1s}\n");
  assert.equal((await cli("config", "init", file, "--force")).code, 0);
  assert.equal(readFileSync(file, "utf8"), initialYaml());
  assert.equal((await cli("config", "init", "-")).out, initialYaml());
});

test("the file has every key with its default; uncommenting all of them changes nothing", (t) => {
  const text = initialYaml();
  for (const { path } of CONFIG_KEYS) assert.match(text, new RegExp(`# ${path.split(".").at(-1)}:`), path);
  for (const line of text.split("\n")) assert.ok(line.length <= 120, line);
  // A line `# key: default` whose key is in the table; keys without a default stay out.
  const defaults = new Set(
    CONFIG_KEYS.map(
      ({ path, defaultText }) =>
        `${path.split(".").at(-1)}: ${defaultText.endsWith(":") ? `"${defaultText}"` : defaultText}`,
    ),
  );
  const opened = text.replaceAll(/^( *)# ([a-z0-9_]+: \S.*)$/gm, (line, indent, setting) =>
    defaults.has(setting) ? `${indent}${setting}` : line,
  );
  const filePath = join(tempDir(t), "config.yaml");
  writeFileSync(filePath, opened);
  assert.ok(opened.split("\n").filter((line) => !line.trimStart().startsWith("#")).length > 60);
  assert.deepEqual(loadConfig({ filePath, env: {} }).config, defaultConfig());
});
