import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encode } from "@msgpack/msgpack";
import avsc from "avsc";
import { readMessage } from "../../../src/cli/mapping/message-file.ts";
import { runCli } from "../../../src/cli/run.ts";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { StandInRegistry } from "../../support/stand-in-registry.ts";
import { tempDir } from "../../support/tmp.ts";
import { writerInto } from "../replay/replay-files.ts";

const SWAPS =
  "swaps: [{ chain_id: 1, tx_hash: h, log_index: 0, token: { value: T }, side: k, amount: a, usd: 2, ts: t }]";
const RECORD = { h: "0x1", k: "buy", a: "1.50", t: 1_767_322_800_123 };
const SCHEMA = {
  type: "record",
  name: "Trade",
  fields: [
    { name: "h", type: "string" },
    { name: "k", type: "string" },
    { name: "a", type: "string" },
    { name: "t", type: { type: "long", logicalType: "timestamp-millis" } },
  ],
} as const;
const AVRO = avsc.Type.forSchema(SCHEMA as never).toBuffer(RECORD);
const SAID = /^row 1: 1 swap\n {2}buy 1\.50 of T for 2 USD at 2026-01-02T03:00:00\.123Z\n/;

async function tested(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(["mapping", "test", ...args], output, new AbortController().signal);
  return { code, out: output.outText(), err: output.errText() };
}

describe("mapping test of a message", () => {
  test("reads MessagePack, Avro by a schema file, and JSON with a frame", async (t) => {
    const write = writerInto(tempDir(t));
    write("trade.avsc", JSON.stringify(SCHEMA));
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from(JSON.stringify(RECORD))]);
    for (const [format, bytes] of [
      ["msgpack", encode(RECORD)],
      ["avro\nschema: trade.avsc", AVRO],
      ["json_schema", framed],
    ] as const) {
      const map = write("m.yaml", `format: ${format}\n${SWAPS}`);
      const { code, out, err } = await tested("--map", map, write("message", bytes));
      assert.equal(code, 0, err);
      assert.match(out, SAID);
    }
  });

  test("takes the schema from the configured registry", async (t) => {
    const write = writerInto(tempDir(t));
    await using registry = await StandInRegistry.start();
    registry.register(7, "trades-value", { schema: JSON.stringify(SCHEMA) });
    const map = write("m.yaml", `format: avro\n${SWAPS}`);
    const config = write("config.yaml", `ingest: { registry: { url: "${registry.url}" } }\n`);
    const message = write("message", Buffer.concat([Buffer.from([0, 0, 0, 0, 7]), AVRO]));
    const { code, out, err } = await tested("--map", map, "--config", config, message);
    assert.equal(code, 0, err);
    assert.match(out, SAID);
    const without = await tested("--map", map, message);
    assert.equal(without.code, 1);
    assert.match(without.err, /no `schema`; name a schema file in it, or set ingest\.registry\.url/);
  });

  test("a message that cannot be read is refused with its code and its first bytes", async (t) => {
    const write = writerInto(tempDir(t));
    write("trade.avsc", JSON.stringify(SCHEMA));
    const map = write("m.yaml", `format: avro\nschema: trade.avsc\n${SWAPS}`);
    const { code, out } = await tested("--map", map, write("message", AVRO.subarray(0, 5)));
    assert.equal(code, 1);
    assert.match(out, /refused, malformed_record: /);
    assert.match(out, new RegExp(`record: 0x${AVRO.toString("hex", 0, 5)}`));
  });

  test("has the size of a record at most", async () => {
    const mapping = parseMapping(`format: msgpack\n${SWAPS}`, "m");
    const chunks = async function* (bytes: number): AsyncGenerator<Buffer> {
      yield Buffer.alloc(bytes - 1);
      yield Buffer.alloc(1);
    };
    assert.equal((await readMessage(chunks(RECORD_BYTES_MAX), mapping, "f")).length, RECORD_BYTES_MAX);
    await assert.rejects(
      readMessage(chunks(RECORD_BYTES_MAX + 1), mapping, "f"),
      /f has more than 1048576 bytes; with format msgpack/,
    );
  });
});
