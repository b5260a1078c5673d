import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mergeLookups, resolve } from "../../src/bus/name-lookup.ts";

import { LOOKUP_IDS_MAX } from "../../src/bus/responses.ts";
import { finished } from "../../src/pipeline/thread-share.ts";

import { EXAMINED_MAX } from "../../src/pipeline/views/lookup-candidates.ts";
import { FedWorker, START_MS } from "../pipeline/workers/fed-worker.ts";
import { type Json, TestApps } from "../support/app-harness.ts";

const ALL = { windows: ["24h"], fields: [] };

function ask(host: FedWorker, text: string, choose = true) {
  const question = { kind: "tokens", tokens: [text], selection: ALL, at: undefined, choose } as const;
  const { items } = finished(host.queries.tokens(question));
  return items[0];
}

/** Tokens of one symbol with these volumes, in the order given. */
function fedWith(volumes: readonly number[], symbol = "WETH"): FedWorker {
  const host = new FedWorker();
  host.feed(
    ...volumes.map((volume, i) => ({
      token: `0x${i.toString(16)}`,
      token_symbol: symbol,
      amount_usd: String(volume),
      event_time: START_MS,
    })),
  );
  return host;
}

describe("a name of several tokens", () => {
  test("lists them with symbol, chain and volume of a day, the most volume first", () => {
    const host = fedWith([5, 70, 6]);
    const answer = ask(host, "weth", false);
    assert.equal(answer?.found, undefined);
    assert.deepEqual(answer?.lookup?.candidates, [
      { id: "1:0x1", symbol: "WETH", chain_id: 1, volume_usd: "70", window: "24h" },
      { id: "1:0x2", symbol: "WETH", chain_id: 1, volume_usd: "6", window: "24h" },
      { id: "1:0x0", symbol: "WETH", chain_id: 1, volume_usd: "5", window: "24h" },
    ]);
    assert.equal(answer?.lookup?.more, 0);
    assert.match(ask(host, "weth")?.found?.body ?? "", /^"id":"1:0x1"/);
  });

  test("volumes that differ in the last of many digits are told apart, and equal ones go by id", () => {
    const host = new FedWorker();
    const swap = { token_symbol: "A", event_time: START_MS };
    const volumes = ["8999999999.000001", "8999999999.000002", "8999999999.000001"];
    host.feed(...volumes.map((amount_usd, i) => ({ ...swap, token: `0x${i}`, amount_usd })));
    assert.deepEqual(ask(host, "a")?.lookup?.ids, ["1:0x1", "1:0x0", "1:0x2"]);
  });

  test("the list is bounded and says how many more there are", () => {
    const host = fedWith(Array.from({ length: LOOKUP_IDS_MAX + 1 }, (_, i) => i + 1));
    const { lookup } = ask(host, "WETH") ?? {};
    assert.equal(lookup?.ids.length, LOOKUP_IDS_MAX);
    assert.equal(lookup?.more, 1);
    assert.equal(lookup?.ids[0], `1:0x${LOOKUP_IDS_MAX.toString(16)}`);
  });

  test("among more tokens than are looked at, the largest is found by its place in the ranking, or none is called the largest", () => {
    const volumes = Array.from({ length: EXAMINED_MAX + 500 }, () => 1);
    // Neither the oldest of the symbol nor one of the newest.
    volumes[100] = 1_000;
    const host = fedWith(volumes);
    let looks = 0;
    const { rankKey } = host.engine;
    host.engine.rankKey = (...given) => {
      looks += 1;
      rankKey.apply(host.engine, given);
    };
    const found = ask(host, "WETH");
    assert.equal(found?.lookup?.ids[0], "1:0x64");
    assert.equal(found?.lookup?.isRanked, true);
    assert.ok((found?.lookup?.more ?? 0) >= EXAMINED_MAX - LOOKUP_IDS_MAX);
    assert.match(found?.found?.body ?? "", /^"id":"1:0x64"/);
    // A thousand other tokens are larger: nothing in the head of the ranking has the symbol.
    host.feed(
      ...Array.from({ length: 1_000 }, (_, i) => ({ token: `0xother${i}`, amount_usd: "5000", event_time: START_MS })),
    );
    looks = 0;
    const unsure = ask(host, "WETH", false);
    assert.equal(unsure?.lookup?.isRanked, false);
    const again = looks;
    assert.ok(again <= EXAMINED_MAX + 3 * 1_000 + 5_000, `${again} figures were looked at`);
  });

  test("the findings of several workers are combined; the choice is the largest of all", () => {
    const one = { id: "1:a", chain_id: 1, volume_usd: "5", window: "24h" };
    const two = { id: "2:b", chain_id: 2, volume_usd: "50", window: "24h" };
    const merged = mergeLookups([
      { tier: "symbol", ids: ["1:a"], candidates: [one], more: 3 },
      undefined,
      { tier: "symbol", ids: ["2:b", "1:a"], candidates: [two, one], more: 0 },
    ]);
    assert.deepEqual(merged?.ids, ["2:b", "1:a"]);
    assert.ok(merged !== undefined);
    assert.deepEqual(resolve(merged, "largest"), { id: "2:b", chosen: { by: "largest", of: 5 } });
    assert.equal("kind" in resolve(merged, "refuse"), true);
    assert.equal("kind" in resolve({ ...merged, isRanked: false }, "largest"), true);
    const single = mergeLookups([{ tier: "token", ids: ["1:a"], candidates: [one] }]);
    assert.deepEqual(single && resolve(single, undefined), { id: "1:a", chosen: undefined });
  });
});

