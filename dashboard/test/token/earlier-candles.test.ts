import assert from "node:assert/strict";
import { test } from "node:test";
import type { Candle, Candles } from "@swapstats/client";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { EARLIER_MAX, type Earlier, joined, NO_EARLIER, withLeft, withPage } from "../../src/token/earlier-candles.ts";
import { candlesBefore } from "../support/history-stub.ts";

const MINUTE = 60_000;
const NOW = 1_760_000_040_000;

/** Candles with these numbers of minutes before now. */
const candles = (from: number, to: number, members: object = {}): readonly Candle[] =>
  candlesBefore(NOW - to * MINUTE, MINUTE, from - to, () => members);
const page = (items: readonly Candle[], members: Partial<Candles> = {}): Candles => ({
  ...{ id: "1:0x", interval: "1m", history_complete: true, next_cursor: "more" },
  items,
  ...members,
});
const timesOf = (items: readonly Candle[]): readonly number[] =>
  items.map(({ open_time }) => (NOW - open_time) / MINUTE);
const numbers = (from: number, to: number): readonly number[] =>
  Array.from({ length: from - to }, (_, index) => from - index);

test("pages come in front, and the last one is the start of the history", () => {
  const first = withPage(NO_EARLIER, page(candles(20, 10)));
  assert.deepEqual(timesOf(first.candles), numbers(20, 10));
  assert.equal(first.state, "idle");
  const second = withPage(first, page(candles(25, 18)));
  assert.deepEqual(timesOf(second.candles), numbers(25, 10));
  assert.equal(withPage(second, { ...page(candles(30, 25)), next_cursor: undefined } as never).state, "start");
  assert.equal(withPage(second, page([])).state, "start");
});

test("a service without a history has no earlier candles", () => {
  const { next_cursor: _, history_complete: __, ...none } = page(candles(12, 10));
  const earlier = withPage(NO_EARLIER, none as Candles);
  assert.equal(earlier.state, "none");
  assert.equal(earlier.candles.length, 2);
});

test("a chart holds a limited number of candles", () => {
  assert.equal(withPage(NO_EARLIER, page(candles(EARLIER_MAX - 1, 0))).state, "idle");
  assert.equal(withPage(NO_EARLIER, page(candles(EARLIER_MAX, 0))).state, "full");
});

const KEPT: Earlier = { ...NO_EARLIER, candles: candles(200, 101) };

test("bars that leave a full channel stay, and those that a reorg took back do not", () => {
  const before = candles(101, 1);
  const after = candles(99, 0);
  const kept = withLeft(KEPT, before, after, 100, NOW);
  assert.deepEqual(timesOf(kept!.candles), numbers(200, 99));
  // The channel has room: the first two bars were taken back.
  assert.equal(
    withLeft({ ...NO_EARLIER, candles: candles(70, 50) }, candles(50, 1), candles(48, 0), 100, NOW)!.candles.length,
    20,
  );
  // They are older than the memory.
  assert.deepEqual(timesOf(withLeft(KEPT, before, after, 1_000, NOW)!.candles), numbers(200, 99));
  assert.equal(withLeft(NO_EARLIER, before, after, 100, NOW), NO_EARLIER);
});

test("after a long pause without a connection the pages are loaded again", () => {
  assert.equal(withLeft(KEPT, candles(101, 50), candles(40, 0), 100, NOW), undefined);
});

test("the first bar of the channel is whole if the history has it so", () => {
  const live = candles(10, 0).with(0, { ...candles(10, 9)[0]!, complete: false, trades: 1 });
  const whole = { ...candles(10, 9)[0]!, trades: 5 };
  const parts = joined([...candles(20, 10), whole], live);
  assert.deepEqual(timesOf(parts.earlier), numbers(20, 10));
  assert.equal(parts.live[0]!.trades, 5);
  const open = joined([...candles(20, 10), { ...whole, complete: false }], live);
  assert.equal(open.live[0]!.trades, 1);
});

test("history and channel are one line without a hole or a bar twice, however both move", (t) => {
  const steps = fc.array(fc.record({ minutes: fc.nat(5), loads: fc.boolean() }), { maxLength: 30 });
  const property = fc.property(steps, fc.integer({ min: 6, max: 20 }), (moves, channelMax) => {
    let now = 0;
    const liveAt = (minute: number) => candlesBefore(NOW + minute * MINUTE, MINUTE, channelMax);
    let live: readonly Candle[] = liveAt(0);
    let earlier: Earlier | undefined = NO_EARLIER;
    for (const { minutes, loads } of moves) {
      now += minutes;
      const next = liveAt(now);
      earlier = withLeft(earlier, live, next, channelMax, NOW + now * MINUTE) ?? NO_EARLIER;
      live = next;
      if (loads) {
        const before = earlier.candles[0]?.open_time ?? live[0]!.open_time + MINUTE;
        earlier = withPage(earlier, page(candlesBefore(before, MINUTE, 4)));
      }
      const parts = joined(earlier.candles, live);
      const times = [...parts.earlier, ...parts.live].map(({ open_time }) => open_time / MINUTE);
      assert.ok(times.every((time, index) => index === 0 || time === times[index - 1]! + 1));
    }
  });
  fc.assert(property, propertyOptions(t, 300));
});
