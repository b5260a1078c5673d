import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import zlib, { deflateRawSync } from "node:zlib";
import { figures, previousFields } from "@swapstats/protocol/figures.ts";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { encodingProtocols } from "@swapstats/protocol/websocket.ts";
import { WebSocket } from "ws";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { connect, type TestClient } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";
import { CLOSE, RawClient } from "./support/raw-client.ts";

const TOKEN = "token:1:a";
const OVERVIEW = "overview:5m:volume_usd";
const IDS = Array.from({ length: 12 }, (_, i) => `1:0x${String(i).repeat(40)}`);

const previous = (random: Random): JsonObject =>
  Object.fromEntries(
    previousFields.map((name) => [name, figures[name].kind === "count" ? random.below(2) : `${random.below(2)}`]),
  );

/** Figures of a window, of which some may have no value. */
function figuresOf(random: Random): JsonObject {
  const trades = random.below(3);
  return {
    complete: random.chance(0.9),
    trades,
    volume_usd: `${random.below(5)}.5`,
    ...(trades === 0 ? {} : { close: `${1 + random.below(3)}`, last_trade_time: 1_760_000_000_000 + random.below(3) }),
    ...(random.chance(0.5) ? { previous: previous(random) } : {}),
  };
}

const token = (random: Random): JsonObject => ({
  ...tokenData("1:a", 1),
  late: random.below(3),
  windows: { "1m": figuresOf(random), "5m": figuresOf(random), "1h": figuresOf(random) },
});

/** The data after a change of one window. */
const nextToken = (random: Random, before: JsonObject): JsonObject => ({
  ...before,
  windows: { ...(before.windows as JsonObject), [random.pick(["1m", "5m", "1h"])]: figuresOf(random) },
});

/** The ranking after the change of one row. */
function nextRanking(random: Random, { order, rows }: JsonObject): JsonObject {
  const id = (order as readonly string[])[0] ?? "";
  const row = (rows as JsonObject)[id];
  return row === undefined
    ? ranking(random)
    : {
        order: order as Json,
        rows: { ...(rows as JsonObject), [id]: { ...(row as JsonObject), stats: figuresOf(random) } },
      };
}

/** A ranking in which tokens enter, leave and move. */
function ranking(random: Random): JsonObject {
  const order = IDS.filter(() => random.chance(0.6)).sort(() => (random.chance(0.5) ? 1 : -1));
  const row = () => ({ ...(random.chance(0.7) ? { symbol: "S" } : {}), stats: figuresOf(random) });
  return { order, rows: Object.fromEntries(order.map((id) => [id, row()])) };
}

test("all encodings, plain and compressed, hold the same data at each revision, rows that come and go among it", async (t) => {
  const random = randomFrom(seedOf(t));
  const { bus, url } = await openDoor(t, { ws: { compression: true } });
  bus.set(TOKEN, token(random));
  bus.set(OVERVIEW, ranking(random));
  const seen = new Map<string, unknown>();
  const clients: TestClient[] = [];
  for (const protocol of encodingProtocols) {
    for (const [perMessageDeflate, conflate_ms] of [[false, 0] as const, [true, 0] as const, [true, 15] as const]) {
      const client = await connect(t, url, [protocol], { perMessageDeflate });
      assert.equal(client.ws.extensions !== "", perMessageDeflate);
      client.ws.on("message", () => {
        for (const [channel, { rev, data }] of client.held) {
          const key = `${channel} ${rev}`;
          assert.deepEqual(data, seen.get(key) ?? data, `${protocol} ${key}`);
          seen.set(key, data);
        }
      });
      const ready = client.next("snapshot", ({ channel }) => channel === OVERVIEW);
      client.send({ id: "r", subscribe: [TOKEN, OVERVIEW], conflate_ms });
      await ready;
      clients.push(client);
    }
  }
  for (let round = 0; round < 60; round++) {
    for (let i = random.below(3); i >= 0; i--) {
      bus.set(TOKEN, random.chance(0.1) ? token(random) : nextToken(random, bus.dataOf(TOKEN)));
      bus.set(OVERVIEW, random.chance(0.15) ? ranking(random) : nextRanking(random, bus.dataOf(OVERVIEW)));
    }
    const [first] = clients as [TestClient];
    await first.atRev(OVERVIEW, bus.revOf(OVERVIEW));
  }
  for (const client of clients) {
    for (const channel of [TOKEN, OVERVIEW]) {
      const { data } = await client.atRev(channel, bus.revOf(channel));
      assert.deepEqual(data, bus.dataOf(channel));
    }
    assert.deepEqual(client.faults, []);
  }
  for (const protocol of encodingProtocols) {
    const patches = clients
      .filter(({ ws }) => ws.protocol === protocol)
      .flatMap(({ messages }) => messages.filter((message) => message.type === "patch"));
    for (const channel of [TOKEN, OVERVIEW]) {
      const count = patches.filter((message) => message.channel === channel).length;
      assert.ok(count > 10, `${protocol} ${channel}: ${count} patches`);
    }
    assert.ok(
      patches.some(({ rev, prev_rev }) => rev - prev_rev > 1),
      `${protocol}: no patch over several revisions`,
    );
  }
});

