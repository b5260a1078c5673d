import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { isOriginAllowed } from "../../../src/serving/websocket/origin.ts";
import { connect } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";
import { PING, PONG, RawClient } from "./support/raw-client.ts";

type Refusal = { status: number; type: string; retryAfter: string | undefined; body: { code: string; detail: string } };

/** Returns the response to a handshake that is refused. */
function refusal(url: string, protocols: string[] = [], headers: Record<string, string> = {}): Promise<Refusal> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, protocols, { headers });
    ws.on("open", () => reject(new Error("the handshake was accepted")));
    ws.on("error", () => {});
    ws.on("unexpected-response", (_, response) => {
      let body = "";
      response.on("data", (data) => {
        body += data;
      });
      response.on("end", () => {
        const { "content-type": type = "", "retry-after": retryAfter } = response.headers;
        resolve({ status: response.statusCode ?? 0, type, retryAfter, body: JSON.parse(body) });
      });
    });
  });
}

test("the origins that may connect", () => {
  const none: string[] = [];
  const listed = ["https://app.example.com"];
  const cases: [string | undefined, string | undefined, string[], boolean][] = [
    [undefined, "127.0.0.1:8080", none, true],
    ["http://127.0.0.1:8080", "127.0.0.1:8080", none, true],
    ["https://stats.example.com", "stats.example.com", none, true],
    ["https://Stats.example.com", "STATS.example.com", none, true],
    ["http://127.0.0.1:3000", "127.0.0.1:8080", none, false],
    ["https://evil.example.com", "127.0.0.1:8080", none, false],
    ["null", "127.0.0.1:8080", none, false],
    ["file://127.0.0.1:8080", "127.0.0.1:8080", none, false],
    ["https://app.example.com", "127.0.0.1:8080", listed, true],
    ["https://app.example.com.evil.com", "127.0.0.1:8080", listed, false],
    ["https://other.example.com", "127.0.0.1:8080", ["*"], true],
  ];
  for (const [origin, host, allowed, expected] of cases) {
    assert.equal(isOriginAllowed(origin, host, allowed), expected, `${origin} to ${host}`);
  }
});

test("a handshake from another origin is refused with a problem document", async (t) => {
  const { url, port } = await openDoor(t);
  const { status, type, body } = await refusal(url, [], { origin: "https://evil.example.com" });
  assert.deepEqual([status, type, body.code], [403, "application/problem+json", "origin_not_allowed"]);
  assert.match(body.detail, /evil\.example\.com.*api\.cors/);
  await connect(t, url, [], { headers: { origin: `http://127.0.0.1:${port}` } });
});

test("sub-protocols: the first that is offered and known, or none", async (t) => {
  const { url } = await openDoor(t);
  assert.equal((await connect(t, url)).ws.protocol, "");
  const both = await connect(t, url, ["mqtt", "swapstats.v1.json-patch", "swapstats.v1.json"]);
  assert.equal(both.ws.protocol, "swapstats.v1.json-patch");
  const other = await refusal(url, ["mqtt"]);
  assert.deepEqual([other.status, other.body.code], [400, "bad_request"]);
  assert.match(other.body.detail, /swapstats\.v1\.protobuf/);
});

test("connections: at the limit the next is refused, and accepted after one has left", async (t) => {
  const { url, metrics } = await openDoor(t, { ws: { maxConn: 2 } });
  const first = await connect(t, url);
  await connect(t, url);
  const { status, retryAfter, body } = await refusal(url);
  assert.deepEqual([status, retryAfter, body.code], [503, "5", "too_many_connections"]);
  first.ws.close();
  await metrics.until(({ count }) => count === 1);
  await connect(t, url);
  assert.deepEqual(metrics.closedReasons, ["client"]);
});

test("subscriptions: exactly as many as allowed; replacing does not count", async (t) => {
  const { bus, url } = await openDoor(t, { ws: { maxSubscriptions: 3 } });
  for (const name of ["a", "b", "c", "d"]) bus.set(`token:1:${name}`, tokenData(name, 1));
  const client = await connect(t, url);
  const three = client.next("subscribed");
  client.send({ subscribe: ["token:1:a", "token:1:b", "token:1:c"] });
  assert.equal((await three).channels.length, 3);
  const again = client.next("subscribed");
  client.send({ subscribe: ["token:1:a"] });
  await again;
  const error = client.next("error");
  client.send({ subscribe: ["token:1:a", "token:1:d"], id: 4 });
  assert.deepEqual([(await error).code, (await error).id], ["too_many_subscriptions", 4]);
  const freed = client.next("subscribed");
  client.send({ unsubscribe: "token:1:b" });
  client.send({ subscribe: "token:1:d" });
  assert.deepEqual((await freed).channels, ["token:1:d"]);
});

