/** The whole program with the embedded history: answers as of past instants, pages of all swaps, and candles beyond memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runCli } from "../../src/cli/run.ts";
import { type Json, TestApps } from "../support/app-harness.ts";
import { memoryOutput } from "../support/memory-output.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SWAPS = 360;
const CONFIG = {
  "stores.history": "embedded",
  "history.flush_interval": "100ms",
  "app.snapshot_interval": "1s",
  "windows.list": "1m,5m,1h",
};

type Posted = { token: string; who: string; event_time: number; amount_usd: string; side: string };

/** One swap of two tokens every 30 s, up to now. */
function swapsUntil(nowMs: number): Posted[] {
  const firstMs = nowMs - SWAPS * 30_000;
  return Array.from({ length: SWAPS }, (_, i) => ({
    ...{ chain_id: 1, tx_hash: `0x${i}`, log_index: 0, token: i % 3 === 0 ? "0xbb" : "0xaa", token_symbol: "AAA" },
    ...{ who: `w${i % 7}`, side: i % 2 === 0 ? "buy" : "sell", amount_token: "2", amount_usd: String(i + 1) },
    event_time: firstMs + i * 30_000,
  }));
}

test("answers of the past are those of all swaps, from the store and from memory", async (t) => {
  const { base, call, post, caughtUp } = await new TestApps(t).start(CONFIG);
  const swaps = swapsUntil(Date.now());
  // A token that has left the longest window of the service.
  const early = { ...(swaps[40] as Posted), tx_hash: "0xcc", token: "0xcc" };
  await post([...swaps.slice(0, 41), early, ...swaps.slice(41)]);
  await caughtUp();
  // Until settled rows are in the store, owners answer for them; then both do.
  for (let rows = 0; rows === 0; ) rows = ((await call("/api/status")).json as Json).history?.rows_written ?? -1;
  const of = (token: string, fromMs: number, toMs: number): Posted[] =>
    swaps.filter((swap) => swap.token === token && swap.event_time >= fromMs && swap.event_time < toMs);
  const usd = (list: readonly Posted[]): string =>
    String(list.reduce((sum, { amount_usd }) => sum + Number(amount_usd), 0));
  for (const ageMs of [0, 7 * MINUTE_MS, 40 * MINUTE_MS, 100 * MINUTE_MS]) {
    const at = (swaps.at(-1) as Posted).event_time - ageMs;
    const { json } = await call(`/api/tokens/1:0xaa/stats?windows=5m,90s,2h&at=${at}`);
    for (const figures of Object.values(json.windows) as Json[]) {
      const wanted = of("0xaa", figures.open_time, figures.close_time);
      assert.equal(figures.trades, wanted.length);
      assert.equal(figures.volume_usd, usd(wanted));
    }
    assert.equal(json.as_of, at);
    assert.equal(json.symbol, "AAA");
    const ranking = (await call(`/api/overview?window=1h&sort=trades&at=${at}`)).json;
    for (const { id, symbol, stats } of ranking.items as Json[]) {
      const token = id.slice(2);
      if (token === "0xcc") continue;
      const wanted = of(token, stats.open_time, stats.close_time);
      const traders = new Set(wanted.map(({ who }) => who)).size;
      assert.deepEqual(
        { symbol, trades: stats.trades, volume: stats.volume_usd, traders: stats.traders },
        { symbol: "AAA", trades: wanted.length, volume: usd(wanted), traders },
        `${id} at ${at}`,
      );
    }
    const ids = ranking.items.map(({ id }: Json) => id);
    const isListed = early.event_time >= at - HOUR_MS;
    assert.deepEqual(ids, isListed ? ["1:0xaa", "1:0xbb", "1:0xcc"] : ["1:0xaa", "1:0xbb"]);
  }
  for (const query of ["window=1h", "window=2h", `window=90s&at=${(swaps.at(-1) as Posted).event_time - HOUR_MS}`]) {
    const { json } = await call(`/api/audit/1:0xaa?${query}`);
    assert.deepEqual(json.differences, [], query);
    assert.ok(json.rows > 0);
  }
  const audited = async (...args: string[]): Promise<Json> => {
    const output = memoryOutput();
    await runCli(["audit", "--all", "--json", "--url", base, ...args], output, new AbortController().signal);
    const { tokens, different, failed } = JSON.parse(output.outText());
    return { tokens, different, failed };
  };
  const whole = { tokens: 3, different: 0, failed: 0 };
  assert.deepEqual(await audited("--window", "15m", "--at", String(early.event_time + 10 * MINUTE_MS)), whole);
  assert.deepEqual(await audited("--window", "170m"), whole);
  const found: Json[] = [];
  for (let cursor = ""; ; ) {
    const { json } = await call(`/api/tokens/0xaa/swaps?order=asc&limit=50${cursor}`);
    found.push(...json.items);
    if (json.next_cursor === undefined) break;
    cursor = `&cursor=${json.next_cursor}`;
  }
  assert.deepEqual(
    found.map((swap) => swap.event_time),
    of("0xaa", 0, Number.MAX_SAFE_INTEGER).map((swap) => swap.event_time),
  );
  const candles: Json[] = [];
  for (let cursor = ""; ; ) {
    const { json } = await call(`/api/tokens/1:0xbb/candles?interval=1m&limit=25${cursor}`);
    candles.unshift(...json.items);
    if (json.next_cursor === undefined) break;
    cursor = `&cursor=${json.next_cursor}`;
  }
  const opens = [
    ...new Set(
      of("0xbb", 0, Number.MAX_SAFE_INTEGER).map(({ event_time: ms }) => Math.floor(ms / MINUTE_MS) * MINUTE_MS),
    ),
  ];
  assert.deepEqual(
    candles.map((candle) => candle.open_time),
    opens,
  );
  for (const candle of candles) {
    assert.equal(candle.volume_usd, usd(of("0xbb", candle.open_time, candle.open_time + MINUTE_MS)));
  }
});

