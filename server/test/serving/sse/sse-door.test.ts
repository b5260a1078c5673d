import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { type Gate, OPEN_GATE } from "../../../src/serving/gate.ts";
import { ProblemError } from "../../../src/serving/problems.ts";
import { openRaw } from "../http/http-harness.ts";
import { tokenData } from "../websocket/support/door.ts";
import { openStream, type SseClient } from "./support/client.ts";
import { openSseDoor, type TestDoor } from "./support/door.ts";

const A = "token:1:a";
const B = "token:1:b";
const ab = { channels: `${A},${B}`, windows: "5m" };

async function doorWithTwo(t: TestContext, options: Parameters<typeof openSseDoor>[1] = {}): Promise<TestDoor> {
  const door = await openSseDoor(t, options);
  door.bus.set(A, tokenData("1:a", 1));
  door.bus.set(B, tokenData("1:b", 1));
  return door;
}

async function refusalOf(door: TestDoor, query: Record<string, string>): Promise<[number, string, string]> {
  const response = await fetch(`${door.base}/api/stream?${new URLSearchParams(query)}`);
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  return [response.status, code, detail];
}

test("a stream has the messages of the WebSocket as events, with the position of all channels", async (t) => {
  const door = await doorWithTwo(t);
  const client = await openStream(t, door.base, ab);
  const { headers } = client.response;
  assert.equal(headers["content-type"], "text/event-stream; charset=utf-8");
  assert.equal(headers["cache-control"], "no-store");
  assert.equal(headers["x-accel-buffering"], "no");
  assert.equal(headers["content-encoding"], undefined);
  const { message } = await client.next("subscribed");
  assert.deepEqual("channels" in message && message.channels, [A, B]);
  assert.equal(client.retryMs, 2_000);
  await client.atRev(A, 41);
  await client.atRev(B, 41);
  door.bus.set(A, tokenData("1:a", 2));
  assert.deepEqual((await client.atRev(A, 42)).data, door.bus.dataOf(A));
  assert.deepEqual(
    client.events.map(({ type }) => type),
    ["subscribed", "snapshot", "snapshot", "patch"],
  );
  assert.equal(new Set(client.events.slice(1).map(({ id }) => id)).size, 3, "each event has a position of its own");
});

/** Sets data of about this many characters, at another revision than before. */
function setLong({ bus }: TestDoor, chars: number): number {
  const rev = bus.revOf(A) + 1;
  bus.set(A, { ...tokenData("1:a", rev), symbol: `${rev}${"x".repeat(chars)}` });
  return rev;
}

test("a slow reader is conflated: it gets the newest data once the kernel has room again", async (t) => {
  const door = await doorWithTwo(t);
  const slow = await openStream(t, door.base, { channels: A });
  await slow.atRev(A, 41);
  slow.response.socket.pause();
  const reader = await openStream(t, door.base, { channels: A });
  // The kernel's buffers take several messages; then nothing is made for the slow reader any more.
  let last = 41;
  for (let i = 0; i < 40; i++) {
    last = setLong(door, 1_000_000);
    await reader.atRev(A, last);
  }
  const received = slow.events.length;
  slow.response.socket.resume();
  assert.deepEqual((await slow.atRev(A, last)).data, door.bus.dataOf(A));
  assert.ok(slow.events.length - received < 30, `${slow.events.length - received} events for 40 updates`);
  assert.ok(door.numbers.conflatedTotal > 0);
});

test("a client that takes nothing for too long is cut", async (t) => {
  const door = await doorWithTwo(t, { limits: { stalledMs: 60 } });
  const stuck = await openRaw(door.port);
  stuck.send(`GET /api/stream?channels=${A} HTTP/1.1\r\nhost: a\r\n\r\n`);
  await stuck.until("event: snapshot");
  stuck.socket.pause();
  const reader = await openStream(t, door.base, { channels: A });
  while (door.numbers.closedByReason.get("stalled") !== 1) await reader.atRev(A, setLong(door, 500_000));
  assert.equal(door.hub.clients, 1, "the reader stays");
});

test("streams that wait for the kernel hold bounded memory together: beyond it the slowest are cut", async (t) => {
  const door = await doorWithTwo(t, { limits: { unsentBytesMax: 1_000_000 } });
  const stuck = await openRaw(door.port);
  stuck.send(`GET /api/stream?channels=${A} HTTP/1.1\r\nhost: a\r\n\r\n`);
  await stuck.until("event: snapshot");
  stuck.socket.pause();
  const reader = await openStream(t, door.base, { channels: A });
  while (door.numbers.closedByReason.get("too_slow") !== 1) await reader.atRev(A, setLong(door, 1_200_000));
  assert.equal(reader.response.destroyed, false);
});

