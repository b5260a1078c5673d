import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { statsFields } from "@swapstats/protocol/figures.ts";
import { didYouMean, NEAREST_CHARS_MAX, nearestName } from "../../src/shared/nearest.ts";

const WINDOWS = ["1m", "5m", "15m", "1h", "24h"];

describe("the name that a text is likely to mean", () => {
  const cases: [string, readonly string[], string | undefined][] = [
    ["5M", WINDOWS, "5m"],
    ["60m", WINDOWS, "1h"],
    ["1d", WINDOWS, "24h"],
    ["60s", WINDOWS, "1m"],
    ["7m", WINDOWS, undefined],
    ["volumeUsd", statsFields, "volume_usd"],
    ["volume_udf", statsFields, "volume_usd"],
    ["volume", statsFields, "volume_usd"],
    ["unique_traders", statsFields, "traders"],
    ["trade", statsFields, "trades"],
    ["xyz", statsFields, undefined],
    ["", statsFields, undefined],
    ["widows", ["windows", "fields"], "windows"],
    ["api/overveiw", ["api/overview", "api/status"], "api/overview"],
    ["a".repeat(NEAREST_CHARS_MAX), ["a".repeat(NEAREST_CHARS_MAX - 1)], "a".repeat(NEAREST_CHARS_MAX - 1)],
    ["a".repeat(NEAREST_CHARS_MAX + 1), ["a".repeat(NEAREST_CHARS_MAX)], undefined],
  ];
  for (const [text, names, name] of cases) {
    test(`${JSON.stringify(text.slice(0, 20))} means ${name?.slice(0, 20)}`, () => {
      assert.equal(nearestName(text, names), name);
      assert.equal(didYouMean(text, names), name === undefined ? "" : ` (did you mean ${name}?)`);
    });
  }
});
