/** Credentials, hidden pages and event streams of a client, with a stand-in for the WebSocket and a clock that stands still. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Client, type ClientError, type ClientOptions, createClient, type Frame } from "../../src/index.ts";
import { DELAY_MIN_MS } from "../../src/live/link-state.ts";
import { StandInSocket, snapshot, stopClock } from "../support/stand-in-socket.ts";

const encoder = new TextEncoder();

/** A service over HTTP: gives tickets for tokens that are not refused, and streams that the test feeds. */
class StandInService {
  readonly requests: { readonly path: string; readonly token: string | null; readonly channels: object[] }[] = [];
  readonly refused = new Set<string>();
  streamStatus = 200;
  stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  aborted = 0;

  readonly fetch = (async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const token = new Headers(init.headers).get("authorization");
    const channels = JSON.parse(url.searchParams.get("channels") ?? "[]") as object[];
    this.requests.push({ path: url.pathname, token, channels });
    if (token !== null && this.refused.has(token)) return problem(401, "unauthorized");
    if (url.pathname === "/api/auth/ticket") return Response.json({ ticket: `for-${token}`, expires_at: 1 });
    if (this.streamStatus !== 200) return problem(this.streamStatus, "forbidden");
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.stream = controller;
        init.signal?.addEventListener("abort", () => {
          this.aborted += 1;
          controller.error(new Error("aborted"));
        });
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
  }) as typeof fetch;

  event(message: object): void {
    this.stream?.enqueue(encoder.encode(`event: x\ndata: ${JSON.stringify(message)}\nid: 1\n\n`));
  }

  /** Answers the stream of the last request. */
  answer(rev: number): void {
    const { channels } = this.requests.at(-1) as (typeof this.requests)[number];
    const names = Object.fromEntries((channels as { channel: string }[]).map(({ channel }) => [channel, channel]));
    this.event({ type: "subscribed", channels: Object.keys(names), names, windows: {} });
    for (const channel of Object.keys(names)) this.event(snapshot(channel, rev, { n: rev }));
  }
}

const problem = (status: number, code: string): Response =>
  Response.json({ code, detail: `it is ${code}` }, { status, headers: { "retry-after": "3" } });

function clientOf(t: TestContext, service: StandInService, options: Partial<ClientOptions>): Client {
  const webSocket = StandInSocket as unknown as typeof WebSocket;
  const client = createClient({ url: "http://service", webSocket, fetch: service.fetch, ...options });
  t.after(() => client.close());
  return client;
}

describe("credentials of live data", () => {
  test("a ticket goes into the address; the token function is called again before the token expires, and after a refusal", async (t) => {
    const pass = stopClock(t);
    const service = new StandInService();
    let calls = 0;
    const client = clientOf(t, service, { token: async () => `t${++calls}` });
    const frames: Frame[] = [];
    client.inspect((frame) => frames.push(frame));
    client.market();
    await pass(100);
    assert.equal(StandInSocket.last.url, "ws://service/ws?ticket=for-Bearer+t1");
    StandInSocket.last.accept();
    StandInSocket.last.receive({ type: "auth_expiring", at: 1 });
    await pass(100);
    assert.deepEqual(StandInSocket.last.sent.at(-1)?.auth, "t2");
    assert.ok(!frames.some(({ text }) => text.includes("t2")), "a frame shows the token");
    await pass(10_000);
    service.refused.add("Bearer t2");
    StandInSocket.last.end(4401);
    await pass(200);
    assert.equal(StandInSocket.made.length, 2);
    assert.equal(StandInSocket.last.url, "ws://service/ws?ticket=for-Bearer+t3");
  });

  test("a refused token without a function is an error that stays, and is tried again after the time that the service asks for", async (t) => {
    const pass = stopClock(t);
    const service = new StandInService();
    service.refused.add("Bearer fixed");
    const client = clientOf(t, service, { token: "fixed" });
    const market = client.market();
    await pass(100);
    await assert.rejects(market.ready, (error: ClientError) => error.code === "unauthorized");
    assert.equal(client.status, "offline");
    assert.equal(service.requests.length, 1);
    await pass(2_500);
    assert.equal(service.requests.length, 1);
    await pass(2_000);
    assert.equal(service.requests.length, 2);
    service.refused.clear();
    await pass(4_000);
    StandInSocket.last.accept();
    StandInSocket.last.answer();
    assert.deepEqual(await market.ready, { n: 1 });
    assert.equal(market.error, undefined);
  });

  test("tokens that are refused again and again are an error that stays", async (t) => {
    const pass = stopClock(t);
    const service = new StandInService();
    let calls = 0;
    service.refused.has = () => true;
    const market = clientOf(t, service, { token: async () => `t${++calls}` }).market();
    let isRejected = false;
    market.ready.catch(() => {
      isRejected = true;
    });
    await pass(100);
    assert.equal(market.error?.code, "unauthorized");
    assert.equal(isRejected, false);
    await pass(4_000);
    assert.equal(isRejected, true);
    assert.ok(calls >= 3, `${calls} tokens`);
  });

  test("a token function that fails is an error that passes", async (t) => {
    const pass = stopClock(t);
    let fails = true;
    const client = clientOf(t, new StandInService(), {
      token: async () => {
        if (fails) throw new Error("the issuer is away");
        return "t";
      },
    });
    const market = client.market();
    await pass(100);
    assert.equal(market.error?.code, "token_function");
    fails = false;
    await pass(2 * DELAY_MIN_MS);
    StandInSocket.last.accept();
    StandInSocket.last.answer();
    assert.deepEqual(await market.ready, { n: 1 });
  });
});

