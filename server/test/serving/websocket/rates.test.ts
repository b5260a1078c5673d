/** What can be changed while channels are open: conflation, checksums and pauses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { canonicalJson } from "@swapstats/protocol/canonical-json.ts";
import type { ChecksumMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { connect } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";

const CHANNEL = "token:1:a";
const OTHER = "token:1:b";

test("set changes conflate_ms of an open channel without a snapshot", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.symbol("AAA", ["1:a"]);
  for (const channel of [CHANNEL, OTHER]) bus.set(channel, tokenData(channel, 1));
  const client = await connect(t, url);
  client.send({ subscribe: ["token:AAA", OTHER] });
  await client.atRev(OTHER, 41);
  const set = client.next("set");
  client.send({ id: "s", set: { channel: "token:AAA", conflate_ms: 60_000 } });
  assert.deepEqual(await set, { type: "set", id: "s", channel: CHANNEL });
  for (const channel of [CHANNEL, OTHER]) bus.set(channel, tokenData(channel, 2));
  await client.atRev(OTHER, 42);
  assert.equal(client.held.get(CHANNEL)?.rev, 41, "it is held");
  client.send({ set: { channel: CHANNEL, conflate_ms: 0 } });
  await client.atRev(CHANNEL, 42);
  assert.deepEqual(client.faults, []);
  assert.equal(client.messages.filter(({ type }) => type === "snapshot").length, 2);
  const error = client.next("error");
  client.send({ id: 9, set: { channel: "token:1:c", conflate_ms: 0 } });
  assert.deepEqual([(await error).code, (await error).channel, (await error).id], ["not_subscribed", "token:1:c", 9]);
});

test("set applies to a channel that waits for its token", async (t) => {
  const { bus, url } = await openDoor(t, { limits: { pendingEveryMs: 5 } });
  const client = await connect(t, url);
  const set = client.next("set");
  client.send({ subscribe: CHANNEL });
  client.send({ id: 1, set: { channel: CHANNEL, conflate_ms: 60_000 } });
  await set;
  bus.set(CHANNEL, tokenData("1:a", 1));
  await client.atRev(CHANNEL, 41);
  bus.set(CHANNEL, tokenData("1:a", 2));
  bus.set(OTHER, tokenData("1:b", 1));
  client.send({ subscribe: OTHER });
  await client.atRev(OTHER, 41);
  assert.equal(client.held.get(CHANNEL)?.rev, 41);
});

test("a paused connection is sent no messages of channels, answers requests, and then gets one message a channel", async (t) => {
  const { bus, url } = await openDoor(t, { limits: { heartbeatMs: 10, sweepMs: 5, checksumMs: 10 } });
  for (const channel of [CHANNEL, OTHER]) bus.set(channel, tokenData(channel, 1));
  const client = await connect(t, url);
  client.send({ subscribe: CHANNEL, checksum: true });
  await client.atRev(CHANNEL, 41);
  const paused = client.next("paused");
  client.send({ id: "p", pause: true });
  assert.deepEqual(await paused, { type: "paused", id: "p", paused: true });
  const seen = client.messages.length;
  let pings = 0;
  const pinged = new Promise<void>((resolve) => {
    client.ws.on("ping", () => {
      pings += 1;
      if (pings === 5) resolve();
    });
  });
  const answer = client.next("subscribed");
  client.send({ subscribe: OTHER });
  await answer;
  for (let n = 2; n < 6; n++) for (const channel of [CHANNEL, OTHER]) bus.set(channel, tokenData(channel, n));
  await pinged;
  assert.deepEqual(
    client.messages.slice(seen).map(({ type }) => type),
    ["subscribed"],
    "the connection is kept open by pings alone",
  );
  client.send({ pause: false });
  await Promise.all([client.atRev(CHANNEL, 45), client.atRev(OTHER, 45)]);
  const sent = client.messages.slice(seen + 1).filter(({ type }) => type !== "heartbeat");
  assert.deepEqual(sent.map(({ type }) => type).sort(), ["patch", "snapshot"]);
  assert.deepEqual(client.faults, []);
});

test("checksums are of the data that the client was sent", async (t) => {
  const { bus, url } = await openDoor(t, { limits: { checksumMs: 20 } });
  bus.set(CHANNEL, { ...tokenData("1:a", 1), symbol: "é" });
  const clients = await Promise.all([connect(t, url), connect(t, url)]);
  for (const client of clients) client.send({ subscribe: { channel: CHANNEL, checksum: true } });
  const isChecksum = (rev: number) => (message: object) =>
    "crc32" in message && (message as ChecksumMessage).rev === rev;
  const first = await Promise.all(clients.map((client) => client.next("heartbeat", isChecksum(41))));
  const expected = crc32(canonicalJson(bus.dataOf(CHANNEL)));
  for (const message of first) {
    assert.deepEqual(message, { type: "heartbeat", channel: CHANNEL, epoch: "7", rev: 41, crc32: expected });
  }
  bus.set(CHANNEL, tokenData("1:a", 2));
  await Promise.all(clients.map((client) => client.next("heartbeat", isChecksum(42))));
  const [one] = clients;
  const set = one?.next("set");
  one?.send({ id: 1, set: { channel: CHANNEL, checksum: false } });
  await set;
  const seen = one?.messages.length;
  await clients[1]?.next("heartbeat", isChecksum(42));
  await clients[1]?.next("heartbeat", isChecksum(42));
  assert.equal(one?.messages.length, seen, "set ends them");
  for (const client of clients) assert.deepEqual(client.faults, []);
});
