/** Candles and newest swaps of spans that the service saw only in part: served, and marked. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { defaultConfig } from "../model/vectors.ts";
import { EngineRun } from "./pair.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const token = { chainId: 1, token: "token" };

function refOf(run: EngineRun): number {
  const ref = run.ref(token);
  assert.ok(ref !== undefined);
  return ref;
}

describe("spans that the service saw only in part are served as not complete", () => {
  test("a swap from before the data folder was created is in a candle and among the newest swaps", () => {
    const run = new EngineRun(defaultConfig);
    const nowMs = newYear2026 + 30_000;
    const swapMs = nowMs - 5 * minuteMs;
    run.engine.setSeenSince(nowMs);
    run.take(itemOf(plainEvent(1, swapMs), nowMs));
    const ref = refOf(run);
    assert.equal(run.engine.windowStats(ref, 2, nowMs).trades, 1);
    const openMs = Math.floor(swapMs / minuteMs) * minuteMs;
    const { availableFromMs, items } = run.engine.candles(ref, minuteMs, 0, nowMs + hourMs, 500, nowMs);
    assert.deepEqual(
      items.map(({ open_time, trades, complete }) => ({ open_time, trades, complete })),
      [{ open_time: openMs, trades: 1, complete: false }],
    );
    assert.equal(availableFromMs, openMs);
    const swaps = run.engine.newestSwaps(ref, 100, nowMs);
    assert.deepEqual([swaps.items.length, swaps.availableFromMs], [1, swapMs]);
  });

  test("the window of a day and candles of any interval agree when 25 hours have been read", () => {
    const run = new EngineRun(defaultConfig);
    const startMs = newYear2026 + 17 * minuteMs;
    for (let i = 0; i <= 25 * 60; i++) run.take(itemOf(plainEvent(i, startMs + i * minuteMs)));
    const asOfMs = startMs + 25 * hourMs;
    const ref = refOf(run);
    const { open_time, trades } = run.engine.windowStats(ref, 6, asOfMs);
    assert.equal(trades, 1_441);
    for (const intervalMs of [minuteMs, 5 * minuteMs, 15 * minuteMs, hourMs, 4 * hourMs, 24 * hourMs]) {
      const fromMs = Math.floor(open_time / intervalMs) * intervalMs;
      const { availableFromMs, items } = run.engine.candles(ref, intervalMs, fromMs, asOfMs + 1, 2_000, asOfMs);
      const inCandles = items.reduce((sum, item) => sum + item.trades, 0);
      // Swaps of the first candle that are older than the window.
      const before = Math.min(Math.floor((open_time - fromMs) / minuteMs), inCandles - trades);
      assert.equal(inCandles - before, trades, `${intervalMs} ms`);
      assert.ok(availableFromMs !== undefined && availableFromMs <= (items[0]?.open_time ?? 0));
    }
  });

  test("an interval whose beginning is no longer in memory is served as not complete", () => {
    const run = new EngineRun(defaultConfig);
    for (let i = 0; i <= 40 * 60; i++) run.take(itemOf(plainEvent(i, newYear2026 + i * minuteMs)));
    const asOfMs = newYear2026 + 40 * hourMs;
    const { availableFromMs, items } = run.engine.candles(refOf(run), 24 * hourMs, 0, asOfMs, 10, asOfMs);
    // Memory goes back to the bucket of 24 h, one step and max_skew before: 15:58 of the first day.
    const remembered = (newYear2026 + 24 * hourMs - (asOfMs - 24 * hourMs - 2 * minuteMs)) / minuteMs;
    assert.deepEqual(
      items.map(({ open_time, trades, complete }) => ({ open_time, trades, complete })),
      [
        { open_time: newYear2026, trades: remembered, complete: false },
        { open_time: newYear2026 + 24 * hourMs, trades: 16 * 60 + 1, complete: false },
      ],
    );
    assert.equal(availableFromMs, newYear2026);
  });

  test("across a gap: candles before it are served, and only candles after it are complete", () => {
    const run = new EngineRun(defaultConfig);
    for (let i = 0; i < 10; i++) run.take(itemOf(plainEvent(i, newYear2026 + i * minuteMs)));
    run.take({ kind: "gap" });
    const ref = refOf(run);
    const during = run.engine.candles(ref, minuteMs, 0, newYear2026 + hourMs, 100, newYear2026 + 10 * minuteMs);
    assert.deepEqual([during.items.length, during.availableFromMs], [10, newYear2026]);
    assert.ok(during.items.every(({ complete }) => !complete));
    assert.equal(run.engine.newestSwaps(ref, 100, newYear2026 + hourMs).items.length, 10);
    for (let i = 12; i < 16; i++) run.take(itemOf(plainEvent(i, newYear2026 + i * minuteMs)));
    const after = run.engine.candles(ref, minuteMs, 0, newYear2026 + hourMs, 100, newYear2026 + 15 * minuteMs);
    assert.deepEqual(
      after.items.map(({ open_time, complete }) => [(open_time - newYear2026) / minuteMs, complete]),
      [...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => [i, false]), [12, true], [13, true], [14, true], [15, false]],
    );
    assert.equal(run.engine.newestSwaps(ref, 100, newYear2026 + hourMs).items.length, 14);
  });
});

describe("prices of dust", () => {
  test("a swap below the minimum of dollars has no price, even if the event has one, and counts in everything else", () => {
    const config = {
      ...defaultConfig,
      priceMinUsdMicro: 1_000_000,
      chains: new Map([[2, { priceMinUsdMicro: 10_000 }]]),
    };
    const run = new EngineRun(config);
    const given = { coefficient: 10n ** 12n, exponent: 0 };
    for (const chainId of [1, 2]) {
      const dust = plainEvent(1, newYear2026, { chainId, usd: 999_999n, price: given });
      run.take(itemOf(dust));
      run.take(itemOf(plainEvent(2, newYear2026 + 1, { chainId, usd: 1_000_000n })));
      run.take(itemOf(plainEvent(3, newYear2026 + 2, { chainId, usd: 9_999n })));
    }
    const statsOf = (chainId: number) =>
      run.engine.windowStats(run.ref({ chainId, token: "token" }) as number, 0, newYear2026 + 1_000);
    const strict = statsOf(1);
    assert.deepEqual(
      [strict.trades, strict.volume_usd, strict.open, strict.high, strict.low],
      [3, "2.009998", "1", "1", "1"],
    );
    const mild = statsOf(2);
    assert.deepEqual([mild.trades, mild.open, mild.high, mild.close], [3, "1000000000000", "1000000000000", "1"]);
    const [newest] = run.engine.newestSwaps(run.ref(token) as number, 100, newYear2026 + 1_000).items.slice(-1);
    assert.equal(newest?.price_usd, "1000000000000", "the newest swaps say what the event said");
  });
});

describe("the order of equal times", () => {
  test("the transaction index comes after the block and before the log index", () => {
    const run = new EngineRun(defaultConfig);
    const at = (serial: number, blockNumber: number, txIndex: number, logIndex: number, price: bigint) =>
      run.take(
        itemOf(
          plainEvent(serial, newYear2026, {
            blockNumber,
            txIndex,
            logIndex,
            price: { coefficient: price, exponent: 0 },
          }),
        ),
      );
    at(1, 7, 2, 0, 12n);
    at(2, 7, 1, 9, 11n);
    at(3, 7, 10, 0, 13n);
    at(4, 8, 0, 0, 14n);
    at(5, 6, 99, 0, 10n);
    const ref = refOf(run);
    const { open, close } = run.engine.windowStats(ref, 0, newYear2026);
    assert.deepEqual([open, close], ["10", "14"]);
    const { items } = run.engine.newestSwaps(ref, 100, newYear2026);
    assert.deepEqual(
      items.map(({ price_usd, tx_index }) => [price_usd, tx_index]),
      [
        ["14", undefined],
        ["13", 10],
        ["12", 2],
        ["11", 1],
        ["10", 99],
      ],
    );
  });
});

describe("counters of events that would otherwise go unnoticed", () => {
  test("announcements that replace another, removals without an announcement, dropped labels", () => {
    const run = new EngineRun(defaultConfig);
    const first = plainEvent(1, newYear2026, { blockHash: "0x01", blockNumber: 5 });
    const second = { ...first, blockHash: "0x02", blockNumber: 6 };
    const third = { ...first, blockHash: "0x03", blockNumber: 4 };
    const items = [
      first,
      second, // replaces the first, which is not removed
      third, // is a lower inclusion, and replaces none
      { ...second, removed: true }, // the first counts again: nothing was replaced
      { ...first, blockHash: "0x09", blockNumber: 9, removed: true }, // was not announced
      { ...first, blockHash: "0x09", blockNumber: 9 }, // annihilated
      { ...first, removed: true },
      { ...third, removed: true },
      { ...first, blockHash: "0x0a", blockNumber: 10, symbolDropped: true }, // nothing counted: nothing was replaced
      { ...first, blockHash: "0x0a", blockNumber: 10, symbolDropped: true }, // a copy, whose label is dropped as well
      plainEvent(7, newYear2026, { token: "unknown", removed: true }),
    ];
    for (const event of items) run.take(itemOf(event, newYear2026));
    const { replaced, removals_unmatched, labels_dropped, conflicts, applied, removed, duplicates } =
      run.engine.counters;
    assert.deepEqual(
      { replaced, removals_unmatched, labels_dropped, conflicts, applied, removed, duplicates },
      { replaced: 1, removals_unmatched: 2, labels_dropped: 2, conflicts: 0, applied: 5, removed: 5, duplicates: 1 },
    );
    const info = run.engine.info(refOf(run));
    assert.deepEqual([info.replaced, info.removalsUnmatched], [1, 1]);
  });
});
