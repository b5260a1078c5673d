import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { assertProblem, NOW_MS, startHarness } from "./http-harness.ts";

describe("health and readiness", () => {
  test("healthz sends no request to the state", async (t) => {
    const { call, bus } = await startHarness(t);
    bus.failure = new SwapstatsError("unavailable", "gone");
    assert.deepEqual((await call("/healthz")).json, { status: "ok" });
    assert.equal(bus.asked, 0);
  });

  test("ready if restored, with lag below the limit, and not draining; problems do not matter", async (t) => {
    const { call, bus, server } = await startHarness(t);
    const [partition] = bus.statusResponse.partitions;
    assert.ok(partition !== undefined);
    partition.problems = ["The newest checkpoint was damaged; the previous one serves."];
    const ready = await call("/readyz");
    assert.deepEqual(ready.json, { status: "ready", reasons: [], problems: partition.problems });

    partition.lag_ms = 9_999;
    assert.equal((await call("/readyz")).status, 200);
    partition.lag_ms = 10_000;
    partition.lag = 12;
    const behind = await call("/readyz");
    assertProblem(behind, 503, "not_ready");
    assert.deepEqual(behind.json.reasons, ["Partition 0 is 10000 ms behind (12 records); app.ready_lag is 10000 ms."]);
    partition.lag_ms = 0;

    for (const state of ["restoring", "failed", "draining"] as const) {
      partition.state = state;
      const answer = await call("/readyz");
      assertProblem(answer, 503, "not_ready");
      assert.equal((answer.json.reasons as string[]).length, 1, state);
    }
    partition.state = "running";
    assert.equal((await call("/readyz")).status, 200);
    server.startDraining();
    const draining = await call("/readyz");
    assert.deepEqual(draining.json.reasons, ["The service is shutting down."]);
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    assertProblem(await call("/api/swaps", init), 503, "shutting_down");
    assert.equal((await call("/stats?token=btc")).status, 200);
  });

  test("not ready while the state does not respond, or no partition is known", async (t) => {
    const { call, bus } = await startHarness(t, { limits: { readyTimeoutMs: 20 } });
    bus.gate = new Promise(() => {});
    const answer = await call("/readyz");
    assert.deepEqual(answer.json.reasons, ["The state does not respond within 20 ms."]);
    bus.gate = undefined;
    bus.statusResponse = { ...bus.statusResponse, partitions: [] };
    assertProblem(await call("/readyz"), 503, "not_ready");
  });
});

