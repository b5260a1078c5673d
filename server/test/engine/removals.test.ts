import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { commandLists, configs } from "../model/arbitraries.ts";
import { LogBuilder, type LogItem, priceFrom } from "../model/log-builder.ts";
import { type EventItem, itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { figuresOf } from "./figures.ts";
import { EngineRun, Pair } from "./pair.ts";

const start = newYear2026;

/** Additional swaps that are announced and removed, in either order, with copies of both. None raises a high. */
function annihilated(items: readonly LogItem[], share: number, seed: number): LogItem[] {
  const random = randomFrom(seed);
  const result: LogItem[] = [];
  const owed: EventItem[] = [];
  items.forEach((item, i) => {
    result.push(item);
    if (item.kind === "event" && item.event.eventTimeMs <= item.arrivalMs && random.chance(share)) {
      const { event } = item;
      const ghost = itemOf(
        {
          ...event,
          eventId: `ghost${i}`,
          who: `ghost${i}`,
          symbol: "GHOST",
          amount: 7n,
          usd: 9_007_199_254_740_991n,
          removed: false,
        },
        item.arrivalMs,
      );
      const removal = itemOf({ ...ghost.event, removed: true }, item.arrivalMs);
      const [first, second] = random.chance(0.5) ? [ghost, removal] : [removal, ghost];
      result.push(first);
      if (random.chance(0.3)) result.push(first);
      owed.push(second);
      if (random.chance(0.3)) owed.push(second);
    }
    while (owed.length > 0 && random.chance(0.5)) result.push(owed.shift() as EventItem);
  });
  return [...result, ...owed];
}

describe("an announcement and its removal cancel out", () => {
  test("small hostile logs with annihilated swaps among them", (t) => {
    const property = fc.property(configs, commandLists(40), fc.nat(), (config, commands, seed) => {
      // A removal after the horizon or an announcement after grace would rightly not count.
      const patient = { ...config, graceMs: 1000 * 86_400_000, chains: new Map(), maxTokens: 100 };
      const items = new LogBuilder(config, start).build(commands);
      const plain = new EngineRun(patient);
      const takenItems = items.filter((item) => plain.take(item) === "applied");
      const clean = new EngineRun(patient).takeAll(takenItems);
      const haunted = new EngineRun(patient).takeAll(annihilated(takenItems, 0.5, seed));
      const highMs = clean.engine.maxHighMs() ?? start;
      for (const asOfMs of [highMs, highMs + 61_000, highMs + 1_000_000]) {
        assert.deepEqual(figuresOf(haunted, asOfMs), figuresOf(clean, asOfMs));
      }
    });
    fc.assert(property, propertyOptions(t, 80));
  });

  test("half of the swaps of a market of an hour are removed within the horizon", (t) => {
    const seed = seedOf(t);
    const items = buildStream({
      ...plainStream,
      seed,
      count: 4_000,
      tokens: 8,
      spanMs: 3_600_000,
      removals: 0.45,
      copies: 0.05,
    });
    const pair = new Pair(defaultConfig);
    items.forEach((item, i) => {
      pair.take(item);
      if (i % 400 === 399) pair.compareAt(pair.highMs());
    });
    pair.compareState();
  });
});

describe("removals within one bucket", () => {
  test("many swaps in three seconds: after every removal the figures are those of the rest", (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 30; round++) {
      const pair = new Pair(defaultConfig);
      const startMs = start + round * 10_000;
      const crowd = Array.from({ length: 3 + random.below(22) }, (_, i) => {
        // Few times and few prices give many ties; two in five swaps have no price.
        const kind = random.below(5);
        const price = kind > 2 ? priceFrom(String(1 + random.below(30))) : undefined;
        const usd = kind < 2 ? 0n : BigInt(1 + random.below(30)) * 1_000_000n;
        const eventTimeMs = startMs + random.below(3) * 700 + random.below(5);
        const place = { blockNumber: random.pick([undefined, 0, 1]), logIndex: random.below(2) };
        return plainEvent(i, eventTimeMs, { price, usd, who: `w${random.below(4)}`, ...place });
      });
      for (const event of crowd) pair.take(itemOf(event, startMs + 5_000));
      pair.compareAt(startMs + 5_000);
      for (const event of random.shuffled(crowd)) {
        // Sometimes the buckets have become coarser before the removal arrives.
        if (random.chance(0.1))
          pair.take(itemOf(plainEvent(99, pair.highMs() + 200_000 * random.below(2), { token: "clock" })));
        pair.take(itemOf({ ...event, removed: true }, pair.highMs() + 5_000));
        pair.compareAt(pair.highMs());
        pair.compareAt(startMs + 2_500 + 200_000);
      }
    }
  });
});

