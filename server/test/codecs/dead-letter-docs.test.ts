import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { DEAD_LETTER_MESSAGES, isDeadLetterCode } from "../../src/codecs/dead-letter-codes.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { decodeBoth } from "./decoding.ts";

const docs = readFileSync(new URL("../../../docs/dead-letters.md", import.meta.url), "utf8");
const ARRIVAL_MS = 1_767_225_600_000;

/** Code and example of every section, in the order of the page. */
const sections = [...docs.matchAll(/^### (\w+)\n\n[\s\S]*?```(json|text)\n(.*)\n```$/gm)].map(
  ([, code = "", form = "", example = ""]) => ({
    code,
    /** Only records with a mapping can get the code. */
    isMapped: form === "text",
    example,
  }),
);

/** The records of an example, in the notation that the page explains. */
function recordsOf(example: string): Buffer[] {
  const count = Number(/‹1 to (\d+)›/.exec(example)?.[1] ?? 1);
  return Array.from({ length: count }, (_, i) => {
    const text = example
      .replace(/‹1 to \d+›/, String(i + 1))
      .replace(/‹(.) \* (\d+)›/gu, (_match, piece: string, times: string) => piece.repeat(Number(times)));
    const [head = "", byte, tail = ""] = text.split(/‹byte (..)›/);
    return byte === undefined
      ? Buffer.from(text)
      : Buffer.concat([Buffer.from(head), Buffer.from(byte, "hex"), Buffer.from(tail)]);
  });
}

/** The result of the last record: a code of the decoder, or the outcome of the engine. */
function fateOf(records: readonly Buffer[]): string {
  const engine = new PartitionEngine(
    {
      windows: [{ name: "1m", lengthMs: 60_000, stepMs: 1000 }],
      graceMs: 120_000,
      reorgHorizonMs: 900_000,
      maxSkewMs: 60_000,
      priceMinUsdMicro: 0,
      chains: new Map(),
      maxTokens: records.length === 3 ? 2 : 1000,
      exactTraders: 100,
    },
    TEST_SEED,
  );
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  return (
    records
      .map((record) => decoder.decode(record, 0, record.length, event) ?? engine.apply(event, ARRIVAL_MS))
      .at(-1) ?? ""
  );
}

describe("docs/dead-letters.md", () => {
  test("has the codes of the list, in its order of precedence", () => {
    assert.deepEqual(
      sections.map(({ code }) => code),
      Object.keys(DEAD_LETTER_MESSAGES),
    );
    assert.ok(isDeadLetterCode("malformed_json") && !isDeadLetterCode("toString"));
  });

  for (const { code, isMapped, example } of sections) {
    if (isMapped) continue;
    test(`the example of ${code} gets that code`, () => {
      const records = recordsOf(example);
      assert.equal(fateOf(records), code);
      decodeBoth(records.at(-1) ?? Buffer.alloc(0));
      // Of several records, only the last one is refused.
      if (records.length > 1) assert.equal(fateOf(records.slice(0, -1)), "applied");
    });
  }
});
