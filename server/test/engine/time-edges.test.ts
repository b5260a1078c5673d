import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hostileLogs, type TestConfig } from "../model/arbitraries.ts";
import type { ModelToken, NaiveModel } from "../model/naive-model.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { edgesOf, windowsOf } from "../model/window-rules.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { EngineRun, explained, Pair } from "./pair.ts";

/** The model's figures of a token without open_time and close_time, which always change. */
function stillFigures(model: NaiveModel, id: string, asOfMs: number): string {
  const windows = model.config.windows.map((_window, index) => {
    const { openMs: _open, closeMs: _close, ...rest } = model.stats(id, index, asOfMs);
    return rest;
  });
  return JSON.stringify(windows, (_key, value) => (typeof value === "bigint" ? value.toString() : value));
}

/** Like stillFigures, for the figures that the engine serves. */
function servedStill(run: EngineRun, ref: number, asOfMs: number): string {
  const windows = run.config.windows.map((_window, index) => {
    const { open_time: _open, close_time: _close, ...rest } = run.engine.windowStats(ref, index, asOfMs);
    return rest;
  });
  return JSON.stringify(windows);
}

/** The times at which a swap may enter or leave a window or the span before it, or a window may become complete. */
function changeInstants(model: NaiveModel, id: string): number[] {
  const { windows } = model.config;
  const finestMs = Math.min(...windows.map((window) => window.stepMs));
  const instants = new Set<number>();
  for (const { eventTimeMs } of model.counted(id)) {
    instants.add(Math.floor(eventTimeMs / finestMs) * finestMs);
    for (const { lengthMs, stepMs } of windows) {
      const leaves = Math.floor(eventTimeMs / stepMs) * stepMs + stepMs + lengthMs;
      instants.add(leaves);
      instants.add(leaves + lengthMs);
    }
  }
  for (const { lengthMs, stepMs } of windows) {
    if (model.seenSinceMs !== undefined) instants.add(Math.ceil(model.seenSinceMs / stepMs) * stepMs + lengthMs);
  }
  return [...instants].sort((a, b) => a - b);
}

/** The first time after asOfMs at which the model's figures differ, found by trying all candidates. */
function trueNextChange(model: NaiveModel, token: ModelToken, asOfMs: number): number {
  const now = stillFigures(model, token.id, asOfMs);
  const later = changeInstants(model, token.id).filter((instant) => instant > asOfMs);
  return later.find((instant) => stillFigures(model, token.id, instant) !== now) ?? Number.POSITIVE_INFINITY;
}

function assertNextChanges(pair: Pair, asOfMs: number): void {
  for (const token of pair.model.known.values()) {
    const next = pair.engine.nextChangeMs(pair.run.ref(token) as number, asOfMs);
    const truth = trueNextChange(pair.model, token, asOfMs);
    assert.ok(next > asOfMs, `next change ${next} is not after ${asOfMs}`);
    assert.ok(next <= truth, `${token.id}: next change ${next} is later than the true one ${truth} (as of ${asOfMs})`);
    if (truth === Number.POSITIVE_INFINITY) assert.ok(next === truth || wakesAreFew(pair, token, next));
  }
}

/** A worker that follows the next changes finishes, after no more steps than there are edges. */
function wakesAreFew(pair: Pair, token: ModelToken, from: number): boolean {
  const ref = pair.run.ref(token) as number;
  let at = from;
  for (let steps = 0; steps < 5_000; steps++) {
    at = pair.engine.nextChangeMs(ref, at);
    if (at === Number.POSITIVE_INFINITY) return true;
  }
  return false;
}

