import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { matchesEtag, weakEtag } from "../../../src/serving/http/etag.ts";
import { SELECTIONS_MAX, Selections } from "../../../src/serving/selections.ts";
import { startHarness, WINDOWS } from "./http-harness.ts";
import { WETH } from "./stand-in-bus.ts";

describe("entity tags", () => {
  test("the weak comparison of RFC 9110", () => {
    const etag = weakEtag("17", 41, "5m+1h");
    assert.equal(etag, 'W/"17:41:5m+1h"');
    for (const header of [etag, '"17:41:5m+1h"', "*", " * ", `"a", ${etag}`, `${etag},"b"`, `W/"x,y" , ${etag}`]) {
      assert.ok(matchesEtag(header, etag), header);
    }
    for (const header of [undefined, "", '"17:41"', 'W/"17:42:5m+1h"', "17:41:5m+1h", 'W/"', '"**"']) {
      assert.ok(!matchesEtag(header, etag), String(header));
    }
  });

  test("304 while the revision is the same, although as_of advances; 200 when it grows", async (t) => {
    const { bus, call } = await startHarness(t);
    const path = `/api/tokens/${WETH}/stats?windows=5m`;
    for (const cached of [false, true]) {
      bus.cached = cached;
      const first = await call(path);
      const etag = first.headers.get("etag") as string;
      assert.equal(etag, `W/"${bus.epoch}:${bus.tokens[0]?.rev}:5m"`);
      bus.asOf += 1_000;
      const headers = { "if-none-match": etag };
      const second = await call(path, { headers });
      assert.equal(second.status, 304);
      assert.equal(second.text, "");
      assert.equal(second.headers.get("etag"), etag);
      assert.equal(second.headers.get("cache-control"), "no-cache");
      (bus.tokens[0] as { rev: number }).rev += 1;
      const third = await call(path, { headers });
      assert.equal(third.status, 200);
      assert.notEqual(third.headers.get("etag"), etag);
    }
  });

  test("another selection has another tag", async (t) => {
    const { call } = await startHarness(t);
    const paths = ["?windows=5m", "?windows=5m,1h", "", "?fields=trades", "?windows=5m&fields=trades"];
    const tags = await Promise.all(
      paths.map(async (query) => (await call(`/stats?token=btc&${query.slice(1)}`)).headers.get("etag")),
    );
    assert.equal(new Set(tags).size, paths.length);
  });

  test("a symbol that now stands for another token of the same revision is not 304", async (t) => {
    const { bus, call } = await startHarness(t);
    const etag = (await call("/api/tokens/BTC/stats")).headers.get("etag") as string;
    const [, btc] = bus.tokens;
    bus.tokens = [{ id: "56:0xother", symbol: "BTC", rev: btc?.rev ?? 0, trades: 1 }];
    const answer = await call("/api/tokens/BTC/stats", { headers: { "if-none-match": etag } });
    assert.equal(answer.status, 200);
    assert.equal(answer.json.id, "56:0xother");
  });

  test("a candle that becomes complete changes the tag without a new revision", async (t) => {
    const { bus, call } = await startHarness(t);
    const path = "/api/tokens/BTC/candles";
    bus.candleCloses = false;
    const etag = (await call(path)).headers.get("etag") as string;
    assert.equal((await call(path, { headers: { "if-none-match": etag } })).status, 304);
    bus.candleCloses = true;
    assert.equal((await call(path, { headers: { "if-none-match": etag } })).status, 200);
  });

  test("overview, swaps and documents have tags too", async (t) => {
    const { call } = await startHarness(t);
    for (const path of ["/api/overview?limit=2", "/api/tokens/BTC/swaps", "/openapi.json", "/docs"]) {
      const etag = (await call(path)).headers.get("etag") as string;
      const again = await call(path, { headers: { "if-none-match": `"other", ${etag}` } });
      assert.equal(again.status, 304, path);
    }
    const pages = ["limit=1", "limit=1&cursor=1", "limit=2", "limit=1&order=asc", "limit=1&window=1h"];
    const tags = await Promise.all(
      pages.map(async (query) => (await call(`/api/overview?${query}`)).headers.get("etag")),
    );
    assert.equal(new Set(tags).size, pages.length);
  });
});

describe("selections", () => {
  test("equal selections are one object", () => {
    const selections = new Selections(WINDOWS);
    assert.equal(selections.parse("5m,1h", undefined), selections.parse("1h,5m,5m", ""));
    assert.equal(selections.parse(undefined, undefined), selections.of(WINDOWS, []));
    assert.equal(selections.parse("", "trades"), selections.of([], ["complete", "trades", "open_time"]));
    assert.notEqual(selections.parse("5m", "trades"), selections.parse("5m", undefined));
  });

  test("arbitrary texts cost no memory: the number of remembered texts is bounded", () => {
    const selections = new Selections(WINDOWS);
    const first = selections.parse("5m", undefined);
    for (let i = 1; i <= SELECTIONS_MAX; i += 1)
      selections.parse(Array.from({ length: i }, () => "5m").join(","), undefined);
    assert.equal(selections.parse("5m", undefined), first);
  });
});
