/** The newest swaps of buckets with very many of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ModelEvent } from "../model/model-event.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { defaultConfig } from "../model/vectors.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { EngineRun, Pair } from "./pair.ts";

const at = newYear2026;
const ids = (items: readonly { readonly tx_hash: string }[]): string[] => items.map(({ tx_hash }) => tx_hash);

describe("the newest swaps of a bucket with very many of them", () => {
  test("the newest of 200,000 swaps in one second are returned", (t) => {
    const count = 200_000;
    const run = new EngineRun(defaultConfig);
    const random = randomFrom(seedOf(t));
    // One transaction a swap; its place in the block orders swaps of the same time.
    for (const place of random.shuffled(Array.from({ length: count }, (_, i) => i)))
      run.take(itemOf(plainEvent(place, at, { blockNumber: 1 + place })));
    const ref = run.ref({ chainId: 1, token: "token" }) as number;
    for (const limit of [1, 100, 1_000]) {
      const { items } = run.engine.newestSwaps(ref, limit, at);
      const expected = Array.from({ length: limit }, (_, i) => `0x${(count - 1 - i).toString(16).padStart(8, "0")}`);
      assert.deepEqual(ids(items), expected, `limit ${limit}`);
    }
  });

  test("the newest swaps equal those of the model at every limit, whichever swaps leave", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair(defaultConfig);
    const swaps: ModelEvent[] = [];
    for (let i = 0; i < 2_000; i++) {
      const swap = plainEvent(i, at + random.below(4) * 400, {
        blockNumber: random.chance(0.8) ? random.below(50) : undefined,
        txIndex: random.below(4),
        logIndex: random.below(5),
      });
      swaps.push(swap);
      pair.take(itemOf(swap, at + 2_000));
      if (random.chance(0.2)) pair.take(itemOf({ ...random.pick(swaps), removed: true }, at + 2_000));
    }
    const ref = pair.run.ref({ chainId: 1, token: "token" }) as number;
    for (const asOfMs of [at, at + 1_000, at + 5_000]) {
      const expected = pair.model.newestSwaps("1:token", asOfMs).map(({ txHash }) => txHash);
      for (const limit of [1, 2, 99, 100, 1_000, 5_000])
        assert.deepEqual(ids(pair.engine.newestSwaps(ref, limit, asOfMs).items), expected.slice(0, limit));
    }
  });
});