describe("changes without an event", () => {
  test("the next change is never reported later than it happens", (t) => {
    const property = fc.property(hostileLogs(40), (log) => {
      const { pair, items } = Pair.of(log);
      const { offsets } = log;
      explained(items, () => {
        items.forEach((item, i) => {
          pair.take(item);
          if (i % 13 === 0) assertNextChanges(pair, pair.highMs() + (offsets[0] as number));
        });
        for (const offset of offsets) assertNextChanges(pair, pair.highMs() + offset);
      });
    });
    fc.assert(property, propertyOptions(t, 80));
  });

  test("following the next changes shows every change, down to zero", (t) => {
    const seed = seedOf(t);
    const config = { ...defaultConfig, windows: windowsOf(["1m", "5m", "30m"]) };
    const pair = new Pair(config);
    for (const item of buildStream({ ...plainStream, seed, count: 150, tokens: 3, spanMs: 400_000 })) pair.take(item);
    for (const token of pair.model.known.values()) {
      const ref = pair.run.ref(token) as number;
      let at = pair.highMs() - 60_000;
      for (;;) {
        const next = pair.engine.nextChangeMs(ref, at);
        const before = stillFigures(pair.model, token.id, at);
        const lastStill = next === Number.POSITIVE_INFINITY ? at + 10_000_000 : next - 1;
        assert.equal(stillFigures(pair.model, token.id, lastStill), before);
        if (next === Number.POSITIVE_INFINITY) break;
        at = next;
        pair.compareToken(token, at);
      }
      assert.equal(pair.engine.windowStats(ref, 2, at).trades, 0);
    }
  });

  test("no figure, estimated traders included, changes before the next change is due", (t) => {
    const seed = seedOf(t);
    const limits = { graceMs: 5_000, reorgHorizonMs: 20_000, windows: windowsOf(["1m", "5m", "30m"]) };
    const run = new EngineRun({ ...defaultConfig, ...limits, exactTraders: 10 });
    const spec = { ...plainStream, seed, tokens: 3, traders: 60, disorderMs: 3_000 };
    run.takeAll(buildStream({ ...spec, count: 600, spanMs: 900_000 }));
    for (const ref of run.engine.tokens()) {
      let [at, estimated, steps] = [(run.engine.maxHighMs() as number) - 30_000, 0, 0];
      for (; at !== Number.POSITIVE_INFINITY; steps++) {
        const next = run.engine.nextChangeMs(ref, at);
        const now = servedStill(run, ref, at);
        if (now.includes("traders_estimated")) estimated += 1;
        assert.equal(servedStill(run, ref, next === Number.POSITIVE_INFINITY ? at + 10_000_000 : next - 1), now);
        at = next;
      }
      assert.ok(estimated > 0 && estimated < steps, `${estimated} of ${steps} answers are estimates`);
    }
  });

  test("the next change is due when an estimate becomes exact and no swap leaves", () => {
    const limits = { graceMs: 5_000, reorgHorizonMs: 20_000, windows: windowsOf(["1m", "5m", "30m"]) };
    const run = new EngineRun({ ...defaultConfig, ...limits, exactTraders: 10 });
    // Thirty wallets settle. Ten minutes later one swap comes, in the first second of a step of every window.
    for (let i = 0; i < 30; i++) run.take(itemOf(plainEvent(i, newYear2026 + i)));
    const lastMs = newYear2026 + 600_000;
    const event = plainEvent(30, lastMs);
    run.take(itemOf(event));
    const ref = run.ref(event) as number;
    let at = lastMs + 1000;
    let becameExact = 0;
    for (let next = 0; next !== Number.POSITIVE_INFINITY; at = next) {
      next = run.engine.nextChangeMs(ref, at);
      const now = servedStill(run, ref, at);
      assert.equal(servedStill(run, ref, next === Number.POSITIVE_INFINITY ? at + 10_000_000 : next - 1), now);
      const [, minutes] = run.config.windows.map((_window, index) => run.engine.windowStats(ref, index, at));
      if (minutes?.trades === 1 && minutes.traders_estimated !== true) becameExact += 1;
    }
    assert.equal(becameExact, 1, "the window of 5m was exact with its swap once");
  });

  test("the version grows with every change that an event makes", (t) => {
    const property = fc.property(hostileLogs(50), (log) => {
      const { pair, items } = Pair.of(log);
      explained(items, () => {
        for (const item of items) {
          const asOfMs = pair.highMs() + 1_000_000;
          const before = everything(pair, asOfMs);
          const versions = versionsOf(pair);
          pair.take(item);
          for (const [id, figures] of Object.entries(everything(pair, asOfMs))) {
            if (figures === before[id]) continue;
            assert.notEqual(versionsOf(pair)[id], versions[id], `${id} changed, its version did not`);
          }
        }
      });
    });
    fc.assert(property, propertyOptions(t, 60));
  });
});

/** All figures of a token without `complete`. */
function everything(pair: Pair, asOfMs: number): Record<string, string> {
  const entries = [...pair.model.known.values()].map((token) => {
    const { late, removed, unresolved, id } = token;
    const windows = pair.config.windows.map((_window, index) => ({
      ...pair.model.stats(id, index, asOfMs),
      complete: 0,
    }));
    const shown = { late, removed, unresolved, symbol: pair.model.symbol(id), windows };
    return [id, JSON.stringify(shown, (_key, value) => (typeof value === "bigint" ? value.toString() : value))];
  });
  return Object.fromEntries(entries);
}

function versionsOf(pair: Pair): Record<string, number> {
  return Object.fromEntries(
    [...pair.engine.tokens()].map((ref) => [pair.engine.info(ref).id, pair.engine.version(ref)]),
  );
}

