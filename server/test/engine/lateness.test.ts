import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RankKey } from "../../src/engine/reads/rank-key.ts";
import { commandLists, configs, type TestConfig } from "../model/arbitraries.ts";
import { LogBuilder, type LogItem } from "../model/log-builder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { figuresOf } from "./figures.ts";
import { imageOf } from "./images.ts";
import { EngineRun } from "./pair.ts";

const start = Date.UTC(2028, 1, 29, 23, 59, 30);

function skewOf(config: TestConfig, { chainId }: ModelEvent): number {
  return config.chains.get(chainId)?.maxSkewMs ?? config.maxSkewMs;
}

/** The same log as if it had been read later. Only quarantined events keep their arrival. */
function readLater(items: readonly LogItem[], config: TestConfig, delayMs: (i: number) => number): LogItem[] {
  return items.map((item, i) => {
    if (item.kind !== "event" || item.event.eventTimeMs > item.arrivalMs + skewOf(config, item.event)) return item;
    return { ...item, arrivalMs: item.arrivalMs + delayMs(i) };
  });
}

describe("lateness depends only on the log", () => {
  test("whatever the arrival, the speed of reading and the reads meanwhile, equal logs give equal bytes of state", (t) => {
    const property = fc.property(configs, commandLists(60), fc.nat(), (config, commands, seed) => {
      const random = randomFrom(seed);
      const items = new LogBuilder(config, start).build(commands);
      const first = new EngineRun(config).takeAll(items);
      const second = new EngineRun(config);
      for (const item of readLater(items, config, () => random.below(1_000_000_000))) {
        second.take(item);
        if (random.chance(0.3)) askEverything(second, (second.engine.maxHighMs() ?? start) + random.below(100_000_000));
      }
      assert.deepEqual(imageOf(second.engine), imageOf(first.engine));
    });
    fc.assert(property, propertyOptions(t, 80));
  });

  test("a backlog of a day, read at once or slowly", (t) => {
    const seed = seedOf(t);
    const items = buildStream({ ...plainStream, seed, count: 6_000, spanMs: 86_400_000 });
    const first = new EngineRun(defaultConfig).takeAll(items);
    const second = new EngineRun(defaultConfig);
    readLater(items, defaultConfig, (i) => 10 * i).forEach((item, i) => {
      second.take(item);
      if (i % 1_000 === 0) askEverything(second, (second.engine.maxHighMs() as number) + 3_600_000);
    });
    assert.deepEqual(imageOf(second.engine), imageOf(first.engine));
  });

  test("an event too far ahead is quarantined and makes no other event late", () => {
    const run = new EngineRun(defaultConfig);
    const [near] = buildStream({ ...plainStream, seed: 1, count: 1, spanMs: 1, late: 0, future: 0, copies: 0 });
    assert.ok(near?.kind === "event");
    const { event } = near;
    const arrivalMs = event.eventTimeMs;
    assert.equal(run.take(near), "applied");
    for (const [aheadMs, eventId, outcome] of [
      [60_001, "ahead", "quarantined"],
      [10_000_000_000, "far", "quarantined"],
      [0, "now", "applied"],
      [60_000, "limit", "applied"],
      [60_001, "ahead", "quarantined"],
    ] as const) {
      const later = { ...event, eventId, eventTimeMs: event.eventTimeMs + aheadMs };
      assert.equal(run.take({ kind: "event", event: later, arrivalMs }), outcome, eventId);
    }
    assert.equal(run.engine.maxHighMs(), event.eventTimeMs + 60_000);
  });
});

/** Every kind of read; reads change nothing. */
function askEverything(run: EngineRun, asOfMs: number): void {
  const { engine } = run;
  figuresOf(run, asOfMs);
  for (const ref of engine.tokens()) {
    engine.nextChangeMs(ref, asOfMs);
    engine.isRetired(ref, asOfMs);
    engine.candles(ref, 60_000, asOfMs - 10_000_000, asOfMs, 100, asOfMs);
    engine.newestSwaps(ref, 100, asOfMs);
    engine.rankKey(ref, 0, "volume_usd", asOfMs, new RankKey());
    engine.findBySymbol(engine.info(ref).symbol ?? "none");
  }
  engine.findByToken("T4");
  engine.memory();
}
