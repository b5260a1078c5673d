import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertProblem, startHarness } from "./http-harness.ts";

describe("hints for requests with errors", () => {
  const cases: [string, RegExp][] = [
    ["/api/tokens/1:BTC/stats?widows=1h", /widows is not a parameter of this call \(did you mean windows\?\)/],
    ["/api/tokens/1:BTC/stats?windows=5m,60m", /windows must be .* \(not "60m"\) \(did you mean 1h\?\)/],
    ["/api/tokens/1:BTC/stats?fields=volume", /fields must be .* \(did you mean volume_usd\?\)/],
    ["/api/overview?sort=volumeUsd", /sort must be one of .* \(did you mean volume_usd\?\)/],
    ["/api/overview?window=60s", /window must be one of .* \(did you mean 1m\?\)/],
    ["/api/overview?order=descending", /order must be one of asc, desc \(did you mean desc\?\)/],
    ["/api/tokens/1:BTC/candles?interval=60m", /interval must be one of .* \(did you mean 1h\?\)/],
    ["/api/tokens/1:BTC/candles?from=1760000000", /looks like seconds; did you mean 1760000000000\?/],
    ["/api/tokens/1:BTC/candles?to=99999999999", /to must be ms since 1970.* did you mean 99999999999000\?/],
    ["/api/tokens/1:BTC/candles?from=1", /from must be ms since 1970, such as 1760000000000, or 0$/],
    ["/api/tokens/1:BTC/candles?from=1700000000001&to=1700000000000", /from is later than to/],
    ["/api/tokens/1:BTC/candles?limit=5001", /limit must be an integer from 1 to 5000/],
    ["/stats?token=BTC&windows=%1b[2J", /windows must be/],
  ];
  for (const [path, detail] of cases) {
    test(path, async (t) => {
      const { call } = await startHarness(t);
      const answer = await call(path);
      assertProblem(answer, 400, "invalid_parameters");
      assert.match(answer.json.detail as string, detail);
      assert.ok(!(answer.json.detail as string).includes("\u001b"));
    });
  }

  test("names in bodies", async (t) => {
    const { call } = await startHarness(t);
    const headers = { "content-type": "application/json" };
    const ask = (body: object) => call("/api/tokens/stats", { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await ask({ ids: ["BTC"], windows: ["60m"], fields: ["volume"], window: ["5m"] });
    assertProblem(answer, 400, "invalid_parameters");
    for (const name of ["1h", "volume_usd", "windows"]) {
      assert.ok((answer.json.detail as string).includes(`did you mean ${name}?`), answer.text);
    }
  });

  test("paths", async (t) => {
    const { call } = await startHarness(t);
    const meant: [string, string | undefined][] = [
      ["/api/overveiw", "/api/overview"],
      ["/api/overview/", "/api/overview"],
      ["/api/tokens/WETH/stat", "/api/tokens/{id}/stats"],
      ["/api/token/WETH/candles", "/api/tokens/{id}/candles"],
      ["/health", "/healthz"],
      ["/nothing/of/the/kind", undefined],
      [`/${"a".repeat(5_000)}`, undefined],
    ];
    for (const [path, name] of meant) {
      const answer = await call(path);
      assertProblem(answer, 404, "not_found");
      const [, given] = /did you mean ([^?]+)\?/.exec(answer.json.detail as string) ?? [];
      assert.equal(given, name, answer.text);
    }
  });
});

describe("candles outside memory", () => {
  test("an interval that no step fills is refused with the available ones", async (t) => {
    const { call } = await startHarness(t, { stepsMs: [60_000, 5_000] });
    const answer = await call("/api/tokens/1:BTC/candles?interval=1s");
    assertProblem(answer, 400, "invalid_parameters");
    const detail = answer.json.detail as string;
    assert.match(detail, /finest step of this service's windows is 5 s/);
    assert.match(detail, /there are 5s, 15s, 1m, 5m, 15m, 30m, 1h, 4h, 1d$/);
    for (const interval of ["5s", "1d"]) {
      assert.equal((await call(`/api/tokens/1:BTC/candles?interval=${interval}`)).status, 200);
    }
  });

  test("a range before the first candle gets a note that names the intervals that reach further back", async (t) => {
    const { call } = await startHarness(t, { stepsMs: [1_000, 60_000] });
    const before = await call("/api/tokens/1:BTC/candles?interval=5s&from=0&to=1699999000000");
    assert.match(
      before.json.note as string,
      /^candles of 5s reach back to available_from.*; 1m, 5m, .*1d reach further/,
    );
    const within = await call("/api/tokens/1:BTC/candles?interval=5s&to=1699999000001");
    assert.equal(within.json.note, undefined);
    const longest = await call("/api/tokens/1:BTC/candles?interval=1m&to=1699999000000");
    assert.doesNotMatch(longest.json.note as string, /further/);
  });
});