describe("edges of windows", () => {
  const calendars: Readonly<Record<string, number>> = {
    "a plain hour": Date.UTC(2026, 5, 15, 13, 0, 0),
    midnight: Date.UTC(2026, 0, 2),
    "the end of a leap day": Date.UTC(2028, 2, 1),
    "the end of a year": Date.UTC(2027, 0, 1),
    "the first times that are allowed": 100_000_020_000,
    "the last times that are allowed": 253_402_300_799_000,
  };
  const configurations: readonly TestConfig[] = [
    defaultConfig,
    { ...defaultConfig, windows: windowsOf(["10s", "90s", "15m", "1d"]) },
    { ...defaultConfig, windows: windowsOf(["70s", "7m"], 7_000) },
  ];
  for (const [name, edgeMs] of Object.entries(calendars)) {
    test(`a swap enters on the first millisecond and leaves on the last: ${name}`, () => {
      for (const config of configurations) {
        const pair = new Pair(config);
        const eventTimesMs = [edgeMs - 1, edgeMs, edgeMs + 1].filter((ms) => ms <= 253_402_300_799_999);
        for (const [i, eventTimeMs] of eventTimesMs.entries()) pair.take(itemOf(plainEvent(i, eventTimeMs)));
        for (const window of config.windows) {
          for (const eventTimeMs of eventTimesMs) {
            const leavesMs = Math.floor(eventTimeMs / window.stepMs) * window.stepMs + window.stepMs + window.lengthMs;
            const { openMs } = edgesOf(config.windows, window, leavesMs);
            assert.ok(openMs > eventTimeMs && edgesOf(config.windows, window, leavesMs - 1).openMs <= eventTimeMs);
            for (const asOfMs of [leavesMs - 1, leavesMs, leavesMs + window.lengthMs - 1, leavesMs + window.lengthMs]) {
              pair.compareAt(asOfMs);
            }
          }
        }
        for (const aheadMs of [-60_000, -1_001, -1_000, -1, 0, 999, 1_000]) pair.compareAt(edgeMs + 1 + aheadMs);
      }
    });
  }

  test("a clock that is behind shows less, and shows everything once it has caught up", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const pair = new Pair(defaultConfig);
    for (const item of buildStream({ ...plainStream, seed, count: 600, tokens: 4, spanMs: 300_000 })) {
      pair.take(item);
      if (random.chance(0.05)) pair.compareAt(pair.highMs() - random.below(60_001));
    }
    for (let behindMs = 60_000; behindMs >= -2_000; behindMs -= 487) pair.compareAt(pair.highMs() - behindMs);
  });

  test("a silent token decays to exactly zero and is retired", (t) => {
    const seed = seedOf(t);
    const pair = new Pair(defaultConfig);
    for (const item of buildStream({ ...plainStream, seed, count: 3_000, tokens: 5, spanMs: 7_200_000 }))
      pair.take(item);
    const endMs = pair.highMs() + 86_400_000 + 120_000;
    // Time passes by the clock alone, then by the events of another token.
    pair.compareAt(endMs);
    pair.take(itemOf(plainEvent(1, endMs, { token: "another" })));
    pair.take(itemOf(plainEvent(2, endMs + 100_000_000, { token: "another" })));
    pair.compareAt(pair.highMs());
    const retired = [...pair.engine.tokens()].filter((ref) => pair.engine.isRetired(ref, pair.highMs()));
    assert.equal(retired.length, pair.model.known.size - 1);
  });

  test("time that jumps by years and centuries, with exact and estimated traders", () => {
    for (const exactTraders of [4096, 5]) {
      const pair = new Pair({ ...defaultConfig, exactTraders });
      let serial = 0;
      for (const start of ["1973-03-04", "2026-01-01", "2026-09-09", "2031-01-01", "2262-07-07", "9999-12-30"]) {
        const startMs = Date.parse(`${start}T00:00:00Z`);
        for (let i = 0; i < 400; i++) {
          serial += 1;
          const token = i % 5 === 0 ? "other" : "token";
          pair.take(itemOf(plainEvent(serial, startMs + i * 9_000, { token, who: `w${i % 40}`, symbol: `s${i % 3}` })));
        }
        for (const aheadMs of [0, 1_800_000, 80_000_000]) pair.compareAt(pair.highMs() + aheadMs, { estimate: 0.1 });
      }
      pair.compareState();
    }
  });

  test("traders are kept when stored seconds overflow", (t) => {
    // Seconds are stored from a base: 25 bits of them in a sketch, a quarter before its beginning; 32 bits in a table,
    // 10^9 before its first swap.
    const borders = [
      { exactTraders: 5, seconds: Math.ceil(0.75 * 2 ** 25) },
      { exactTraders: 4_096, seconds: 2 ** 32 - 10 ** 9 },
    ];
    for (const { exactTraders, seconds } of borders) {
      const random = randomFrom(seedOf(t));
      const pair = new Pair({ ...defaultConfig, exactTraders });
      const startMs = Date.UTC(2026, 0, 1);
      for (let i = 0; i < 600; i++) {
        const eventTimeMs = startMs + i * 40_000 + (i < 100 ? 0 : seconds * 1_000 - 3 * 3_600_000);
        const side = random.chance(0.5) ? "buy" : "sell";
        pair.take(itemOf(plainEvent(i, eventTimeMs, { who: `w${random.below(40)}`, side })));
        if (i % 25 === 24) pair.compareAt(pair.highMs() + random.below(100_000) - 60_000, { estimate: 0.1 });
      }
    }
  });
});
