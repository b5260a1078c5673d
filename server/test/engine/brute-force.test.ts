import { describe, test } from "node:test";
import fc from "fast-check";
import { configs, hostileLogs, type TestConfig } from "../model/arbitraries.ts";
import { buildStream, plainStream, type StreamSpec } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { windowsOf } from "../model/window-rules.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { explained, Pair } from "./pair.ts";

describe("every statistic at any as-of equals a recomputation from the whole log", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(hostileLogs(90), (log) => {
      const { pair, items } = Pair.of(log);
      const { offsets } = log;
      explained(items, () => {
        items.forEach((item, i) => {
          pair.take(item);
          if (i % 9 === 0) pair.compareAt(pair.highMs() + (offsets[i % offsets.length] as number));
        });
        pair.compareState();
        for (const offset of offsets) pair.compareAt(pair.highMs() + offset);
      });
    });
    fc.assert(property, propertyOptions(t, 150));
  });

  test("a day of a market: 24 hours of event time, with everything that goes wrong", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 1);
    const items = buildStream({ ...plainStream, seed, count: 30_000, spanMs: 26 * 3_600_000, chainIds: [1, 10] });
    const pair = new Pair(defaultConfig);
    items.forEach((item, i) => {
      pair.take(item);
      if (i % 2_500 === 2_499) pair.compareAt(pair.highMs() + random.below(120_000) - 60_000);
    });
    pair.compareState();
    for (const hours of [0, 0.02, 0.3, 1.1, 3, 7, 12, 18, 23.99, 24, 24.02, 30]) {
      pair.compareAt(pair.highMs() + Math.floor(hours * 3_600_000) + random.below(1_000));
    }
  });

  test("markets under other windows, steps and limits", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const samples = fc.sample(configs, { numRuns: 8, seed });
    for (const [i, sample] of samples.entries()) {
      const config = { ...sample, maxTokens: random.pick([5, 2_000_000]) };
      const spanMs = random.pick([300_000, 3_600_000, 10_800_000, 90_000_000]);
      const spec = {
        ...plainStream,
        seed: seed + i,
        count: 2_500,
        tokens: 8,
        spanMs,
        chainIds: [1, 10],
        removals: 0.1,
      };
      const pair = new Pair(config);
      buildStream(spec).forEach((item, n) => {
        pair.take(item);
        if (n % 230 === 229) pair.compareAt(pair.highMs() + random.below(200_000) - 60_000);
      });
      pair.compareState();
      for (const aheadMs of [0, 61_000, 400_000, spanMs, 3 * spanMs]) pair.compareAt(pair.highMs() + aheadMs);
    }
  });

  type Busy = { readonly limits: Partial<TestConfig>; readonly stream?: Partial<StreamSpec> };
  const busy: Readonly<Record<string, Busy>> = {
    "a horizon of minutes": {
      limits: { graceMs: 40_000, reorgHorizonMs: 300_000, windows: windowsOf(["1m", "5m", "1h"]) },
    },
    "a short horizon, and all windows shorter than the log": {
      limits: { graceMs: 2_000, reorgHorizonMs: 5_000, windows: windowsOf(["10s", "2m", "7m"]) },
    },
    "a wallet for nearly every swap, and all windows shorter than the log": {
      limits: { graceMs: 5_000, reorgHorizonMs: 5_000, windows: windowsOf(["10s", "2m", "7m"]) },
      stream: { traders: 5_000 },
    },
    "no grace at all, one window": {
      limits: { graceMs: 0, reorgHorizonMs: 0, windows: windowsOf(["90s"]) },
      stream: { disorderMs: 0 },
    },
    "swaps that come late into buckets which have widened": {
      limits: { graceMs: 600_000, reorgHorizonMs: 700_000, windows: windowsOf(["10s", "5m", "1h"]) },
      stream: { tokens: 3, disorderMs: 550_000 },
    },
  };
  for (const [name, { limits, stream }] of Object.entries(busy)) {
    test(`busy tokens, read between their swaps at as-ofs before and after their high: ${name}`, (t) => {
      const seed = seedOf(t);
      const random = randomFrom(seed);
      const plain = { ...plainStream, count: 2_000, tokens: 1, traders: 60, spanMs: 2_000_000, disorderMs: 3_000 };
      const pair = new Pair({ ...defaultConfig, ...limits });
      for (const item of buildStream({ ...plain, seed, removals: 0.08, ...stream })) {
        pair.take(item);
        if (random.chance(0.1)) pair.compareAt(pair.highMs() + random.below(90_000) - 60_000);
      }
      pair.compareState();
    });
  }

  test("bursts and silences: many swaps in few buckets, then hours without any", (t) => {
    const seed = seedOf(t);
    const config = { ...defaultConfig, windows: windowsOf(["1m", "7m", "2h"]) };
    const pair = new Pair(config);
    let startMs = plainStream.startMs;
    for (const [burst, hours] of [0.05, 0.5, 1, 1.9, 2.1, 5, 0.01, 30].entries()) {
      const spec = {
        ...plainStream,
        seed: seed + burst,
        count: 900,
        tokens: 4,
        spanMs: 90_000,
        startMs,
        removals: 0.2,
        inclusions: 0.05,
      };
      const items = buildStream(spec).map((item) =>
        item.kind === "event" ? { ...item, event: { ...item.event, eventId: `${burst}-${item.event.eventId}` } } : item,
      );
      for (const item of items) pair.take(item);
      pair.compareAt(pair.highMs());
      pair.compareAt(pair.highMs() + 200_000);
      startMs += Math.floor(hours * 3_600_000);
    }
    pair.compareState();
  });
});