describe("status and documents", () => {
  test("status", async (t) => {
    const { call, bus } = await startHarness(t);
    const { json } = await call("/api/status");
    const { partitions, counters, tokens } = bus.statusResponse;
    const head = { instance: "host-a", version: "0.0.0-test", uptime_ms: 0, time: NOW_MS };
    assert.deepEqual(json, { ...head, tokens, partitions, counters });
    bus.statusResponse = { ...bus.statusResponse, circuits: [] };
    assert.deepEqual((await call("/api/status")).json, json);
    const circuits = [{ instance: "host-b", dependency: "s3", state: "open", since: NOW_MS - 5 } as const];
    bus.statusResponse = { ...bus.statusResponse, circuits: [...circuits] };
    assert.deepEqual((await call("/api/status")).json, { ...json, circuits });
  });

  test("OpenAPI 3.1 names every operation, and only schemas that exist", async (t) => {
    const { call } = await startHarness(t);
    const { json, text } = await call("/openapi.json");
    assert.equal(json.openapi, "3.1.0");
    const calls = Object.entries(json.paths as object).flatMap(([path, item]) =>
      Object.keys(item as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(calls.sort(), [
      "GET /",
      "GET /api/audit/{id}",
      "GET /api/dead-letters",
      "GET /api/market",
      "GET /api/overview",
      "GET /api/status",
      "GET /api/stream",
      "GET /api/tokens",
      "GET /api/tokens/{id}/candles",
      "GET /api/tokens/{id}/stats",
      "GET /api/tokens/{id}/swaps",
      "GET /asyncapi.json",
      "GET /docs",
      "GET /healthz",
      "GET /openapi.json",
      "GET /readyz",
      "GET /stats",
      "POST /api/auth/ticket",
      "POST /api/auth/token",
      "POST /api/screener",
      "POST /api/swaps",
      "POST /api/tokens/stats",
    ]);
    const schemas = (json.components as { schemas: object }).schemas;
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      assert.ok((name as string) in schemas, name);
  });

  test("pages load nothing of other sites, and contain no inline script or style", async (t) => {
    const { call, port } = await startHarness(t);
    const docs = await call("/docs");
    const index = await call("/", { headers: { accept: "text/html,*/*" } });
    for (const { status, headers, text } of [docs, index]) {
      assert.equal(status, 200);
      assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.ok(!policy.includes("unsafe"));
      assert.ok(!/<style|style="|<script>|\son\w+="|(?:src|href)="(?:https?:)?\/\//i.test(text), text);
      const files = [...text.matchAll(/(?:href|src)="(docs\/assets\/[^"]+)"/g)].map(([, address]) => address as string);
      assert.ok(files.length > 0);
      for (const file of files) await assertAsset(`http://127.0.0.1:${port}/${file}`);
    }
    for (const path of ["/api/overview", "/api/tokens/{id}/candles", "/api/swaps"]) assert.ok(docs.text.includes(path));
    const links = Object.values((await call("/")).json.links as Record<string, string>);
    for (const link of links) assert.equal((await call(link)).status, 200, link);
    assertProblem(await call("/docs/assets/0123456789abcdef/docs.js"), 404, "not_found");
    assertProblem(await call("/docs/assets/0123456789abcdef/..%2f..%2fpackage.json"), 404, "not_found");
  });
});

/** Cached forever, compressed as the client prefers, and the same bytes each time. */
async function assertAsset(address: string): Promise<void> {
  const get = (coding: string, more = {}) => fetch(address, { headers: { "accept-encoding": coding, ...more } });
  const plain = await get("identity");
  assert.equal(plain.status, 200);
  assert.match(plain.headers.get("cache-control") ?? "", /immutable/);
  const text = await plain.text();
  for (const coding of ["br", "gzip"]) {
    const packed = await get(coding);
    assert.equal(packed.headers.get("content-encoding"), coding);
    assert.equal(packed.headers.get("vary"), "accept-encoding");
    assert.ok(Number(packed.headers.get("content-length")) < text.length);
    assert.equal(await packed.text(), text);
  }
  const again = await get("br", { "if-none-match": plain.headers.get("etag") as string });
  assert.equal(again.status, 304);
}

describe("CORS", () => {
  const origin = "https://app.example.com";
  const preflight = { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } };

  test("closed unless configured", async (t) => {
    const { call } = await startHarness(t);
    const answer = await call("/api/status", { headers: { origin } });
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    assertProblem(await call("/api/swaps", preflight), 405, "method_not_allowed");
  });

  test("open for the configured origins only", async (t) => {
    const { call } = await startHarness(t, { corsOrigins: [origin] });
    const allowed = await call("/api/status", { headers: { origin } });
    assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
    assert.match(allowed.headers.get("vary") ?? "", /origin/i);
    const other = await call("/api/status", { headers: { origin: "https://evil.example" } });
    assert.equal(other.headers.get("access-control-allow-origin"), null);
    const cached = await call("/stats?token=btc", { headers: { origin } });
    assert.equal(cached.headers.get("access-control-allow-origin"), origin);
    const problem = await call("/stats?token=nothing", { headers: { origin } });
    assert.equal(problem.headers.get("access-control-allow-origin"), origin);
  });

  test("responds to preflights", async (t) => {
    const { port } = await startHarness(t, { corsOrigins: [origin] });
    const answer = await fetch(`http://127.0.0.1:${port}/api/swaps`, preflight);
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get("access-control-allow-origin"), origin);
    assert.match(answer.headers.get("access-control-allow-methods") ?? "", /POST/);
  });

  test("* lets every page read, and no page send swaps", async (t) => {
    const { bus, call, ingest, port } = await startHarness(t, { corsOrigins: ["*"] });
    const path = "/api/tokens/1:BTC/stats";
    await call(path, { headers: { origin } });
    for (const cached of [false, true]) {
      bus.cached = cached;
      for (const headers of [{ origin }, {}] as Record<string, string>[]) {
        const answer = await call(path, { headers });
        assert.equal(answer.headers.get("access-control-allow-origin"), "*");
        assert.equal(
          answer.headers.get("access-control-expose-headers"),
          "etag, retry-after, ratelimit, ratelimit-policy, grpc-status, grpc-message, grpc-status-details-bin",
        );
        assert.equal(answer.headers.get("access-control-allow-credentials"), null);
        assert.equal(answer.headers.get("vary"), "accept-encoding");
      }
    }
    const read = await fetch(`http://127.0.0.1:${port}/api/tokens/stats`, preflight);
    assert.equal(read.status, 204);
    assert.equal(read.headers.get("access-control-allow-origin"), "*");
    assert.equal(read.headers.get("access-control-max-age"), "7200");
    for (const at of ["/api/swaps", "/api/swaps?x"]) {
      const asked = await fetch(`http://127.0.0.1:${port}${at}`, preflight);
      assert.equal(asked.status, 403);
      assert.equal(asked.headers.get("access-control-allow-origin"), null);
      assert.equal(((await asked.json()) as { code: string }).code, "origin_not_allowed");
    }
    const headers = { "content-type": "application/json" };
    const posted = await call("/api/swaps", { method: "POST", headers, body: "[]" });
    assert.equal(posted.status, 202);
    assert.equal(posted.headers.get("access-control-allow-origin"), null);
    assert.equal(ingest.bodies.length, 1, "programs that are no browsers send swaps as ever");
  });
});