describe("event streams", () => {
  test("carry everything when two WebSockets do not open, and continue where a store is added", async (t) => {
    const pass = stopClock(t);
    const service = new StandInService();
    const client = clientOf(t, service, { token: "secret" });
    const market = client.market();
    await pass(100);
    StandInSocket.last.end();
    await pass(1_000);
    StandInSocket.last.end();
    await pass(1_000);
    const [first] = service.requests.filter(({ path }) => path === "/api/stream");
    assert.deepEqual(first, { path: "/api/stream", token: "Bearer secret", channels: [{ channel: "market" }] });
    service.answer(5);
    assert.deepEqual(await market.ready, { n: 5 });
    assert.equal(client.status, "live");
    const token = client.token("1:0xa");
    await pass(50);
    assert.equal(market.stale, false);
    await pass(100);
    assert.equal(client.status, "live");
    assert.equal(market.stale, false);
    assert.equal(service.aborted, 1);
    assert.deepEqual(service.requests.at(-1)?.channels, [
      { channel: "market", epoch: "e", rev: 5 },
      { channel: "token:1:0xa" },
    ]);
    service.answer(6);
    assert.deepEqual(await token.ready, { n: 6 });
    service.stream?.close();
    await pass(50);
    assert.equal(market.stale, true);
  });

  test("show a refusal that a WebSocket cannot show", async (t) => {
    const pass = stopClock(t);
    const service = new StandInService();
    service.streamStatus = 403;
    const market = clientOf(t, service, { transport: "sse" }).market();
    await pass(100);
    await assert.rejects(market.ready, (error: ClientError) => error.code === "forbidden" && error.status === 403);
  });
});

/** A page that can be hidden. Node has none. */
function standInPage(t: TestContext): (state: "hidden" | "visible") => void {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const target = new EventTarget();
  const globals = globalThis as unknown as Record<string, unknown>;
  const added = {
    document: page,
    addEventListener: target.addEventListener.bind(target),
    removeEventListener: target.removeEventListener.bind(target),
  };
  Object.assign(globals, added);
  t.after(() => {
    for (const name of Object.keys(added)) delete globals[name];
  });
  return (state) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  };
}

describe("a hidden page", () => {
  test("pauses the channels, closes the connection after five minutes, and resumes when it is shown", async (t) => {
    const pass = stopClock(t);
    const show = standInPage(t);
    const client = clientOf(t, new StandInService(), {});
    const market = client.market();
    await pass(100);
    const socket = StandInSocket.last;
    socket.accept();
    socket.answer(3);
    show("hidden");
    const [, pause] = socket.sent;
    assert.equal(pause?.pause, true);
    assert.equal(client.status, "stale");
    socket.receive({ type: "paused", id: pause?.id, paused: true });
    // A page that sleeps gets no heartbeats.
    await pass(200_000);
    assert.equal(socket.closedWith, undefined);
    show("visible");
    assert.equal(socket.sent[2]?.pause, false);
    socket.receive({ type: "paused", id: socket.sent[2]?.id, paused: false });
    assert.equal(client.status, "live");
    show("hidden");
    socket.receive({ type: "paused", id: socket.sent[3]?.id, paused: true });
    await pass(299_000);
    assert.equal(socket.closedWith, undefined);
    await pass(2_000);
    assert.equal(socket.closedWith, 1000);
    assert.equal(market.stale, true);
    await pass(600_000);
    assert.equal(StandInSocket.made.length, 1);
    show("visible");
    await pass(100);
    StandInSocket.last.accept();
    assert.deepEqual(StandInSocket.last.sent[0]?.resume, [{ channel: "market", epoch: "e", rev: 3 }]);
    client.close();
  });

  test("connects again when a pause gets no response within ten seconds", async (t) => {
    const pass = stopClock(t);
    const show = standInPage(t);
    const client = clientOf(t, new StandInService(), {});
    client.market();
    await pass(100);
    StandInSocket.last.accept();
    StandInSocket.last.answer(3);
    show("hidden");
    show("visible");
    await pass(9_500);
    assert.equal(StandInSocket.last.closedWith, undefined);
    await pass(2_000);
    assert.equal(StandInSocket.made[0]?.closedWith, 1000);
    client.close();
  });
});
