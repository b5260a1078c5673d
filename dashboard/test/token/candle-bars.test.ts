import assert from "node:assert/strict";
import { test } from "node:test";
import type { Candle } from "@swapstats/client";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import {
  BARS_MAX,
  type Bar,
  barsOf as barsOfCandles,
  changedBars,
  correctionsBetween,
  drawingExponent,
  EARLIER_PAUSE_MAX,
  inOrder,
  LATE_AFTER_MS,
  usualInterval,
} from "../../src/token/candle-bars.ts";

const MINUTE = 60_000;
const START = 1_760_000_040_000;

function candle(index: number, members: Partial<Candle> = {}): Candle {
  const price = "1.5";
  return {
    ...{ open_time: START + index * MINUTE, open: price, high: price, low: price, close: price },
    ...{ volume_usd: "10", volume_token: "6", trades: 1, buys: 1, sells: 0, complete: true },
    ...members,
  };
}

const itemsOf = (...candles: readonly Candle[]): Record<string, Candle> =>
  Object.fromEntries(candles.map((item) => [item.open_time, item]));
const barsOf = (items: Record<string, Candle>, ...rest: [intervalMs: number, asOfMs: number, pauseMax?: number]) =>
  barsOfCandles(inOrder(items), ...rest);
const indexesOf = (bars: readonly Bar[]): readonly number[] => bars.map(({ openTime }) => (openTime - START) / MINUTE);
const endOf = (index: number): number => START + (index + 1) * MINUTE - 1;

test("bars are in ascending order with empty bars where nothing was traded, up to the present one", () => {
  const bars = barsOf(itemsOf(candle(10), candle(7), candle(8)), MINUTE, endOf(12));
  assert.deepEqual(indexesOf(bars), [7, 8, 9, 10, 11, 12]);
  assert.deepEqual(
    bars.map((bar) => bar.candle !== undefined),
    [true, true, false, true, false, false],
  );
  assert.deepEqual(barsOf({}, MINUTE, START), []);
  // As-of is that of the last message; a candle beyond it is shown all the same.
  assert.deepEqual(indexesOf(barsOf(itemsOf(candle(3)), MINUTE, START)), [3]);
});

test("a long pause is cut, and a chart has a limited number of bars", () => {
  const pause = barsOf(itemsOf(candle(0), candle(100_000)), MINUTE, endOf(100_000));
  assert.equal(pause.length, 62);
  assert.deepEqual(indexesOf(pause).slice(-2), [99_999, 100_000]);
  const sparse = Array.from({ length: 1_000 }, (_, index) => candle(index * 50));
  const bars = barsOf(itemsOf(...sparse), MINUTE, endOf(999 * 50));
  assert.ok(bars.length <= BARS_MAX);
  assert.equal(bars.length, 1_000 + 999 * 3);
});

test("before the channel a pause has the same length however many candles there are", () => {
  const lengths = [2, 500].map((count) => {
    const sparse = Array.from({ length: count }, (_, index) => candle(index * 50));
    return barsOf(itemsOf(...sparse), MINUTE, START, EARLIER_PAUSE_MAX).length / count;
  });
  assert.ok(lengths.every((length) => Math.abs(length - EARLIER_PAUSE_MAX - 1) <= 2));
  assert.equal(barsOf(itemsOf(candle(0), candle(50)), MINUTE, START, EARLIER_PAUSE_MAX).length, 2 + EARLIER_PAUSE_MAX);
});

test("drawing the changed bars over the old ones gives the new ones", (t) => {
  const indexes = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 });
  const property = fc.property(indexes, indexes, fc.nat(30), fc.nat(5), (first, second, kept, later) => {
    const before = itemsOf(...first.map((index) => candle(index)));
    const after = itemsOf(...second.map((index) => candle(index)));
    // Unchanged candles keep their identity, as the client promises.
    for (const key of Object.keys(before).slice(0, kept)) after[key] = before[key]!;
    const [old, now] = [barsOf(before, MINUTE, endOf(20)), barsOf(after, MINUTE, endOf(20 + later))];
    const changed = changedBars(old, now);
    if (changed === "all") return;
    const drawn = new Map(old.map((bar) => [bar.openTime, bar]));
    for (const bar of changed) drawn.set(bar.openTime, bar);
    assert.deepEqual([...drawn.values()], now);
  });
  fc.assert(property, propertyOptions(t, 1_000));
});

