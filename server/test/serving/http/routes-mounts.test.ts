/** Routes of other doors at the HTTP address: the rules of the door come first, then the route has the raw response. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { MountRoute } from "../../../src/serving/mounts.ts";
import { ProblemError } from "../../../src/serving/problems.ts";
import { type Harness, openRaw, startHarness } from "./http-harness.ts";

type Options = NonNullable<Parameters<typeof startHarness>[1]>;

const plain: Omit<MountRoute, "path" | "handle"> = {
  method: "GET",
  operation: "stream",
  bodyBytesMax: undefined,
  isWriting: false,
  isStream: false,
};

const echo: MountRoute = {
  ...plain,
  method: "POST",
  path: "/echo",
  bodyBytesMax: 10_000,
  handle: (_request, response, { url, body }) => void response.end(`${url.searchParams.get("q")}:${body?.length}`),
};

const start = (t: TestContext, mounts: readonly MountRoute[], options: Options = {}): Promise<Harness> =>
  startHarness(t, { ...options, mounts });

async function ask(harness: Harness, path: string, init?: RequestInit): Promise<Response & { body_: string }> {
  const response = await fetch(`http://127.0.0.1:${harness.port}${path}`, init);
  return Object.assign(response, { body_: await response.text() });
}

test("a route gets query and expanded body of any type, and its time is recorded", async (t) => {
  const harness = await start(t, [echo]);
  const headers = { "content-type": "application/x-anything", "content-encoding": "gzip" };
  const { status, body_ } = await ask(harness, "/echo?q=a", {
    method: "POST",
    headers,
    body: gzipSync("x".repeat(10_000)),
  });
  assert.deepEqual([status, body_], [200, "a:10000"]);
  assert.equal((await ask(harness, "/echo?q=a", { method: "POST" })).body_, "a:undefined");
  assert.match(await harness.metrics.text(), /route="\/echo",[^}]*} 2\n/);
});

test("a body beyond the route's limit, another method and a page that may not write are refused before the route is called", async (t) => {
  let calls = 0;
  const counted = {
    ...echo,
    isWriting: true,
    handle: (_: unknown, response: ServerResponse) => void response.end(String(++calls)),
  };
  const harness = await start(t, [counted], { corsOrigins: ["*"] });
  const large = await ask(harness, "/echo", { method: "POST", body: "x".repeat(10_001) });
  assert.equal(large.status, 413);
  const other = await ask(harness, "/echo");
  assert.deepEqual([other.status, other.headers.get("allow")], [405, "POST"]);
  const page = await ask(harness, "/echo", { method: "POST", headers: { origin: "https://elsewhere.example" } });
  assert.equal(page.status, 403);
  assert.equal(calls, 0);
});

test("fields of CORS are on the response of a route", async (t) => {
  const origin = "https://app.example.com";
  const harness = await start(t, [echo], { corsOrigins: [origin] });
  const { headers } = await ask(harness, "/echo", { method: "POST", headers: { origin } });
  assert.equal(headers.get("access-control-allow-origin"), origin);
});

test("an error before the response has begun is a problem document, and one after it cuts the connection", async (t) => {
  const failing = {
    ...plain,
    path: "/fails",
    handle: () => Promise.reject(new ProblemError("unknown_channel", "None.")),
  };
  const late: MountRoute = {
    ...plain,
    path: "/late",
    handle: (_request, response) => {
      response.write("begun");
      throw new Error("broken");
    },
  };
  const harness = await start(t, [failing, late]);
  const refused = await ask(harness, "/fails");
  assert.deepEqual([refused.status, refused.headers.get("content-type")], [404, "application/problem+json"]);
  await assert.rejects(ask(harness, "/late"));
  assert.match(harness.logLines.join(""), /broken/);
});

test("a stream holds no place among the running requests, and a reader that stands still is not disconnected", async (t) => {
  const responses: ServerResponse[] = [];
  const stream: MountRoute = {
    ...plain,
    path: "/stream",
    isStream: true,
    handle: (_request, response) => {
      responses.push(response);
      response.writeHead(200);
      response.write("x".repeat(8_000_000));
    },
  };
  const limits = {
    requestsMax: 1,
    readWindowMs: 1,
    readWindowBytesMin: 1_000_000,
    timeoutCheckMs: 5,
    // Long enough that a request on a busy machine arrives before its connection counts as idle.
    idleSocketTimeoutMs: 1_000,
  };
  const harness = await start(t, [stream], { limits });
  const reader = await openRaw(harness.port);
  reader.send("GET /stream HTTP/1.1\r\nhost: a\r\n\r\n");
  await reader.until("200 OK");
  reader.socket.pause();
  assert.equal((await ask(harness, "/healthz")).status, 200);
  assert.equal((await ask(harness, "/api/status")).status, 200, "the only place is free");
  const other = await openRaw(harness.port);
  // The other connection ends by the limit for idle connections, after several looks at the stream.
  await other.closed;
  assert.equal(responses[0]?.destroyed, false);
  responses[0]?.destroy();
});

test("a service that shuts down refuses new streams, and still answers queries", async (t) => {
  const stream: MountRoute = {
    ...plain,
    path: "/stream",
    isStream: true,
    handle: (_, response) => void response.end(),
  };
  const harness = await start(t, [stream, echo]);
  harness.server.startDraining();
  assert.equal((await ask(harness, "/stream")).status, 503);
  assert.equal((await ask(harness, "/echo", { method: "POST" })).status, 200);
});
