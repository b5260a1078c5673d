import assert from "node:assert/strict";
import { test } from "node:test";
import type { PatchMessage, ServerMessage, SnapshotMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { connect } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";
import { PING, PONG, RawClient, TEXT } from "./support/raw-client.ts";

const CREDIT_BYTES = 64 * 1024;
const CHANNEL = "token:1:a";
const TICK_MS = 100;

const messagesOf = (client: RawClient): ServerMessage[] => client.texts().map((text) => JSON.parse(text));
const dataMessages = (client: RawClient) =>
  messagesOf(client).filter((message) => message.type === "snapshot" || message.type === "patch") as (
    | SnapshotMessage
    | PatchMessage
  )[];

test("two pings without a pong: nothing more is sent, and then one patch from the last revision that was sent", async (t) => {
  const { bus, metrics, port, url } = await openDoor(t);
  bus.set(CHANNEL, tokenData("1:a", 1));
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  client.sendText({ subscribe: CHANNEL });
  await client.until((raw) => raw.pings().length === 2);
  const healthy = await connect(t, url);
  healthy.send({ subscribe: CHANNEL });
  await healthy.next("snapshot");
  const before = client.frames.length;
  for (let trades = 2; trades <= 50; trades++) {
    bus.set(CHANNEL, tokenData("1:a", trades));
    if (trades % 10 === 0) await healthy.atRev(CHANNEL, bus.revOf(CHANNEL));
  }
  assert.equal(client.frames.length, before);

  client.send(PONG, (client.pings()[1] as { payload: Buffer }).payload);
  await client.until((raw) => dataMessages(raw).at(-1)?.type === "patch");
  const last = dataMessages(client).at(-1) as PatchMessage;
  assert.deepEqual([last.type, last.prev_rev, last.rev], ["patch", 41, bus.revOf(CHANNEL)]);
  assert.deepEqual(last.patch, { windows: { "5m": { trades: 50, volume_usd: "500" } } });
  const byHealthy = healthy.messages.filter((message) => message.type === "patch").length;
  assert.equal(metrics.conflatedTotal, 48 + 49 - byHealthy);
});

test("64 KiB in flight: a large set of snapshots comes piece by piece, each after a pong, each the newest", async (t) => {
  const { bus, port } = await openDoor(t);
  const channels = Array.from({ length: 40 }, (_, i) => `token:1:t${i}`);
  for (const channel of channels) bus.set(channel, tokenData(channel, 1, { volume_token: "7".repeat(8_000) }));
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  client.sendText({ subscribe: channels });
  let answered = 0;
  while (dataMessages(client).length < channels.length) {
    await client.until((raw) => raw.pings().length > answered);
    const pings = client.pings();
    const unreadFrom = answered === 0 ? 0 : client.frames.indexOf(pings[answered - 1] as (typeof pings)[number]) + 1;
    const inFlight = client.frames.slice(unreadFrom).reduce((sum, frame) => sum + frame.bytes, 0);
    assert.ok(inFlight <= CREDIT_BYTES, `${inFlight} bytes in flight`);
    // A channel that still waits gets its present data, not that of the time of the subscription.
    bus.set(channels.at(-1) as string, tokenData("last", answered + 2, { volume_token: "7".repeat(8_000) }));
    answered = pings.length;
    client.send(PONG, (pings.at(-1) as { payload: Buffer }).payload);
  }
  const last = dataMessages(client).find(({ channel }) => channel === channels.at(-1)) as SnapshotMessage;
  assert.equal(last.type, "snapshot");
  assert.ok(last.rev >= 41 + 3);
});

test("a message of more than 64 KiB comes in fragments, with pings between, and `ws` reads it", async (t) => {
  const { bus, port, url } = await openDoor(t);
  const rows = Object.fromEntries(
    Array.from({ length: 400 }, (_, i) => [`1:${i}`, { symbol: "é".repeat(200), stats: { complete: true } }]),
  );
  bus.set("overview:5m:trades", { order: Object.keys(rows), rows });
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  client.sendText({ subscribe: "overview:5m:trades" });
  await client.until((raw) => raw.pings().length === 2);
  assert.ok(client.bytesReceived <= CREDIT_BYTES);
  client.answersPings = true;
  for (const ping of client.pings()) client.send(PONG, ping.payload);
  await client.until((raw) => dataMessages(raw).length === 1);
  assert.deepEqual((dataMessages(client)[0] as SnapshotMessage).data, bus.dataOf("overview:5m:trades"));
  const opcodes = client.frames.map((frame) => frame.opcode);
  assert.ok(opcodes.indexOf(PING, opcodes.lastIndexOf(TEXT)) < opcodes.lastIndexOf(0), "a ping between two fragments");

  const library = await connect(t, url);
  library.send({ subscribe: "overview:5m:trades" });
  assert.deepEqual((await library.next("snapshot")).data, bus.dataOf("overview:5m:trades"));
});

test("a client that stops reading gets at most 64 KiB of old data, and then the newest", async (t) => {
  const { bus, port, url } = await openDoor(t);
  const channels = Array.from({ length: 50 }, (_, i) => `token:1:s${i}`);
  const setAll = (round: number): void => {
    for (const channel of channels)
      bus.set(channel, tokenData(channel, round, { volume_token: `${round}`.repeat(400) }));
  };
  setAll(1);
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  client.answersPings = true;
  client.sendText({ subscribe: channels });
  await client.until((raw) => dataMessages(raw).length === channels.length);
  client.socket.pause();
  const beforeBytes = client.bytesReceived;
  const beforeFrames = client.frames.length;
  // Until the credit is used up, and for long after. Another client shows what was sent.
  const healthy = await connect(t, url);
  healthy.send({ subscribe: channels });
  for (let round = 2; round <= 100; round++) {
    setAll(round);
    const last = channels.at(-1) as string;
    await healthy.atRev(last, bus.revOf(last));
  }
  const newest = Math.max(...channels.map((channel) => bus.revOf(channel)));
  client.socket.resume();
  await client.until((raw) => dataMessages(raw).some((message) => message.rev === newest));
  const rest = client.frames.slice(beforeFrames);
  let oldBytes = 0;
  for (const frame of rest) {
    if (frame.opcode === TEXT && JSON.parse(frame.payload.toString()).rev === newest) break;
    oldBytes += frame.bytes;
  }
  assert.ok(oldBytes <= CREDIT_BYTES, `${oldBytes} old bytes`);
  assert.ok(client.bytesReceived - beforeBytes <= 2 * CREDIT_BYTES);
  // After the first message of the newest revision no older one comes, and each channel gets one.
  await client.until((raw) => dataMessages(raw).filter((message) => message.rev === newest).length === channels.length);
  const revs = dataMessages(client).map((message) => message.rev);
  assert.deepEqual(new Set(revs.slice(revs.indexOf(newest))), new Set([newest]));
});

test("a client that stops reading a few small channels finds the data of at most a second, and then the newest", async (t) => {
  let clockMs = 0;
  const { bus, port, url } = await openDoor(t, { nowMs: () => clockMs });
  const channels = Array.from({ length: 5 }, (_, i) => `token:1:f${i}`);
  const last = channels.at(-1) as string;
  const healthy = await connect(t, url);
  healthy.send({ subscribe: channels });
  /** One tick, of which the other client shows that it was sent. */
  const tick = async (trades: number): Promise<void> => {
    clockMs += TICK_MS;
    for (const channel of channels) bus.set(channel, tokenData(channel, trades));
    await healthy.atRev(last, bus.revOf(last));
  };
  await tick(1);
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  client.answersPings = true;
  client.sendText({ subscribe: channels });
  await client.until((raw) => dataMessages(raw).length === channels.length);
  // Prompt until now.
  for (let round = 2; round <= 20; round++) {
    await tick(round);
    await client.until((raw) =>
      dataMessages(raw).some(({ channel, rev }) => channel === last && rev === bus.revOf(last)),
    );
  }
  client.socket.pause();
  const stoppedAtRev = bus.revOf(last);
  for (let round = 21; round <= 120; round++) await tick(round);
  client.socket.resume();
  await client.until((raw) => dataMessages(raw).some(({ rev }) => rev === bus.revOf(last)));
  const old = dataMessages(client).filter(
    ({ channel, rev }) => channel === last && rev > stoppedAtRev && rev < bus.revOf(last),
  );
  assert.ok(old.length > 0 && old.length <= 1_000 / TICK_MS, `${old.length} ticks of old data`);
  const revsPerTick = channels.length;
  assert.ok(old.every(({ rev }) => rev <= stoppedAtRev + (1_000 / TICK_MS) * revsPerTick));
});

test("a dead client is closed with a reason, and counted", async (t) => {
  const { bus, metrics, port } = await openDoor(t, { limits: { noPongMs: 20, sweepMs: 5, closeTimeoutMs: 50 } });
  bus.set(CHANNEL, tokenData("1:a", 1));
  const client = new RawClient(port);
  client.sendText({ subscribe: CHANNEL });
  await client.closed;
  const close = client.frames.at(-1) as { payload: Buffer };
  assert.equal(close.payload.readUInt16BE(0), 1008);
  assert.equal(close.payload.subarray(2).toString(), "no response to pings");
  await metrics.until(({ closedReasons }) => closedReasons.length === 1);
  assert.deepEqual(metrics.closedReasons, ["no_pong"]);
  assert.equal(bus.subscribers.size, 0);
});

test("a ping of the client gets a pong; one write for all channels of a tick", async (t) => {
  const { bus, port } = await openDoor(t, { limits: { pingBytes: 0 } });
  const channels = Array.from({ length: 20 }, (_, i) => `token:1:w${i}`);
  for (const channel of channels) bus.set(channel, tokenData(channel, 1));
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  client.answersPings = true;
  client.send(PING, Buffer.from("hello"));
  await client.until((raw) =>
    raw.frames.some((frame) => frame.opcode === PONG && frame.payload.toString() === "hello"),
  );
  client.sendText({ subscribe: channels });
  await client.until((raw) => dataMessages(raw).length === channels.length);
  const pings = client.pings().length;
  for (const channel of channels) bus.set(channel, tokenData(channel, 2));
  await client.until((raw) => dataMessages(raw).length === 2 * channels.length && raw.pings().length > pings);
  assert.equal(client.pings().length, pings + 1, "a ping follows each write, so there was one");
});