test("conflate_ms, windows, fields and limit are the options of all channels", async (t) => {
  const door = await doorWithTwo(t);
  const query = { ...ab, fields: "trades", conflate_ms: "60000", limit: "3" };
  const client = await openStream(t, door.base, query);
  await client.atRev(A, 41);
  await client.atRev(B, 41);
  assert.deepEqual(
    door.bus.topics.map((topic) => ("fields" in topic ? [topic.windows, topic.fields] : [])),
    [
      [["5m"], ["complete", "trades"]],
      [["5m"], ["complete", "trades"]],
    ],
  );
  door.bus.set(A, tokenData("1:a", 2));
  const other = await openStream(t, door.base, ab);
  await other.atRev(A, 42);
  assert.equal(client.held.get(A)?.rev, 41, "held for a minute");
});

test("a quiet stream gets a comment", async (t) => {
  const door = await doorWithTwo(t, { limits: { commentMs: 10 } });
  const client = await openStream(t, door.base, { channels: A });
  await client.until(() => client.comments >= 3);
});

test("a request that is wrong gets a problem document, with the name of the parameter", async (t) => {
  const door = await doorWithTwo(t);
  const wrong: [Record<string, string>, number, string, RegExp][] = [
    [{}, 400, "invalid_parameters", /channels must name at least one/],
    [{ channels: A, chanels: B }, 400, "invalid_parameters", /chanels .*did you mean channels/],
    [{ channels: A, limit: "0x10" }, 400, "invalid_parameters", /limit must be an integer/],
    [{ channels: A, windows: "5x" }, 400, "invalid_parameters", /"5x"/],
    [{ channels: A, checksum: "yes" }, 400, "invalid_parameters", /checksum must be/],
    [{ channels: A, query: "{}" }, 400, "invalid_parameters", /query is for the channel screener/],
    [{ channels: "screener", query: "{" }, 400, "invalid_parameters", /query must be the JSON/],
    [{ channels: "screener", query: '{"limt":1}' }, 400, "invalid_parameters", /limt/],
    [{ channels: "tokens:1:a" }, 404, "unknown_channel", /token:/],
    [{ channels: Array.from({ length: 101 }, (_, i) => `token:1:${i}`).join() }, 429, "too_many_subscriptions", /101/],
  ];
  for (const [query, status, code, detail] of wrong) {
    const [gotStatus, gotCode, gotDetail] = await refusalOf(door, query);
    assert.deepEqual([gotStatus, gotCode], [status, code], gotDetail);
    assert.match(gotDetail, detail);
  }
  assert.equal(door.hub.clients, 0);
  const hundred = Array.from({ length: 100 }, (_, i) => `token:1:${i}`).join();
  await (await openStream(t, door.base, { channels: hundred })).next("subscribed");
});

test("a channel that cannot be opened is an event with the error, beside the others", async (t) => {
  const door = await doorWithTwo(t);
  const client = await openStream(t, door.base, { channels: `${A},nothing:1` });
  const { message } = await client.next("error");
  assert.equal("code" in message && message.code, "unknown_channel");
  await client.atRev(A, 41);
});

test("WebSockets and streams together are at most api.ws.max_conn", async (t) => {
  const door = await doorWithTwo(t, { maxConn: 2 });
  const first = await openStream(t, door.base, { channels: A });
  await openStream(t, door.base, { channels: A });
  assert.deepEqual((await refusalOf(door, { channels: A })).slice(0, 2), [503, "too_many_connections"]);
  const closed = first.closed;
  first.leave();
  await closed;
  while (door.hub.clients > 1) await new Promise(setImmediate);
  await openStream(t, door.base, { channels: A });
});

test("a client whose credentials expire is warned, and its stream ends then", async (t) => {
  const now = Date.now();
  const identity = { ...(await OPEN_GATE.identify({ headers: {}, socket: {} }, "stream")), expiresAtMs: now + 2_000 };
  const door = await doorWithTwo(t, { gate: { ...OPEN_GATE, identify: () => identity } });
  const client = await openStream(t, door.base, { channels: A });
  const { message } = await client.next("auth_expiring");
  assert.equal("at" in message && message.at, now + 2_000);
  await client.closed;
  assert.ok(Date.now() >= now + 2_000);
  assert.equal(door.numbers.closedByReason.get("expired"), 1);
});

test("a client whose credentials are revoked loses its stream", async (t) => {
  let isRevoked = false;
  const door = await doorWithTwo(t, { gate: { ...OPEN_GATE, hasEnded: () => isRevoked } });
  const client = await openStream(t, door.base, { channels: A });
  isRevoked = true;
  await client.closed;
  assert.equal(door.numbers.closedByReason.get("expired"), 1);
});

test("a gate that refuses the channels is the response", async (t) => {
  const refusal = { problem: new ProblemError("rate_limited", "Enough."), limits: undefined };
  const gate: Gate = {
    ...OPEN_GATE,
    admit: (identity, operation, cost) =>
      operation === "subscribe" ? refusal : OPEN_GATE.admit(identity, operation, cost),
  };
  const door = await doorWithTwo(t, { gate });
  assert.deepEqual(await refusalOf(door, ab), [429, "rate_limited", "Enough."]);
  assert.equal(door.bus.opened, 0);
});

