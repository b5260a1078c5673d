/** The HTTP API of the whole program: real log, real threads, real figures. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Json, TestApps } from "../support/app-harness.ts";

const NDJSON = { "content-type": "application/x-ndjson" };
const TOKEN = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
const ID = `1:${TOKEN.toLowerCase()}`;

type Changes = Readonly<Record<string, unknown>>;

/** Distinct swaps of the last seconds, a token for a dollar and a millionth, by three wallets, buys and sells in turn. */
function swapsOf(count: number, first = 0, changes: Changes = {}): object[] {
  const startMs = Date.now() - 2_000;
  return Array.from({ length: count }, (_, i) => ({
    chain_id: 1,
    tx_hash: `0x${(first + i).toString(16).padStart(64, "0")}`,
    log_index: first + i,
    token: TOKEN,
    token_symbol: "WETH",
    who: `0x${((first + i) % 3).toString(16).padStart(40, "0")}`,
    side: (first + i) % 2 === 0 ? "buy" : "sell",
    amount_token: "1",
    amount_usd: "1.000001",
    event_time: startMs + i,
    ...changes,
  }));
}

describe("the whole program over HTTP", () => {
  test("posted swaps appear in the figures", async (t) => {
    const { post, caughtUp, call, base, metricsBase } = await new TestApps(t).start();
    await post(swapsOf(7));
    const status = await caughtUp();
    assert.equal(status.counters.accepted, 7);
    assert.equal(status.counters.applied, 7);
    assert.equal(status.tokens, 1);

    const { json } = await call(`/api/tokens/${ID}/stats?windows=5m,24h`);
    assert.equal(json.id, ID);
    assert.equal(json.symbol, "WETH");
    assert.equal(json.lag_ms, 0);
    assert.deepEqual(Object.keys(json.windows), ["5m", "24h"]);
    for (const figures of Object.values(json.windows) as Json[]) {
      assert.deepEqual([figures.trades, figures.buys, figures.sells, figures.traders], [7, 4, 3, 3]);
      assert.equal(figures.volume_usd, "7.000007");
      assert.equal(figures.volume_token, "7");
      assert.equal(figures.close, "1.000001");
      assert.ok(figures.open_time <= json.as_of && json.as_of < figures.close_time);
    }
    for (const name of ["weth", TOKEN, `1:${TOKEN}`]) {
      assert.equal((await call(`/api/tokens/${name}/stats`)).json.id, ID);
    }
    const short = (await call("/stats?token=WETH&windows=1m")).json;
    assert.deepEqual([short.token, short.windows["1m"].trades], [ID, 7]);
    const many = (await call("/api/tokens/stats", jsonPost({ ids: ["weth", "none"], windows: ["1h"] }))).json;
    assert.deepEqual(many.items[0].windows["1h"].trades, 7);
    assert.equal(many.items[1].error.code, "unknown_token");
    assert.equal(many.as_of, many.items[0].as_of);

    assert.equal((await fetch(`${base}/readyz`)).status, 200);
    const metrics = await (await fetch(`${metricsBase}/metrics`)).text();
    assert.match(metrics, /^swapstats_events_applied_total 7$/m);
    assert.match(metrics, /^swapstats_consumer_lag_records\{partition="0"\} 0$/m);
    assert.match(metrics, /^swapstats_tokens 1$/m);
  });

  test("the response has only the requested figures and always the edges", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start();
    await post(swapsOf(2));
    await caughtUp();
    const { json } = await call(`/api/tokens/${ID}/stats?windows=1h&fields=vwap,trades`);
    assert.deepEqual(Object.keys(json.windows["1h"]).sort(), ["close_time", "complete", "open_time", "trades", "vwap"]);
  });

  test("arrays, single objects, NDJSON and gzip are accepted alike, and copies are distinguished from invalid events", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start();
    const swaps = swapsOf(4);
    const lines = swaps.map((swap) => JSON.stringify(swap));
    await post(swaps);
    const single = await call("/api/swaps", { method: "POST", headers: NDJSON, body: lines[0] as string });
    assert.deepEqual(single.json, { accepted: 1, rejected: [] });
    const body = `${lines[1]}\n\n{"chain_id":1}\nnot json\n${lines[2]}\n`;
    for (const init of [
      { headers: NDJSON, body },
      { headers: { ...NDJSON, "content-encoding": "gzip" }, body: gzipSync(body) },
    ]) {
      const { status, json } = await call("/api/swaps", { method: "POST", ...init });
      assert.equal(status, 202);
      assert.equal(json.accepted, 2);
      assert.deepEqual(
        json.rejected.map(({ index, code }: Json) => [index, code]),
        [
          [1, "missing_field"],
          [2, "malformed_json"],
        ],
      );
    }
    const none = await call("/api/swaps", jsonPost([{ chain_id: 1 }]));
    assert.deepEqual([none.status, none.json.code, none.json.rejected.length], [422, "no_event_accepted", 1]);
    const cut = await call("/api/swaps", jsonPost('[{"chain_id":1'));
    assert.deepEqual([cut.status, cut.json.code], [400, "bad_request"]);
    const cutObject = await call("/api/swaps", jsonPost('{"a":'));
    assert.deepEqual([cutObject.status, cutObject.json.code], [400, "bad_request"]);
    const cutLine = await call("/api/swaps", jsonPost('{"chain_id":\n{"a":'));
    assert.deepEqual([cutLine.status, cutLine.json.rejected.length], [422, 2]);
    const { counters } = await caughtUp();
    assert.deepEqual([counters.accepted, counters.applied, counters.duplicates], [9, 4, 5]);
  });

  test("bodies and batches beyond their limits are refused", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start({
      "api.http.max_batch": "3",
      "api.http.max_body": "4KiB",
    });
    await post(swapsOf(3));
    const { status, json } = await call("/api/swaps", jsonPost(swapsOf(4, 10)));
    assert.deepEqual([status, json.code], [413, "batch_too_large"]);
    const large = await call("/api/swaps", jsonPost(swapsOf(1, 20, { pad: "x".repeat(4_096) })));
    assert.deepEqual([large.status, large.json.code], [413, "payload_too_large"]);
    assert.equal((await caughtUp()).counters.accepted, 3);
  });

  test("with lag 0 every response includes all acknowledged swaps, also cached ones", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start();
    const path = `/api/tokens/${ID}/stats?windows=1m,1h`;
    let rev = -1;
    for (let i = 0; i < 25; i += 1) {
      await post(swapsOf(1, i));
      await caughtUp();
      for (let again = 0; again < 3; again += 1) {
        const { json } = await call(path);
        assert.equal(json.windows["1h"].trades, i + 1);
        assert.ok(json.rev >= rev && json.lag_ms === 0);
        rev = json.rev;
      }
    }
  });

  test("the status is 304 while nothing changes, and 200 with another tag after a swap", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start();
    await post(swapsOf(3));
    await caughtUp();
    // In the window of a day nothing expires during the test.
    const path = `/api/tokens/${ID}/stats?windows=24h`;
    const { headers } = await call(path);
    const etag = headers.get("etag") as string;
    assert.match(etag, /^W\/"[0-9A-Za-z._:-]+:\d+:24h"$/);
    for (let again = 0; again < 3; again += 1) {
      assert.equal((await call(path, { headers: { "if-none-match": etag } })).status, 304);
    }
    await post(swapsOf(1, 3));
    await caughtUp();
    const changed = await call(path, { headers: { "if-none-match": etag } });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.get("etag"), etag);
    assert.equal(changed.json.windows["24h"].trades, 4);
  });

  test("rankings, candles, newest swaps, dead letters and ambiguous names are served", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start();
    const others = ["aa", "bb", "cc"].flatMap((token, i) =>
      swapsOf(i + 1, 100 * (i + 1), { token, token_symbol: "DUP", chain_id: 10 }),
    );
    const future = swapsOf(1, 900, { event_time: Date.now() + 3_600_000 });
    // Not before the data folder was made: candles reach back to the minute of that.
    const own = swapsOf(5, 0, { event_time: Date.now() });
    await post([...own, ...others, ...future]);
    const { counters } = await caughtUp();
    assert.equal(counters.quarantined, 1);

    const first = (await call("/api/overview?window=1h&sort=trades&limit=3")).json;
    const rest = (await call(`/api/overview?window=1h&sort=trades&limit=3&cursor=${first.next_cursor}`)).json;
    assert.deepEqual(
      [...first.items, ...rest.items].map(({ id, stats }: Json) => [id, stats.trades]),
      [
        [ID, 5],
        ["10:cc", 3],
        ["10:bb", 2],
        ["10:aa", 1],
      ],
    );
    assert.equal(rest.next_cursor, undefined);
    const bad = await call("/api/overview?cursor=nonsense");
    assert.deepEqual([bad.status, bad.json.code], [400, "bad_request"]);

    const ambiguous = await call("/stats?token=dup");
    assert.deepEqual([ambiguous.status, ambiguous.json.code], [409, "ambiguous_token"]);
    assert.deepEqual(ambiguous.json.candidates.map(({ id }: { id: string }) => id).sort(), ["10:aa", "10:bb", "10:cc"]);

    const candles = (await call(`/api/tokens/${ID}/candles?interval=1m`)).json;
    assert.equal(candles.id, ID);
    assert.equal(
      candles.items.reduce((sum: number, candle: Json) => sum + candle.trades, 0),
      5,
    );
    const swaps = (await call(`/api/tokens/${ID}/swaps?limit=2`)).json;
    assert.deepEqual(
      swaps.items.map(({ log_index }: Json) => log_index),
      [4, 3],
    );
    assert.equal((await call("/api/tokens/none/candles")).status, 404);
    const letters = (await call("/api/dead-letters")).json;
    assert.deepEqual(
      letters.items.map(({ code, partition }: Json) => [code, partition]),
      [["quarantined", 0]],
    );
    assert.ok(letters.items[0].raw.includes('"log_index":900'));
  });

  test("acknowledged swaps are present after a restart, with the same figures", async (t) => {
    const apps = new TestApps(t);
    const before = await apps.start();
    const swaps = swapsOf(6);
    await before.post(swaps);
    await before.app.stop();
    const after = await apps.start();
    const { counters } = await after.caughtUp();
    assert.deepEqual([counters.accepted, counters.applied], [6, 6]);
    const { json } = await after.call(`/api/tokens/${ID}/stats?windows=24h`);
    assert.equal(json.windows["24h"].volume_usd, "6.000006");
    await after.post(swaps);
    assert.equal((await after.caughtUp()).counters.duplicates, 6);
  });

  test("several partitions respond as one", async (t) => {
    const { post, caughtUp, call, app } = await new TestApps(t).start({
      "ingest.embedded.partitions": "3",
      "app.workers": "2",
    });
    const tokens = Array.from({ length: 12 }, (_, i) => `token${i}`);
    await post(tokens.flatMap((token, i) => swapsOf(i + 1, 100 * i, { token, token_symbol: token })));
    const status = await caughtUp();
    assert.equal(status.partitions.length, 3);
    assert.equal(status.counters.applied, 78);
    const many = (await call("/api/tokens/stats", jsonPost({ ids: tokens, windows: ["1h"] }))).json;
    assert.deepEqual(
      many.items.map((item: Json) => item.windows["1h"].trades),
      tokens.map((_, i) => i + 1),
    );
    assert.equal(new Set(many.items.map((item: Json) => item.as_of)).size, 1);
    const overview = (await call("/api/overview?window=1h&sort=trades&order=asc&limit=500")).json;
    assert.deepEqual(
      overview.items.map(({ id }: Json) => id),
      tokens.map((token) => `1:${token}`),
    );
    await app.stop();
  });
});

function jsonPost(body: unknown): RequestInit {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { method: "POST", headers: { "content-type": "application/json" }, body: text };
}
