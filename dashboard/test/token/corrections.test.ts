import assert from "node:assert/strict";
import { test } from "node:test";
import type { SwapChange } from "@swapstats/client";
import { LATE_AFTER_MS } from "../../src/token/candle-bars.ts";
import {
  CORRECTIONS_MAX,
  type Correction,
  counterCorrections,
  swapCorrections,
  withCorrections,
} from "../../src/token/corrections.ts";

const NOW = 1_760_000_000_000;
const WINDOWS = ["1m", "5m", "1h"];

function swap(name: string, ageMs: number, members: Partial<SwapChange> = {}): SwapChange {
  return {
    ...{
      action: "applied",
      chain_id: 1,
      tx_hash: name,
      log_index: 0,
      event_id: `1:${name}:0`,
      token: "0xc0",
      side: "buy",
    },
    ...{ amount_token: "1", amount_usd: "12.5", event_time: NOW - ageMs },
    ...members,
  };
}
const at = { atMs: NOW, seenUntilMs: NOW };
const some = swap("some", 600_000);

test("a swap that arrives long after its time is a correction of the windows that hold it", () => {
  const late = swap("late", 90_000);
  assert.deepEqual(swapCorrections([late, swap("new", 500)], at, WINDOWS), [
    { kind: "late", atMs: NOW, count: 1, swap: late, usd: "12.5", windows: ["5m", "1h"], ageMs: 90_000 },
  ]);
});

test("a swap is late from a limit on", () => {
  const corrections = (age: number) => swapCorrections([swap("x", age)], at, WINDOWS).length;
  assert.equal(corrections(LATE_AFTER_MS - 1), 0);
  assert.equal(corrections(LATE_AFTER_MS), 1);
});

test("swaps that arrived while nobody could see them are not late", () => {
  const blind = { atMs: NOW, seenUntilMs: NOW - 60_000 };
  assert.deepEqual(swapCorrections([swap("missed", 30_000)], blind, WINDOWS), []);
  assert.equal(swapCorrections([swap("late", 90_000)], blind, WINDOWS).length, 1);
});

test("a removed swap takes its dollars out of the windows that held it", () => {
  const gone = swap("reorged", 2_000, { action: "removed", side: "sell" });
  assert.deepEqual(swapCorrections([gone], at, WINDOWS), [
    { kind: "removed", atMs: NOW, count: 1, swap: gone, usd: "-12.5", windows: ["1m", "5m", "1h"], ageMs: 2_000 },
  ]);
});

test("a swap that is included again in another block is removed, and comes again", () => {
  const moved = [swap("moved", 9_000, { action: "removed" }), swap("moved", 8_000, { block_hash: "0xb" })];
  const kinds = swapCorrections(moved, at, WINDOWS).map(({ kind, usd }) => [kind, usd]);
  assert.deepEqual(kinds, [
    ["removed", "-12.5"],
    ["late", "12.5"],
  ]);
});

test("counters that grew are corrections that changed no figure", () => {
  const before = { late: 3, unresolved: 0, replaced: 1 };
  assert.deepEqual(counterCorrections(before, { late: 5, unresolved: 1, replaced: 1 }, NOW), [
    { kind: "refused", count: 2, atMs: NOW },
    { kind: "unresolved", count: 1, atMs: NOW },
  ]);
  // A new owner may count from an earlier checkpoint.
  assert.deepEqual(counterCorrections(before, { late: 1, unresolved: 0, replaced: 0 }, NOW), []);
});

test("corrections of one burst are one entry with their exact sum, and the newest entry is first", () => {
  const entry = (kind: Correction["kind"], atMs: number, usd: string, windows: string[]) => ({
    ...{ kind, atMs, count: 1, usd, windows, ageMs: 1 },
    swap: some,
  });
  const first = withCorrections([], [entry("late", NOW, "0.1", ["1h"])]);
  const feed = withCorrections(first, [
    entry("removed", NOW + 1_000, "-1", ["5m"]),
    entry("late", NOW + 1_999, "0.2", ["5m", "1h"]),
    entry("late", NOW + 2_000, "7", ["1h"]),
  ]);
  assert.deepEqual(
    feed.map(({ id, kind, count, usd, windows, swap }) => [id, kind, count, usd, windows?.join(), swap !== undefined]),
    [
      [3, "late", 1, "7", "1h", true],
      [2, "removed", 1, "-1", "5m", true],
      [1, "late", 2, "0.3", "5m,1h", false],
    ],
  );
});

test("the feed has a limit", () => {
  let feed: readonly Correction[] = [];
  for (let index = 0; index <= CORRECTIONS_MAX; index++) {
    feed = withCorrections(feed, [{ kind: "refused", count: 1, atMs: NOW + index * 10_000 }]);
  }
  assert.equal(feed.length, CORRECTIONS_MAX);
  assert.deepEqual([feed[0]!.id, feed.at(-1)!.id], [CORRECTIONS_MAX + 1, 2]);
});
