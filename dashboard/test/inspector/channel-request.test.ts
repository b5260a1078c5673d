import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  CHANNEL_KINDS,
  type ChannelRequest,
  channelName,
  channelOptions,
  checkDraft,
  type Draft,
  type DraftProblems,
  EMPTY_DRAFT,
  parseRequest,
  requestText,
} from "../../src/inspector/channel-request.ts";

const draft = (change: Partial<Draft>): Draft => ({ ...EMPTY_DRAFT, ...change });

function problemsOf(change: Partial<Draft>): DraftProblems {
  const checked = checkDraft(draft(change));
  return "problems" in checked ? checked.problems : {};
}

function requestOf(change: Partial<Draft>): ChannelRequest {
  const checked = checkDraft(draft(change));
  assert.ok("request" in checked, JSON.stringify(checked));
  return checked.request;
}

describe("the form of a channel", () => {
  test("a kind takes its own members alone, and leaves out those with their defaults", () => {
    assert.deepEqual(requestOf({ kind: "token", token: " WETH ", limit: "7", sort: "?" }), {
      kind: "token",
      token: "WETH",
    });
    assert.deepEqual(requestOf({ kind: "market", windows: ["5m"] }), { kind: "market", windows: ["5m"] });
    assert.deepEqual(
      requestOf({ kind: "overview", order: "asc", limit: "500", fields: "trades, close trades", conflateMs: "0" }),
      {
        ...{ kind: "overview", window: "5m", sort: "volume_usd", order: "asc", limit: 500 },
        ...{ fields: ["trades", "close"], conflateMs: 0 },
      },
    );
  });

  test("a token is needed where the kind has one, within its length and without control characters", () => {
    for (const kind of ["token", "candles", "swaps"] as const) {
      assert.match(problemsOf({ kind, token: "  " }).token ?? "", /Give a symbol/);
    }
    assert.deepEqual(problemsOf({ token: "x".repeat(256) }), {});
    assert.match(problemsOf({ token: "x".repeat(257) }).token ?? "", /at most 256/);
    assert.match(problemsOf({ token: "a\u0007b" }).token ?? "", /control/);
  });

  test("numbers have the limits of their kind", () => {
    const limits = { overview: 500, candles: 1_000, swaps: 100 } as const;
    for (const [kind, max] of Object.entries(limits) as [keyof typeof limits, number][]) {
      const limitOf = (limit: string): string | undefined => problemsOf({ kind, token: "A", limit }).limit;
      for (const good of ["", " 1 ", String(max)]) assert.equal(limitOf(good), undefined, `${kind} ${good}`);
      for (const bad of ["0", String(max + 1), "1.5", "-1", "1e2", "ten"]) {
        assert.match(limitOf(bad) ?? "", new RegExp(`from 1 to ${max}`), `${kind} ${bad}`);
      }
    }
    const conflateOf = (conflateMs: string): string | undefined => problemsOf({ token: "A", conflateMs }).conflateMs;
    assert.equal(conflateOf("60000"), undefined);
    assert.match(conflateOf("60001") ?? "", /from 0 to 60000/);
  });

  test("a query is a JSON object without a cursor", () => {
    const problemOf = (query: string): string => problemsOf({ kind: "screener", query }).query ?? "";
    assert.deepEqual(requestOf({ kind: "screener", query: '{"limit":3}' }).query, { limit: 3 });
    assert.match(problemOf("{"), /is not JSON: /);
    for (const other of ["[]", "3", "null"]) assert.match(problemOf(other), /is an object/);
    assert.match(problemOf('{"cursor":"x"}'), /leave cursor out/);
    assert.match(problemOf(`{"a":"${"x".repeat(16_384)}"}`), /at most 16384/);
  });

  test("names of figures are names", () => {
    assert.match(problemsOf({ token: "A", fields: "trades, <b>" }).fields ?? "", /"<b>" is no name/);
  });
});

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/);
const requests: fc.Arbitrary<ChannelRequest> = fc
  .record({
    kind: fc.constantFrom(...CHANNEL_KINDS),
    // A question mark in a name cannot be told from the one before the options.
    token: fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 30 })
      .filter((text) => text.trim() === text && !/\p{Cc}|\?/u.test(text) && text.length <= 256),
    window: fc.constantFrom("1m", "5m", "24h"),
    sort: name,
    order: fc.constantFrom("asc" as const, "desc" as const),
    interval: fc.constantFrom("1s", "1m", "1d"),
    query: fc.dictionary(name, fc.jsonValue(), { maxKeys: 3 }).filter((query) => !("cursor" in query)),
    windows: fc.subarray(["1m", "5m", "24h"]),
    fields: fc.uniqueArray(name, { maxLength: 3 }),
    limit: fc.option(fc.integer({ min: 1, max: 100 }), { nil: "" }),
    conflateMs: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: "" }),
  })
  .map(({ query, fields, limit, conflateMs, ...same }) =>
    requestOf({
      ...{ ...same, query: JSON.stringify(query), fields: fields.join(" ") },
      ...{ limit: String(limit), conflateMs: String(conflateMs) },
    }),
  );

describe("the address of a channel", () => {
  test("a request comes back from its text", () => {
    fc.assert(fc.property(requests, (request) => assert.deepEqual(parseRequest(requestText(request)), request)));
  });

  test("links of other pages are read, and what is no channel is not", () => {
    assert.deepEqual(parseRequest("token:1:0xc02a"), { kind: "token", token: "1:0xc02a" });
    assert.deepEqual(parseRequest("candles:1:0xc02a:5m?limit=9"), {
      ...{ kind: "candles", token: "1:0xc02a", interval: "5m", limit: 9 },
    });
    for (const text of ["", "token", "token:", "nonsense:x", "overview:5m", "swaps:A?limit=101", "screener?query={"]) {
      assert.equal(parseRequest(text), undefined, text);
    }
  });

  test("names and options are those of the WebSocket", () => {
    const request = requestOf({ kind: "overview", windows: ["1m"], conflateMs: "500", limit: "9", order: "asc" });
    assert.equal(channelName(request), "overview:5m:volume_usd");
    assert.deepEqual(channelOptions(request), { windows: ["1m"], limit: 9, order: "asc", conflate_ms: 500 });
    assert.equal(channelName({ kind: "screener", query: {} }), "screener");
  });
});
