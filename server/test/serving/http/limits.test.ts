import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertProblem, startHarness } from "./http-harness.ts";

const ndjson = (body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/x-ndjson", ...headers },
  body,
});
/** A body of unknown length, sent in pieces. */
const pieces = (text: string, times: number): RequestInit =>
  ({ ...ndjson(ReadableStream.from(repeat(text, times))), duplex: "half" }) as RequestInit;

function* repeat(text: string, times: number): Generator<Uint8Array> {
  for (let i = 0; i < times; i += 1) yield new TextEncoder().encode(text);
}

describe("limits on bodies", () => {
  test("the last byte that fits, and the first that does not", async (t) => {
    const { call, ingest } = await startHarness(t, { maxBodyBytes: 1_000 });
    assert.equal((await call("/api/swaps", ndjson("x".repeat(1_000)))).status, 202);
    assertProblem(await call("/api/swaps", ndjson("x".repeat(1_001))), 413, "payload_too_large");
    assert.equal((await call("/api/swaps", pieces("x".repeat(100), 10))).status, 202);
    assertProblem(await call("/api/swaps", pieces("x".repeat(100), 11)), 413, "payload_too_large");
    assert.deepEqual(
      ingest.bodies.map(({ length }) => length),
      [1_000, 1_000],
    );
    const query = JSON.stringify({ ids: ["BTC"], pad: "x".repeat(300_000) });
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: query };
    assertProblem(await call("/api/tokens/stats", init), 413, "payload_too_large");
  });

  test("gzip counts by its expanded size", async (t) => {
    const { call, ingest } = await startHarness(t, { maxBodyBytes: 1_000 });
    const gzip = { "content-encoding": "gzip" };
    assert.equal((await call("/api/swaps", ndjson(gzipSync("y".repeat(1_000)), gzip))).status, 202);
    assert.deepEqual(ingest.bodies, ["y".repeat(1_000)]);
    assertProblem(await call("/api/swaps", ndjson(gzipSync("y".repeat(1_001)), gzip)), 413, "payload_too_large");
    assertProblem(await call("/api/swaps", ndjson("no gzip", gzip)), 400, "bad_request");
    assertProblem(await call("/api/swaps", ndjson(gzipSync("y").subarray(0, 8), gzip)), 400, "bad_request");
    const brotli = { "content-encoding": "br" };
    assertProblem(await call("/api/swaps", ndjson("x", brotli)), 415, "unsupported_media_type");
    const identity = { "content-encoding": "identity" };
    assert.equal((await call("/api/swaps", ndjson("x", identity))).status, 202);
  });

  test("bodies that are held at the same time", async (t) => {
    const { call, ingest } = await startHarness(t, { limits: { bodyBytesInFlightMax: 1_500 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    ingest.gate = promise;
    const first = call("/api/swaps", ndjson("x".repeat(1_000)));
    while (ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    const second = await call("/api/swaps", ndjson("x".repeat(501)));
    assertProblem(second, 503, "overloaded");
    assert.ok(second.headers.has("retry-after"));
    resolve();
    assert.equal((await first).status, 202);
    assert.equal((await call("/api/swaps", ndjson("x".repeat(1_500)))).status, 202);
    assertProblem(await call("/api/swaps", ndjson("x".repeat(1_501))), 503, "overloaded");
    assert.equal((await call("/api/swaps", ndjson("x".repeat(1_500)))).status, 202);
  });

  test("nesting", async (t) => {
    const { call } = await startHarness(t, { limits: { jsonDepthMax: 4 } });
    const send = (body: string) =>
      call("/api/tokens/stats", { method: "POST", headers: { "content-type": "application/json" }, body });
    assertProblem(await send(`{"ids":["BTC"],"x":[[[1]]]}`), 400, "invalid_parameters");
    assertProblem(await send(`{"ids":["BTC"],"x":[[[[1]]]]}`), 400, "bad_request");
    assert.equal((await send(`{"ids":["BTC","[[[[[[\\"[[[["]}`)).status, 200);
  });
});

describe("limits on time and number, over bare sockets", () => {
  const quick = { headersTimeoutMs: 100, requestTimeoutMs: 100, timeoutCheckMs: 20 };

  test("a connection whose header trickles in is ended", async (t) => {
    const { raw } = await startHarness(t, { limits: quick });
    const client = await raw();
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n");
    const trickle = setInterval(() => client.send("X-A: b\r\n"), 10);
    const got = await client.closed;
    clearInterval(trickle);
    assert.match(got, /^HTTP\/1\.1 408 /);
    assert.match(got, /"code":"request_timeout"/);
  });

  test("a silent connection is ended", async (t) => {
    const { raw } = await startHarness(t, { limits: quick });
    const client = await raw();
    assert.match(await client.closed, /^(HTTP\/1\.1 408 |$)/);
  });

  test("a body that never ends is ended, and its memory is given back", async (t) => {
    const limits = { ...quick, bodyBytesInFlightMax: 1_000 };
    const { raw, call } = await startHarness(t, { limits });
    const client = await raw();
    client.send("POST /api/swaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n");
    client.send("x".repeat(800));
    assert.match(await client.closed, /^HTTP\/1\.1 408 /);
    assert.equal((await call("/api/swaps", ndjson("x".repeat(1_000)))).status, 202);
  });

  test("a client that disconnects in the middle of its body", async (t) => {
    const { raw, call, ingest } = await startHarness(t, { limits: { bodyBytesInFlightMax: 1_000 } });
    const client = await raw();
    client.send("POST /api/swaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n");
    client.send("x".repeat(800));
    client.socket.resetAndDestroy();
    // The next body fits only after the first is released.
    let answer = await call("/api/swaps", ndjson("x".repeat(1_000)));
    while (answer.status === 503) answer = await call("/api/swaps", ndjson("x".repeat(1_000)));
    assert.equal(answer.status, 202);
    assert.equal(ingest.bodies.length, 1);
  });

  test("a client that closes its half after a whole request gets its response", async (t) => {
    const { raw } = await startHarness(t);
    const client = await raw();
    client.socket.end("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(await client.closed, /^HTTP\/1\.1 200 [\s\S]*"status":"ok"/);
  });

  test("a client that closes its half in the middle of a header", async (t) => {
    const { raw } = await startHarness(t);
    const client = await raw();
    client.socket.end("GET /healthz HTTP/1.1\r\nHo");
    assert.match(await client.closed, /^(HTTP\/1\.1 400 [\s\S]*|$)/);
  });

  test("a kept connection that stays idle is ended", async (t) => {
    const { raw } = await startHarness(t, { limits: { keepAliveTimeoutMs: 50, timeoutCheckMs: 20 } });
    const client = await raw();
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(await client.closed, /^HTTP\/1\.1 200 /);
  });

  test("a client that does not read responses is cut, and holds no more than its buffers", async (t) => {
    const { raw, bus } = await startHarness(t, { limits: { idleSocketTimeoutMs: 200 } });
    bus.cached = true;
    const client = await raw();
    client.socket.pause();
    const request = `GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n`;
    const closed = new Promise((resolve) => client.socket.once("close", resolve));
    const feed = setInterval(() => {
      if (client.socket.writableLength < 100_000) client.send(request.repeat(500));
      else clearInterval(feed);
    }, 1);
    await closed;
    clearInterval(feed);
  });

  test("connections beyond the limit are closed at once and counted", async (t) => {
    const { raw, metrics } = await startHarness(t, { limits: { connectionsMax: 2 } });
    const first = await raw();
    await raw();
    const third = await raw();
    assert.equal(await third.closed, "");
    assert.match(await metrics.text(), /swapstats_http_connections_dropped_total 1/);
    first.socket.destroy();
  });

  test("a header that is too large", async (t) => {
    const { raw } = await startHarness(t, { limits: { headerBytesMax: 1_024 } });
    const client = await raw();
    client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${"a".repeat(2_000)}\r\n\r\n`);
    const got = await client.closed;
    assert.match(got, /^HTTP\/1\.1 431 /);
    assert.match(got, /"code":"headers_too_large"/);
  });

  test("header fields beyond the limit are refused or ignored, depending on the version of Node", async (t) => {
    const { raw } = await startHarness(t, { limits: { headerFieldsMax: 8 } });
    const client = await raw();
    const fields = Array.from({ length: 200 }, (_, i) => `X-${i}: b`).join("\r\n");
    client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n\r\n`);
    assert.match(await client.closed, /^HTTP\/1\.1 (431|200) /);
  });

  test("bytes that are not HTTP", async (t) => {
    const { raw } = await startHarness(t);
    for (const text of [
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "GET / HTTP/9.9\r\n\r\n",
      "\r\n\r\nxxx yyy\r\n\r\n",
    ]) {
      const client = await raw();
      client.send(text);
      const got = await client.closed;
      assert.match(got, /^HTTP\/1\.1 400 /);
      assert.match(got, /application\/problem\+json/);
    }
  });

  test("two lengths, or a length and chunks, cannot smuggle in a second request", async (t) => {
    const { raw, ingest } = await startHarness(t);
    const head = "POST /api/swaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    const both = `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n`;
    const twice = `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`;
    for (const text of [both, twice]) {
      const client = await raw();
      client.send(text);
      assert.match(await client.closed, /^HTTP\/1\.1 400 /);
    }
    assert.deepEqual(ingest.bodies, []);
  });

  test("waiting requests, in number and time", async (t) => {
    const { call, bus } = await startHarness(t, { limits: { pendingQueriesMax: 1, queryTimeoutMs: 300 } });
    bus.gate = new Promise(() => {});
    const first = call("/api/tokens/BTC/stats");
    while (bus.asked === 0) await new Promise((next) => setImmediate(next));
    assertProblem(await call("/api/tokens/BTC/stats"), 503, "overloaded");
    assertProblem(await first, 503, "unavailable");
    bus.gate = undefined;
    assert.equal((await call("/api/tokens/BTC/stats")).status, 200);
  });

  test("swaps that do not become durable in time", async (t) => {
    const { call, ingest } = await startHarness(t, { limits: { ingestTimeoutMs: 20 } });
    ingest.gate = new Promise(() => {});
    const answer = await call("/api/swaps", ndjson("{}"));
    assertProblem(answer, 503, "storage_failed");
    assert.match(answer.json.detail as string, /send them again/);
  });
});

describe("upgrades", () => {
  const upgrade = (path: string, to: string) =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${to}\r\n\r\n`;

  test("WebSocket at /ws goes to its door, with the bytes after the header", async (t) => {
    const { raw } = await startHarness(t, {
      upgrade: (request, socket, head) => socket.end(`took ${request.url} ${head.toString()}`),
    });
    const client = await raw();
    client.send(`${upgrade("/ws?a=1", "websocket")}rest`);
    assert.equal(await client.closed, "took /ws?a=1 rest");
  });

  test("elsewhere, without a door, and while shutting down it is refused with a problem", async (t) => {
    const { raw, server } = await startHarness(t, { upgrade: (_request, socket) => socket.end("took") });
    const elsewhere = await raw();
    elsewhere.send(upgrade("/api/status", "websocket"));
    assert.match(await elsewhere.closed, /^HTTP\/1\.1 404 [\s\S]*"code":"not_found"/);
    server.startDraining();
    const late = await raw();
    late.send(upgrade("/ws", "WebSocket"));
    assert.match(await late.closed, /^HTTP\/1\.1 503 [\s\S]*retry-after[\s\S]*"code":"shutting_down"/);
    const { raw: rawWithout } = await startHarness(t);
    const without = await rawWithout();
    without.send(upgrade("/ws", "websocket"));
    assert.match(await without.closed, /^HTTP\/1\.1 404 /);
  });

  test("offers of other protocols are ignored, as HTTP allows", async (t) => {
    const { raw } = await startHarness(t, { upgrade: (_request, socket) => socket.end("took") });
    const client = await raw();
    client.send(upgrade("/healthz", "h2c"));
    assert.match(await client.until('"ok"'), /^HTTP\/1\.1 200 /);
    client.socket.destroy();
  });
});

describe("closing", () => {
  test("running requests end, new connections are refused, and the limit holds", async (t) => {
    const { server, ingest, raw, call } = await startHarness(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    ingest.gate = promise;
    const running = call("/api/swaps", ndjson("{}"));
    while (ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    const silent = await raw();
    const closing = server.close(60_000);
    await assert.rejects(raw());
    resolve();
    assert.equal((await running).status, 202);
    silent.socket.destroy();
    await closing;
  });

  test("connections that do not end within the limit are destroyed", async (t) => {
    const { server, ingest, raw } = await startHarness(t);
    ingest.gate = new Promise(() => {});
    const stuck = await raw();
    stuck.send("POST /api/swaps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    while (ingest.bodies.length === 0) await new Promise((next) => setImmediate(next));
    await server.close(20);
    assert.equal(await stuck.closed, "");
  });
});
