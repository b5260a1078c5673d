/** The ready mappings of docs/mappings: each sample gives exactly the swaps that stand beside it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runMapping } from "../../../src/cli/mapping/run-mapping.ts";
import { inputFiles, Spool } from "../../../src/cli/replay/input.ts";
import { readMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { plainEvent } from "../../support/plain-event.ts";
import { NO_SCHEMAS, READY, readyFolder, samplePath } from "./ready-mappings.ts";

/** What samples show on purpose. */
const REFUSED: Readonly<Record<string, number>> = { "dune-trades": 2 };

describe("docs/mappings", () => {
  test("lists every folder, and no other", () => {
    const readme = readFileSync(join(readyFolder("."), "README.md"), "utf8");
    const listed = [...readme.matchAll(/^\| \[([a-z0-9-]+)\]\(\1\/mapping\.yaml\) \| .+ \| .+ \|$/gm)];
    assert.deepEqual(listed.map(([, name]) => name as string).sort(), [...READY].sort());
    assert.ok(READY.length >= 21);
  });

  for (const name of READY) {
    test(`the sample of ${name} gives its swaps`, async () => {
      const folder = readyFolder(name);
      assert.deepEqual(readdirSync(folder).length, 3, "a mapping, a sample and the swaps");
      const path = samplePath(name);
      const source = { files: [], mapping: readMapping(join(folder, "mapping.yaml")), spool: new Spool() };
      const [input] = inputFiles([path]);
      assert.ok(input !== undefined);
      const records = await runMapping({ ...source, stdin: () => assert.fail() }, input, 1_000, NO_SCHEMAS);
      const events = records.flatMap((record) => record.events);
      const expected = readFileSync(join(folder, "swaps.ndjson"), "utf8").trimEnd().split("\n");
      assert.deepEqual(events.map(plainEvent), expected.map(plainEvent));
      const refused = records.flatMap((record) => record.refused);
      assert.equal(refused.length, REFUSED[name] ?? 0, JSON.stringify(refused));
      assert.deepEqual(
        records.flatMap(({ copies }) => copies),
        [],
        "swaps with one identity",
      );
    });

    test(`the comment of ${name} says what identifies a swap`, () => {
      const text = readFileSync(join(readyFolder(name), "mapping.yaml"), "utf8");
      assert.match(text, /^# /);
      assert.match(text, /Identity: /);
    });
  }
});
