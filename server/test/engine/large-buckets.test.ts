/** Buckets with many swaps whose extremes leave: figures stay exact, and the work per swap does not grow with the number of swaps. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SETTLED_PER_VISIT_MAX } from "../../src/engine/upkeep.ts";
import { priceFrom } from "../model/log-builder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { defaultConfig } from "../model/vectors.ts";
import { windowsOf } from "../model/window-rules.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { restoreImage, takeImage } from "./images.ts";
import { EngineRun, Pair } from "./pair.ts";

const at = newYear2026;

function priced(serial: number, change: Partial<ModelEvent> = {}): ModelEvent {
  return plainEvent(serial, at, { price: priceFrom(String(serial + 1)), ...change });
}

describe("extremes that leave a bucket with many swaps", () => {
  test("figures and symbols equal the model's through removals, re-inclusions, merges of buckets and snapshots", (t) => {
    const random = randomFrom(seedOf(t));
    const chains = new Map([[1, { priceMinUsdMicro: 500_000 }]]);
    const pair = new Pair({ ...defaultConfig, windows: windowsOf(["1m", "5m", "1h"]), chains });
    const known: ModelEvent[] = [];
    for (let i = 0; i < 6_000; i++) {
      // Four seconds with many swaps each, which advance slowly enough for the removals to find them.
      const baseMs = at + Math.floor(i / 1_500) * 200_000;
      const dice = random.next();
      const old = known.at(-1 - random.below(Math.min(known.length, 900)));
      if (dice < 0.55 || old === undefined) {
        const event = priced(i, {
          eventTimeMs: baseMs + random.below(3) * 1_300,
          price: random.chance(0.7) ? priceFrom(String(1 + random.below(1_000))) : undefined,
          usd: BigInt(random.below(2_000_000)),
          symbol: random.chance(0.4) ? `s${random.below(500)}` : undefined,
          txIndex: random.below(3),
          logIndex: random.below(4),
          blockHash: "0x01",
        });
        known.push(event);
        pair.take(itemOf(event, pair.highMs() + 1_000));
      } else if (dice < 0.9) {
        const best = known.slice(-900).reduce((a, b) => (priceOfModel(a) > priceOfModel(b) ? a : b), old);
        const gone = random.chance(0.5) ? old : best;
        pair.take(itemOf({ ...gone, removed: true }, pair.highMs() + 1_000));
        if (random.chance(0.7)) known.splice(known.indexOf(gone), 1);
      } else {
        const again = {
          ...old,
          blockHash: `0x0${2 + random.below(4)}`,
          eventTimeMs: old.eventTimeMs + random.below(50),
        };
        known.push(again);
        pair.take(itemOf(again, pair.highMs() + 1_000));
      }
      if (i % 700 === 350) pair.run.engine = restoreImage(pair.config, takeImage(pair.engine), random);
      if (i % 40 === 0) pair.compareAt(pair.highMs());
    }
    pair.compareState();
    pair.compareAt(pair.highMs());
  });

  const attacks: Readonly<Record<string, (count: number) => ModelEvent[]>> = {
    "the highest price leaves, again and again": (count) => {
      const swaps = Array.from({ length: count }, (_, i) => priced(i));
      return [...swaps, ...swaps.toReversed().map((swap) => ({ ...swap, removed: true }))];
    },
    "the last symbol leaves, again and again": (count) => {
      const swaps = Array.from({ length: count }, (_, i) => priced(i, { symbol: `s${i}`, price: undefined }));
      return [...swaps, ...swaps.toReversed().map((swap) => ({ ...swap, removed: true }))];
    },
    "a symbol comes and leaves before many swaps without any": (count) => {
      const swaps = Array.from({ length: count }, (_, i) => plainEvent(i, at + 2_000));
      for (let i = 0; i < count; i++) {
        const named = plainEvent(count + i, at, { symbol: `s${i}` });
        swaps.push(named, { ...named, removed: true });
      }
      return swaps;
    },
    "each swap is included sixteen times": (count) =>
      Array.from({ length: count }, (_, i) => priced(i >> 4, { blockHash: `b${i % 16}`, blockNumber: i % 16 })),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(`${name}: four times as many swaps are four times the work`, () => {
      const rescanned = [1_000, 4_000].map((count) => {
        const run = new EngineRun(defaultConfig);
        for (const event of attack(count)) run.take(itemOf(event, at + 5_000));
        return run.engine.rescanned();
      });
      const [few = 0, many = 0] = rescanned;
      assert.ok(many <= 4 * few + 40_000, `${few} events gone through for 1,000 swaps, ${many} for 4,000`);
    });
  }
});

describe("settling a token with many swaps", () => {
  test("settling is done in pieces, no record settles more than the limit of a visit plus one bucket, and no swap remains", () => {
    const run = new EngineRun(defaultConfig);
    const perSecond = 100;
    for (let i = 0; i < 240 * perSecond; i++) run.take(itemOf(plainEvent(i, at + Math.floor(i / perSecond) * 1_000)));
    const held = () => (JSON.parse(takeImage(run.engine).header) as { tallies: { records: number } }).tallies.records;
    let before = held();
    let pieces = 0;
    for (let i = 0; i < 40 && before > 200; i++) {
      run.take(itemOf(plainEvent(i, at + 1_300_000 + i, { token: "clock", txHash: `clock${i}` })));
      const now = held();
      assert.ok(before - now <= SETTLED_PER_VISIT_MAX + 15 * perSecond, `${before - now} events settled at one record`);
      if (now < before) pieces += 1;
      before = now;
    }
    assert.ok(before <= 200 && pieces > 5, `${before} events are left after ${pieces} pieces`);
  });
});

function priceOfModel({ price }: ModelEvent): bigint {
  return price === undefined ? 0n : price.coefficient * 10n ** BigInt(Math.max(0, price.exponent));
}
