import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { placesOf, sortFields } from "@swapstats/protocol/figures.ts";
import fc from "fast-check";
import { RankKey, rankKeyOfText } from "../../src/engine/reads/rank-key.ts";
import type { ServedSwap } from "../../src/engine/types.ts";
import { hostileLogs } from "../model/arbitraries.ts";
import { candleDifferences, type Served } from "../model/compare-figures.ts";
import { formatDecimal, formatPlaces, parseDecimal, toPlaces } from "../model/decimal.ts";
import { priceFrom } from "../model/log-builder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import type { ModelToken } from "../model/naive-model.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { candleIntervalsMs, edgesOf, windowsOf } from "../model/window-rules.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { restoreImage, takeImage } from "./images.ts";
import { EngineRun, explained, Pair } from "./pair.ts";

const limitMax = 1_000_000;
const intervalsMs = Object.values(candleIntervalsMs);

function compareCandles(
  pair: Pair,
  token: ModelToken,
  intervalMs: number,
  fromMs: number,
  toMs: number,
  asOfMs: number,
): void {
  const { engine, model } = pair;
  const ref = pair.run.ref(token) as number;
  const { availableFromMs, items } = engine.candles(ref, intervalMs, fromMs, toMs, limitMax, asOfMs);
  const about = `${token.id} ${intervalMs} ms [${fromMs}, ${toMs}) as of ${asOfMs}, available from ${availableFromMs}`;
  assert.equal(availableFromMs, model.candlesFromMs(token.id, intervalMs), about);
  const expected = model.candles(token.id, intervalMs, fromMs, toMs, asOfMs);
  assert.deepEqual(
    items.map((item) => item.open_time),
    expected.map((candle) => candle.openMs),
    about,
  );
  items.forEach((item, i) => {
    const candle = expected[i];
    assert.ok(candle !== undefined);
    assert.deepEqual(candleDifferences(item as unknown as Served, candle), [], about);
  });
  const half = Math.ceil(items.length / 2);
  if (half > 0)
    assert.deepEqual(engine.candles(ref, intervalMs, fromMs, toMs, half, asOfMs).items, items.slice(-half), about);
}

function servedForm(event: ModelEvent): ServedSwap {
  return {
    chain_id: event.chainId,
    tx_hash: event.txHash,
    log_index: event.logIndex,
    ...(event.txIndex !== 0 && { tx_index: event.txIndex }),
    event_id: event.eventId,
    token: event.token,
    ...(event.symbol !== undefined && { token_symbol: event.symbol }),
    ...(event.pool !== undefined && { pool: event.pool }),
    ...(event.who !== undefined && { who: event.who }),
    side: event.side,
    amount_token: formatPlaces(event.amount, 18),
    amount_usd: formatPlaces(event.usd, 6),
    ...(event.price !== undefined && { price_usd: formatDecimal(event.price) }),
    event_time: event.eventTimeMs,
    ...(event.blockNumber !== undefined && { block_number: event.blockNumber }),
    ...(event.blockHash !== undefined && { block_hash: event.blockHash }),
    ...(event.revision !== 0 && { revision: event.revision }),
  };
}

function compareSwaps(pair: Pair, token: ModelToken, limit: number, asOfMs: number): void {
  const { engine, model } = pair;
  const { availableFromMs, items } = engine.newestSwaps(pair.run.ref(token) as number, limit, asOfMs);
  if (availableFromMs === undefined) {
    assert.deepEqual([items, model.seenSinceMs], [[], undefined]);
    return;
  }
  const highMs = model.highs.get(token.chainId) as number;
  const longestMs = Math.max(...pair.config.windows.map((window) => window.lengthMs));
  const promisedMs = Math.max(
    highMs - Math.min(longestMs, model.horizonMs(token.chainId)),
    model.seenSinceMs ?? Number.POSITIVE_INFINITY,
  );
  if (items.length < limit)
    assert.ok(availableFromMs <= promisedMs, `swaps from ${availableFromMs}, at least ${promisedMs}`);
  const oldestMs = items.at(-1)?.event_time ?? Number.POSITIVE_INFINITY;
  assert.ok(availableFromMs <= oldestMs, `available from ${availableFromMs}, later than a swap of ${oldestMs}`);
  const newest = model.newestSwaps(token.id, asOfMs);
  const whole = newest.filter((event) => event.eventTimeMs >= availableFromMs);
  assert.ok(
    items.length >= Math.min(limit, whole.length) && items.length <= limit,
    `${items.length} swaps of ${whole.length}`,
  );
  assert.deepEqual(items, newest.slice(0, items.length).map(servedForm), `${token.id} as of ${asOfMs}`);
}