test("problems of requests to the history", async (t) => {
  const { call, post, caughtUp } = await new TestApps(t).start(CONFIG);
  await post(swapsUntil(Date.now()));
  await caughtUp();
  const code = async (path: string): Promise<string> => (await call(path)).json.code;
  assert.equal(await code(`/api/tokens/0xaa/stats?at=${Date.now() + 60_000}`), "invalid_parameters");
  assert.equal(await code("/api/tokens/0xaa/stats?at=2026-02-30T00:00:00Z"), "invalid_parameters");
  assert.equal(await code("/api/tokens/0xaa/stats?windows=32d&at=2026-01-01T00:00:00Z"), "invalid_parameters");
  assert.equal(await code("/api/tokens/1:0xcc/stats?at=2026-01-01T00:00:00Z"), "unknown_token");
  assert.equal(await code("/api/tokens/0xaa/swaps?cursor=abc"), "bad_request");
  assert.equal(await code("/api/tokens/0xaa/candles?cursor=abc"), "bad_request");
  // Limits, at them and beyond.
  const status = async (path: string): Promise<number> => (await call(`/api/tokens/0xaa/${path}`)).status;
  const both = async (at: string, beyond: string): Promise<void> =>
    assert.deepEqual([await status(at), await status(beyond)], [200, 400], beyond);
  await both("swaps?limit=1000", "swaps?limit=1001");
  await both("candles?interval=1s&limit=5000", "candles?interval=1s&limit=5001");
  const now = Date.now() - 1_000;
  await both(`stats?windows=31d&at=${now}`, `stats?windows=2678401s&at=${now}`);
  await both(`stats?windows=10s&at=${now}`, `stats?windows=9s&at=${now}`);
  const names = (count: number): string => Array.from({ length: count }, (_, i) => `${i + 10}s`).join(",");
  await both(`stats?windows=${names(16)}&at=${now}`, `stats?windows=${names(17)}&at=${now}`);
  // Cursors of other queries, and changed ones.
  const cursorOf = async (path: string): Promise<string> => (await call(path)).json.next_cursor;
  const swaps = await cursorOf("/api/tokens/0xaa/swaps?order=asc&limit=2");
  const candles = await cursorOf("/api/tokens/0xaa/candles?interval=1m&limit=2");
  const ranking = await cursorOf(`/api/overview?window=1h&limit=1&at=${now}`);
  const changed = swaps.slice(0, -8) + swaps.slice(-7);
  for (const path of [
    ...[`tokens/0xaa/swaps?order=desc&cursor=${swaps}`, `tokens/0xaa/swaps?order=asc&cursor=${changed}`],
    ...[`tokens/0xaa/swaps?cursor=${candles}`, `tokens/0xaa/candles?interval=5m&cursor=${candles}`],
    ...[`tokens/0xaa/candles?interval=1m&cursor=${swaps}`, `overview?window=5m&at=${now}&cursor=${ranking}`],
    ...[`overview?window=1h&at=${now - 1}&cursor=${ranking}`, `overview?window=1h&at=${now}&cursor=${swaps}`],
  ]) {
    assert.equal(await code(`/api/${path}`), "bad_request", path);
  }
  const many = async (count: number): Promise<number> => {
    const body = JSON.stringify({
      ids: Array.from({ length: count }, (_, i) => `1:0x${i}`),
      windows: ["90s"],
      at: Date.now() - 1_000,
    });
    const headers = { "content-type": "application/json" };
    return (await call("/api/tokens/stats", { method: "POST", headers, body })).status;
  };
  assert.deepEqual([await many(100), await many(101)], [200, 400]);
  assert.equal(await code("/api/overview?spark=close:1h:4&at=2026-01-01T00:00:00Z"), "invalid_parameters");
});
