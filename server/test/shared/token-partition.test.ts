import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur2, partitionOfToken, partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

const encoder = new TextEncoder();

test("murmur2 gives the values of Kafka's own tests", () => {
  const known: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [text, hash] of known) {
    const bytes = encoder.encode(text);
    assert.equal(murmur2(bytes, bytes.length) | 0, hash, text);
  }
});

test("a token's partition is that of its id, in range and evenly spread", (t) => {
  const random = randomFrom(seedOf(t));
  const tokens = new Array<number>(12).fill(0);
  for (let i = 0; i < 6000; i++) {
    const chain = random.pick([0, 1, 9, 10, 137, 42161, 4294967295]);
    const token = random.chance(0.5) ? `0x${i.toString(16).padStart(40, "0")}` : "T".repeat(1 + (i % 128));
    const bytes = encoder.encode(`##${token}##`);
    const partition = partitionOfToken(chain, bytes, 2, bytes.length - 2, 12);
    assert.equal(partition, partitionOfTokenId(`${chain}:${token}`, 12));
    tokens[partition]! += 1;
    assert.equal(partitionOfToken(chain, bytes, 2, bytes.length - 2, 1), 0);
  }
  for (const count of tokens) assert.ok(count > 250 && count < 900, tokens.join(" "));
});