function compareRankingFigures(pair: Pair, token: ModelToken, asOfMs: number): void {
  const key = new RankKey();
  const ref = pair.run.ref(token) as number;
  pair.config.windows.forEach((_window, index) => {
    const stats = pair.engine.windowStats(ref, index, asOfMs);
    for (const name of sortFields) {
      pair.engine.rankKey(ref, index, name, asOfMs, key);
      const value = stats[name];
      const served = new RankKey();
      rankKeyOfText(value === undefined ? undefined : String(value), placesOf(name), served);
      assert.deepEqual(key, served, `${name} ranks as what is served: ${value}`);
    }
  });
}

/** Every swap that a window counts is in a candle: sums are equal where the interval fits the window's edge. */
function compareCandlesWithWindows(pair: Pair, token: ModelToken, asOfMs: number): number {
  const { engine, config } = pair;
  const ref = pair.run.ref(token) as number;
  let compared = 0;
  config.windows.forEach((window, index) => {
    const { openMs, closeMs } = edgesOf(config.windows, window, asOfMs);
    const stats = engine.windowStats(ref, index, asOfMs);
    for (const intervalMs of intervalsMs) {
      if (intervalMs % window.stepMs !== 0) continue;
      const fromMs = Math.floor(openMs / intervalMs) * intervalMs;
      const { availableFromMs, items } = engine.candles(ref, intervalMs, fromMs, closeMs, limitMax, asOfMs);
      const about = `${token.id} ${window.name} in candles of ${intervalMs} ms as of ${asOfMs}`;
      const trades = items.reduce((sum, item) => sum + item.trades, 0);
      const first = items[0];
      if (first !== undefined) assert.ok(availableFromMs !== undefined && availableFromMs <= first.open_time, about);
      if (fromMs < openMs) {
        assert.ok(trades >= stats.trades, `${about}: ${trades} trades, the window has ${stats.trades}`);
        continue;
      }
      compared += 1;
      const usd = items.reduce((sum, item) => sum + toPlaces(parseDecimal(item.volume_usd), 6), 0n);
      const amount = items.reduce((sum, item) => sum + toPlaces(parseDecimal(item.volume_token), 18), 0n);
      const buys = items.reduce((sum, item) => sum + item.buys, 0);
      assert.deepEqual(
        [trades, buys, formatPlaces(usd, 6), formatPlaces(amount, 18)],
        [stats.trades, stats.buys, stats.volume_usd, stats.volume_token],
        about,
      );
      const priced = items.filter((item) => item.open !== undefined);
      assert.deepEqual([priced[0]?.open, priced.at(-1)?.close], [stats.open, stats.close], about);
      if (seenAll(pair, openMs))
        assert.ok(
          items.every((item) => item.complete || item.open_time + intervalMs > asOfMs),
          about,
        );
    }
  });
  return compared;
}

function seenAll({ model }: Pair, openMs: number): boolean {
  return model.seenSinceMs !== undefined && model.seenSinceMs <= openMs;
}

