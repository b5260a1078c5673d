import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { commandLists, configs } from "../model/arbitraries.ts";
import { LogBuilder, type LogItem } from "../model/log-builder.ts";
import { defaultEventId, type ModelEvent } from "../model/model-event.ts";
import { itemOf, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { propertyOptions, type Random, randomFrom, seedOf } from "../support/seed.ts";
import { figuresOf } from "./figures.ts";
import { EngineRun, Pair } from "./pair.ts";

type EventItem = LogItem & { kind: "event" };

const start = Date.UTC(2026, 0, 1);

/** A new order in which each event is delayed by less than grace. */
function shuffledWithinGrace(items: readonly EventItem[], graceMs: number, random: Random): EventItem[] {
  return items
    .map((item) => ({ item, due: item.event.eventTimeMs + random.next() * graceMs }))
    .sort((a, b) => a.due - b.due)
    .map(({ item }) => ({ ...item, arrivalMs: Number.MAX_SAFE_INTEGER / 2 }));
}

/** Removes copies of different content (the first would count) and swaps that return after they were forgotten. */
function orderFree(items: readonly LogItem[], forgetMs: number): EventItem[] {
  const contents = new Map<string, string>();
  const firstTimes = new Map<string, number>();
  return items.filter((item): item is EventItem => {
    if (item.kind !== "event") return false;
    const { event } = item;
    const swap = JSON.stringify([event.chainId, event.token, event.eventId]);
    const first = firstTimes.get(swap) ?? event.eventTimeMs;
    if (Math.abs(first - event.eventTimeMs) > forgetMs / 2) return false;
    firstTimes.set(swap, first);
    const block = event.blockHash ?? `${event.blockNumber ?? 0}@${event.eventTimeMs}`;
    const inclusion = JSON.stringify([swap, event.revision, block, event.removed]);
    const content = contentText(event);
    if ((contents.get(inclusion) ?? content) !== content) return false;
    contents.set(inclusion, content);
    return true;
  });
}

function contentText(event: ModelEvent): string {
  return JSON.stringify(event, (_key, value) => (typeof value === "bigint" ? value.toString() : value));
}

describe("the order of arrival within grace changes no figure", () => {
  test("small hostile logs in any order", (t) => {
    const property = fc.property(configs, commandLists(60), fc.nat(), (config, commands, seed) => {
      const own = [...config.chains.values()];
      const graceMs = Math.min(config.graceMs, ...own.map((chain) => chain.graceMs ?? config.graceMs));
      const horizonMs = Math.max(
        graceMs,
        Math.min(config.reorgHorizonMs, ...own.map((chain) => chain.reorgHorizonMs ?? config.reorgHorizonMs)),
      );
      fc.pre(horizonMs > graceMs && config.maxTokens > 100);
      const items = orderFree(new LogBuilder(config, start).build(commands), horizonMs - graceMs);
      const random = randomFrom(seed);
      const sorted = [...items].sort((a, b) => a.event.eventTimeMs - b.event.eventTimeMs);
      const [one, other] = [sorted, shuffledWithinGrace(items, graceMs, random)].map((log) => {
        const run = new EngineRun(config).takeAll(
          log.map((item) => ({ ...item, arrivalMs: Number.MAX_SAFE_INTEGER / 2 })),
        );
        const { dead_letters } = run.engine.counters;
        return { run, refused: Object.keys(dead_letters).length };
      }) as [{ run: EngineRun; refused: number }, { run: EngineRun; refused: number }];
      fc.pre(one.refused === 0 && other.refused === 0);
      const highMs = one.run.engine.maxHighMs() ?? start;
      for (const asOfMs of [highMs, highMs + 45_000, highMs + 400_000, highMs - 60_000]) {
        assert.deepEqual(figuresOf(other.run, asOfMs), figuresOf(one.run, asOfMs));
      }
    });
    fc.assert(property, propertyOptions(t, 120));
  });

  test("a market of an hour, three orders", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const stream = buildStream({
      ...plainStream,
      seed,
      count: 5_000,
      tokens: 15,
      spanMs: 3_600_000,
      late: 0,
      future: 0,
    });
    const items = orderFree(stream, 700_000);
    const runs = [0, 1, 2].map(() => new EngineRun(defaultConfig).takeAll(shuffledWithinGrace(items, 120_000, random)));
    const highMs = runs[0]?.engine.maxHighMs() as number;
    for (const asOfMs of [highMs, highMs + 600_000, highMs + 5_000_000]) {
      const figures = runs.map((run) => figuresOf(run, asOfMs));
      assert.deepEqual(figures[1], figures[0]);
      assert.deepEqual(figures[2], figures[0]);
    }
  });

  test("swaps of one millisecond, block and log index are in the order of their ids as bytes", (t) => {
    // Given ids and default ones, of equal and of other lengths, hex and not.
    const names = fc.uniqueArray(fc.constantFrom("a", "b", "ba", "B", "1:z", "é", "0x0b", "0x0a", "0x0a00", "0xa"), {
      minLength: 2,
      maxLength: 6,
    });
    const property = fc.property(names, fc.nat(), fc.boolean(), (ids, seed, areGiven) => {
      const random = randomFrom(seed);
      const events = ids.map((id, i) => {
        const own = areGiven ? { txHash: `0x${i}f`, eventId: id } : { txHash: id, eventId: defaultEventId(1, id, 0) };
        return plainEvent(i, start, { ...own, usd: BigInt(1 + i) * 1_000_000n });
      });
      const shuffled = events.map((event) => ({ event, key: random.next() })).sort((a, b) => a.key - b.key);
      const pair = new Pair(defaultConfig);
      for (const { event } of shuffled) pair.take(itemOf(event));
      pair.compareAt(start);
    });
    fc.assert(property, propertyOptions(t, 60));
  });
});
