/** docs/swap-event.md agrees with the decoder and the engine: every example is decoded, and every table of events is applied. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { SLOT } from "../../src/codecs/event-fields.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { eventOf, plain } from "./decoding.ts";

const docs = readFileSync(new URL("../../../docs/swap-event.md", import.meta.url), "utf8");
const ARRIVAL_MS = 1_767_225_600_000;
const AS_OF_MS = ARRIVAL_MS + 60_000;

describe("docs/swap-event.md", () => {
  const examples = [...docs.matchAll(/^```json\n(.*)\n```$/gm)].map(([, text = ""]) => text);

  test("has examples of every family of chains", () => assert.ok(examples.length >= 7));

  for (const example of examples) {
    test(`the example ${example.slice(0, 60)} is a swap event`, () => {
      const given = JSON.parse(example) as Record<string, unknown>;
      const event = eventOf(example);
      assert.equal(event["chainId"], given["chain_id"]);
      assert.equal(event["logIndex"], given["log_index"]);
      assert.equal(event["txIndex"], given["tx_index"] ?? 0);
      const text = (given["token_address"] ?? given["token"]) as string;
      assert.equal(event["token"], text.startsWith("0x") && !text.includes("::") ? text.toLowerCase() : text);
    });
  }

  test("the example of Sui and its long form are one token with 32 bytes", () => {
    const decoder = new SwapDecoder(new Map([[784, { addressBytes: 32 }]]));
    const example = examples.find((text) => text.includes("0x2::sui::SUI")) ?? "";
    const forms = [example, example.replace("0x2::", `0x${"2".padStart(64, "0")}::`)].map((text) => {
      const record = Buffer.from(text);
      const event = new SwapEvent();
      assert.equal(decoder.decode(record, 0, record.length, event), undefined);
      return plain(event);
    });
    assert.deepEqual(forms[0], forms[1]);
    assert.equal(forms[0]?.["token"], `0x${"2".padStart(64, "0")}::sui::SUI`);
  });

  test("its table has every name of the decoder", () => {
    const table = docs.slice(docs.indexOf("| field |"), docs.indexOf("- A canonical name"));
    for (const name of Object.keys(SLOT)) {
      assert.ok(table.includes(`\`${name}\``) || name === "token_address", name);
    }
  });

  const tables = docs.split("| event | outcome | trades | volume_usd |").slice(1);
  test("has tables of events", () => assert.equal(tables.length, 3));
  for (const [index, table] of tables.entries()) {
    test(`table ${index + 1} of events gives its outcomes and figures`, () => play(table));
  }
});

/** Runs the rows of one table through decoder and engine; `...` stands for the fields of the first row. */
function play(table: string): void {
  const rows = [...table.split("\n\n")[0]!.matchAll(/^\| `(\{.*?\})`.* \| (\w+) \| (\d+) \| (\d+) \|$/gm)];
  assert.ok(rows.length >= 4);
  const engine = new PartitionEngine(
    {
      windows: [{ name: "1h", lengthMs: 3_600_000, stepMs: 15_000 }],
      graceMs: 120_000,
      reorgHorizonMs: 900_000,
      maxSkewMs: 60_000,
      priceMinUsdMicro: 0,
      chains: new Map(),
      maxTokens: 10,
      exactTraders: 10,
    },
    TEST_SEED,
  );
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const base = JSON.parse(rows[0]?.[1] ?? "") as object;
  for (const [, text = "", outcome, trades, volume] of rows) {
    const changes = JSON.parse(text.replace("{...,", "{")) as object;
    const record = Buffer.from(JSON.stringify({ ...base, ...changes }));
    assert.equal(decoder.decode(record, 0, record.length, event), undefined, text);
    assert.equal(engine.apply(event, ARRIVAL_MS), outcome, text);
    const token = engine.findById(1, "R");
    assert.ok(token !== undefined);
    const stats = engine.windowStats(token, 0, AS_OF_MS);
    assert.deepEqual([stats.trades, stats.volume_usd], [Number(trades), volume], text);
  }
}
