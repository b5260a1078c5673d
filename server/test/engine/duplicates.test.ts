import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { commandLists, configs } from "../model/arbitraries.ts";
import { LogBuilder, type LogItem, priceFrom } from "../model/log-builder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import { itemOf, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { propertyOptions, type Random, randomFrom, seedOf } from "../support/seed.ts";
import { figuresOf } from "./figures.ts";
import { EngineRun, Pair } from "./pair.ts";

const start = Date.UTC(2026, 0, 1);

/** Runs the log once as it is and once with copies of applied events at any distance. Returns both runs. */
function withCopies(config: typeof defaultConfig, items: readonly LogItem[], random: Random): [EngineRun, EngineRun] {
  const plain = new EngineRun(config);
  const copied = new EngineRun(config);
  const taken: LogItem[] = [];
  for (const item of items) {
    const outcome = plain.take(item);
    assert.equal(copied.take(item), outcome);
    if (outcome === "applied" || outcome === "removed") taken.push(item);
    while (taken.length > 0 && random.chance(0.3)) {
      const near = Math.max(0, taken.length - 1 - random.below(5));
      const copy = taken[random.chance(0.5) ? near : random.below(taken.length)] as LogItem;
      const again = copied.take(copy);
      assert.ok(again === "duplicate" || again === "late" || again === "unresolved", `a copy was ${again}`);
    }
  }
  return [plain, copied];
}

function assertOnlyCountersDiffer(plain: EngineRun, copied: EngineRun): void {
  const { applied, removed, quarantined, conflicts } = plain.engine.counters;
  const {
    applied: applied2,
    removed: removed2,
    quarantined: quarantined2,
    conflicts: conflicts2,
  } = copied.engine.counters;
  assert.deepEqual([applied2, removed2, quarantined2, conflicts2], [applied, removed, quarantined, conflicts]);
  assert.deepEqual(copied.engine.highs(), plain.engine.highs());
  assert.equal(copied.engine.seenSinceMs(), plain.engine.seenSinceMs());
  const highMs = plain.engine.maxHighMs() ?? start;
  for (const asOfMs of [highMs, highMs + 70_000, highMs + 1_000_000]) {
    assert.deepEqual(figuresOf(copied, asOfMs), figuresOf(plain, asOfMs));
  }
}

describe("copies at any distance change nothing but their counter", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(configs, commandLists(60), fc.nat(), (config, commands, seed) => {
      const items = new LogBuilder(config, start).build(commands);
      assertOnlyCountersDiffer(...withCopies(config, items, randomFrom(seed)));
    });
    fc.assert(property, propertyOptions(t, 100));
  });

  test("a market of three hours", (t) => {
    const seed = seedOf(t);
    const items = buildStream({ ...plainStream, seed, count: 8_000, spanMs: 3 * 3_600_000 });
    assertOnlyCountersDiffer(...withCopies(defaultConfig, items, randomFrom(seed)));
  });
});

describe("a copy with different content is a duplicate and a conflict", () => {
  const first = plainEvent(1, start, { symbol: "ABC", price: priceFrom("2"), blockNumber: 7, blockHash: "0x01" });
  const changes: Readonly<Record<string, Partial<ModelEvent>>> = {
    "nothing else": {},
    "another place of its transaction in the block": { txIndex: 3 },
    "another time": { eventTimeMs: start + 1 },
    "another side": { side: "sell" },
    "another amount": { amount: 2n },
    "other dollars": { usd: 2n },
    "another price": { price: priceFrom("3") },
    "no price": { price: undefined },
    "another wallet": { who: "other" },
    "another symbol": { symbol: "ABD" },
    "a pool": { pool: "pool" },
  };
  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      for (const removed of [false, true]) {
        const pair = new Pair(defaultConfig);
        pair.take(itemOf({ ...first, removed }));
        pair.take(itemOf({ ...first, ...change, removed }, start + 1));
        pair.compareState();
        const { duplicates, conflicts } = pair.engine.counters;
        assert.deepEqual([duplicates, conflicts], [1, name === "nothing else" ? 0 : 1]);
      }
    });
  }
});