describe("removals after others have settled", () => {
  test("groups of swaps that settle one after another, the newest of which are removed again", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair({ ...defaultConfig, graceMs: 5_000, reorgHorizonMs: 40_000 });
    for (let round = 0; round < 60; round++) {
      const startMs = start + round * 130_000;
      const crowd = Array.from({ length: 2 + random.below(6) }, (_, i) => {
        const symbol = random.chance(0.5) ? `SYM${random.below(3)}` : undefined;
        const eventTimeMs = startMs + random.below(2) * 1_100 + random.below(4);
        const price = priceFrom(String(1 + random.below(3)));
        return plainEvent(100 * round + i, eventTimeMs, { price, symbol, who: `w${random.below(6)}` });
      });
      for (const event of crowd) pair.take(itemOf(event, startMs + 5_000));
      for (let second = 5; second < 35; second += 5) {
        pair.take(
          itemOf(plainEvent(second, startMs + second * 1_000, { token: "clock", txHash: `c${round}-${second}` })),
        );
      }
      if (random.chance(0.6)) {
        for (const event of crowd)
          if (random.chance(0.9)) pair.take(itemOf({ ...event, removed: true }, pair.highMs()));
      }
      for (let second = 35; second < 130; second += 5) {
        pair.take(
          itemOf(plainEvent(second, startMs + second * 1_000, { token: "clock", txHash: `c${round}-${second}` })),
        );
      }
      for (let i = 0; i < 3; i++) pair.compareAt(pair.highMs() + random.below(100_000) - 60_000);
    }
  });
});

