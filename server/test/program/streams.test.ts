/** Every kind of channel by server-sent events and by gRPC, in the whole program: both hold what a client of the WebSocket holds at the same revision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { messageDesc, statsService } from "@swapstats/protocol/proto/descriptor.ts";
import { decode } from "../../src/serving/protobuf/decode.ts";
import { openStream } from "../serving/sse/support/client.ts";
import { connect } from "../serving/websocket/support/client.ts";
import { TestApps } from "../support/app-harness.ts";
import { ProtobufClient } from "../support/protobuf-client.ts";

const QUERY = { windows: ["1m"], limit: 5 };
const PLAIN = ["token:1:aa", "overview:1m:volume_usd", "candles:1:aa:1m", "market", "swaps:1:aa"];

let count = 0;
const swap = (token: string) => {
  count += 1;
  return {
    ...{ chain_id: 1, tx_hash: `0x${count}`, log_index: 0, token, token_symbol: token.toUpperCase(), side: "buy" },
    ...{ amount_token: "1.5", amount_usd: `${count}.25`, event_time: Date.now() - 5_000, who: `w${count % 3}` },
  };
};

test("every kind of channel has the same data over each door, and resumes", async (t) => {
  const settings = { "windows.clock": "event", "api.grpc.addr": "127.0.0.1:0", "api.ws.coalesce_ms": "20" };
  const { app, base, post, caughtUp } = await new TestApps(t).start(settings);
  await post([swap("aa"), swap("bb")]);
  await caughtUp();

  const webSocket = await connect(t, `${base.replace("http", "ws")}/ws`);
  webSocket.send({ subscribe: [...PLAIN, { channel: "screener", query: QUERY }] });
  const query = { channels: [...PLAIN, "screener"].join(), query: JSON.stringify(QUERY) };
  const events = await openStream(t, base, query);

  const holder = new ProtobufClient();
  const seen: string[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: messages have types for generated code only, and tests use none
  const client = createClient(statsService, createGrpcTransport({ baseUrl: grpcOf(app) })) as any;
  const abort = new AbortController();
  t.after(() => abort.abort());
  const desc = messageDesc("SubscribeResponse");
  const reading = (async () => {
    const channels = [...PLAIN.map((channel) => ({ channel })), { channel: "screener", query: QUERY }];
    for await (const response of client.subscribe({ channels }, { signal: abort.signal })) {
      seen.push(response.message.case);
      holder.take(toBinary(desc, create(desc, response)));
    }
  })();
  reading.catch(() => {});

  for (let round = 0; round < 5; round++) {
    await post([swap("aa"), swap(round % 2 === 0 ? "bb" : "cc")]);
    await caughtUp();
  }
  const again = await reopened();
  const channels = [...webSocket.held.keys()];
  assert.equal(channels.length, PLAIN.length + 1);
  const isSame = (): boolean =>
    channels
      .filter((channel) => !channel.startsWith("swaps:"))
      .every((channel) => {
        const held = webSocket.held.get(channel);
        const other = again.held.get(channel);
        return held !== undefined && held.epoch === other?.epoch && held.rev === other.rev && holder.held.has(channel);
      });
  while (!isSame()) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const channel of channels.filter((one) => !one.startsWith("swaps:"))) {
    const { data } = webSocket.held.get(channel) as { data: unknown };
    assert.deepEqual(again.held.get(channel)?.data, data, channel);
    while (JSON.stringify(sorted(holder.held.get(channel))) !== JSON.stringify(sorted(data))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  assert.ok(seen.includes("swaps"), "swaps came by gRPC");
  assert.ok(
    [...events.events, ...again.events].some(({ type }) => type === "swaps"),
    "swaps came as events",
  );

  /** Leaves after some rounds and comes back behind the last event. */
  async function reopened() {
    await events.until(() => events.held.size >= PLAIN.length);
    events.leave();
    await events.closed;
    await post([swap("aa"), swap("bb")]);
    await caughtUp();
    const next = await openStream(t, base, query, { before: events });
    const { message } = await next.next("subscribed");
    const recovered = "recovered" in message ? message.recovered : [];
    assert.deepEqual(
      recovered,
      Array.from({ length: PLAIN.length + 1 }, () => true),
    );
    await post([swap("aa")]);
    await caughtUp();
    return next;
  }
});

