import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { assertProblem, startHarness, WINDOWS } from "./http-harness.ts";
import { WETH } from "./stand-in-bus.ts";

const post = (body: unknown, type = "application/json"): RequestInit => ({
  method: "POST",
  headers: { "content-type": type },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

describe("GET stats", () => {
  test("responds with all windows and figures, equally from the cache and without it", async (t) => {
    const { bus, call } = await startHarness(t);
    const asked = await call(`/api/tokens/${WETH}/stats`);
    assert.equal(asked.status, 200);
    assert.equal(asked.headers.get("content-type"), "application/json; charset=utf-8");
    assert.equal(asked.headers.get("cache-control"), "no-cache");
    assert.deepEqual(Object.keys(asked.json.windows as object), WINDOWS);
    assert.equal(asked.json.id, WETH);
    assert.equal(asked.json.rev, 41);
    bus.cached = true;
    const before = bus.asked;
    const cached = await call(`/api/tokens/${WETH}/stats`);
    assert.equal(bus.asked, before);
    assert.equal(cached.text, asked.text);
    assert.equal(cached.headers.get("etag"), asked.headers.get("etag"));
  });

  test("selects windows and figures in any order and repetition", async (t) => {
    const { call } = await startHarness(t);
    const answer = await call("/api/tokens/btc/stats?windows=1h,5m,1h&fields=volume_usd,trades");
    const windows = answer.json.windows as Record<string, object>;
    assert.deepEqual(Object.keys(windows), ["5m", "1h"]);
    assert.deepEqual(Object.keys(windows["5m"] as object), [
      "open_time",
      "close_time",
      "complete",
      "trades",
      "volume_usd",
    ]);
    const same = await call("/api/tokens/btc/stats?windows=5m,1h&fields=trades,volume_usd");
    assert.equal(same.headers.get("etag"), answer.headers.get("etag"));
  });

  test("accepts ids with slashes and letters beyond ASCII", async (t) => {
    const { call } = await startHarness(t);
    const answer = await call(`/api/tokens/${encodeURIComponent("900:räksmörgås/ü")}/stats`);
    assert.equal(answer.json.id, "900:räksmörgås/ü");
    assert.equal(answer.json.symbol, '"quoted" \\ ,"windows":{');
  });

  test("404 for an unknown token, 409 with candidates for a symbol of several", async (t) => {
    const { bus, call } = await startHarness(t);
    for (const cached of [false, true]) {
      bus.cached = cached;
      assertProblem(await call("/api/tokens/nothing/stats"), 404, "unknown_token");
      const ambiguous = await call("/api/tokens/USDC/stats");
      assertProblem(ambiguous, 409, "ambiguous_token");
      assert.deepEqual(ambiguous.json.candidates, [
        { id: "10:usdc", chain_id: 10, volume_usd: "1", window: "24h" },
        { id: "56:usdc-bsc", chain_id: 56, volume_usd: "1", window: "24h" },
      ]);
    }
  });

  test("400 lists every bad parameter", async (t) => {
    const { call } = await startHarness(t);
    const answer = await call("/api/tokens/BTC/stats?windows=7m&fields=volume&foo=1");
    assertProblem(answer, 400, "invalid_parameters");
    const errors = answer.json.errors as { name: string; in: string; message: string }[];
    assert.deepEqual(errors.map(({ name }) => name).sort(), ["fields", "foo", "windows"]);
    assert.match(errors.find(({ name }) => name === "windows")?.message ?? "", /1m, 5m, 1h, 24h/);
  });

  test("HEAD responds as GET, without the body", async (t) => {
    const { call } = await startHarness(t);
    const get = await call("/api/tokens/BTC/stats");
    const head = await call("/api/tokens/BTC/stats", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    assert.equal(head.headers.get("content-length"), get.headers.get("content-length"));
    assert.equal(head.headers.get("etag"), get.headers.get("etag"));
  });

  test("the short form names the token by its id", async (t) => {
    const { call } = await startHarness(t);
    const answer = await call("/stats?token=weth&windows=5m");
    assert.equal(answer.json.token, WETH);
    assert.deepEqual(Object.keys(answer.json.windows as object), ["5m"]);
    const odd = await call(`/stats?token=${encodeURIComponent("900:räksmörgås/ü")}`);
    assert.deepEqual(Object.keys(odd.json.windows as object), WINDOWS);
    const missing = await call("/stats");
    assertProblem(missing, 400, "invalid_parameters");
    assert.deepEqual(missing.json.errors, [{ in: "query", name: "token", message: "is required" }]);
  });
});

describe("POST /api/tokens/stats", () => {
  test("responds with items in the requested order, with errors in place of figures", async (t) => {
    const { call, bus } = await startHarness(t);
    const answer = await call("/api/tokens/stats", post({ ids: ["nothing", "BTC", "usdc"], windows: ["5m"] }));
    assert.equal(answer.status, 200);
    const items = answer.json.items as { id: string; error?: { code: string; candidates?: { id: string }[] } }[];
    assert.deepEqual(
      items.map(({ id, error }) => [id, error?.code]),
      [
        ["nothing", "unknown_token"],
        ["1:BTC", undefined],
        ["usdc", "ambiguous_token"],
      ],
    );
    assert.deepEqual(
      items[2]?.error?.candidates?.map(({ id }) => id),
      ["10:usdc", "56:usdc-bsc"],
    );
    assert.equal(answer.json.as_of, bus.asOf);
    const none = await call("/api/tokens/stats", post({ ids: ["nothing"] }));
    assert.equal(none.json.as_of, bus.asOf);
  });

  test("accepts 500 ids and refuses 501", async (t) => {
    const { call } = await startHarness(t);
    const ids = Array.from({ length: 500 }, () => "BTC");
    assert.equal(((await call("/api/tokens/stats", post({ ids }))).json.items as unknown[]).length, 500);
    assertProblem(await call("/api/tokens/stats", post({ ids: [...ids, "BTC"] })), 400, "invalid_parameters");
  });

  test("refuses bodies that break the schema, and names the place", async (t) => {
    const { call } = await startHarness(t);
    const answer = await call("/api/tokens/stats", post({ ids: [""], windows: ["9m"], extra: 1 }));
    assertProblem(answer, 400, "invalid_parameters");
    const names = (answer.json.errors as { name: string }[]).map(({ name }) => name).sort();
    assert.deepEqual(names, ["/extra", "/ids/0", "/windows/0"]);
    for (const body of [[], { ids: [false] }, { ids: "BTC" }, { ids: ["BTC"], windows: "5m" }, {}, null]) {
      assertProblem(await call("/api/tokens/stats", post(body)), 400, "invalid_parameters");
    }
    assertProblem(await call("/api/tokens/stats", post('{"ids":')), 400, "bad_request");
    assertProblem(await call("/api/tokens/stats", { method: "POST" }), 400, "bad_request");
    const bytes = new Uint8Array([0x22, 0xff, 0x22]);
    const headers = { "content-type": "application/json" };
    assertProblem(await call("/api/tokens/stats", { method: "POST", headers, body: bytes }), 400, "bad_request");
  });
});

describe("rankings, candles, swaps, dead letters", () => {
  test("the overview continues at its cursor", async (t) => {
    const { call } = await startHarness(t);
    const first = await call("/api/overview?window=1h&sort=trades&limit=3");
    assert.equal(first.json.window, "1h");
    assert.equal(first.json.sort, "trades");
    assert.equal(first.json.order, "desc");
    const rest = await call(`/api/overview?window=1h&sort=trades&limit=3&cursor=${first.json.next_cursor}`);
    const ids = [first, rest].flatMap(({ json }) => (json.items as { id: string }[]).map(({ id }) => id));
    assert.equal(new Set(ids).size, 5);
    assert.equal(rest.json.next_cursor, undefined);
    const byDefault = await call("/api/overview");
    assert.deepEqual([byDefault.json.window, byDefault.json.sort], ["5m", "volume_usd"]);
  });

  test("the overview refuses unknown rankings", async (t) => {
    const { call, bus } = await startHarness(t);
    const answer = await call("/api/overview?window=2m&sort=previous&order=up&limit=0");
    assertProblem(answer, 400, "invalid_parameters");
    const names = (answer.json.errors as { name: string }[]).map(({ name }) => name).sort();
    assert.deepEqual(names, ["limit", "order", "sort", "window"]);
    bus.failure = new SwapstatsError("bad_request", "The cursor is not one of this service.");
    assertProblem(await call("/api/overview?cursor=x"), 400, "bad_request");
  });

  test("candles and swaps", async (t) => {
    const { call } = await startHarness(t);
    const candles = await call("/api/tokens/BTC/candles?interval=5m&from=0&to=1700000000000&limit=10");
    assert.equal(candles.json.id, "1:BTC");
    assert.equal(candles.json.interval, "5m");
    assertProblem(await call("/api/tokens/BTC/candles?from=1700000000000&to=0"), 400, "invalid_parameters");
    assertProblem(await call("/api/tokens/BTC/candles?interval=7m&from=x"), 400, "invalid_parameters");
    assertProblem(await call("/api/tokens/nothing/candles"), 404, "unknown_token");
    const swaps = await call("/api/tokens/BTC/swaps?limit=1");
    assert.equal((swaps.json.items as unknown[]).length, 1);
    assertProblem(await call("/api/tokens/usdc/swaps"), 409, "ambiguous_token");
    assertProblem(await call("/api/tokens/BTC/swaps?limit=1001"), 400, "invalid_parameters");
  });

  test("requests that need a history say so where there is none", async (t) => {
    const { call } = await startHarness(t);
    for (const query of ["limit=101", "from=1700000000000", "to=1700000000000", "order=asc", "cursor=a"]) {
      assertProblem(await call(`/api/tokens/BTC/swaps?${query}`), 404, "history_off");
    }
    for (const path of [
      "candles?interval=1M",
      "candles?cursor=a",
      "stats?at=1700000000000",
      "stats?windows=7d&at=2026-01-01T00:00:00Z",
    ]) {
      assertProblem(await call(`/api/tokens/BTC/${path}`), 404, "history_off");
    }
    assertProblem(await call("/api/overview?at=1700000000000"), 404, "history_off");
    const at = 1_700_000_000_000;
    assertProblem(await call("/api/tokens/stats", post({ ids: ["BTC"], windows: ["90s"], at })), 404, "history_off");
    assertProblem(await call("/api/screener", post({ at })), 404, "history_off");
    assertProblem(await call("/api/tokens/BTC/stats?windows=7d"), 400, "invalid_parameters");
    assertProblem(await call("/api/tokens/BTC/stats?windows=7x&at=1700000000000"), 400, "invalid_parameters");
    assertProblem(await call("/api/tokens/BTC/stats?at=yesterday"), 400, "invalid_parameters");
    assertProblem(await call("/api/tokens/stats", post({ ids: ["BTC"], windows: ["90s"] })), 400, "invalid_parameters");
  });

  test("dead letters", async (t) => {
    const { call, bus } = await startHarness(t);
    bus.letters = [
      { code: "bad_side", message: "m", partition: 0, offset: 4, arrival: 1_700_000_000_000, raw: '{"side":"x"}' },
    ];
    assert.deepEqual((await call("/api/dead-letters")).json, { items: bus.letters });
    assertProblem(await call("/api/dead-letters?limit=1001"), 400, "invalid_parameters");
  });
});

describe("POST /api/swaps", () => {
  test("passes the bytes on and responds with the result", async (t) => {
    const { call, ingest, metrics } = await startHarness(t);
    ingest.result = { accepted: 1, rejected: [{ index: 1, code: "bad_side", message: "side is neither" }] };
    const answer = await call("/api/swaps", post("{}\n\n{}\n", "application/x-ndjson"));
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.json, ingest.result);
    assert.deepEqual(ingest.bodies, ["{}\n\n{}\n"]);
    assert.match(await metrics.text(), /swapstats_rejected_total\{code="bad_side"\} 1/);
  });

  test("202 comes only after the port reports that everything is on disk", async (t) => {
    const { call, ingest } = await startHarness(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    ingest.gate = promise;
    let answered = false;
    const answer = call("/api/swaps", post([{}])).then((value) => {
      answered = true;
      return value;
    });
    while (ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    assert.equal((await call("/healthz")).status, 200);
    assert.equal(answered, false);
    resolve();
    assert.equal((await answer).status, 202);
  });

  test("422 if no event was accepted, with the reasons", async (t) => {
    const { call, ingest } = await startHarness(t);
    ingest.result = { accepted: 0, rejected: [{ index: 0, code: "missing_field", message: "side is missing" }] };
    const answer = await call("/api/swaps", post({}));
    assertProblem(answer, 422, "no_event_accepted");
    assert.equal(answer.json.accepted, 0);
    assert.deepEqual(answer.json.rejected, ingest.result.rejected);
  });

  test("errors of the port keep their meaning", async (t) => {
    const { call, ingest, logLines } = await startHarness(t);
    const cases = [
      ["bad_request", 400, "bad_request"],
      ["too_large", 413, "batch_too_large"],
      ["log_full", 503, "log_full"],
      ["storage_failed", 503, "storage_failed"],
      ["unavailable", 503, "unavailable"],
      ["checkpoint_damaged", 500, "internal"],
    ] as const;
    for (const [code, status, problem] of cases) {
      ingest.failure = new SwapstatsError(code, "what happened");
      const answer = await call("/api/swaps", post({}));
      assertProblem(answer, status, problem);
      assert.equal(answer.headers.has("retry-after"), status === 503);
      assert.equal(answer.text.includes("what happened"), status !== 500, "the cause of a 500 is for the log");
    }
    assert.equal(logLines.filter((line) => line.includes("what happened")).length, 1);
  });

  test("media types other than JSON and NDJSON are refused, so that no page can post without a preflight", async (t) => {
    const { call, ingest } = await startHarness(t);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      assertProblem(await call("/api/swaps", post("{}", type)), 415, "unsupported_media_type");
    }
    const untyped = await call("/api/swaps", { method: "POST", body: new Blob(["{}"]) });
    assertProblem(untyped, 415, "unsupported_media_type");
    const broken = await call("/api/swaps", post("{}", "json"));
    assertProblem(broken, 415, "unsupported_media_type");
    assert.deepEqual(ingest.bodies, []);
    assert.equal((await call("/api/swaps", post("{}", "application/json; charset=utf-8"))).status, 202);
  });

  test("404 if swaps do not come over HTTP", async (t) => {
    const { call } = await startHarness(t, { ingest: { port: undefined, reason: "Swaps come from a topic." } });
    assertProblem(await call("/api/swaps", post({})), 404, "ingest_disabled");
  });
});
