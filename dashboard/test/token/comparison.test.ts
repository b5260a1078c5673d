import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChannelFigures } from "@swapstats/client";
import { figures } from "@swapstats/protocol/figures.ts";
import {
  comparisonOf,
  FIGURE_GROUPS,
  flowOf,
  sawBefore,
  windowMsOf,
  windowOf,
  windowsInOrder,
} from "../../src/token/comparison.ts";

const volumes = { buys: 1, sells: 1, volume_token: "1", buy_volume_token: "1", sell_volume_token: "0" };
const previous = {
  ...volumes,
  ...{ trades: 8, volume_usd: "80", buy_volume_usd: "80", sell_volume_usd: "0", net_volume_usd: "0" },
};
const window: ChannelFigures = {
  ...previous,
  complete: true,
  trades: 12,
  volume_usd: "100.000001",
  close: "2",
  previous,
};

test("a figure is compared with the span before, exactly", () => {
  assert.deepEqual(comparisonOf(window, "trades", true), {
    value: "12",
    previous: "8",
    difference: "4",
    percent: "50",
  });
  assert.deepEqual(comparisonOf(window, "volume_usd", true), {
    ...{ value: "100.000001", previous: "80", difference: "20.000001", percent: "25.000001" },
  });
});

test("what the service does not have is absent in the comparison", () => {
  assert.deepEqual(comparisonOf(window, "close", true), { value: "2" });
  assert.deepEqual(comparisonOf(window, "high", true), {});
  const { previous: _before, ...longest } = window;
  assert.deepEqual(comparisonOf(longest, "trades", true), { value: "12" });
  assert.deepEqual(comparisonOf(window, "net_volume_usd", true), { value: "0", previous: "0", difference: "0" });
});

test("nothing is compared with a span that the service did not see whole", () => {
  assert.deepEqual(comparisonOf(window, "trades", false), { value: "12" });
  const at = 10_000_000;
  const windows = { "1m": window, "5m": window, "1h": { ...window, complete: false } };
  // 5 minutes hold twice the minute. Nothing complete holds twice the 5 minutes.
  assert.equal(sawBefore(windows, "1m", at, undefined), true);
  assert.equal(sawBefore(windows, "5m", at, undefined), false);
  // Ten minutes, and a step of the window more.
  assert.equal(sawBefore(windows, "5m", at, at - 610_000), true);
  assert.equal(sawBefore(windows, "5m", at, at - 609_999), false);
  assert.equal(sawBefore({ "1h": window, "2h": window }, "1h", at, undefined), false);
});

test("the chosen window is that of the address, the usual one, or the longest", () => {
  assert.equal(windowOf({ "5m": 1, "1h": 1, "24h": 1 }, "24h"), "24h");
  assert.equal(windowOf({ "5m": 1, "1h": 1, "24h": 1 }, "7d"), "1h");
  assert.equal(windowOf({ "5m": 1, "24h": 1 }, null), "24h");
});

test("the table has the figures of the service, each once", () => {
  const names = FIGURE_GROUPS.flatMap(({ rows }) => rows.map(({ name }) => name));
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.ok(name in figures, name);
});

test("buys against sells say who leans, and by how much", () => {
  const flow = flowOf({
    ...window,
    buys: 3,
    sells: 2,
    volume_usd: "4625.5",
    buy_volume_usd: "2775.3",
    sell_volume_usd: "1850.2",
    net_volume_usd: "925.1",
  });
  assert.deepEqual(flow, {
    ...{ buys: 3, sells: 2, buyUsd: "2775.3", sellUsd: "1850.2", netUsd: "925.1", leaning: "buyers", buyShare: 0.6 },
  });
  assert.deepEqual(flowOf({ complete: true }), {
    ...{ buys: 0, sells: 0, buyUsd: "0", sellUsd: "0", netUsd: "0", leaning: "even" },
  });
});

test("windows are in the order of their lengths, however they are named", () => {
  assert.equal(windowMsOf("1h30m"), 5_400_000);
  assert.equal(windowMsOf("90s"), 90_000);
  assert.deepEqual(windowsInOrder({ "24h": 1, "1m": 1, "90s": 1, "5m": 1 }), ["1m", "90s", "5m", "24h"]);
});
