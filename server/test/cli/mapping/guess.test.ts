/** Guesses for the samples of docs/mappings, compared with the swaps that the ready mappings make, and for shapes of single values. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseExact } from "../../../src/cli/mapping/exact-json.ts";
import { guessMapping } from "../../../src/cli/mapping/guess.ts";
import { runMapping } from "../../../src/cli/mapping/run-mapping.ts";
import { readSample } from "../../../src/cli/mapping/sample-records.ts";
import { inputFiles, Spool } from "../../../src/cli/replay/input.ts";
import { SwapDecoder } from "../../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../../src/engine/swaps/swap-event.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { seedOf } from "../../support/seed.ts";
import { NO_SCHEMAS, READY, readyFolder, samplePath } from "./ready-mappings.ts";

/** Samples whose guess must lack these fields: nothing in the records has them under a name that tells. */
const LACKING: Readonly<Record<string, readonly string[]>> = {
  // A table without a header has no names.
  "binance-trades": ["token", "side", "amount_token", "amount_usd"],
  // The events name pairs, and the logs name pools; neither name tokens.
  "dexscreener-events": ["token", "side", "amount_token", "amount_usd"],
  "uniswap-v2-logs": ["token", "side", "amount_token", "amount_usd"],
  "uniswap-v3-logs": ["token", "side", "amount_token", "amount_usd"],
};
/** Samples whose guess makes other swaps than the ready mapping, and why. */
const OTHERWISE: Readonly<Record<string, string>> = {
  "bitquery-dex-trades": "Buy and Sell are those of the pool",
  "binance-stream": "a symbol stands for the token",
  "ccxt-trades": "a symbol stands for the token, and pairs without dollars are not known",
  "codex-events": "both tokens of the pair, in base units",
  "geckoterminal-trades": "both tokens of the trade",
};

const source = { files: [], mapping: undefined, spool: new Spool(), stdin: () => assert.fail() };

async function guessOf(name: string) {
  const [input] = inputFiles([samplePath(name)]);
  assert.ok(input !== undefined);
  const { records, columns } = await readSample(source, input, 200);
  return { input, guess: guessMapping(records, columns) };
}

/** Token, side, amount and time of events, which are what they mean to a reader. */
function meaningOf(events: readonly string[]): unknown[] {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const seen = events.map((text) => {
    const bytes = Buffer.from(text);
    assert.equal(decoder.decode(bytes, 0, bytes.length, event), undefined, text);
    const token = Buffer.from(event.bytes.subarray(event.tokenStart, event.tokenEnd)).toString();
    const { isBuy, amount0, amount1, amount2, eventTimeMs, removed, usdMicro } = event;
    return JSON.stringify([token, isBuy, amount0, amount1, amount2, usdMicro, eventTimeMs, removed]);
  });
  return seen.sort();
}

describe("a guess for each sample of docs/mappings", () => {
  for (const name of READY) {
    test(`${name}: ${LACKING[name] === undefined ? "is read" : "says what is missing"}`, async () => {
      const { input, guess } = await guessOf(name);
      assert.deepEqual(guess.missing, LACKING[name] ?? [], guess.text);
      const mapping = parseMapping(guess.text, "guess");
      if (LACKING[name] !== undefined) {
        for (const field of guess.missing)
          assert.match(guess.text, new RegExp(`# \\? missing: .*\\n.*${field}: CHANGE_ME`));
        return;
      }
      const records = await runMapping({ ...source, mapping }, input, 1_000, NO_SCHEMAS);
      const events = records.flatMap((record) => record.events);
      assert.ok(events.length > 0, guess.text);
      const expected = readFileSync(join(readyFolder(name), "swaps.ndjson"), "utf8")
        .trimEnd()
        .split("\n");
      if (OTHERWISE[name] !== undefined)
        assert.notDeepEqual(meaningOf(events), meaningOf(expected), "no exception is needed");
      else assert.deepEqual(meaningOf(events), meaningOf(expected), guess.text);
    });
  }

  test("most give the same swaps", () => {
    const others = Object.keys(LACKING).length + Object.keys(OTHERWISE).length;
    assert.ok(READY.length - others > 2 * Object.keys(OTHERWISE).length);
  });
});

test("any records give a mapping that is read", (t) => {
  const name = fc.oneof(
    fc.constantFrom(
      ..."token side amount usd ts tx_hash id decimals type price from to amount0 amount1 token0 token1".split(" "),
    ),
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.constantFrom("__proto__", "a.b", "a b", "@x", "$", "[0]", "true", "no", "#", "- x", "'", '"'),
  );
  const value = fc.oneof(
    fc.constantFrom(
      "buy",
      "sell",
      "1",
      "-2.5",
      "1.234,5",
      "2026-01-02 03:04:05",
      "1767322800",
      `0x${"a".repeat(40)}`,
      "",
      "true",
    ),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const record = fc.letrec((tie) => ({
    object: fc.dictionary(
      name,
      fc.oneof({ weight: 4, arbitrary: value }, tie("object"), fc.array(tie("object"), { maxLength: 3 })),
      {
        maxKeys: 8,
      },
    ),
  })).object;
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), (records) => {
      const { text } = guessMapping(parseExact(JSON.stringify(records)) as never, undefined);
      parseMapping(text, "guess");
    }),
    { seed: seedOf(t), numRuns: 500 },
  );
});

