import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { writeInteger, writeScaled } from "../../src/generator/bytes.ts";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../src/generator/options.ts";
import { Random } from "../../src/generator/random.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { Zipf } from "../../src/generator/zipf.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { GeneratorFeeder } from "../../src/sources/feeders/generator.ts";
import { TEST_SEED } from "../support/hash-seed.ts";

const EVERYTHING: GeneratorOptions = {
  ...GENERATOR_DEFAULTS,
  tokens: 300,
  traders: 1_000,
  duplicates: 0.02,
  late: 0.01,
  future: 0.01,
  removed: 0.03,
  seed: 42,
};

function records(options: GeneratorOptions, count: number): Buffer[] {
  const generator = new SwapGenerator(options);
  const target = new Uint8Array(RECORD_BYTES_MAX);
  return Array.from({ length: count }, () => Buffer.from(target.subarray(0, generator.write(target, 0))));
}

const hashOf = (options: GeneratorOptions, count: number): string =>
  createHash("sha256")
    .update(Buffer.concat(records(options, count)))
    .digest("hex");

describe("generator", () => {
  test("the same seed and start give the same bytes, in any kind of buffer and at any position", () => {
    const expected = Buffer.concat(records(EVERYTHING, 5_000));
    const generator = new SwapGenerator(EVERYTHING);
    const target = Buffer.alloc(expected.length + RECORD_BYTES_MAX);
    let end = 0;
    for (let index = 0; index < 5_000; index++) end = generator.write(target, end);
    assert.ok(target.subarray(0, end).equals(expected));
    assert.notEqual(hashOf({ ...EVERYTHING, seed: 43 }, 100), hashOf(EVERYTHING, 100));
    assert.notEqual(hashOf({ ...EVERYTHING, startMs: EVERYTHING.startMs + 1 }, 100), hashOf(EVERYTHING, 100));
  });

  test("the bytes of a seed stay the same from version to version", () => {
    assert.equal(hashOf(EVERYTHING, 2_000), "ae7c63f854044f48288ef2d0c358006a9aa3f4daab750ef3f34b57905e79c0c7");
  });

  test("a stream that starts at another time names other transactions and the same tokens", () => {
    const startMs = Date.UTC(2026, 10, 29, 12);
    const runs = [0, 1, 500, 61_000, 86_400_000].map((laterMs) => {
      const lines = records({ ...EVERYTHING, tokens: 5, startMs: startMs + laterMs }, 3_000);
      return lines.map((line) => JSON.parse(line.toString()) as { tx_hash: string; token: string });
    });
    const hashes = runs.map((run) => new Set(run.map(({ tx_hash }) => tx_hash)));
    const all = new Set(hashes.flatMap((run) => [...run]));
    assert.equal(
      all.size,
      hashes.reduce((sum, { size }) => sum + size, 0),
    );
    const tokens = runs.map((run) => [...new Set(run.map(({ token }) => token))].sort());
    for (const of of tokens) assert.deepEqual(of, tokens[0]);
  });

  test("a later run removes nothing of an earlier one", () => {
    const engine = new PartitionEngine(toEngineConfig(defaultConfig()), TEST_SEED);
    const decoder = new SwapDecoder();
    const event = new SwapEvent();
    const options = { ...EVERYTHING, duplicates: 0, late: 0, future: 0, removed: 0, disorderMs: 0 };
    for (const startMs of [EVERYTHING.startMs, EVERYTHING.startMs + 70_000]) {
      for (const line of records({ ...options, startMs }, 1_000)) {
        decoder.decode(line, 0, line.length - 1, event);
        engine.apply(event, startMs + 1_000);
      }
    }
    const { applied, replaced, conflicts } = engine.counters;
    assert.deepEqual({ applied, replaced, conflicts }, { applied: 2_000, replaced: 0, conflicts: 0 });
  });

  test("well-known tokens have their real chains and addresses", () => {
    const found = new Map<string, string>();
    for (const line of records({ ...EVERYTHING, tokens: 27, zipf: 0 }, 2_000)) {
      const { chain_id, token, token_symbol } = JSON.parse(line.toString());
      found.set(token_symbol, `${chain_id}:${token}`);
    }
    assert.equal(found.get("WETH"), "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
    assert.equal(found.get("USDC"), "1:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
    assert.equal(found.get("WBTC"), "1:0x2260fac5e5542a773aa44fbcfedf7c193bc2c599");
    assert.equal(found.get("PEPE"), "1:0x6982508145454ce325ddbe47a25d4ec3d2311933");
    assert.equal(found.get("cbBTC"), "8453:0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf");
    assert.equal(found.get("BTCB"), "56:0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c");
    assert.equal(found.get("SOL"), "1:0xd31a59c85ae9d8edefec411d448f90841571b89c");
    assert.equal(found.get("ARB"), "42161:0x912ce59144191c1204e64559fe8253a0e49e6548");
    for (const id of found.values()) assert.match(id, /^[0-9]+:0x[0-9a-f]{40}$/);
  });

  test("every record is one line that decodes, and has the size of a real one", () => {
    const decoder = new SwapDecoder();
    const event = new SwapEvent();
    for (const options of [EVERYTHING, { ...EVERYTHING, tokens: 1, traders: 1, zipf: 0, seed: 4_294_967_295 }]) {
      for (const line of records(options, 20_000)) {
        assert.equal(line.indexOf(10), line.length - 1);
        assert.ok(line.length >= 560 && line.length <= 680, String(line.length));
        const code = decoder.decode(line, 0, line.length - 1, event);
        assert.equal(code, undefined, `${code}: ${line.toString()}`);
      }
    }
  });

  test("an engine finds about the shares that the options ask for", () => {
    const engine = new PartitionEngine(toEngineConfig(defaultConfig()), TEST_SEED);
    const decoder = new SwapDecoder();
    const event = new SwapEvent();
    const count = 40_000;
    records(EVERYTHING, count).forEach((line, index) => {
      decoder.decode(line, 0, line.length - 1, event);
      engine.apply(event, EVERYTHING.startMs + index);
    });
    const { applied, duplicates, late, quarantined, removed, unresolved, conflicts } = engine.counters;
    const near = (value: number, share: number): void =>
      assert.ok(value > count * share * 0.6 && value < count * share * 1.4, `${value} of ${count}, not ${share}`);
    near(duplicates, EVERYTHING.duplicates);
    near(late, EVERYTHING.late);
    near(quarantined, EVERYTHING.future);
    near(removed, EVERYTHING.removed);
    near(applied, 0.93);
    assert.equal(unresolved, 0);
    assert.equal(conflicts, 0);
  });

  test("without shares nothing is late, removed, ahead or a copy", () => {
    const engine = new PartitionEngine(toEngineConfig(defaultConfig()), TEST_SEED);
    const decoder = new SwapDecoder();
    const event = new SwapEvent();
    for (const line of records({ ...EVERYTHING, duplicates: 0, late: 0, future: 0, removed: 0 }, 5_000)) {
      decoder.decode(line, 0, line.length - 1, event);
      engine.apply(event, EVERYTHING.startMs + 3_600_000);
    }
    assert.equal(engine.counters.applied, 5_000);
  });

  test("several swaps of a transaction have different log indexes", () => {
    const seen = new Set<string>();
    const hashes = new Set<string>();
    for (const line of records({ ...EVERYTHING, duplicates: 0, removed: 0 }, 5_000)) {
      const { chain_id, tx_hash, log_index } = JSON.parse(line.toString());
      seen.add(`${chain_id}:${tx_hash}:${log_index}`);
      hashes.add(tx_hash);
    }
    assert.equal(seen.size, 5_000);
    assert.ok(hashes.size < 4_950 && hashes.size > 4_000, String(hashes.size));
  });
});

describe("parts of the generator", () => {
  test("xoshiro128** gives the numbers of its reference program", () => {
    const random = Random.ofState(1, 2, 3, 4);
    const first = Array.from({ length: 10 }, () => random.uint32());
    const expected = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ];
    assert.deepEqual(first, expected);
    for (let index = 0; index < 1_000; index++) {
      const unit = random.unit();
      assert.ok(unit >= 0 && unit < 1);
    }
  });

  test("Zipf draws ranks in proportion to their weight", () => {
    const random = new Random(7);
    const zipf = new Zipf(100, 1);
    const counts = new Array<number>(100).fill(0);
    const draws = 200_000;
    for (let index = 0; index < draws; index++) {
      const rank = zipf.draw(random);
      counts[rank] = (counts[rank] ?? 0) + 1;
    }
    const harmonic = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
    for (const rank of [0, 1, 9, 99]) {
      const expected = draws / (rank + 1) / harmonic;
      assert.ok(Math.abs((counts[rank] ?? 0) - expected) < 6 * Math.sqrt(expected), `rank ${rank}`);
    }
  });

  test("numbers are written as they are", () => {
    const target = Buffer.alloc(64);
    const integer = (value: number): string => target.toString("latin1", 0, writeInteger(target, 0, value));
    for (const value of [0, 9, 10, 999_999_999, 1_000_000_000, 1_767_225_600_000, Number.MAX_SAFE_INTEGER]) {
      assert.equal(integer(value), String(value));
    }
    const scaled = (mantissa: number, scale: number): string =>
      target.toString("latin1", 0, writeScaled(target, 0, mantissa, scale));
    assert.equal(scaled(3_191_387_117, 6), "3191.387117");
    assert.equal(scaled(1_200_000_001, 14), "0.00001200000001");
    assert.equal(scaled(9_007_199_254_740_991, 9), "9007199.254740991");
    assert.equal(scaled(1_234_567_890, 19), "0.0000000001234567890");
  });
});

describe("producer", () => {
  test("feeds a port by the clock, retries when it is full, and stops", async () => {
    const bodies: string[] = [];
    const problems: boolean[] = [];
    const enough = Promise.withResolvers<void>();
    let calls = 0;
    const port = {
      ingest: async (body: Uint8Array) => {
        calls++;
        if (calls === 1) throw new SwapstatsError("log_full", "full", { retryable: true });
        bodies.push(Buffer.from(body).toString());
        if (bodies.length === 3) enough.resolve();
        const accepted = body.filter((byte) => byte === 10).length;
        return { accepted, rejected: [] };
      },
    };
    const options = { ...EVERYTHING, ratePerSecond: 2_000, startMs: Date.now() };
    const generator = new GeneratorFeeder(options, { onProblem: (_error, retrying) => problems.push(retrying) });
    await generator.start(port);
    await enough.promise;
    await generator.stop();
    assert.deepEqual(problems, [true]);
    const lines = bodies.join("").trimEnd().split("\n");
    assert.equal(generator.sent, lines.length);
    const expected = records(options, lines.length).map((line) => line.toString().trimEnd());
    assert.deepEqual(lines, expected);
  });
});
