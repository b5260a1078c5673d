import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { connect, type TestClient } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";

const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const USDC = "1:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
const WETH_CHANNEL = `token:${WETH}`;

test("the short form: subscribed with the canonical name and windows, a snapshot, then patches", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.symbol("WETH", [WETH]);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  const snapshot = client.next("snapshot");
  client.send({ subscribe: "token:weth" });
  await snapshot;
  const minute = { length_ms: 60_000, step_ms: 1_000 };
  const five = { length_ms: 300_000, step_ms: 5_000 };
  const hour = { length_ms: 3_600_000, step_ms: 15_000 };
  assert.deepEqual(client.messages, [
    {
      type: "subscribed",
      channels: [WETH_CHANNEL],
      names: { "token:weth": WETH_CHANNEL },
      windows: { "1m": minute, "5m": five, "1h": hour },
    },
    {
      type: "snapshot",
      channel: WETH_CHANNEL,
      epoch: "7",
      rev: 41,
      as_of: bus.asOf,
      watermark: bus.asOf - 120_000,
      lag_ms: 0,
      data: tokenData(WETH, 1),
    },
  ]);
  const patch = client.next("patch");
  bus.set(WETH_CHANNEL, tokenData(WETH, 2));
  assert.deepEqual(await patch, {
    type: "patch",
    channel: WETH_CHANNEL,
    epoch: "7",
    rev: 42,
    prev_rev: 41,
    as_of: bus.asOf,
    watermark: bus.asOf - 120_000,
    lag_ms: 0,
    patch: { windows: { "5m": { trades: 2, volume_usd: "20" } } },
  });
});

test("the long form: id, several channels, windows in the configured order, one snapshot per channel", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  bus.set("overview:5m:volume_usd", {
    order: [WETH],
    rows: { [WETH]: { symbol: "WETH", stats: { complete: true, trades: 1 } } },
  });
  const client = await connect(t, url);
  const answer = client.next("subscribed");
  const both = Promise.all([
    client.next("snapshot", (message) => message.channel === WETH_CHANNEL),
    client.next("snapshot", (message) => message.channel === "overview:5m:volume_usd"),
  ]);
  const upper = WETH_CHANNEL.replace("0xc02aaa", "0XC02AAA");
  client.send({ id: "r1", subscribe: [upper, "overview:5m:volume_usd"], windows: ["1h", "1m"], limit: 5 });
  const subscribed = await answer;
  assert.equal(subscribed.id, "r1");
  assert.deepEqual(subscribed.channels, [WETH_CHANNEL, "overview:5m:volume_usd"]);
  assert.deepEqual(Object.keys(subscribed.windows), ["1m", "5m", "1h"]);
  const [, overview] = await both;
  assert.deepEqual(overview.data, bus.dataOf("overview:5m:volume_usd"));
});

test("clients with the same channel share one subscription at the bus, and the last to leave ends it", async (t) => {
  const { bus, url, metrics, hub } = await openDoor(t);
  bus.symbol("WETH", [WETH]);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const clients: TestClient[] = [];
  for (const [name, windows] of [
    [WETH, ["1m", "5m"]],
    ["WETH", ["5m", "1m"]],
    [WETH.replace("0x", "0X"), ["5m", "1m", "5m"]],
  ]) {
    const client = await connect(t, url);
    const snapshot = client.next("snapshot");
    client.send({ subscribe: `token:${name}`, windows });
    await snapshot;
    clients.push(client);
  }
  assert.equal(bus.subscribers.size, 1);
  assert.equal(hub.feeds, 1);
  bus.set(WETH_CHANNEL, tokenData(WETH, 2));
  for (const client of clients) assert.deepEqual((await client.atRev(WETH_CHANNEL, 42)).data, tokenData(WETH, 2));
  const other = await connect(t, url);
  const snapshot = other.next("snapshot");
  other.send({ subscribe: WETH_CHANNEL, windows: ["1h"] });
  await snapshot;
  assert.equal(bus.subscribers.size, 2, "other windows are another topic");

  for (const client of [...clients, other]) client.ws.close();
  await metrics.until(({ count }) => count === 0);
  assert.equal(bus.subscribers.size, 0);
  assert.equal(hub.feeds, 0);
});