test("swaps that gRPC has acknowledged are in the figures, also after a restart; without its address there is no gRPC", async (t) => {
  const apps = new TestApps(t);
  const first = await apps.start({ "api.grpc.addr": "127.0.0.1:0" });
  // biome-ignore lint/suspicious/noExplicitAny: messages have types for generated code only, and tests use none
  const client = createClient(statsService, createGrpcTransport({ baseUrl: grpcOf(first.app) })) as any;
  const sent = [swap("dd"), swap("dd"), swap("dd")].map((one) => toWire(one));
  const requests = (async function* () {
    yield { sequence: 1n, swaps: sent.slice(0, 2) };
    yield { sequence: 2n, swaps: sent.slice(1) };
  })();
  const acknowledged: unknown[] = [];
  for await (const { sequence, result } of client.ingest(requests)) {
    acknowledged.push([sequence, result.accepted]);
  }
  assert.deepEqual(acknowledged, [
    [1n, 2n],
    [2n, 2n],
  ]);
  await first.app.stop();
  const second = await apps.start();
  await second.caughtUp();
  const { json } = await second.call("/api/tokens/1:dd/stats?windows=1h");
  assert.equal(json.windows["1h"].trades, 3, "the one that was sent twice counts once");
  assert.equal(second.app.addresses.grpc, undefined);
});

/** A swap with the names that its message has in code. */
const toWire = (one: ReturnType<typeof swap>): object =>
  Object.fromEntries(
    Object.entries(one).map(([name, value]) => [
      name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      name === "event_time" ? BigInt(value) : value,
    ]),
  );

test("Screen by gRPC has the rows of the screener by HTTP", async (t) => {
  const settings = { "windows.clock": "event", "api.grpc.addr": "127.0.0.1:0" };
  const { app, base, post, caughtUp } = await new TestApps(t).start(settings);
  await post([swap("aa"), swap("bb"), swap("cc"), swap("bb"), swap("cc")]);
  await caughtUp();
  // biome-ignore lint/suspicious/noExplicitAny: messages have types for generated code only, and tests use none
  const client = createClient(statsService, createGrpcTransport({ baseUrl: grpcOf(app) })) as any;
  const desc = messageDesc("ScreenResponse");
  const pages: unknown[] = [];
  for (const limit of [1, 10]) {
    const query = { windows: ["1m"], fields: ["trades", "volume_usd", "close"], limit };
    const condition = { field: "trades", window: "1m" };
    const body = JSON.stringify({ ...query, filter: { ...condition, gt: 1 } });
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${base}/api/screener`, { method: "POST", headers, body });
    const { next_cursor: httpCursor, ...http } = (await response.json()) as Record<string, unknown>;
    const filter = { kind: { case: "condition", value: { ...condition, gt: "1" } } };
    const message = create(desc, await client.screen({ ...query, filter }));
    const { next_cursor: grpcCursor, ...grpc } = decode("ScreenResponse", toBinary(desc, message));
    assert.deepEqual(sorted({ ...grpc, as_of: 0 }), sorted({ ...http, as_of: 0 }));
    assert.equal(typeof grpcCursor, typeof httpCursor);
    pages.push((http.items as unknown[]).length);
  }
  assert.deepEqual(pages, [1, 2]);
});

const grpcOf = ({ addresses }: { addresses: { grpc: { port: number } | undefined } }): string =>
  `http://127.0.0.1:${addresses.grpc?.port}`;

/** With its members in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, sorted(one)]),
  );
}
