import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../../../src/serving/problems.ts";
import { parseStreamQuery } from "../../../src/serving/sse/stream-query.ts";

const WINDOWS = ["5m", "1h"];
const parse = (channels: unknown, more: Record<string, string> = {}) =>
  parseStreamQuery(new URLSearchParams({ channels: JSON.stringify(channels), ...more }), undefined, WINDOWS);

test("a list of channels in JSON has options and positions of each channel", () => {
  const { requests, refused } = parse(
    [
      { channel: "token:1:a", windows: ["5m"], epoch: "e", rev: 41 },
      { channel: "swaps:1:a", epoch: "e", seq: 7 },
      { channel: "token:1:b", conflate_ms: 500 },
      "market",
    ],
    { windows: "1h" },
  );
  assert.deepEqual(refused, []);
  assert.deepEqual(
    requests.map(({ channel, from, options }) => [channel, from, options.windows, options.conflateMs]),
    [
      ["token:1:a", { epoch: "e", rev: 41 }, ["5m"], 0],
      ["swaps:1:a", { epoch: "e", seq: 7 }, ["1h"], 0],
      ["token:1:b", undefined, ["1h"], 500],
      ["market", undefined, ["1h"], 0],
    ],
  );
});

test("a channel of a list in JSON whose options are wrong is refused, and the others are not", () => {
  const { requests, refused } = parse([
    { channel: "token:1:a", windows: ["3m"] },
    { channel: "token:1:b", epoch: "e" },
    "market",
  ]);
  assert.deepEqual(
    requests.map(({ channel }) => channel),
    ["market"],
  );
  assert.deepEqual(
    refused.map(({ channel, problem }) => [channel, problem.code]),
    [
      ["token:1:a", "invalid_parameters"],
      ["token:1:b", "invalid_parameters"],
    ],
  );
});

test("a list of channels in JSON that is none, names no channel, or names one twice is refused as a whole", () => {
  const twice = [
    { channel: "screener", query: {} },
    { channel: "screener", query: { limit: 5 } },
  ];
  for (const channels of [[], [1], [null], [{ windows: ["5m"] }], ["market", "market"], twice]) {
    assert.throws(() => parse(channels), ProblemError, JSON.stringify(channels));
  }
  const broken = new URLSearchParams({ channels: "[market" });
  assert.throws(() => parseStreamQuery(broken, undefined, WINDOWS), /JSON/);
});

test("a list of channels in JSON may have 100 channels, those that are refused among them", () => {
  const list = (length: number) =>
    Array.from({ length }, (_, i) => (i === 0 ? { channel: "token:1:x", windows: ["3m"] } : `token:1:${i}`));
  assert.equal(parse(list(100)).requests.length, 99);
  assert.throws(() => parse(list(101)), { code: "too_many_subscriptions" });
});