test("unsubscribe by canonical or requested name; the reply needs an id; nothing follows", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.symbol("WETH", [WETH]);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  bus.set(`token:${USDC}`, tokenData(USDC, 1));
  const client = await connect(t, url);
  const both = client.next("snapshot", (message) => message.channel === `token:${USDC}`);
  client.send({ subscribe: ["token:WETH", `token:${USDC}`] });
  await both;
  const answer = client.next("unsubscribed");
  client.send({ unsubscribe: "token:WETH", id: 7 });
  assert.deepEqual(await answer, { type: "unsubscribed", id: 7, channels: [WETH_CHANNEL] });
  const seen = client.messages.length;
  bus.set(WETH_CHANNEL, tokenData(WETH, 2));
  bus.set(`token:${USDC}`, tokenData(USDC, 2));
  await client.atRev(`token:${USDC}`, 42);
  assert.equal(
    client.messages.slice(seen).some((message) => "channel" in message && message.channel === WETH_CHANNEL),
    false,
  );

  const error = client.next("error");
  client.send({ unsubscribe: ["token:WETH"], id: 8 });
  const { code, id, channel } = await error;
  assert.deepEqual({ code, id, channel }, { code: "not_subscribed", id: 8, channel: "token:WETH" });
});

test("subscribing again replaces the channel, which starts with a snapshot", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  for (const windows of [["1m"], ["5m"], ["5m"]]) {
    const snapshot = client.next("snapshot");
    client.send({ subscribe: WETH_CHANNEL, windows });
    await snapshot;
  }
  assert.equal(bus.subscribers.size, 1);
  const seen = client.messages.length;
  bus.set(WETH_CHANNEL, tokenData(WETH, 2));
  await client.atRev(WETH_CHANNEL, 42);
  assert.equal(client.messages.length, seen + 1);
});

test("each error has its code, the id of its request, and a message that says what to do", async (t) => {
  const { bus, url } = await openDoor(t, { ws: { maxSubscriptions: 3 } });
  bus.symbol("PEPE", ["1:0xaa", "56:0xbb"]);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  const cases: [unknown, Partial<ErrorMessage>, RegExp][] = [
    ["not json", { code: "bad_message" }, /not JSON/],
    ["[1]", { code: "bad_message" }, /not a JSON object/],
    [{ id: "a" }, { code: "bad_message", id: "a" }, /one of subscribe, unsubscribe, resume, set, pause and auth/],
    [{ subscribe: "token:x", unsubscribe: "token:x" }, { code: "bad_message" }, /one of/],
    [{ id: { a: 1 }, subscribe: "token:x" }, { code: "bad_message" }, /id must be/],
    [{ id: "x".repeat(129), subscribe: "token:x" }, { code: "bad_message" }, /128 bytes/],
    [{ id: "b", subscribe: [] }, { code: "bad_message", id: "b" }, /at least one/],
    [{ id: "c", subscribe: [5] }, { code: "bad_message", id: "c" }, /name of a channel/],
    [{ id: "d", subscribe: "tokens:1" }, { code: "unknown_channel", id: "d", channel: "tokens:1" }, /token:<id>/],
    [{ id: "e", subscribe: "overview:7m:trades" }, { code: "unknown_channel", id: "e" }, /1m, 5m, 1h/],
    [{ id: "f", subscribe: "overview:5m:rank" }, { code: "unknown_channel", id: "f" }, /volume_usd/],
    [{ id: "g", subscribe: "candles:1:0xaa:7m" }, { code: "unknown_channel", id: "g" }, /names no interval.*1m, 5m/],
    [{ id: "h", resume: [{ channel: "x" }] }, { code: "invalid_parameters", id: "h", channel: "x" }, /epoch/],
    [{ id: "r", set: { channel: "token:x" } }, { code: "not_subscribed", id: "r", channel: "token:x" }, /not open/],
    [{ id: "s", pause: "yes" }, { code: "bad_message", id: "s" }, /true/],
    [{ id: "i", subscribe: "token:NONE" }, { code: "unknown_token", id: "i", channel: "token:NONE" }, /NONE/],
    [
      { id: "j", subscribe: "token:pepe" },
      {
        code: "ambiguous_token",
        id: "j",
        candidates: [
          { id: "1:0xaa", chain_id: 1 },
          { id: "56:0xbb", chain_id: 1 },
        ],
      },
      /2 tokens/,
    ],
    [
      { id: "k", subscribe: WETH_CHANNEL, windows: ["5m", "2m"] },
      { code: "invalid_parameters", id: "k" },
      /"2m".*1m, 5m, 1h/,
    ],
    [{ id: "l", subscribe: WETH_CHANNEL, windows: [] }, { code: "invalid_parameters", id: "l" }, /windows/],
    [{ id: "m", subscribe: WETH_CHANNEL, limit: 1_001 }, { code: "invalid_parameters", id: "m" }, /1000/],
    [
      { id: "q", subscribe: "overview:5m:trades", limit: 501 },
      { code: "invalid_parameters", id: "q", channel: "overview:5m:trades" },
      /limit must be an integer from 1 to 500 for this channel/,
    ],
    [{ id: "n", subscribe: WETH_CHANNEL, conflate_ms: -1 }, { code: "invalid_parameters", id: "n" }, /conflate_ms/],
    [
      { id: "o", subscribe: ["token:1", "token:2", "token:3", "token:4"] },
      { code: "too_many_subscriptions", id: "o" },
      /4 more.*may have 3/,
    ],
  ];
  for (const [message, expected, text] of cases) {
    const error = client.next("error");
    client.send(message);
    const got = await error;
    assert.deepEqual({ ...got, ...expected }, got, JSON.stringify(message).slice(0, 80));
    assert.equal("id" in got, "id" in expected);
    assert.match(got.message, text);
  }
  // One wrong channel does not affect the others.
  const failed = client.next("error");
  const snapshot = client.next("snapshot");
  client.send({ id: "p", subscribe: ["token:NONE", WETH_CHANNEL] });
  assert.equal((await failed).channel, "token:NONE");
  assert.equal((await snapshot).channel, WETH_CHANNEL);
});