test("replies and errors in protobuf repeat the id of the request, text or number", async (t) => {
  const { bus, url } = await openDoor(t);
  bus.set(TOKEN, tokenData("1:a", 1));
  const client = await connect(t, url, ["swapstats.v1.protobuf"]);
  for (const id of ["r1", 7, -3]) {
    const [subscribed, snapshot] = [client.next("subscribed"), client.next("snapshot")];
    client.send({ id, subscribe: TOKEN });
    assert.deepEqual([(await subscribed).id, (await subscribed).channels], [id, [TOKEN]]);
    await snapshot;
    const unsubscribed = client.next("unsubscribed");
    client.send({ id, unsubscribe: TOKEN });
    assert.equal((await unsubscribed).id, id);
    const error = client.next("error");
    client.send({ id, subscribe: "nothing" });
    assert.deepEqual([(await error).id, (await error).code], [id, "unknown_channel"]);
  }
});

test("compression is agreed on without the context of earlier messages, in both directions", async (t) => {
  const { url } = await openDoor(t, { ws: { compression: true } });
  const client = new WebSocket(url, { perMessageDeflate: true });
  t.after(() => client.terminate());
  const [response] = (await once(client, "upgrade")) as [IncomingMessage];
  const agreed = (response.headers["sec-websocket-extensions"] ?? "").split("; ");
  for (const one of ["permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"]) {
    assert.ok(agreed.includes(one), agreed.join("; "));
  }
});

test("a message is compressed once for all clients of an encoding", async (t) => {
  const { bus, url } = await openDoor(t, { ws: { compression: true } });
  bus.set(TOKEN, tokenData("1:a", 1));
  const clients: TestClient[] = [];
  for (const protocol of encodingProtocols) {
    for (let i = 0; i < 10; i++) {
      const client = await connect(t, url, [protocol], { perMessageDeflate: true });
      const ready = client.next("snapshot");
      client.send({ subscribe: TOKEN });
      await ready;
      clients.push(client);
    }
  }
  // The long text makes every patch worth to be compressed.
  const deflate = t.mock.method(zlib, "deflateRawSync");
  syncBuiltinESMExports();
  t.after(() => {
    deflate.mock.restore();
    syncBuiltinESMExports();
  });
  const rounds = 5;
  for (let round = 0; round < rounds; round++) {
    bus.set(TOKEN, { ...tokenData("1:a", round + 2), symbol: `${round}`.repeat(500) });
    await Promise.all(clients.map((client) => client.atRev(TOKEN, bus.revOf(TOKEN))));
  }
  assert.equal(deflate.mock.callCount(), rounds * encodingProtocols.length);
});

test("a client that offers compression gets none unless it is configured", async (t) => {
  const { url } = await openDoor(t);
  const client = await connect(t, url, [], { perMessageDeflate: true });
  assert.equal(client.ws.extensions, "");
});

test("an offer with a smaller window is not taken up, because frames are shared", async (t) => {
  const { bus, url } = await openDoor(t, { ws: { compression: true } });
  bus.set(TOKEN, tokenData("1:a", 1, { volume_token: "7".repeat(1_000) }));
  const client = await connect(t, url, [], { perMessageDeflate: { serverMaxWindowBits: 9 } });
  assert.equal(client.ws.extensions, "");
  client.send({ subscribe: TOKEN });
  await client.next("snapshot");
});

test("a compressed message may become as long as a message may be, and one byte more closes the connection", async (t) => {
  const bytesMax = 4_096;
  const { url } = await openDoor(t, { ws: { compression: true, maxMessageBytes: bytesMax } });
  const deflate = { perMessageDeflate: { threshold: 0 } };
  const fits = await connect(t, url, [], deflate);
  const error = fits.next("error");
  fits.send(" ".repeat(bytesMax));
  assert.equal((await error).code, "bad_message");
  const bomb = await connect(t, url, [], deflate);
  bomb.send(" ".repeat(bytesMax + 1));
  assert.equal((await bomb.closed).code, 1009);
  const large = await connect(t, url, [], deflate);
  large.send(" ".repeat(16 * 2 ** 20));
  assert.equal((await large.closed).code, 1009);
});

test("a compressed frame without negotiation closes the connection", async (t) => {
  const { port } = await openDoor(t);
  const client = new RawClient(port);
  t.after(() => client.socket.destroy());
  // RSV1 and text, without an extension that gives it a meaning.
  client.send(0x41, deflateRawSync(Buffer.from("{}")));
  const closeOf = (raw: RawClient) => raw.frames.find(({ opcode }) => opcode === CLOSE);
  await client.until((raw) => closeOf(raw) !== undefined);
  assert.equal(closeOf(client)?.payload.readUInt16BE(0), 1002);
});