describe("a name whose tokens are in several partitions and threads", () => {
  const settings = { "ingest.embedded.partitions": "4", "app.workers": "2" };
  const swap = { log_index: 0, side: "buy", amount_token: "1", token_symbol: "WETH" };
  const swaps = () =>
    [1, 10, 56].map((chain_id, i) => ({
      ...{
        ...swap,
        chain_id,
        tx_hash: `0x${i}`,
        token: `0x${i}`,
        amount_usd: String(10 * (i + 1)),
        event_time: Date.now(),
      },
    }));
  const paths = ["/api/tokens/weth/stats", "/stats?token=weth", "/api/tokens/weth/candles", "/api/tokens/weth/swaps"];
  const withQuery = (path: string, query: string) => `${path}${path.includes("?") ? "&" : "?"}${query}`;

  test("refused with the candidates, or chosen where the request prefers the largest", async (t) => {
    const { call, post, caughtUp, app } = await new TestApps(t).start(settings);
    await post(swaps());
    await caughtUp();
    for (const path of paths) {
      const refused = await call(path);
      assert.equal(refused.status, 409);
      assert.deepEqual(
        refused.json.candidates.map(({ id, chain_id, volume_usd }: Json) => [id, chain_id, volume_usd]),
        [
          ["56:0x2", 56, "30"],
          ["10:0x1", 10, "20"],
          ["1:0x0", 1, "10"],
        ],
      );
      const chosen = await call(withQuery(path, "prefer=largest"));
      assert.equal(chosen.status, 200);
      assert.equal(chosen.json.id ?? chosen.json.token, "56:0x2");
      assert.deepEqual(chosen.json.chosen, { by: "largest", of: 3 });
      assert.equal((await call(withQuery(path, "prefer=biggest"))).status, 400);
    }
    const byId = await call("/api/tokens/1:0x0/stats?prefer=largest");
    assert.equal(byId.json.chosen, undefined);
    const headers = { "content-type": "application/json" };
    const many = (prefer: object) =>
      call("/api/tokens/stats", {
        method: "POST",
        headers,
        body: JSON.stringify({ ids: ["WETH", "1:0x0"], ...prefer }),
      });
    assert.equal((await many({})).json.items[0].error.candidates.length, 3);
    assert.deepEqual((await many({ prefer: "largest" })).json.items[0].chosen, { by: "largest", of: 3 });
    const topic = { kind: "token", token: "weth", windows: ["5m"] } as const;
    assert.equal((await app.bus.subscribe(topic, () => {})).kind, "ambiguous");
    const opened = await app.bus.subscribe({ ...topic, prefer: "largest" }, () => {});
    assert.ok(opened.kind === "opened" && opened.chosen?.of === 3);
    assert.ok("token" in opened.spec && opened.spec.token === "56:0x2");
    opened.close();
  });

  test("api.symbols: largest chooses without being asked, and a request may refuse", async (t) => {
    const { call, post, caughtUp } = await new TestApps(t).start({ ...settings, "api.symbols": "largest" });
    await post(swaps());
    await caughtUp();
    for (const path of paths) {
      assert.deepEqual((await call(path)).json.chosen, { by: "largest", of: 3 });
      assert.equal((await call(withQuery(path, "prefer=refuse"))).status, 409);
    }
    const tags = await Promise.all([paths[0] as string, "/api/tokens/56:0x2/stats"].map((path) => call(path)));
    assert.notEqual(tags[0]?.headers.get("etag"), tags[1]?.headers.get("etag"));
  });
});