describe("candles, newest swaps and ranking figures equal those of the whole log", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(hostileLogs(60), fc.integer({ min: 1, max: 12 }), (log, limit) => {
      const { pair, items } = Pair.of(log);
      explained(items, () => {
        for (const item of items) pair.take(item);
        for (const [i, offset] of log.offsets.entries()) {
          const asOfMs = pair.highMs() + offset;
          for (const token of pair.model.known.values()) {
            const intervalMs = intervalsMs[(i * 3 + limit) % intervalsMs.length] as number;
            compareCandles(pair, token, intervalMs, asOfMs - 90_000_000, asOfMs + 70_000, asOfMs);
            compareCandles(pair, token, 60_000, pair.highMs() - limit * 61_000, pair.highMs() + 1, asOfMs);
            compareSwaps(pair, token, limit, asOfMs);
            compareCandlesWithWindows(pair, token, asOfMs);
            compareRankingFigures(pair, token, asOfMs);
          }
        }
      });
    });
    fc.assert(property, propertyOptions(t, 80));
  });

  test("a market of a day: all intervals, back to the end of memory", (t) => {
    const seed = seedOf(t);
    const pair = new Pair(defaultConfig);
    for (const item of buildStream({ ...plainStream, seed, count: 8_000, tokens: 6, spanMs: 25 * 3_600_000 }))
      pair.take(item);
    for (const token of pair.model.known.values()) {
      for (const intervalMs of intervalsMs) {
        compareCandles(
          pair,
          token,
          intervalMs,
          pair.highMs() - 100_000_000,
          pair.highMs() + 100_000,
          pair.highMs() + 30_000,
        );
        compareCandles(pair, token, intervalMs, pair.highMs() - 10_000_000, pair.highMs() - 5_000_000, pair.highMs());
      }
      for (const limit of [1, 3, 100, 1_000]) compareSwaps(pair, token, limit, pair.highMs() + 500);
      // An as-of on the edges of all intervals up to an hour, and one between them.
      const hourMs = Math.floor(pair.highMs() / 3_600_000) * 3_600_000 + 3_600_000;
      assert.ok(compareCandlesWithWindows(pair, token, hourMs) > 20);
      compareCandlesWithWindows(pair, token, pair.highMs());
      compareRankingFigures(pair, token, pair.highMs());
    }
  });

  test("a hundred symbols and pools of one token, and more swaps than are kept, most of them removed", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair({ ...defaultConfig, graceMs: 5_000, reorgHorizonMs: 120_000 });
    const label = (kind: string) => (random.chance(0.8) ? `${kind}${random.below(100)}` : undefined);
    const events: ModelEvent[] = [];
    for (let i = 0; i < 3_000; i++) {
      const price = random.chance(0.3) ? priceFrom("3.5") : undefined;
      const labels = { symbol: label("symbol"), pool: label("pool") };
      const event = plainEvent(i, newYear2026 + i * 500 - random.below(4_000), { ...labels, price });
      pair.take(itemOf(event, pair.highMs() + 1_000));
      events.push(event);
      if (i % 700 === 699) {
        // Nearly all unsettled swaps leave: fewer than the newest hundred remain.
        for (const old of random.shuffled(events.slice(-250)))
          if (random.chance(0.95)) pair.take(itemOf({ ...old, removed: true }, pair.highMs()));
      }
      if (i % 100 !== 99) continue;
      for (const token of pair.model.known.values()) {
        pair.compareToken(token, pair.highMs());
        for (const limit of [1, 100, 1_000]) compareSwaps(pair, token, limit, pair.highMs() + random.below(2_000));
      }
    }
  });

  test("intervals finer than the finest step are not in memory", () => {
    const config = { ...defaultConfig, windows: windowsOf(["5m", "1h"], 60_000) };
    const pair = new Pair(config);
    pair.take(itemOf(plainEvent(1, newYear2026)));
    for (const token of pair.model.known.values()) {
      for (const intervalMs of intervalsMs) {
        compareCandles(pair, token, intervalMs, newYear2026 - 100_000, newYear2026 + 100_000, newYear2026 + 50_000);
      }
    }
  });
});

