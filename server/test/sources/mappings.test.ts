import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runCli } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/load.ts";
import { readIngestMappings } from "../../src/sources/mappings.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { tempDir } from "../support/tmp.ts";

const SWAPS =
  "swaps: [{ chain_id: 1, tx_hash: h, log_index: n, token: t, side: s, amount_token: a, amount_usd: u, event_time: at }]";

function mappingsOf(overrides: Record<string, string>) {
  return readIngestMappings(loadConfig({ env: {}, overrides }).config);
}

describe("the mappings of a configuration", () => {
  test("without any there are none", () => {
    const { ofTopic, hasEnvelopes, ofBodies } = mappingsOf({});
    assert.deepEqual([ofTopic, hasEnvelopes, ofBodies.texts.size], [undefined, false, 0]);
  });

  test("that of a topic says whether it needs keys or headers, and is data", (t) => {
    const path = join(tempDir(t), "m.yaml");
    const kafka = { "ingest.source": "kafka", "ingest.brokers": "a:1", "ingest.mapping": path };
    writeFileSync(path, SWAPS);
    assert.equal(mappingsOf(kafka).hasEnvelopes, false);
    writeFileSync(path, SWAPS.replace("token: t", 'token: "@key"'));
    const mappings = mappingsOf(kafka);
    assert.equal(mappings.hasEnvelopes, true);
    assert.deepEqual(structuredClone(mappings), mappings);
  });

  test("all problems are reported at once, those of the registry too", (t) => {
    const path = join(tempDir(t), "m.yaml");
    writeFileSync(path, `format: avro\n${SWAPS.replace("token: t", "tokn: t")}`);
    const registry = { "ingest.registry.url": "https://registry", "ingest.registry.ca": join(path, "none") };
    const kafka = { "ingest.source": "kafka", "ingest.brokers": "a:1", "ingest.mapping": path };
    assert.throws(
      () => mappingsOf({ ...kafka, ...registry }),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, "bad_config");
        assert.match(error.message, /ingest\.registry\.ca: the file .* cannot be read/);
        assert.match(error.message, /ingest\.mapping: .*line 2: swaps\[0\]\.tokn/s);
        return true;
      },
    );
    writeFileSync(path, `format: avro\n${SWAPS}`);
    assert.throws(() => mappingsOf(kafka), /no `schema`; name a schema file in it, or set ingest\.registry\.url/);
    writeFileSync(path, `format: csv\n${SWAPS}`);
    assert.throws(() => mappingsOf(kafka), /format csv, but no `columns`/);
    writeFileSync(path, `format: parquet\n${SWAPS}`);
    assert.throws(() => mappingsOf(kafka), /format parquet/);
  });

  test("a path that holds a secret is not repeated", () => {
    for (const secret of [
      "password=hunter2",
      "Bearer hunter2",
      "redis://user:hunter2@host:6379/0",
      "user:hunter2@host",
    ]) {
      const kafka = { "ingest.source": "kafka", "ingest.brokers": "a:1", "ingest.mapping": secret };
      for (const overrides of [kafka, { "ingest.mappings": secret }]) {
        assert.throws(
          () => mappingsOf(overrides as Record<string, string>),
          ({ message }: Error) => {
            assert.ok(!message.includes("hunter2"), message);
            return /check the path/.test(message);
          },
        );
      }
    }
  });

  test("a bad one ends `config check` and `serve` as any other bad configuration does", async (t) => {
    const folder = tempDir(t);
    const mapping = join(folder, "m.yaml");
    writeFileSync(mapping, "swaps: 7");
    const config = join(folder, "config.yaml");
    writeFileSync(
      config,
      `ingest: {source: kafka, brokers: "127.0.0.1:1", mapping: ${mapping}}\ndata_dir: ${folder}/data\n`,
    );
    const commands = [["config", "check"], ["serve"]];
    for (const command of commands) {
      const output = memoryOutput();
      const code = await runCli([...command, "--config", config], output, new AbortController().signal);
      assert.equal(code, 1, output.errText());
      assert.match(output.errText(), /ingest\.mapping: .*m\.yaml.*swaps/s);
    }
    writeFileSync(mapping, SWAPS);
    const output = memoryOutput();
    assert.equal(await runCli(["config", "check", "--config", config], output, new AbortController().signal), 0);
    assert.match(output.outText(), /The configuration is fine/);
  });
});
