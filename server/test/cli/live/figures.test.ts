import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChannelFigures } from "@swapstats/protocol/schemas/figures.ts";
import {
  compactAmount,
  compactPrice,
  exactFigure,
  formatSpan,
  shareBar,
  shortFigure,
  signedPercent,
  sparkline,
  type TabledFigure,
  wideFigure,
} from "../../../src/cli/live/figures.ts";

test("every figure has the format of its kind, estimates begin with ~, and absent figures are -", () => {
  const stats: ChannelFigures = {
    ...{ complete: true, trades: 12345, volume_usd: "1234567.5", volume_token: "0.0015", close: "1855.350000047" },
    ...{
      price_change_pct: "1.5",
      traders: 5000,
      traders_estimated: true as const,
      first_trade_time: 1_760_000_000_000,
    },
  };
  const names = Object.keys(stats).filter(
    (name): name is TabledFigure => !["complete", "traders_estimated"].includes(name),
  );
  assert.deepEqual(
    names.map((name) => shortFigure(stats, name)),
    ["12,345", "1.23M", "0.0015", "1855.35", "+1.50%", "~5,000", "1760000000000"],
  );
  assert.deepEqual([wideFigure(stats, "volume_usd"), wideFigure(stats, "close")], ["1,234,567.5", "1855.35"]);
  assert.deepEqual([shortFigure(stats, "vwap"), wideFigure(stats, "sell_volume_usd")], ["-", "-"]);
  assert.deepEqual([exactFigure(stats, "volume_usd"), exactFigure(stats, "open")], ["volume_usd=1234567.5", "open=-"]);
});

test("values are shortened", () => {
  assert.deepEqual(
    ["167610361.891595", "-950.5", "12345.6", "0", "0.001", "99999999999999999", "1500000000", undefined].map(
      compactAmount,
    ),
    ["167.6M", "-950.50", "12.35k", "0", "0.0010", "1.00e+17", "1.50B", "-"],
  );
  assert.deepEqual(
    ["1855.35000004781", "0.00000117705071204239", "0.000000000001177", "123456.7", "0", "1e-30", undefined].map(
      compactPrice,
    ),
    ["1855.35", "0.00000117705", "1.177e-12", "123457", "0", "1.000e-30", "-"],
  );
  assert.deepEqual(["1.498392", "-0.1", "0", "123456", undefined].map(signedPercent), [
    "+1.50%",
    "-0.10%",
    "0.00%",
    "+1.2e+5%",
    "-",
  ]);
  assert.deepEqual([250, 3_200, 125_000, 12_000_000].map(formatSpan), ["250 ms", "3.2 s", "2m 05s", "3h 20m"]);
  assert.equal(sparkline([1, 2, 3], 5), "  ▁▅█");
  assert.equal(sparkline([2, 2], 2), "▄▄");
  assert.equal(shareBar(0.25, 8), "██░░░░░░");
});
