/** Names that are chosen to collide cost no more than random ones, counted in skipped slots, not in time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HashIndex, PROBES_MAX } from "../../src/engine/memory/hash-index.ts";
import { Heap } from "../../src/engine/memory/heap.ts";
import { type HashSeed, KeyedHash } from "../../src/engine/memory/keyed-hash.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { ModelEvent } from "../model/model-event.ts";
import { newYear2026, plainEvent } from "../model/plain-events.ts";
import { defaultConfig } from "../model/vectors.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { EventWriter } from "./event-writer.ts";
import { engineConfigOf } from "./pair.ts";

const count = 3_000;
const otherSeed: HashSeed = [1, 2];

/** A hash that skips every other word of texts longer than 32 bytes, as indexes often use. */
function skippingHash(text: string): number {
  const bytes = Buffer.from(text);
  let h = 0x51ab ^ Math.imul(bytes.length, 0x9e3779b1);
  for (let i = 0; i + 4 <= bytes.length; i += bytes.length > 32 ? 8 : 4) {
    h = Math.imul(h ^ Math.imul(bytes.readInt32LE(i), 0xcc9e2d51 | 0), 0x1b873593);
    h = (h << 13) | (h >>> 19);
  }
  for (const byte of bytes.subarray(-3)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** Different texts that are equal in the words that such a hash reads. */
function skippedNames(): string[] {
  return Array.from({ length: count }, (_, i) => {
    const serial = i.toString(36).padStart(4, "0");
    return `AAAA${serial}BBBB----CCCC----DDDD----EEEE----FFFF----GGGG----HHHH`;
  });
}

/** Names that lie within an eighth of one segment of an index, by another secret. */
function namesOfOtherSecret(purpose: number): string[] {
  const hash = new KeyedHash(otherSeed, purpose);
  const names: string[] = [];
  const bytes = Buffer.alloc(12);
  for (let i = 0; names.length < count / 6; i++) {
    const length = bytes.write(`n${i.toString(36)}`);
    const value = hash.hash(bytes, 0, length, 0, 0);
    if (value >>> 20 === 5 && (value & 0xfffff) < 0x20000) names.push(bytes.toString("utf8", 0, length));
  }
  return names;
}

const prefix = "p".repeat(50);
const floods: Readonly<Record<string, readonly string[]>> = {
  "words that a hash might skip": skippedNames(),
  "names crowded together by the secret of another partition": namesOfOtherSecret(0x51ab),
  "long equal beginnings": Array.from({ length: count }, (_, i) => `${prefix}${i.toString(36)}`),
  "long equal ends": Array.from({ length: count }, (_, i) => `${i.toString(36)}${prefix}`),
  "a count in front of zeros": Array.from({ length: count }, (_, i) => `0x${i.toString(16).padEnd(40, "0")}`),
};

const kinds: Readonly<Record<string, (name: string) => Partial<ModelEvent>>> = {
  tokens: (token) => ({ token }),
  symbols: (symbol) => ({ symbol: symbol.slice(-64) }),
  pools: (pool) => ({ pool }),
  wallets: (who) => ({ who }),
  "event ids": (eventId) => ({ eventId }),
  "transaction hashes": (txHash) => ({ txHash, eventId: `1:${txHash}:0` }),
  "block hashes": (blockHash) => ({ blockHash }),
};

/** Slots that an engine skips while it applies swaps with these names, long enough for the first ones to settle. */
function probesOf(names: readonly string[], change: (name: string) => Partial<ModelEvent>, seed: HashSeed): number {
  const engine = new PartitionEngine(engineConfigOf(defaultConfig), seed);
  const writer = new EventWriter();
  names.forEach((name, i) => {
    const event = plainEvent(i, newYear2026 + i * 500, { who: undefined, ...change(name) });
    assert.equal(engine.apply(writer.write(event), event.eventTimeMs), "applied");
  });
  return engine.probes();
}

function randomNames(like: readonly string[], seed: number): string[] {
  const random = randomFrom(seed);
  const digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  return like.map(({ length }) => Array.from({ length: Math.max(length, 8) }, () => digits[random.below(36)]).join(""));
}

describe("floods of chosen names", () => {
  test("the names collide in a hash that skips words", () => {
    assert.equal(new Set(skippedNames().map(skippingHash)).size, 1);
  });

  for (const [flood, names] of Object.entries(floods)) {
    for (const [kind, change] of Object.entries(kinds)) {
      test(`${kind}: ${flood}`, (t) => {
        const usual = probesOf(randomNames(names, seedOf(t)), change, TEST_SEED);
        const chosen = probesOf(names, change, TEST_SEED);
        // The few slots that small tables skip vary by chance.
        assert.ok(chosen <= 2 * usual + names.length / 10, `${chosen} slots passed over, ${usual} by random names`);
      });
    }
  }

  test("one transaction hash, with consecutive log indexes or log indexes that cancel out the tokens", () => {
    const usual = probesOf(
      randomNames(floods["long equal ends"] ?? [], 1),
      kinds["transaction hashes"] ?? (() => ({})),
      TEST_SEED,
    );
    for (const stride of [1, 0x10001, 0x9e3779b1]) {
      for (const tokens of [1, 50]) {
        const names = Array.from({ length: count }, (_, i) => String(i));
        const chosen = probesOf(
          names,
          (name) => {
            const logIndex = Math.imul(Number(name), stride) >>> 0;
            return { txHash: "0xabcd", logIndex, token: `t${Number(name) % tokens}`, eventId: `1:0xabcd:${logIndex}` };
          },
          TEST_SEED,
        );
        assert.ok(chosen <= 2 * usual + count / 10, `${chosen} slots passed over, ${usual} by random names`);
      }
    }
  });

  test("one token text on all chains that a partition knows", () => {
    const usual = probesOf(
      randomNames(
        Array.from({ length: 256 }, () => "n".repeat(20)),
        1,
      ),
      (token) => ({ token }),
      TEST_SEED,
    );
    const names = Array.from({ length: 256 }, (_, i) => String(i));
    const chosen = probesOf(
      names,
      (name) => ({ chainId: Number(name), token: "same", eventId: `id${name}` }),
      TEST_SEED,
    );
    assert.ok(chosen <= 2 * usual + 50, `${chosen} slots passed over, ${usual} by random names`);
  });
});

describe("hashes of text", () => {
  test("hashes are HalfSipHash-1-3 of two words and the bytes", (t) => {
    const random = randomFrom(seedOf(t));
    const hash = new KeyedHash(TEST_SEED, 7);
    const none = new Uint8Array(0);
    const key = [0, 1].map((b) => plainHash(none, TEST_SEED[0], TEST_SEED[1], 7, b));
    for (let length = 0; length <= 128; length++) {
      const bytes = Uint8Array.from({ length }, () => random.below(256));
      const [a, b] = [random.below(2 ** 32), random.below(2 ** 32)];
      assert.equal(hash.hash(bytes, 0, length, a, b), plainHash(bytes, key[0] as number, key[1] as number, a, b) >>> 2);
    }
  });

  test("every byte counts, even in the middle of the longest names, and so do the two words before them", () => {
    const hash = new KeyedHash(TEST_SEED, 7);
    const bytes = new Uint8Array(128).fill(97);
    const seen = new Set([hash.hash(bytes, 0, 128, 0, 0)]);
    for (let i = 0; i < 128; i++) {
      bytes[i] = 98;
      seen.add(hash.hash(bytes, 0, 128, 0, 0));
      bytes[i] = 97;
    }
    seen
      .add(hash.hash(bytes, 0, 127, 0, 0))
      .add(hash.hash(bytes, 0, 128, 1, 0))
      .add(hash.hash(bytes, 0, 128, 0, 1));
    assert.equal(seen.size, 132);
  });

  test("another secret and another purpose give other hashes", () => {
    const bytes = Buffer.from("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
    const all = (
      [
        [1, 2],
        [2, 1],
        [1, 3],
      ] as const
    ).flatMap((seed) => [1, 2].map((p) => new KeyedHash(seed, p).hash32(bytes, 0, 42)));
    assert.equal(new Set(all).size, 6);
  });
});

describe("an index whose hashes are crowded nevertheless", () => {
  test("the index grows until no search exceeds its bound, and loses nothing", () => {
    const index = new HashIndex(new Heap());
    const hashes = Array.from({ length: 2_000 }, (_, i) => 0x1000 + (i >>> 1) * 400);
    hashes.forEach((hash, i) => {
      index.insert(hash, i + 1);
    });
    const before = index.probes;
    hashes.forEach((hash, i) => {
      assert.equal(index.find(hash, { matches: (value) => value === i + 1 }), i + 1);
    });
    assert.ok((index.probes - before) / hashes.length <= PROBES_MAX);
    hashes.forEach((hash, i) => {
      index.remove(hash, i + 1);
    });
    assert.deepEqual([...index.values()], []);
  });
});

/** The function as its authors define it, one round at a time. */
function plainHash(bytes: Uint8Array, k0: number, k1: number, a: number, b: number): number {
  const v = [k0, k1, k0 ^ 0x6c796765, k1 ^ 0x74656462] as [number, number, number, number];
  const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));
  const round = () => {
    v[0] = (v[0] + v[1]) | 0;
    v[1] = rotate(v[1], 5) ^ v[0];
    v[0] = rotate(v[0], 16);
    v[2] = (v[2] + v[3]) | 0;
    v[3] = rotate(v[3], 8) ^ v[2];
    v[0] = (v[0] + v[3]) | 0;
    v[3] = rotate(v[3], 7) ^ v[0];
    v[2] = (v[2] + v[1]) | 0;
    v[1] = rotate(v[1], 13) ^ v[2];
    v[2] = rotate(v[2], 16);
  };
  const message = Buffer.alloc(8 + 4 * Math.floor(bytes.length / 4) + 4);
  message.writeUInt32LE(a >>> 0, 0);
  message.writeUInt32LE(b >>> 0, 4);
  message.set(bytes, 8);
  message[message.length - 1] = bytes.length + 8;
  for (let at = 0; at < message.length; at += 4) {
    const word = message.readInt32LE(at);
    v[3] ^= word;
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  for (let i = 0; i < 3; i++) round();
  return (v[1] ^ v[3]) >>> 0;
}
