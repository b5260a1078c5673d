import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startHarness } from "./http-harness.ts";
import { WETH } from "./stand-in-bus.ts";

describe("an owner that is away", () => {
  const paths = [
    `/api/tokens/${WETH}/stats`,
    "/stats?token=btc",
    "/api/overview?window=5m",
    `/api/tokens/${WETH}/candles?interval=1m`,
    `/api/tokens/${WETH}/swaps`,
    "/api/dead-letters",
  ];
  for (const path of paths) {
    test(`${path} is marked stale only while it is stale, and so is its tag`, async (t) => {
      const { bus, call } = await startHarness(t);
      const fresh = await call(path);
      assert.equal("stale" in fresh.json, false);
      bus.stale = true;
      const etag = fresh.headers.get("etag");
      const stale = await call(path, etag === null ? {} : { headers: { "if-none-match": etag } });
      assert.deepEqual([stale.status, stale.json.stale], [200, true]);
    });
  }

  test("in a list each token has its own flag", async (t) => {
    const { bus, call } = await startHarness(t);
    bus.stale = true;
    const answer = await call("/api/tokens/stats", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids: [WETH, "nobody"] }),
    });
    const [known, unknown] = answer.json.items as Record<string, unknown>[];
    assert.deepEqual([known?.stale, unknown?.stale], [true, undefined]);
  });

  test("if nothing is known the response is 503 with Retry-After, and in a list an error of that token", async (t) => {
    const { bus, call } = await startHarness(t);
    bus.tokenStats = async (tokens) => tokens.map(() => ({ kind: "unavailable" }));
    bus.tokenBody = async () => ({ kind: "unavailable" });
    for (const path of [`/api/tokens/${WETH}/stats`, `/api/tokens/${WETH}/swaps`]) {
      const answer = await call(path);
      assert.deepEqual([answer.status, answer.json.code], [503, "unavailable"]);
      assert.equal(answer.headers.get("retry-after"), "1");
    }
    const list = await call("/api/tokens/stats", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids: [WETH] }),
    });
    assert.equal((list.json.items as { error: { code: string } }[])[0]?.error.code, "unavailable");
  });

  test("an instance is ready by its own partitions, and one without any once it knows of some", async (t) => {
    const { bus, call } = await startHarness(t);
    const [own] = bus.statusResponse.partitions;
    assert.ok(own !== undefined);
    const away = { ...own, partition: 1, state: "away" as const, lag_ms: 1_000_000 };
    const all = { ...bus.statusResponse, partitions: [own, away], instances: [], problems: ["what is wrong"] };
    let mine = [own];
    bus.status = async (scope?: string) => (scope === "own" ? { ...all, partitions: mine } : all);
    assert.equal((await call("/readyz")).status, 200);
    mine = [];
    assert.equal((await call("/readyz")).status, 200);
    mine = [{ ...own, state: "restoring" }];
    assert.equal((await call("/readyz")).status, 503);
    const status = await call("/api/status");
    assert.deepEqual(status.json.problems, ["what is wrong"]);
  });
});
