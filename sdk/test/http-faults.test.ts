/** Calls to a service that fails. The server is a stand-in, because the real one does not fail on command. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { ClientError } from "../src/client-error.ts";
import { createHttpCalls, httpCalls } from "../src/http.ts";
import { TokenSource } from "../src/token-source.ts";

type Reply = (response: ServerResponse, request: IncomingMessage) => void;

/** Gives one reply after the other, the last one again and again. */
async function serverOf(t: TestContext, ...replies: Reply[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    server.emit("asked");
    (replies[requests.length - 1] ?? replies.at(-1))!(response, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests, asked: () => once(server, "asked") };
}

const problem =
  (status: number, code: string, fields: Record<string, string> = {}): Reply =>
  (response) => {
    response.writeHead(status, { "content-type": "application/problem+json", ...fields });
    response.end(JSON.stringify({ type: "x", title: "x", status, detail: `this is ${code}`, code, instance: "/" }));
  };
const ok: Reply = (response) => response.end('{"status":"ok","items":[]}');
const busy = problem(503, "overloaded", { "retry-after": "0" });
const silence: Reply = () => {};
const cut: Reply = (response) => response.destroy();

describe("a call that changes nothing", () => {
  for (const [what, fault] of Object.entries({ "a busy service": busy, "a cut connection": cut })) {
    test(`is repeated after ${what}`, async (t) => {
      const { url, requests } = await serverOf(t, fault, fault, ok);
      assert.deepEqual(await createHttpCalls({ url }).deadLetters(), { status: "ok", items: [] });
      assert.equal(requests.length, 3);
    });
  }

  test("is given up after three attempts", async (t) => {
    const { url, requests } = await serverOf(t, busy);
    await assert.rejects(createHttpCalls({ url }).market(), { code: "overloaded", status: 503, retryAfterMs: 0 });
    assert.equal(requests.length, 3);
  });

  test("is not repeated when the service refuses it", async (t) => {
    const { url, requests } = await serverOf(t, problem(404, "unknown_token"));
    await assert.rejects(createHttpCalls({ url }).tokenStats("X"), { code: "unknown_token" });
    assert.equal(requests.length, 1);
  });

  test("is not repeated when its time would be over before", async (t) => {
    const { url, requests } = await serverOf(t, problem(429, "rate_limited", { "retry-after": "60" }));
    const call = createHttpCalls({ url }).market({}, { timeoutMs: 59_000 });
    await assert.rejects(call, { code: "rate_limited", retryAfterMs: 60_000 });
    assert.equal(requests.length, 1);
  });
});

test("swaps, tickets and probes are sent once", async (t) => {
  const { url, requests } = await serverOf(t, busy);
  const http = createHttpCalls({ url });
  await assert.rejects(http.ingest([]), { code: "overloaded" });
  await assert.rejects(http.authTicket(), { code: "overloaded" });
  await assert.rejects(http.readyz(), { code: "overloaded" });
  assert.equal(requests.length, 3);
});

describe("a call ends", () => {
  test("by its timeout", async (t) => {
    const { url } = await serverOf(t, silence);
    await assert.rejects(createHttpCalls({ url }).market({}, { timeoutMs: 50 }), { code: "timeout", message: /50 ms/ });
  });

  test("by the caller, with the caller's reason", async (t) => {
    const { url, asked } = await serverOf(t, silence);
    const ends = new AbortController();
    const call = createHttpCalls({ url }).market({}, { signal: ends.signal });
    await asked();
    ends.abort(new RangeError("enough"));
    await assert.rejects(call, RangeError);
    await assert.rejects(createHttpCalls({ url }).market({}, { signal: ends.signal }), RangeError);
  });

  test("with the client, also while it waits for another attempt or a token", async (t) => {
    const { url, asked } = await serverOf(t, problem(503, "overloaded", { "retry-after": "20" }));
    const closed = new AbortController();
    const calls = httpCalls({ url }, new TokenSource(undefined), closed.signal);
    const waiting = calls.market();
    await asked();
    const endless = new TokenSource(() => new Promise(() => {}));
    const asking = httpCalls({ url }, endless, closed.signal).market();
    closed.abort();
    await assert.rejects(waiting, { code: "closed" });
    await assert.rejects(asking, { code: "closed" });
    await assert.rejects(calls.market(), { code: "closed" });
  });

  test("with its function for tokens", async (t) => {
    const { url, requests } = await serverOf(t, ok);
    const token = () => Promise.reject(new Error("no session"));
    await assert.rejects(createHttpCalls({ url, token }).market(), { code: "token_function", message: /no session/ });
    assert.equal(requests.length, 0);
  });
});

test("a response that is not one of the service says so", async (t) => {
  const page: Reply = (response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>");
  const gone: Reply = (response) => response.writeHead(403).end("<html>no");
  const { url } = await serverOf(t, page, gone);
  const http = createHttpCalls({ url });
  await assert.rejects(http.market(), { code: "bad_response", status: 200 });
  await assert.rejects(http.market(), { code: "bad_response", status: 403 });
});

test("no service at the address: the error says that it cannot be reached", async () => {
  const refuse = async () => {
    throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
  };
  const http = createHttpCalls({ url: "http://127.0.0.1:9", fetch: refuse });
  await assert.rejects(http.healthz(), ({ code, message }: ClientError) => {
    return code === "offline" && message.includes("http://127.0.0.1:9/healthz") && message.includes("ECONNREFUSED");
  });
});

test("addresses have the prefix of the service, and encoded names", async (t) => {
  const { url, requests } = await serverOf(t, ok);
  const http = createHttpCalls({ url: `${url}/prefix/` });
  await http.tokenStats("1:a/b?c", { windows: ["5m", "1h"], fields: undefined, prefer: "largest" });
  await http.search({ query: "a&b=ü" });
  await http.healthz();
  assert.deepEqual(
    requests.map((request) => request.url),
    [
      "/prefix/api/tokens/1%3Aa%2Fb%3Fc/stats?windows=5m%2C1h&prefer=largest",
      "/prefix/api/tokens?query=a%26b%3D%C3%BC",
      "/prefix/healthz",
    ],
  );
});