describe("shapes of values", () => {
  const guessed = (...records: Record<string, unknown>[]): string =>
    guessMapping(parseExact(JSON.stringify(records)) as never, undefined).text;
  const swap = {
    hash: `0x${"a".repeat(64)}`,
    token: `0x${"b".repeat(40)}`,
    side: "buy",
    amount: "1.5",
    usd: "3",
    time: "2026-01-02T03:04:05Z",
  };
  const lineOf = (text: string, field: string): string =>
    new RegExp(`^ +(?:- )?${field}: (.*)$`, "m").exec(text)?.[1] ?? "";

  test("times: their unit or form is found", () => {
    for (const [time, expected] of [
      ["2026-01-02T03:04:05.1+01:00", "time"],
      ["1767322800123", "time"],
      ["1767322800", "{ path: time, time: seconds }"],
      ["1767322800.25", "{ path: time, time: seconds }"],
      ["1767322800123456", "{ path: time, time: microseconds }"],
      ["1767322800123456789", "{ path: time, time: nanoseconds }"],
      ["2026-01-02 03:04:05.678", "{ path: time, time: utc }"],
      ["02.01.2026 03:04:05", '{ path: time, time: "dd.MM.yyyy HH:mm:ss" }'],
    ] as const) {
      assert.equal(lineOf(guessed({ ...swap, time }), "event_time"), expected);
    }
    const mixed = guessed({ ...swap, time: "1767322800" }, { ...swap, time: "1767322800123" });
    assert.match(
      lineOf(mixed, "event_time"),
      /choose: \[\{ when: time < 100000000000, then: \{ path: time, time: seconds/,
    );
  });

  test("sides: words, letters, booleans and signs", () => {
    const two = (a: unknown, b: unknown, name = "side"): string => {
      const { side: _, ...rest } = swap;
      return lineOf(guessed({ ...rest, [name]: a }, { ...rest, [name]: b }), "side");
    };
    assert.equal(two("buy", "sell"), "side");
    assert.equal(two("BUY", "SELL"), "{ path: side, lower: true }");
    assert.equal(two("B", "S"), "{ path: side, values: { B: buy, S: sell } }");
    assert.equal(two(true, false, "is_buy"), '{ path: is_buy, values: { "true": buy, "false": sell } }');
    assert.equal(two(true, false, "isBuyerMaker"), '{ path: isBuyerMaker, values: { "true": sell, "false": buy } }');
    assert.equal(two("1", "-1", "direction"), '{ path: direction, values: { "1": buy, "-1": sell } }');
    assert.equal(two("A", "B"), "{ path: side, values: { A: sell, B: buy } }");
    const { side: _, ...rest } = swap;
    const signed = guessed({ ...rest, amount: "-1" }, { ...rest, amount: "2" });
    assert.equal(lineOf(signed, "side"), "{ sign_of: amount, positive: buy, negative: sell }");
    assert.equal(lineOf(signed, "amount_token"), "{ path: amount, abs: true }");
  });

  test("amounts: base units with and without decimals, and a decimal comma", () => {
    const raw = { ...swap, amount: "1500000000000000000" };
    assert.equal(lineOf(guessed({ ...raw, decimals: 18 }), "amount_token"), "{ path: amount, scale: decimals }");
    assert.match(
      guessed(raw),
      /# \? the amounts look like base units.*\n +amount_token: \{ path: amount, scale: 18 \}/,
    );
    assert.match(guessed({ ...swap, amount: "1.234,5", usd: "2,5" }), /^decimal: ","$/m);
  });

  test("a missing chain, transaction or log index has a note that says what it costs", () => {
    const { hash: _, ...rest } = swap;
    assert.match(guessed(swap), /# \? the records name no chain/);
    assert.match(
      guessed(swap),
      /# \? the records have no log index: trades .* count once\n +log_index: \{ hash: \[token, side, amount, usd\] \}/,
    );
    assert.match(guessed(rest), /# \? the records have no transaction: equal records are copies/);
    const [a, b] = [
      { ...rest, id: "1" },
      { ...rest, id: "2" },
    ];
    assert.match(guessed(a, b), /tx_hash: id\n +log_index: 0\n +event_id: id\n/);
    assert.doesNotMatch(guessed(a, a), /event_id/, "an id that is not unique is no identity");
  });

  test("elements are found in lists, and odd names are quoted", () => {
    assert.match(guessed({ result: { rows: [swap, swap] }, ok: true }), /^each: \$\.result\.rows\[\*\]$/m);
    const { side: _, ...rest } = swap;
    const odd = guessed({ ...rest, "trade side": "buy" });
    assert.equal(lineOf(odd, "side"), '"trade side"');
    parseMapping(odd, "guess");
    assert.match(guessed({ ...swap, type: "swap" }, { type: "sync" }), /^when: type == swap$/m);
    assert.match(guessed({ ...swap, success: true }), /^when: success == true$/m);
  });

  test("changes of a database row: a deletion has the row in `before`", () => {
    const insert = { op: "c", before: null, after: swap };
    const text = guessed(insert, { op: "d", before: swap, after: null });
    assert.equal(lineOf(text, "token"), "{ first: [after.token, before.token] }");
    assert.equal(lineOf(text, "removed"), "{ path: op, values: { c: false, d: true } }");
    assert.equal(lineOf(guessed(insert), "token"), "after.token");
  });

  test("a short hash is a hash, and the address of a buyer is no pool", () => {
    const text = guessed({ ...swap, hash: "0x01", buyer: { address: `0x${"c".repeat(40)}` } });
    assert.equal(lineOf(text, "tx_hash"), "hash");
    assert.equal(lineOf(text, "pool"), "");
  });

  test("records that are nothing like swaps give a mapping that says so", () => {
    const { text, missing } = guessMapping([{ a: true }] as never, undefined);
    assert.deepEqual(missing, ["tx_hash", "token", "side", "amount_token", "amount_usd", "event_time"]);
    parseMapping(text, "guess");
  });
});