test("the gate is asked for the stream, and for each of its channels", async (t) => {
  const asked: [string, number][] = [];
  const gate: Gate = {
    ...OPEN_GATE,
    admit: (identity, operation, cost) => {
      asked.push([operation, cost]);
      return OPEN_GATE.admit(identity, operation, cost);
    },
  };
  const door = await doorWithTwo(t, { gate });
  await openStream(t, door.base, ab);
  assert.deepEqual(asked, [
    ["stream", 1],
    ["subscribe", 2],
  ]);
});

test("a shutdown tells each client when to connect again, and ends its stream", async (t) => {
  const door = await doorWithTwo(t);
  const client = await openStream(t, door.base, ab);
  await client.atRev(B, 41);
  door.door.close();
  const { message } = await client.next("shutdown");
  assert.equal(client.retryMs, "reconnect_after_ms" in message ? message.reconnect_after_ms : undefined);
  await client.closed;
  assert.equal(door.numbers.closedByReason.get("shutting_down"), 1);
});

test("a client that leaves closes its channels, also before they are open", async (t) => {
  const door = await doorWithTwo(t);
  const opening = Promise.withResolvers<void>();
  door.bus.beforeOpen = () => opening.promise;
  const socket = connect(door.port, "127.0.0.1");
  socket.write(`GET /api/stream?channels=${A} HTTP/1.1\r\nhost: a\r\n\r\n`);
  while (door.bus.opened === 0) await new Promise(setImmediate);
  socket.destroy();
  await once(socket, "close");
  while (door.hub.clients > 0) await new Promise(setImmediate);
  opening.resolve();
  while (door.hub.feeds > 0 || door.bus.subscribers.size > 0) await new Promise(setImmediate);
});

test("HEAD gets the fields alone, and opens nothing", async (t) => {
  const door = await doorWithTwo(t);
  const response = await fetch(`${door.base}/api/stream?channels=${A}`, { method: "HEAD" });
  assert.deepEqual([response.status, response.headers.get("content-type")], [200, "text/event-stream; charset=utf-8"]);
  assert.equal(door.bus.opened, 0);
});

test("a client that connects again continues with its data", async (t) => {
  const door = await doorWithTwo(t);
  const first = await openStream(t, door.base, ab);
  await first.atRev(A, 41);
  await first.atRev(B, 41);
  first.leave();
  await first.closed;
  door.bus.set(A, tokenData("1:a", 2));
  const again = await reconnect(t, door, first);
  assert.deepEqual((await again.atRev(A, 42)).data, door.bus.dataOf(A));
  assert.deepEqual((await again.atRev(B, 41)).data, door.bus.dataOf(B));
});

test("last_event_id continues as the header does, and the header goes before it", async (t) => {
  const door = await doorWithTwo(t);
  const first = await openStream(t, door.base, ab);
  await first.atRev(A, 41);
  await first.atRev(B, 41);
  first.leave();
  await first.closed;
  door.bus.set(A, tokenData("1:a", 2));
  const abort = new AbortController();
  t.after(() => abort.abort());
  const recoveredBy = async (last_event_id: string, headers: Record<string, string> = {}): Promise<unknown> => {
    const address = `${door.base}/api/stream?${new URLSearchParams({ ...ab, last_event_id })}`;
    const { body } = await fetch(address, { headers, signal: abort.signal });
    let text = "";
    for await (const chunk of body as ReadableStream<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      const subscribed = /^data: (\{"type":"subscribed".*)\n/m.exec(text)?.[1];
      if (subscribed !== undefined) return JSON.parse(subscribed).recovered;
    }
    return assert.fail("the stream ended");
  };
  assert.deepEqual(await recoveredBy(first.lastEventId), [true, true]);
  assert.deepEqual(await recoveredBy("nonsense", { "last-event-id": first.lastEventId }), [true, true]);
  assert.equal(await recoveredBy("nonsense"), undefined);
});

const reconnect = (t: TestContext, door: TestDoor, before: SseClient): Promise<SseClient> =>
  openStream(t, door.base, ab, { before });

test("channels of a list in JSON continue from positions of their own, and one that is refused disturbs no other", async (t) => {
  const door = await doorWithTwo(t);
  const first = await openStream(t, door.base, { channels: JSON.stringify([{ channel: A, windows: ["5m"] }]) });
  const { epoch, rev } = await first.atRev(A, 41);
  first.leave();
  await first.closed;
  door.bus.set(A, tokenData("1:a", 2));
  const list = [{ channel: A, windows: ["5m"], epoch, rev }, { channel: B, windows: ["3m"] }, "market"];
  const second = await openStream(t, door.base, { channels: JSON.stringify(list) }, { before: first });
  const { message } = await second.next("patch");
  assert.deepEqual("prev_rev" in message && [message.prev_rev, message.rev], [41, 42]);
  const refused = (await second.next("error")).message;
  assert.deepEqual("code" in refused && [refused.code, refused.channel], ["invalid_parameters", B]);
  const all = JSON.stringify([{ channel: B, windows: ["3m"] }]);
  const [status, code] = await refusalOf(door, { channels: all });
  assert.deepEqual([status, code], [400, "invalid_parameters"]);
});
