/** Hostile requests over bare sockets: the response to each, their order, and that the service keeps running. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertProblem, type RawClient, startHarness } from "./http-harness.ts";

const JSON_HEAD = "Host: x\r\nContent-Type: application/json\r\n";
const swaps = (body = "{}"): string =>
  `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const statuses = (got: string): number[] => [...got.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
/** Asserts that the last response of a connection is a problem document with this status and code. */
function assertLast(got: string, status: number, code: string, what: string): void {
  const last = got.slice(got.lastIndexOf("HTTP/1.1 "));
  assert.match(last, new RegExp(`^HTTP/1\\.1 ${status} `), what);
  assert.match(last, /\r\ncontent-type: application\/problem\+json\r\n/i, what);
  assert.match(last, new RegExp(`"code":"${code}"`), what);
}
const nextTurn = () => new Promise((next) => setImmediate(next));

const ENDS: readonly (readonly [name: string, request: string, status: number, code: string])[] = [
  ["no Host in HTTP/1.1", "GET /healthz HTTP/1.1\r\n\r\n", 400, "bad_request"],
  ["two Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"],
  ["two equal Hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, "bad_request"],
  ["an empty Host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_request"],
  ["a Host with a user", "GET /healthz HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 400, "bad_request"],
  ["a Host with a path", "GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400, "bad_request"],
  ["a Host with a bad port", "GET /healthz HTTP/1.1\r\nHost: localhost:99999\r\n\r\n", 400, "bad_request"],
  ["two Hosts in one", "GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 400, "bad_request"],
  [
    "a length and chunks",
    `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    "bad_request",
  ],
  [
    "chunks that are not last",
    `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    400,
    "bad_request",
  ],
  ["a folded field", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n", 400, "bad_request"],
  ["a space before the colon", "GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400, "bad_request"],
  ["a negative length", `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: -1\r\n\r\n`, 400, "bad_request"],
  ["a length in hex", `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 0x2\r\n\r\n{}`, 400, "bad_request"],
  ["a null byte in the path", "GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"],
  ["a null byte in a field", "GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n", 400, "bad_request"],
  ["a long header", `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`, 431, "headers_too_large"],
  ["CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", 405, "method_not_allowed"],
  ["HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"],
];

const GOES_ON: readonly (readonly [name: string, request: string, status: number, code: string | undefined])[] = [
  ["an absolute target", "GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200, undefined],
  ["an absolute target of another scheme", "GET ftp://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"],
  ["OPTIONS of all", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"],
  ["TRACE", "TRACE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"],
  ["DELETE", "DELETE /api/status HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"],
  ["OPTIONS", "OPTIONS /api/status HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"],
  ["dots", "GET /api/%2e%2e/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"],
  ["plain dots", "GET /docs/../healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"],
  ["a null character", "GET /api/tokens/%00/stats HTTP/1.1\r\nHost: x\r\n\r\n", 404, "unknown_token"],
  ["bad percent-encoding", "GET /api/tokens/%zz/stats HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"],
  ["a long path", `GET /${"a".repeat(8_192)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414, "uri_too_long"],
  ["the longest path", `GET /${"a".repeat(8_191)} HTTP/1.1\r\nHost: x\r\n\r\n`, 404, "not_found"],
  ["an unknown expectation", "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417, "expectation_failed"],
  ["a parameter twice", "GET /api/overview?limit=1&limit=2 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_parameters"],
  ["__proto__ as a parameter", "GET /api/overview?__proto__=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_parameters"],
  [
    "many parameters",
    `GET /api/overview?${"a&".repeat(3_000)}b HTTP/1.1\r\nHost: x\r\n\r\n`,
    400,
    "invalid_parameters",
  ],
  ["a parameter of a call without any", "GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_parameters"],
  [
    "a parameter of POST",
    `POST /api/tokens/stats?windows=5m HTTP/1.1\r\n${JSON_HEAD}Content-Length: 15\r\n\r\n{"ids":["BTC"]}`,
    400,
    "invalid_parameters",
  ],
  [
    "__proto__ in a body",
    `POST /api/tokens/stats HTTP/1.1\r\n${JSON_HEAD}Content-Length: 35\r\n\r\n{"ids":["BTC"],"__proto__":{"a":1}}`,
    400,
    "invalid_parameters",
  ],
  ["a body where none belongs", "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200, undefined],
];

describe("hostile requests", () => {
  for (const [name, request, status, code] of ENDS) {
    test(`${name}: ${status}, and the connection ends`, async (t) => {
      const { raw, call } = await startHarness(t);
      const client = await raw();
      client.send(`${request}`);
      client.socket.end();
      assertLast(await client.closed, status, code, name);
      assert.equal((await call("/healthz")).status, 200);
    });
  }

  for (const [name, request, status, code] of GOES_ON) {
    test(`${name}: ${status}, and the connection stays open`, async (t) => {
      const { raw } = await startHarness(t);
      const client = await raw();
      client.send(request);
      const first = await client.until("\r\n\r\n");
      if (code !== undefined) assertLast(await client.until('"code"'), status, code, name);
      else assert.match(first, new RegExp(`^HTTP/1\\.1 ${status} `));
      client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      await client.until('{"status":"ok"}');
      client.socket.destroy();
    });
  }

  test("HEAD of an unknown path has the fields of the problem and no body", async (t) => {
    const { raw } = await startHarness(t);
    const client = await raw();
    client.send("HEAD /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.match(await client.closed, /^HTTP\/1\.1 404 [\s\S]*application\/problem\+json[\s\S]*\r\n\r\n$/);
  });

  test("HTTP/1.0 needs no Host", async (t) => {
    const { raw } = await startHarness(t);
    const client = await raw();
    client.send("GET /healthz HTTP/1.0\r\n\r\n");
    assert.match(await client.closed, /^HTTP\/1\.1 200 /);
  });

  test("a client that expects 100 Continue gets it only if its body is wanted", async (t) => {
    const { raw, ingest } = await startHarness(t);
    const expecting = (path: string) =>
      `POST ${path} HTTP/1.1\r\n${JSON_HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`;
    const wanted = await raw();
    wanted.send(expecting("/api/swaps"));
    await wanted.until("100 Continue");
    wanted.send("{}");
    await wanted.until("202");
    assert.deepEqual(ingest.bodies, ["{}"]);
    const unwanted = await raw();
    unwanted.send(expecting("/nope"));
    assert.deepEqual(statuses(await unwanted.until('"code"')), [404]);
    unwanted.socket.destroy();
  });

  test("numbers are decimal digits only", async (t) => {
    const { call } = await startHarness(t);
    const bad = [
      "0x10",
      "1e2",
      "%205",
      "5%20",
      "%2B5",
      "5.0",
      "",
      "5_0",
      "٥",
      "Infinity",
      "NaN",
      "-1",
      "0",
      "99999999999999999999",
    ];
    for (const limit of bad) assertProblem(await call(`/api/overview?limit=${limit}`), 400, "invalid_parameters");
    for (const from of bad.filter((text) => text !== "0")) {
      assertProblem(await call(`/api/tokens/BTC/candles?from=${from}`), 400, "invalid_parameters");
    }
    assert.equal((await call("/api/overview?limit=10")).status, 200);
    assert.equal((await call("/api/tokens/BTC/candles?from=1760000000000&limit=7")).status, 200);
  });
});

describe("the order of a connection", () => {
  async function withHeldSwaps(t: Parameters<typeof startHarness>[0], behind: string) {
    const harness = await startHarness(t, { upgrade: (_request, socket) => socket.end("took the socket") });
    const { promise, resolve } = Promise.withResolvers<void>();
    harness.ingest.gate = promise;
    const client = await harness.raw();
    let early = "";
    client.socket.on("data", (chunk) => {
      early += chunk.toString("latin1");
    });
    client.send(swaps() + behind);
    while (harness.ingest.bodies.length === 0) await nextTurn();
    for (let i = 0; i < 20; i += 1) await nextTurn();
    assert.equal(early, "", "nothing is said before the answer to the swaps");
    resolve();
    return { client, harness };
  }

  test("a long address waits for the response before it", async (t) => {
    const { client } = await withHeldSwaps(t, `GET /${"a".repeat(9_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.deepEqual(statuses(await client.until('"uri_too_long"')), [202, 414]);
    client.socket.destroy();
  });

  test("an error of the parser waits for the response before it", async (t) => {
    const { client } = await withHeldSwaps(t, "\x00\x01 what\r\n\r\n");
    assert.deepEqual(statuses(await client.closed), [202, 400]);
  });

  test("an upgrade waits for the response before it", async (t) => {
    const upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    const { client } = await withHeldSwaps(t, upgrade);
    assert.match(await client.closed, /^HTTP\/1\.1 202 [\s\S]*\}took the socket$/);
  });

  test("a request that could be served at once waits too", async (t) => {
    const { client } = await withHeldSwaps(t, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.deepEqual(statuses(await client.until('"ok"')), [202, 200]);
    client.socket.destroy();
  });

  test("requests in one packet run only as fast as responses are read, and too many end the connection", async (t) => {
    const { raw, bus } = await startHarness(t, { limits: { pipelinedMax: 10 } });
    const { promise, resolve } = Promise.withResolvers<void>();
    bus.gate = promise;
    const client = await raw();
    client.send("GET /api/overview HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500));
    while (bus.asked === 0) await nextTurn();
    for (let i = 0; i < 20; i += 1) await nextTurn();
    assert.equal(bus.asked, 1);
    resolve();
    const got = statuses(await client.closed);
    assert.deepEqual(
      got,
      Array.from({ length: 11 }, () => 200),
    );
  });
});

describe("responses that are not read", () => {
  /** Sends a request and does not read. */
  async function deaf(raw: () => Promise<RawClient>, request: string): Promise<RawClient> {
    const client = await raw();
    client.socket.pause();
    client.send(request);
    return client;
  }
  const ASK = "GET /api/overview HTTP/1.1\r\nHost: x\r\n\r\n";

  test("are bounded in sum, and cut when their reader is too slow", async (t) => {
    const limits = {
      ...{ responseBytesInFlightMax: 40_000_000, responseBytesPerClientMax: 20_000_000 },
      ...{ readWindowMs: 1_500, readWindowBytesMin: 1_000, timeoutCheckMs: 50 },
    };
    const { raw, call, bus, server } = await startHarness(t, { limits });
    // A response larger than the buffers of the network.
    const symbol = "s".repeat(9_000_000);
    bus.tokens = [{ id: "1:big", symbol, rev: 1, trades: 1 }];
    const clients = [await deaf(raw, ASK), await deaf(raw, ASK)];
    const unsent = server.budgets[1];
    while ((unsent?.leases ?? 0) < 2) await nextTurn();
    assertProblem(await call("/api/overview"), 503, "overloaded");
    assert.equal((await call("/healthz")).status, 200);
    // Both end by themselves.
    while ((unsent?.used ?? 0) > 0) await nextTurn();
    assert.equal((await call("/api/overview")).status, 200);
    for (const { socket } of clients) socket.destroy();
  });

  test("a stalled one gives way to another", async (t) => {
    let now = 0;
    const limits = {
      ...{ responseBytesInFlightMax: 20_000_000, responseBytesPerClientMax: 20_000_000 },
      // No look at the connections in between, which could still see what the kernel took at first.
      timeoutCheckMs: 600_000,
    };
    const { raw, call, bus, server } = await startHarness(t, { limits, steadyMs: () => now });
    bus.tokens = [{ id: "1:big", symbol: "s".repeat(9_000_000), rev: 1, trades: 1 }];
    const clients = [await deaf(raw, ASK), await deaf(raw, ASK)];
    while ((server.budgets[1]?.leases ?? 0) < 2) await nextTurn();
    now = 60_000;
    assert.equal((await call("/api/overview")).status, 200);
    for (const { socket } of clients) socket.destroy();
  });
});

describe("uploads", () => {
  test("that stall give way to others", async (t) => {
    let now = 0;
    const limits = { bodyBytesInFlightMax: 100_000, bodyBytesPerClientMax: 100_000 };
    const { raw, call } = await startHarness(t, { limits, steadyMs: () => now });
    const clients: RawClient[] = [];
    for (let i = 0; i < 3; i += 1) {
      const client = await raw();
      client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 40000\r\n\r\n${"x".repeat(33_000)}`);
      clients.push(client);
    }
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "x".repeat(5_000) };
    let answer = await call("/api/swaps", init);
    while (answer.status !== 503) answer = await call("/api/swaps", init);
    now = 2_000;
    assert.equal((await call("/api/swaps", init)).status, 202);
    assert.match(await (clients[0] as RawClient).until('"code"'), /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/);
    for (const { socket } of clients) socket.destroy();
  });

  test("that are too slow end", async (t) => {
    const { raw, server } = await startHarness(t, { limits: { uploadWindowMs: 50, uploadWindowBytesMin: 100 } });
    const client = await raw();
    client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 40000\r\n\r\nxx`);
    assert.match(await client.until('"code"'), /^HTTP\/1\.1 408 /);
    client.socket.destroy();
    while (server.budgets.some(({ used }) => used > 0)) await nextTurn();
  });

  test("that are refused are read to their end, so that a client that sends first reads the response", async (t) => {
    const { raw } = await startHarness(t);
    for (const connection of ["keep-alive", "close"]) {
      const client = await raw();
      const length = 5_000_000;
      client.send(
        `POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Connection: ${connection}\r\nContent-Length: ${length}\r\n\r\n`,
      );
      let reset = false;
      client.socket.once("error", () => {
        reset = true;
      });
      for (let sent = 0; sent < length; sent += 50_000) {
        await new Promise<void>((resolve) => client.socket.write("x".repeat(50_000), () => resolve()));
      }
      assertLast(await client.until('"code"'), 413, "payload_too_large", connection);
      assert.equal(reset, false);
      client.socket.destroy();
    }
  });

  test("that continue too long after their refusal end", async (t) => {
    const { raw } = await startHarness(t, { limits: { lingerBytesMax: 1_000_000 } });
    const client = await raw();
    client.send(`POST /api/swaps HTTP/1.1\r\n${JSON_HEAD}Content-Length: 900000000\r\n\r\n`);
    const feed = () => {
      while (client.socket.writable && client.socket.write("x".repeat(50_000)));
      if (client.socket.writable) client.socket.once("drain", feed);
    };
    feed();
    assert.match(await client.closed, /^HTTP\/1\.1 413 /);
  });
});