describe("look-ups of tokens", () => {
  const at = newYear2026;
  const run = new EngineRun(defaultConfig);
  const names = [
    { chainId: 1, token: "0xaa", symbol: "PEPE" },
    { chainId: 2, token: "0xaa", symbol: "Pepe" },
    { chainId: 1, token: "PEPE", symbol: "other" },
    { chainId: 1, token: "é", symbol: undefined },
  ];
  names.forEach((name, i) => {
    run.take(itemOf(plainEvent(i, at + i, name)));
  });
  run.take(itemOf(plainEvent(90, at, { token: "unknown", removed: true, symbol: "PEPE" })));
  run.take(itemOf(plainEvent(91, at - 10_000_000, { token: "late", symbol: "PEPE" })));
  const ids = (refs: Iterable<number>) => [...refs].map((ref) => run.engine.info(ref).id).sort();

  test("an id finds only tokens that a swap has named", () => {
    for (const { chainId, token } of names) assert.ok(run.engine.findById(chainId, token) !== undefined);
    for (const [chainId, token] of [
      [1, "unknown"],
      [1, "late"],
      [3, "0xaa"],
      [1, "0xAA"],
      [1, ""],
    ] as const) {
      assert.equal(run.engine.findById(chainId, token), undefined, token);
    }
    assert.deepEqual(ids(run.engine.tokens()), ["1:0xaa", "1:PEPE", "1:é", "2:0xaa"]);
  });

  test("a token is found by its exact address, and by its symbol ignoring case", () => {
    assert.deepEqual(ids(run.engine.findByToken("0xaa")), ["1:0xaa", "2:0xaa"]);
    assert.deepEqual(ids(run.engine.findByToken("unknown")), []);
    assert.deepEqual(ids(run.engine.findBySymbol("pEPe")), ["1:0xaa", "2:0xaa"]);
    assert.deepEqual(ids(run.engine.findBySymbol("nothing")), []);
  });

  test("a symbol that was replaced or removed is no longer found", () => {
    const renamed = plainEvent(92, at + 50, { token: "PEPE", symbol: "NEW" });
    run.take(itemOf(renamed));
    assert.deepEqual([ids(run.engine.findBySymbol("other")), ids(run.engine.findBySymbol("new"))], [[], ["1:PEPE"]]);
    run.take(itemOf({ ...renamed, removed: true }));
    assert.deepEqual([ids(run.engine.findBySymbol("other")), ids(run.engine.findBySymbol("new"))], [["1:PEPE"], []]);
  });

  test("names in any script are served unchanged and found", (t) => {
    const name = fc.string({ unit: "binary", minLength: 1, maxLength: 16 });
    const names = fc.record({ token: name, symbol: name, who: name, pool: name, txHash: name, blockHash: name });
    const property = fc.property(fc.array(names, { minLength: 1, maxLength: 12 }), (all) => {
      const pair = new Pair({ ...defaultConfig, windows: windowsOf(["1m"]) });
      all.forEach((given, i) => {
        pair.take(itemOf(plainEvent(i, at + i, given)));
      });
      pair.compareState();
      for (const token of pair.model.known.values()) {
        pair.compareToken(token, at);
        compareSwaps(pair, token, 100, at);
        const found = pair.engine.findByToken(token.token);
        assert.deepEqual(
          found.map((ref) => pair.engine.info(ref).id),
          [token.id],
        );
        compareSymbols(pair, [pair.model.symbol(token.id) as string]);
      }
    });
    fc.assert(property, propertyOptions(t, 40));
  });

  test("a symbol finds at most a hundred tokens", () => {
    const crowd = new EngineRun(defaultConfig);
    for (let i = 0; i < 150; i++) {
      crowd.take(itemOf(plainEvent(i, at + i, { token: `t${i}`, symbol: i % 2 === 0 ? "Crowd" : "CROWD" })));
      const found = new Set(crowd.engine.findBySymbol("crowd"));
      assert.equal(found.size, Math.min(i + 1, 100));
    }
  });

  test("symbols that are rare and late among many swaps without one", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair({ ...defaultConfig, windows: windowsOf(["1m"]), graceMs: 60_000, reorgHorizonMs: 60_000 });
    for (let i = 0; i < 6_000; i++) {
      const symbol = random.chance(0.02) ? `s${random.below(1_000)}` : undefined;
      const lateMs = random.below(random.chance(0.5) ? 55_000 : 1_000);
      pair.take(itemOf(plainEvent(i, at + i * 200 - lateMs, { token: `t${i % 3}`, symbol }), at + i * 200));
      if (symbol === undefined) continue;
      for (const { id, chainId, token } of pair.model.known.values()) {
        assert.equal(pair.engine.info(pair.run.ref({ chainId, token }) as number).symbol, pair.model.symbol(id));
      }
    }
  });

  test("symbols that many tokens share, gain and lose, also across a snapshot", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair({ ...defaultConfig, graceMs: 5_000, reorgHorizonMs: 60_000 });
    const events: ModelEvent[] = [];
    for (let i = 0; i < 3_000; i++) {
      const symbol = random.pick(["AAA", "aaa", "BBB", "\u00dfx", undefined]);
      const event = plainEvent(i, at + i * 700, { token: `t${random.below(40)}`, symbol });
      events.push(event);
      pair.take(itemOf(event));
      const earlier = events.at(-1 - random.below(Math.min(events.length, 50)));
      if (earlier !== undefined && random.chance(0.3)) pair.take(itemOf({ ...earlier, removed: true }, pair.highMs()));
      if (i % 500 === 250) pair.run.engine = restoreImage(pair.config, takeImage(pair.engine), random);
      if (i % 100 === 0) compareSymbols(pair);
    }
    compareSymbols(pair);
  });
});

function compareSymbols(pair: Pair, symbols = ["aaa", "BbB", "\u00dfX", "none"]): void {
  for (const symbol of symbols) {
    const folded = symbol.toLowerCase();
    const expected = [...pair.model.known.keys()].filter((id) => pair.model.symbol(id)?.toLowerCase() === folded);
    const found = pair.engine.findBySymbol(symbol).map((ref) => pair.engine.info(ref).id);
    assert.deepEqual(found.sort(), expected.sort(), symbol);
  }
}
