/** Buckets with many swaps that have merged with others: swaps that leave afterwards are found in every part. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { priceFrom } from "../model/log-builder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { defaultConfig } from "../model/vectors.ts";
import { windowsOf } from "../model/window-rules.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { Pair } from "./pair.ts";

const at = newYear2026;
/** Seconds that share a bucket of 15 s (the first three), then one of a minute. */
const seconds = [0, 4, 9, 20, 50];
/** More swaps than a bucket without heaps may have. */
const perSecond = 150;

/** Swaps of one second; `above` says whether its prices are above or below those of the others. */
function swapsOf(second: number, index: number, price: (i: number) => number): ModelEvent[] {
  return Array.from({ length: perSecond }, (_, i) =>
    plainEvent(index * perSecond + i, at + second * 1_000 + i, {
      price: priceFrom(String(price(i))),
      symbol: i % 3 === 0 ? `s${second}-${i}` : undefined,
    }),
  );
}

/** The swaps that hold the high, the low, the open, the close and the symbol. */
function holdersOf(swaps: readonly ModelEvent[]): ModelEvent[] {
  const number = (swap: ModelEvent): number => Number(swap.price?.coefficient) * 10 ** Number(swap.price?.exponent);
  const byPrice = swaps.toSorted((a, b) => number(a) - number(b));
  const byTime = swaps.toSorted((a, b) => a.eventTimeMs - b.eventTimeMs);
  const named = byTime.filter(({ symbol }) => symbol !== undefined);
  const holders = [byPrice.at(0), byPrice.at(-1), byTime.at(0), byTime.at(-1), named.at(-1)];
  return [...new Set(holders.filter((swap) => swap !== undefined))];
}

class Merging {
  readonly pair = new Pair({ ...defaultConfig, windows: windowsOf(["1m", "5m", "1h"]) });
  readonly parts: ModelEvent[][];
  #serial = 0;

  constructor(parts: ModelEvent[][]) {
    this.parts = parts;
    for (const swap of parts.flat().toSorted((a, b) => a.eventTimeMs - b.eventTimeMs)) this.pair.take(itemOf(swap));
  }

  remove(swap: ModelEvent): void {
    this.pair.take(itemOf({ ...swap, removed: true }, this.pair.highMs()));
    for (const part of this.parts) {
      const place = part.indexOf(swap);
      if (place >= 0) part.splice(place, 1);
    }
    this.pair.compareAt(this.pair.highMs());
  }

  /** Raises the high in small steps, so that upkeep visits the token as it ages. */
  ageTo(ageMs: number): void {
    for (let ms = Math.ceil((this.pair.highMs() - at) / 10_000) * 10_000; ms <= ageMs; ms += 10_000) {
      this.pair.take(itemOf(plainEvent(0, at + ms, { token: "clock", txHash: `clock${this.#serial++}` })));
    }
    this.pair.compareAt(this.pair.highMs());
  }
}

/** The steps of buckets have changed by these ages: finest ones, after the first merge, after the second. */
const agesMs = [60_000, 300_000, 800_000];

describe("buckets with many swaps merge, and then lose the swaps that hold their figures", () => {
  const priceOrders = {
    "prices rise with the seconds": (index: number) => (i: number) => 1 + index * 1_000 + i,
    "prices fall with the seconds": (index: number) => (i: number) => 9_000 - index * 1_000 - i,
    "prices are mixed": (index: number) => (i: number) => 1 + ((i * 7 + index * 13) % 151) * 10 + index,
  };
  for (const [name, priceOf] of Object.entries(priceOrders)) {
    test(`${name}: holders of each part leave after every merge`, () => {
      const merging = new Merging(seconds.map((second, index) => swapsOf(second, index, priceOf(index))));
      for (const ageMs of agesMs) {
        merging.ageTo(ageMs);
        // Holders of the whole bucket leave in turn, which uses the heaps of each part; then those of the parts leave.
        for (let round = 0; round < 3; round++) {
          for (const swap of holdersOf(merging.parts.flat())) merging.remove(swap);
          for (const part of merging.parts) for (const swap of holdersOf(part)) merging.remove(swap);
        }
      }
      merging.pair.compareState();
    });
  }

  test("the symbol goes back from part to part until none is left", () => {
    const merging = new Merging(seconds.slice(0, 3).map((second, i) => swapsOf(second, i, (j) => 1 + j)));
    merging.ageTo(300_000);
    const named = merging.parts.flat().filter(({ symbol }) => symbol !== undefined);
    for (const swap of named.toSorted((a, b) => b.eventTimeMs - a.eventTimeMs)) merging.remove(swap);
    assert.equal(merging.pair.model.symbol("1:token"), undefined);
  });

  test("swaps leave in any order while buckets merge", (t) => {
    const random = randomFrom(seedOf(t));
    const merging = new Merging(seconds.map((second, i) => swapsOf(second, i, () => 1 + random.below(500))));
    for (let ageMs = 60_000; ageMs <= 850_000; ageMs += 30_000) {
      merging.ageTo(ageMs);
      for (let i = 0; i < 20; i++) {
        const all = merging.parts.flat();
        if (all.length === 0) return;
        const swap = random.chance(0.6) ? random.pick(holdersOf(all)) : random.pick(all);
        merging.remove(swap);
      }
    }
  });
});
