/** Channels that continue after a lost connection, over real connections. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { jsonPatchProtocol } from "@swapstats/protocol/websocket.ts";
import { connect, type TestClient } from "./support/client.ts";
import { openDoor, type TestDoor, tokenData } from "./support/door.ts";

const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const CHANNEL = `token:${WETH}`;
const RANKING = "overview:5m:trades";
const WINDOW_MS = 60_000;

/** Opens channels with a client, loses the client, and returns what it held. */
async function lost(t: TestContext, door: TestDoor, channels: unknown): Promise<TestClient> {
  const client = await connect(t, door.url);
  const answer = client.next("subscribed");
  client.send({ subscribe: channels });
  for (const channel of (await answer).channels) await client.atRev(channel, 0);
  client.ws.terminate();
  await door.metrics.until(({ count }) => count === 0);
  return client;
}

/** Connects again, with what was held before. */
async function back(t: TestContext, door: TestDoor, before: TestClient): Promise<TestClient> {
  const client = await connect(t, door.url);
  client.continueFrom(before);
  return client;
}

const positions = (client: TestClient): JsonObject[] =>
  [...client.held].map(([channel, { epoch, rev }]) => ({ channel, epoch, rev }));

describe("resume", () => {
  test("one patch leads from what the client held to the newest, and an empty one if it is the newest", async (t) => {
    const door = await openDoor(t, { ws: { resumeWindowMs: WINDOW_MS } });
    const { bus } = door;
    bus.set(CHANNEL, tokenData(WETH, 1));
    bus.set(RANKING, { order: [], rows: {} });
    const before = await lost(t, door, [CHANNEL, RANKING]);
    assert.equal(bus.subscribers.size, 2, "the feeds stay open");
    for (let n = 2; n <= 5; n++) bus.set(CHANNEL, tokenData(WETH, n));
    const client = await back(t, door, before);
    const answer = client.next("subscribed");
    const patch = client.next("patch", ({ channel }) => channel === CHANNEL);
    const empty = client.next("patch", ({ channel }) => channel === RANKING);
    client.send({ id: "r2", resume: positions(before) });
    assert.deepEqual(
      [(await answer).channels, (await answer).recovered],
      [
        [CHANNEL, RANKING],
        [true, true],
      ],
    );
    assert.deepEqual([(await patch).prev_rev, (await patch).rev], [41, 45]);
    assert.deepEqual([(await empty).prev_rev, (await empty).rev, (await empty).patch], [41, 41, {}]);
    assert.deepEqual(client.held.get(CHANNEL)?.data, tokenData(WETH, 5));
    bus.set(CHANNEL, tokenData(WETH, 6));
    assert.deepEqual((await client.atRev(CHANNEL, 46)).data, tokenData(WETH, 6));
    assert.deepEqual(client.faults, []);
    assert.equal(
      client.messages.some(({ type }) => type === "snapshot"),
      false,
    );
    assert.deepEqual(door.hub.resumed, { recovered: 2, lost: 0 });
  });

  test("with JSON Patch a client that got the data in another encoding is told that it starts with a snapshot, and then continues", async (t) => {
    const door = await openDoor(t, { ws: { resumeWindowMs: WINDOW_MS } });
    const { bus } = door;
    bus.set(CHANNEL, tokenData(WETH, 1));
    let before = await lost(t, door, [CHANNEL]);
    for (const [n, recovered, type] of [
      [2, false, "snapshot"],
      [3, true, "patch"],
    ] as const) {
      bus.set(CHANNEL, tokenData(WETH, n));
      const client = await connect(t, door.url, [jsonPatchProtocol]);
      client.continueFrom(before);
      const answer = client.next("subscribed");
      client.send({ id: "r2", resume: positions(before) });
      assert.deepEqual((await answer).recovered, [recovered]);
      assert.deepEqual((await client.atRev(CHANNEL, 40 + n)).data, tokenData(WETH, n));
      assert.deepEqual([client.messages.map((message) => message.type).slice(1), client.faults], [[type], []]);
      client.ws.terminate();
      await door.metrics.until(({ count }) => count === 0);
      before = client;
    }
    assert.deepEqual(door.hub.resumed, { recovered: 1, lost: 1 });
  });

  test("a snapshot comes after another epoch, for an unknown revision, and by a name that is not the canonical one", async (t) => {
    const door = await openDoor(t, { ws: { resumeWindowMs: WINDOW_MS } });
    const { bus } = door;
    bus.set(CHANNEL, tokenData(WETH, 1));
    bus.symbol("WETH", [WETH]);
    const client = await connect(t, door.url);
    const cases: [JsonObject, () => void][] = [
      [{ channel: CHANNEL, epoch: "6", rev: 41 }, () => {}],
      [{ channel: CHANNEL, epoch: "7", rev: 40 }, () => {}],
      [{ channel: CHANNEL, epoch: "7", rev: 99 }, () => {}],
      [{ channel: CHANNEL, epoch: "7", seq: 41 }, () => {}],
      [{ channel: "token:WETH", epoch: "7", rev: 41 }, () => {}],
      [{ channel: CHANNEL, epoch: "7", rev: 41 }, () => bus.takeOver("8")],
    ];
    for (const [position, act] of cases) {
      act();
      const answer = client.next("subscribed");
      const snapshot = client.next("snapshot");
      client.send({ resume: position });
      assert.deepEqual([(await answer).channels, (await answer).recovered], [[CHANNEL], [false]]);
      assert.equal((await snapshot).channel, CHANNEL);
    }
    assert.deepEqual(client.faults, []);
  });

  test("a feed without clients is closed after the window, and at once if its channel was closed", async (t) => {
    const door = await openDoor(t, { ws: { resumeWindowMs: 20 } });
    const { bus } = door;
    bus.set(CHANNEL, tokenData(WETH, 1));
    await lost(t, door, CHANNEL);
    assert.equal(door.hub.held.keptFeeds, 1);
    await bus.allClosed();
    assert.deepEqual([door.hub.feeds, door.hub.held.keptFeeds, door.hub.held.rows], [0, 0, 0]);
    const client = await connect(t, door.url);
    client.send({ subscribe: CHANNEL });
    await client.atRev(CHANNEL, 41);
    const closed = client.next("unsubscribed");
    client.send({ id: 1, unsubscribe: CHANNEL });
    await closed;
    assert.deepEqual([bus.subscribers.size, door.hub.held.keptFeeds], [0, 0]);
  });

  test("feeds without clients are the first to go when rows are short", async (t) => {
    const door = await openDoor(t, { ws: { resumeWindowMs: WINDOW_MS, maxRowsTotal: 6 } });
    const { bus } = door;
    const ids = ["1:a", "1:b", "1:c"];
    for (const id of ids) bus.set(`token:${id}`, tokenData(id, 1));
    await lost(t, door, ["token:1:a", "token:1:b"]);
    assert.deepEqual([door.hub.held.rows, door.hub.held.keptFeeds], [6, 2]);
    const client = await connect(t, door.url);
    client.send({ subscribe: "token:1:c" });
    await client.atRev("token:1:c", 41);
    assert.deepEqual([door.hub.held.rows, door.hub.held.keptFeeds], [6, 1]);
    assert.deepEqual([...bus.subscribers].map(({ channel }) => channel).sort(), ["token:1:b", "token:1:c"]);
  });

  test("a resumed channel has its options, and a pending one is not recovered", async (t) => {
    const door = await openDoor(t, { ws: { resumeWindowMs: WINDOW_MS } });
    const { bus } = door;
    bus.set(CHANNEL, tokenData(WETH, 1));
    const before = await lost(t, door, { channel: CHANNEL, windows: ["5m"] });
    const client = await back(t, door, before);
    const answer = client.next("subscribed");
    client.send({
      ...{ windows: ["5m"], conflate_ms: 60_000 },
      resume: [...positions(before), { channel: "token:1:new", epoch: "7", rev: 3 }],
    });
    const { recovered, pending } = await answer;
    assert.deepEqual([recovered, pending], [[true, false], ["token:1:new"]]);
    assert.deepEqual(door.hub.resumed, { recovered: 1, lost: 1 });
    assert.equal(bus.topics.length, 2, "the feed with this selection was shared");
  });
});