test("size: a message at the limit is read; one byte more closes with 1009", async (t) => {
  const { url, metrics } = await openDoor(t, { ws: { maxMessageBytes: 1_000 } });
  const client = await connect(t, url);
  const error = client.next("error");
  client.send("x".repeat(1_000));
  assert.equal((await error).code, "bad_message");
  client.send("x".repeat(1_001));
  assert.equal((await client.closed).code, 1009);
  await metrics.until(({ closedReasons }) => closedReasons.length === 1);
  assert.deepEqual(metrics.closedReasons, ["message_too_large"]);
});

test("rate: messages beyond are refused one by one with their id; a client that continues is cut off", async (t) => {
  const { url, metrics } = await openDoor(t, { ws: { maxMessagesPerSec: 5, messageBurst: 5, maxSubscriptions: 5 } });
  const client = await connect(t, url);
  const answers = [1, 2, 3, 4, 5, 6, 7].map((id) => client.next("error", (message) => message.id === id));
  for (let id = 1; id <= 7; id++) client.send({ id, unsubscribe: "token:1:a" });
  const codes = (await Promise.all(answers)).map((message) => message.code);
  assert.deepEqual(codes, [...Array(5).fill("not_subscribed"), "rate_limited", "rate_limited"]);
  for (let id = 8; id <= 30; id++) client.send({ id, unsubscribe: "token:1:a" });
  assert.deepEqual(await client.closed, { code: 1008, reason: "more than 5 messages a second" });
  await metrics.until(({ closedReasons }) => closedReasons.length === 1);
  assert.deepEqual(metrics.closedReasons, ["rate_limited"]);
});

test("rate: floods of pings and of unsolicited pongs are cut off too", async (t) => {
  const { port, metrics } = await openDoor(t, { ws: { maxMessagesPerSec: 5, messageBurst: 5, maxSubscriptions: 5 } });
  for (const opcode of [PING, PONG]) {
    const client = new RawClient(port);
    for (let i = 0; i < 30; i++) client.send(opcode, Buffer.from(`${i}`));
    await client.until((raw) => raw.frames.some((frame) => frame.opcode === 8));
    client.socket.destroy();
  }
  await metrics.until(({ closedReasons }) => closedReasons.length === 2);
  assert.deepEqual(metrics.closedReasons, ["rate_limited", "rate_limited"]);
});

test("requests of a client that does not read responses wait, and then it is cut off", async (t) => {
  const { port, metrics } = await openDoor(t);
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  const channels = Array.from({ length: 49 }, (_, i) => `token:${"n".repeat(200)}${i}`);
  for (let id = 0; id < 50; id++) client.sendText({ id, subscribe: channels });
  await metrics.until(({ closedReasons }) => closedReasons.length === 1);
  assert.deepEqual(metrics.closedReasons, ["answers_not_read"]);
  assert.ok(client.bytesReceived <= 64 * 1024 + 200);
});

test("binary messages and broken frames close with the code of RFC 6455", async (t) => {
  const { url, port, metrics } = await openDoor(t);
  const binary = await connect(t, url);
  binary.ws.send(Buffer.from("{}"));
  assert.deepEqual(await binary.closed, { code: 1003, reason: "messages are JSON text" });
  const invalid = new RawClient(port);
  invalid.send(1, Buffer.from([0xff, 0xfe]));
  await invalid.closed;
  assert.equal((invalid.frames.at(-1) as { payload: Buffer }).payload.readUInt16BE(0), 1007);
  const reserved = new RawClient(port);
  reserved.send(3, Buffer.from("x"));
  await reserved.closed;
  assert.equal((reserved.frames.at(-1) as { payload: Buffer }).payload.readUInt16BE(0), 1002);
  await metrics.until(({ closedReasons }) => closedReasons.length === 3);
  assert.deepEqual(metrics.closedReasons, ["bad_frame", "bad_frame", "bad_frame"]);
});

test("a client that leaves in the middle of a request leaves nothing behind", async (t) => {
  const { bus, url, metrics, hub } = await openDoor(t);
  bus.set("token:1:a", tokenData("a", 1));
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  bus.beforeOpen = () => {
    asked.resolve();
    return answer.promise;
  };
  const client = await connect(t, url);
  client.send({ subscribe: "token:1:a" });
  await asked.promise;
  client.ws.terminate();
  await metrics.until(({ count }) => count === 0);
  answer.resolve();
  while (hub.feeds > 0 || bus.opened === 0 || bus.subscribers.size > 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(metrics.closedReasons, ["lost"]);
});
