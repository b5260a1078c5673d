import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapEvent } from "../../src/engine/swap-event.ts";
import { writeInteger, writeScaled } from "../../src/generator/bytes.ts";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../src/generator/options.ts";
import { Random } from "../../src/generator/random.ts";
import { startGenerator } from "../../src/generator/start-generator.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { Zipf } from "../../src/generator/zipf.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
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
  test("the same seed and start give the same bytes, into any kind of buffer and at any place of it", () => {
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
    assert.equal(hashOf(EVERYTHING, 2_000), "295f2c1eff32cc15088d83d444fe5b33a07ee49b3f13bf2a3c2d72dc682ef521");
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

  test("an engine finds what was asked for, in about the shares that were asked for", () => {
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
  test("xoshiro128** gives the numbers of its reference", () => {
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

  test("Zipf draws ranks by their weight", () => {
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
  test("feeds a port by the clock, tries again when it is full, and stops", async () => {
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
    const generator = startGenerator(port, options, { onProblem: (_error, retrying) => problems.push(retrying) });
    await enough.promise;
    await generator.stop();
    assert.deepEqual(problems, [true]);
    const lines = bodies.join("").trimEnd().split("\n");
    assert.equal(generator.sent(), lines.length);
    const expected = records(options, lines.length).map((line) => line.toString().trimEnd());
    assert.deepEqual(lines, expected);
  });
});