describe("lives of a swap", () => {
  const H = defaultConfig.reorgHorizonMs;
  const at = start + 3_600_000;
  const swap = plainEvent(1, at, { blockHash: "0x01", blockNumber: 7, symbol: "ONE" });
  const others = plainEvent(2, at, { who: "other", symbol: "TWO", usd: 5_000_000n });
  const clock = (ms: number) => itemOf(plainEvent(900, ms, { token: "clock", txHash: `clock${ms}` }));

  const stories: Readonly<Record<string, readonly EventItem[]>> = {
    "removed first": [itemOf({ ...swap, removed: true }), itemOf(swap), itemOf(others)],
    "removed twice": [itemOf(swap), itemOf({ ...swap, removed: true }), itemOf({ ...swap, removed: true })],
    "a removal of nothing": [itemOf(others), itemOf({ ...swap, removed: true })],
    "a copy after the removal": [itemOf(swap), itemOf({ ...swap, removed: true }), itemOf(swap)],
    "announced again with a higher revision": [
      itemOf(swap),
      itemOf({ ...swap, removed: true }),
      itemOf({ ...swap, revision: 1 }),
    ],
    "included again before the removal": [
      itemOf(swap),
      itemOf({ ...swap, blockHash: "0x02", blockNumber: 8, eventTimeMs: at + 12_000, usd: 3n }),
      itemOf({ ...swap, removed: true }),
    ],
    "included again after the removal, later than grace": [
      itemOf(swap),
      itemOf({ ...swap, removed: true }),
      clock(at + 600_000),
      itemOf({ ...swap, blockHash: "0x02", blockNumber: 8, eventTimeMs: at + 12_000 }),
    ],
    "the greater one removed: the lesser counts again": [
      itemOf(swap),
      itemOf({ ...swap, blockHash: "0x02", blockNumber: 8, eventTimeMs: at + 12_000 }),
      itemOf({ ...swap, blockHash: "0x02", blockNumber: 8, eventTimeMs: at + 12_000, removed: true }),
    ],
    "removed on the last millisecond of the horizon": [itemOf(swap), clock(at + H), itemOf({ ...swap, removed: true })],
    "removed on the last millisecond of the horizon, when an earlier swap has just settled": [
      itemOf(plainEvent(3, at - 20_000)),
      itemOf(swap),
      clock(at + H),
      itemOf({ ...swap, removed: true }),
    ],
    "removed a millisecond beyond the horizon": [itemOf(swap), clock(at + H + 1), itemOf({ ...swap, removed: true })],
    "a life extended by the time of its removal": [
      itemOf(swap),
      itemOf({ ...swap, eventTimeMs: at + 500_000, removed: true }),
      clock(at + 500_000 + H),
      itemOf({ ...swap, blockHash: "0x02", eventTimeMs: at + 500_000, revision: 3 }),
      itemOf({ ...swap, blockHash: "0x03", eventTimeMs: at + 500_000, revision: 2 }),
    ],
    "a life not shortened by the earlier time of its removal": [
      itemOf(swap),
      itemOf({ ...swap, eventTimeMs: at - 500_000, removed: true }),
      clock(at + H),
      itemOf(swap),
      itemOf({ ...swap, blockHash: "0x02", eventTimeMs: at + 1_000 }),
    ],
    "a lesser inclusion far older than the horizon comes back": [
      itemOf(swap),
      ...[1, 2, 3, 4, 5, 6].flatMap((n) => [
        clock(at + n * 800_000),
        itemOf({ ...swap, blockHash: `0x1${n}`, blockNumber: 7 + n, eventTimeMs: at + n * 800_000 }),
      ]),
      ...[6, 5, 4, 3, 2, 1].map((n) =>
        itemOf({ ...swap, blockHash: `0x1${n}`, blockNumber: 7 + n, eventTimeMs: at + 6 * 800_000, removed: true }),
      ),
    ],
    "forgotten, then as new": [
      itemOf(swap),
      clock(at + H + 1),
      itemOf({ ...swap, eventTimeMs: at + H - 1_000 }),
      itemOf({ ...swap, eventTimeMs: at + H - 1_000, blockHash: "0x05" }),
    ],
    "at the edge of a bucket": [
      itemOf({ ...swap, eventTimeMs: at - 1 }),
      itemOf({ ...others, eventTimeMs: at }),
      itemOf({ ...swap, eventTimeMs: at, blockHash: "0x02" }),
      itemOf({ ...swap, eventTimeMs: at, blockHash: "0x02", removed: true }),
    ],
    "seventeen inclusions": [
      ...Array.from({ length: 17 }, (_, n) => itemOf({ ...swap, blockHash: `0x${n + 10}`, revision: n % 3 })),
      itemOf({ ...swap, blockHash: "0x99", removed: true }),
      itemOf({ ...swap, blockHash: "0x24", revision: 2, removed: true }),
    ],
    "inclusions without a hash differ by block and time": [
      itemOf({ ...swap, blockHash: undefined, blockNumber: undefined }),
      itemOf({ ...swap, blockHash: undefined, blockNumber: 0 }),
      itemOf({ ...swap, blockHash: undefined, blockNumber: 0, eventTimeMs: at + 1 }),
      itemOf({ ...swap, blockHash: undefined, blockNumber: 0, eventTimeMs: at + 1, removed: true }),
    ],
    "the removal carries another content": [
      itemOf(swap),
      itemOf({ ...swap, removed: true, usd: 77n, who: undefined }),
      itemOf({ ...swap, removed: true, usd: 78n }),
      itemOf({ ...swap, usd: 79n }),
    ],
  };
  for (const [name, items] of Object.entries(stories)) {
    test(name, () => {
      const pair = new Pair(defaultConfig);
      for (const item of items) {
        pair.take(item);
        for (const aheadMs of [0, 1_000, 200_000, 3_000_000, 30_000_000]) pair.compareAt(pair.highMs() + aheadMs);
      }
      pair.compareState();
    });
  }
});
