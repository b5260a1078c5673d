/** Names, tokens that no swap has named yet, selections of figures, and what one client may hold, over real connections. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { connect } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";

const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const NEW = "1:0x6982508145454ce325ddbe47a25d4ec3d2311933";
const NEW_CHANNEL = `token:${NEW}`;
const FAST = { pendingEveryMs: 5 };

describe("names", () => {
  test("each requested name is mapped to its channel, even if two names mean the same", async (t) => {
    const { bus, url } = await openDoor(t);
    bus.symbol("WETH", [WETH]);
    bus.set(`token:${WETH}`, tokenData(WETH, 1));
    bus.set("overview:5m:trades", { order: [], rows: {} });
    const client = await connect(t, url);
    const answer = client.next("subscribed");
    const upper = `token:${WETH.replace("0xc0", "0xC0")}`;
    client.send({ subscribe: ["token:WETH", upper, "overview:5m:trades", "token:NONE", "token:__proto__"] });
    const { channels, names, pending } = await answer;
    assert.deepEqual(channels, [`token:${WETH}`, "overview:5m:trades"]);
    assert.deepEqual(names, {
      "token:WETH": `token:${WETH}`,
      [upper]: `token:${WETH}`,
      "overview:5m:trades": "overview:5m:trades",
    });
    assert.equal(pending, undefined);
  });

  test("a name that now stands for another token opens a further channel, within the limit", async (t) => {
    const { bus, url } = await openDoor(t, { ws: { maxSubscriptions: 2 } });
    for (const id of ["1:a", "1:b", "1:c"]) bus.set(`token:${id}`, tokenData(id, 1));
    const client = await connect(t, url);
    for (const id of ["1:a", "1:b"]) {
      bus.symbol("TKN", [id]);
      const answer = client.next("subscribed");
      client.send({ subscribe: "token:TKN" });
      assert.deepEqual((await answer).names, { "token:TKN": `token:${id}` });
    }
    bus.symbol("TKN", ["1:c"]);
    const error = client.next("error");
    client.send({ subscribe: "token:TKN" });
    assert.deepEqual([(await error).code, (await error).channel], ["too_many_subscriptions", "token:TKN"]);
    const closed = client.next("unsubscribed");
    client.send({ id: 1, unsubscribe: ["token:TKN", "token:1:a"] });
    assert.deepEqual((await closed).channels, ["token:1:b", "token:1:a"]);
    assert.equal(bus.subscribers.size, 0);
  });
});

describe("a full id that no swap has named", () => {
  test("is listed as pending in any case of its hex digits, and its snapshot comes with its first swap", async (t) => {
    const { bus, url } = await openDoor(t, { limits: FAST });
    const client = await connect(t, url);
    const answer = client.next("subscribed");
    client.send({
      id: "p",
      subscribe: [NEW_CHANNEL.replace("0x6982", "0X6982").replace("ddbe", "DDBE"), "token:NONE"],
    });
    const { channels, names, pending, windows } = await answer;
    assert.deepEqual([channels, pending, Object.values(names)], [[NEW_CHANNEL], [NEW_CHANNEL], [NEW_CHANNEL]]);
    assert.deepEqual(Object.keys(windows), ["1m", "5m", "1h"]);
    const snapshot = client.next("snapshot");
    bus.set(NEW_CHANNEL, tokenData(NEW, 1));
    assert.deepEqual([(await snapshot).channel, (await snapshot).data], [NEW_CHANNEL, tokenData(NEW, 1)]);
    bus.set(NEW_CHANNEL, tokenData(NEW, 2));
    assert.deepEqual((await client.atRev(NEW_CHANNEL, 42)).data, tokenData(NEW, 2));
    assert.deepEqual(client.faults, []);
    const errors = client.messages.filter((message) => message.type === "error") as ErrorMessage[];
    assert.deepEqual(
      errors.map(({ code, channel }) => [code, channel]),
      [["unknown_token", "token:NONE"]],
    );
    assert.ok(bus.asked.every((ids) => ids.length === 1 && ids[0] === NEW));
  });

  test("many clients wait for one id, each with its own selection; a client that left or unsubscribed gets nothing", async (t) => {
    const { bus, url, metrics, hub } = await openDoor(t, { limits: FAST });
    const clients = await Promise.all([0, 1, 2, 3].map(() => connect(t, url)));
    for (const [i, client] of clients.entries()) {
      const answer = client.next("subscribed");
      client.send({ subscribe: NEW_CHANNEL, windows: [i === 1 ? "1m" : "5m"] });
      await answer;
    }
    assert.equal(hub.held.pendingIds, 1);
    const [first, second, unsubscribed, gone] = clients;
    const ended = unsubscribed?.next("unsubscribed");
    unsubscribed?.send({ id: 1, unsubscribe: NEW_CHANNEL });
    assert.deepEqual((await ended)?.channels, [NEW_CHANNEL]);
    gone?.ws.terminate();
    await metrics.until(({ count }) => count === 3);
    const snapshots = [first?.next("snapshot"), second?.next("snapshot")];
    bus.set(NEW_CHANNEL, tokenData(NEW, 1));
    await Promise.all(snapshots);
    assert.equal(bus.subscribers.size, 2, "one for each selection");
    assert.equal(hub.held.pendingIds, 0);
    assert.equal(
      unsubscribed?.messages.some((message) => message.type === "snapshot"),
      false,
    );
  });

  test("counts as a subscription, is replaced by one with other options, and ends with its client", async (t) => {
    const { url, metrics, hub } = await openDoor(t, { ws: { maxSubscriptions: 2 }, limits: FAST });
    const client = await connect(t, url);
    for (const windows of [["1m"], ["5m"]]) {
      const answer = client.next("subscribed");
      client.send({ subscribe: [NEW_CHANNEL, "token:1:x"], windows });
      assert.equal((await answer).pending?.length, 2);
    }
    const error = client.next("error");
    client.send({ id: 3, subscribe: ["token:1:y"] });
    assert.deepEqual([(await error).code, (await error).channel], ["too_many_subscriptions", "token:1:y"]);
    assert.equal(hub.held.pendingIds, 2);
    client.ws.close();
    await metrics.until(({ count }) => count === 0);
    assert.deepEqual([hub.held.pendingIds, hub.held.rows], [0, 0]);
  });

  test("too many of them are refused; an id that no swap can have is unknown", async (t) => {
    const { url } = await openDoor(t, { limits: { ...FAST, pendingIdsMax: 1 } });
    const client = await connect(t, url);
    const cases = [
      ["token:1:b", "overloaded"],
      [`token:1:${"x".repeat(129)}`, "unknown_token"],
      ["token:4294967296:b", "unknown_token"],
      ["token:symbol", "unknown_token"],
    ];
    const waiting = client.next("subscribed");
    client.send({ subscribe: "token:1:a" });
    await waiting;
    for (const [channel, code] of cases) {
      const error = client.next("error");
      client.send({ subscribe: channel });
      assert.deepEqual([(await error).code, (await error).channel], [code, channel]);
    }
  });

  test("is waited for again if its owner fails just then", async (t) => {
    const { bus, url } = await openDoor(t, { limits: FAST });
    const client = await connect(t, url);
    const answer = client.next("subscribed");
    client.send({ subscribe: NEW_CHANNEL });
    await answer;
    let failures = 3;
    bus.beforeOpen = async () => {
      if (failures-- > 0) throw new Error("away");
    };
    const snapshot = client.next("snapshot");
    bus.set(NEW_CHANNEL, tokenData(NEW, 1));
    assert.equal((await snapshot).channel, NEW_CHANNEL);
  });
});

describe("rows of clients", () => {
  test("a token has one per window, an overview its limit times the windows; at the limit, beyond it, and again after leaving", async (t) => {
    const { bus, url, hub } = await openDoor(t, { ws: { maxRows: 20 } });
    for (const id of ["1:a", "1:b"]) bus.set(`token:${id}`, tokenData(id, 1));
    bus.set("overview:5m:trades", { order: [], rows: {} });
    const client = await connect(t, url);
    const steps: [object, "subscribed" | "error", number][] = [
      [{ subscribe: ["token:1:a", "token:1:b"] }, "subscribed", 6],
      [{ subscribe: "overview:5m:trades", limit: 15 }, "error", 6],
      [{ subscribe: "overview:5m:trades", limit: 14 }, "subscribed", 20],
      [{ subscribe: "overview:5m:trades", limit: 7, windows: ["1m"] }, "subscribed", 20],
      [{ subscribe: "token:1:a", windows: ["1m"] }, "subscribed", 18],
      [{ subscribe: "overview:5m:trades", limit: 5, windows: ["1m", "5m", "1h"] }, "subscribed", 19],
    ];
    for (const [message, type, rows] of steps) {
      const answer = client.next(type as "error");
      client.send({ id: 1, ...message });
      const got = await answer;
      if (type === "error") {
        assert.equal(got.code, "too_many_subscriptions");
        assert.match(got.message, /would hold 21 rows.*may hold 20 \(api\.ws\.max_rows\)/);
      }
      assert.equal(hub.held.rows, rows, JSON.stringify(message));
    }
  });

  test("of all clients: shared channels count once, and a client that holds many does not shut others out", async (t) => {
    const { bus, url, metrics, hub } = await openDoor(t, { ws: { maxRowsTotal: 30 } });
    for (let i = 0; i < 12; i++) bus.set(`token:1:${i}`, tokenData(`1:${i}`, 1));
    const channels = Array.from({ length: 10 }, (_, i) => `token:1:${i}`);
    const [greedy, same, small] = await Promise.all([0, 1, 2].map(() => connect(t, url)));
    for (const client of [greedy, same]) {
      const answer = client?.next("subscribed");
      client?.send({ subscribe: channels });
      assert.equal((await answer)?.channels.length, 10);
      assert.equal(hub.held.rows, 30);
    }
    const refused = greedy?.next("error");
    greedy?.send({ subscribe: "token:1:11" });
    assert.deepEqual([(await refused)?.code, (await refused)?.channel], ["overloaded", "token:1:11"]);
    const answer = small?.next("subscribed");
    small?.send({ subscribe: "token:1:11" });
    await answer;
    for (const client of [greedy, same, small]) client?.ws.close();
    await metrics.until(({ count }) => count === 0);
    assert.equal(hub.held.rows, 0);
  });

  test("channels are opened a few at a time, for each client and for all", async (t) => {
    const limits = { clientOpeningRowsMax: 6, openingRowsMax: 9 };
    const { bus, url, hub } = await openDoor(t, { limits });
    const channels = Array.from({ length: 20 }, (_, i) => `token:1:${i}`);
    for (const channel of channels) bus.set(channel, tokenData(channel, 1));
    let atOnce = 0;
    let most = 0;
    bus.beforeOpen = async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
    };
    const clients = await Promise.all([0, 1, 2].map(() => connect(t, url)));
    const all = clients.map((client, i) => {
      const answer = client.next("subscribed");
      // Channels of its own for each client.
      client.send({ subscribe: channels, windows: ["1m", "5m", "1h"], fields: [["trades"], ["buys"], ["sells"]][i] });
      return answer;
    });
    for (const answer of all) assert.equal((await answer).channels.length, 20);
    assert.equal(most, 3, "9 rows for all are three topics of 3 rows");
    assert.equal(hub.held.openingRows, 0);
  });

  test("a client that opens and closes in a loop waits for its turn, and the others do not", async (t) => {
    const { bus, url } = await openDoor(t, { ws: { maxRows: 30 }, limits: { reopenedPart: 0.000_001 } });
    bus.set("token:1:a", tokenData("1:a", 1));
    const [looping, other] = await Promise.all([connect(t, url), connect(t, url)]);
    for (let i = 0; i < 50; i++) {
      looping.send({ id: i, subscribe: "token:1:a" });
      looping.send({ id: i, unsubscribe: "token:1:a" });
    }
    const snapshot = other.next("snapshot");
    other.send({ subscribe: "token:1:a" });
    await snapshot;
    assert.ok(bus.opened <= 13, `${bus.opened} topics were opened`);
  });
});

test("clients share a feed only with equal fields and windows", async (t) => {
  const { bus, url, hub } = await openDoor(t);
  bus.set("token:1:a", tokenData("1:a", 1));
  bus.set("overview:5m:trades", { order: [], rows: {} });
  const client = await connect(t, url);
  const other = await connect(t, url);
  const options = [{}, { fields: ["close"] }, { fields: ["complete", "close"] }, { windows: ["1m"] }];
  for (const [i, option] of options.entries()) {
    for (const [who, channel] of [
      [client, "token:1:a"],
      [other, "overview:5m:trades"],
    ] as const) {
      const answer = who.next("subscribed");
      who.send({ subscribe: channel, ...option });
      await answer;
    }
    assert.equal(hub.feeds, 2, `${i}`);
  }
  assert.equal(bus.opened, 6, "the same figures named differently are the same topic");
  assert.deepEqual(bus.topics.at(-1), {
    kind: "overview",
    window: "5m",
    sort: "trades",
    limit: 50,
    windows: ["1m", "5m"],
    fields: [],
  });
});

test("rate_limited names the channels and the id; a page that opens 50 rows one by one is not closed", async (t) => {
  const { bus, url, metrics } = await openDoor(t, {
    ws: { maxMessagesPerSec: 1, messageBurst: 10, maxSubscriptions: 50 },
  });
  const channels = Array.from({ length: 50 }, (_, i) => `token:1:${i}`);
  for (const channel of channels) bus.set(channel, tokenData(channel, 1));
  const client = await connect(t, url);
  const last = client.next("error", (message) => message.id === 49);
  for (const [i, channel] of channels.entries()) client.send({ id: i, subscribe: channel });
  await last;
  const errors = client.messages.filter((message) => message.type === "error") as ErrorMessage[];
  assert.ok(errors.length >= 39);
  for (const { id, code, channel } of errors)
    assert.deepEqual([code, channel], ["rate_limited", channels[id as number]]);
  const many = client.next("error", (message) => message.id === "many");
  client.send({ id: "many", unsubscribe: channels });
  assert.deepEqual((await many).channels, channels);
  assert.deepEqual(metrics.closedReasons, []);
});