test("a bus that fails or does not respond causes an error message, and the connection stays open", async (t) => {
  const { bus, url } = await openDoor(t, { limits: { openTimeoutMs: 20 } });
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  const late = Promise.withResolvers<void>();
  bus.beforeOpen = () => late.promise;
  const slow = client.next("error");
  client.send({ id: 1, subscribe: WETH_CHANNEL });
  assert.equal((await slow).code, "unavailable");
  late.resolve();
  bus.beforeOpen = async () => {
    throw new Error("broken");
  };
  const broken = client.next("error");
  client.send({ id: 2, subscribe: WETH_CHANNEL });
  assert.equal((await broken).code, "internal");
  assert.equal(bus.subscribers.size, 0, "what opened too late was closed");
  bus.beforeOpen = async () => {};
  const snapshot = client.next("snapshot");
  client.send({ subscribe: WETH_CHANNEL });
  await snapshot;
});

test("a new epoch comes as a snapshot", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  const first = client.next("snapshot");
  client.send({ subscribe: WETH_CHANNEL });
  await first;
  const second = client.next("snapshot");
  bus.takeOver("8");
  assert.equal((await second).epoch, "8");
});

test("a late subscriber to a quiet channel gets the present as-of, from a second look", async (t) => {
  const { bus, url } = await openDoor(t, { limits: { snapshotAgeMsMax: -1 } });
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const first = await connect(t, url);
  const early = first.next("snapshot");
  first.send({ subscribe: WETH_CHANNEL });
  await early;
  bus.asOf += 60_000;
  const second = await connect(t, url);
  const late = second.next("snapshot");
  second.send({ subscribe: WETH_CHANNEL });
  assert.equal((await late).as_of, bus.asOf);
  assert.equal(bus.subscribers.size, 1);
});

test("conflate_ms: many updates become one patch from the last revision that was sent", async (t) => {
  const { bus, url, metrics } = await openDoor(t);
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  const snapshot = client.next("snapshot");
  client.send({ subscribe: WETH_CHANNEL, conflate_ms: 300 });
  await snapshot;
  // The clock cuts the slots: the first patch shows where one begins.
  const aligned = client.next("patch");
  bus.set(WETH_CHANNEL, tokenData(WETH, 2));
  await aligned;
  const patch = client.next("patch");
  for (let trades = 3; trades <= 12; trades++) bus.set(WETH_CHANNEL, tokenData(WETH, trades));
  const { prev_rev, rev } = await patch;
  assert.deepEqual([prev_rev, rev], [42, 52]);
  assert.deepEqual(client.held.get(WETH_CHANNEL)?.data, tokenData(WETH, 12));
  assert.ok(metrics.conflatedTotal >= 9);
});

test("heartbeat: sent when nothing else was", async (t) => {
  const { url } = await openDoor(t, { limits: { heartbeatMs: 10, sweepMs: 5 } });
  const client = await connect(t, url);
  const heartbeat = await client.next("heartbeat");
  assert.ok("time" in heartbeat && Math.abs(heartbeat.time - Date.now()) < 60_000);
  await client.next("heartbeat");
});

test("shutdown: clients are told when to reconnect and closed with 1001, and the door ends", async (t) => {
  const { url, door, bus, metrics } = await openDoor(t, { limits: { reconnectAfterMs: 200 } });
  bus.set(WETH_CHANNEL, tokenData(WETH, 1));
  const client = await connect(t, url);
  const snapshot = client.next("snapshot");
  client.send({ subscribe: WETH_CHANNEL });
  await snapshot;
  const shutdown = client.next("shutdown");
  const closing = door.close();
  const { reconnect_after_ms } = await shutdown;
  assert.ok(reconnect_after_ms >= 200 && reconnect_after_ms <= 400);
  assert.deepEqual(await client.closed, { code: 1001, reason: "the service is shutting down" });
  await closing;
  assert.deepEqual(metrics.closedReasons, ["shutting_down"]);
  assert.equal(bus.subscribers.size, 0);
});