test("a late correction of an earlier bar is an update of that bar alone", () => {
  const before = itemsOf(candle(0), candle(1), candle(3));
  const corrected = candle(1, { trades: 2, volume_usd: "25" });
  const after = { ...before, [corrected.open_time]: corrected };
  const [old, now] = [barsOf(before, MINUTE, endOf(3)), barsOf(after, MINUTE, endOf(3))];
  assert.deepEqual(changedBars(old, now), [{ openTime: corrected.open_time, candle: corrected }]);
  // A late swap in an empty minute, and the removal of a minute's only swap, keep the axis as it is.
  const filled = barsOf({ ...before, ...itemsOf(candle(2)) }, MINUTE, endOf(3));
  assert.deepEqual(indexesOf(changedBars(old, filled) as Bar[]), [2]);
  assert.deepEqual(changedBars(filled, old), [{ openTime: START + 2 * MINUTE }]);
});

test("a bar that leaves at the start is a new chart", () => {
  const [first, second] = [candle(0), candle(1)];
  const old = barsOf(itemsOf(first, second), MINUTE, endOf(1));
  assert.equal(changedBars(old, barsOf(itemsOf(second, candle(2)), MINUTE, endOf(2))), "all");
  assert.equal(changedBars([], old), "all");
  const passed = barsOf(itemsOf(first, second), MINUTE, endOf(3));
  assert.deepEqual(indexesOf(changedBars(old, passed) as Bar[]), [2, 3]);
});

test("corrections are changes of bars that were closed for a while, and no others", () => {
  const before = itemsOf(candle(0), candle(1), candle(2));
  const change = (...candles: readonly Candle[]) =>
    correctionsBetween(before, { ...before, ...itemsOf(...candles) }, MINUTE, endOf(2) + 1);
  const [late, removed] = [candle(0, { trades: 2 }), candle(1, { trades: 0, buys: 0 })];
  assert.deepEqual(change(late, removed, candle(2, { trades: 5 })), [
    { openTime: START, kind: "late" },
    { openTime: START + MINUTE, kind: "removed" },
  ]);
  // That a bar became complete is no correction.
  assert.deepEqual(change(candle(0, { complete: false })), []);
  const { [START + MINUTE]: _gone, ...without } = before;
  assert.deepEqual(correctionsBetween(before, without, MINUTE, endOf(2)), [
    { openTime: START + MINUTE, kind: "removed" },
  ]);
  assert.deepEqual(correctionsBetween(without, before, MINUTE, endOf(2)), [{ openTime: START + MINUTE, kind: "late" }]);
});

test("a bar is corrected from the moment on at which a swap in it counts as late", () => {
  const before = itemsOf(candle(0), candle(1));
  const after = { ...before, ...itemsOf(candle(0, { trades: 2 })) };
  const limit = START + MINUTE + LATE_AFTER_MS;
  assert.deepEqual(correctionsBetween(before, after, MINUTE, limit - 1), []);
  assert.equal(correctionsBetween(before, after, MINUTE, limit).length, 1);
});

test("bars that come and go at the start of the channel's limit are no corrections", () => {
  const [before, after] = [itemsOf(candle(0), candle(1)), itemsOf(candle(1), candle(2))];
  assert.deepEqual(correctionsBetween(before, after, MINUTE, endOf(9)), [
    { openTime: START + 2 * MINUTE, kind: "late" },
  ]);
  assert.deepEqual(correctionsBetween(after, before, MINUTE, endOf(1)), []);
  assert.deepEqual(correctionsBetween({}, before, MINUTE, endOf(9)), []);
});

test("the first interval is the longest that makes a chart of the token's past", () => {
  assert.equal(usualInterval(0), "5s");
  assert.equal(usualInterval(40 * 15_000 - 1), "5s");
  assert.equal(usualInterval(40 * 15_000), "15s");
  assert.equal(usualInterval(40 * 60_000), "1m");
  assert.equal(usualInterval(86_400_000), "1m");
});

test("prices are drawn near 1, whatever their size", () => {
  const exponentOf = (close: string) => drawingExponent(barsOf(itemsOf(candle(0, { close })), MINUTE, START));
  assert.equal(exponentOf("0.00000000000123"), 12);
  assert.equal(exponentOf("64821.7"), -4);
  assert.equal(exponentOf("1"), 0);
  assert.equal(drawingExponent([]), 0);
});
