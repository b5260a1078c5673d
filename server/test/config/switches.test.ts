import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CONFIG_KEYS } from "../../src/config/keys.ts";
import { loadConfig } from "../../src/config/load.ts";
import { readSettings } from "../../src/config/read-settings.ts";
import { tempDir } from "../support/tmp.ts";

const SWITCHES = CONFIG_KEYS.filter(({ kind }) => kind.type === "switch");

test("every switch accepts the words of YAML, of environments and of other programs", (t) => {
  assert.ok(SWITCHES.length >= 4);
  const filePath = join(tempDir(t), "config.yaml");
  const words = { on: "on On true True yes 1 'true' \"on\"", off: "off false no NO 0 'false' \"0\"" };
  for (const { path } of SWITCHES) {
    for (const [wanted, list] of Object.entries(words)) {
      for (const word of list.split(" ")) {
        const parts = path.split(".");
        writeFileSync(filePath, `${parts.map((part, depth) => `${"  ".repeat(depth)}${part}:`).join("\n")} ${word}\n`);
        const problems: { message: string }[] = [];
        const settings = readSettings({ filePath, env: {} }, problems as never);
        assert.deepEqual(problems, [], `${path}: ${word}`);
        assert.equal(settings.find((setting) => setting.path === path)?.value, wanted === "on", `${path}: ${word}`);
      }
    }
  }
});

test("other words are refused with a list of the accepted ones", () => {
  const env = { SWAPSTATS_INGEST_TLS_ENABLED: "maybe" };
  assert.throws(() => loadConfig({ env }), { message: /"maybe" is neither on nor off; write on or off \(true/ });
});
