/** Sparklines, windows and figures of rankings over every door and in every encoding, compared with what HTTP answers. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import { encodingProtocols } from "@swapstats/protocol/websocket.ts";
import { type ChannelOptions, channelOptions, givenOptions } from "../../../src/serving/live/channel-options.ts";
import { keyOfChannel, rowsOfChannel, specOf } from "../../../src/serving/live/channels.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { ProtobufClient } from "../../support/protobuf-client.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { type Calls, clientOf } from "../grpc/support/door.ts";
import { openStream } from "../sse/support/client.ts";
import { connect } from "../websocket/support/client.ts";
import { SwapMaker } from "../websocket/support/swap-maker.ts";
import { agree } from "./channel-agreement.ts";

const TOKENS = ["1:aa", "1:bb", "56:cc", "56:dd", "8453:ee"];
const SPARK = { field: "volume_usd", window: "1m", points: 6 };
const SPARK_TEXT = "volume_usd:1m:6";

const BY_WINDOWS = "overview:5m:volume_usd";
const BY_STATS = "overview:1m:trades";
const ASKED: Readonly<Record<string, string>> = {
  [BY_WINDOWS]: `/api/overview?window=5m&sort=volume_usd&windows=1m&fields=close,volume_usd&limit=4&spark=${SPARK_TEXT}`,
  [BY_STATS]: "/api/overview?window=1m&sort=trades&order=asc&spark=close:5m:5",
};
const SUBSCRIBED = [
  { channel: BY_WINDOWS, windows: ["1m"], fields: ["close", "volume_usd"], limit: 4, spark: SPARK },
  { channel: BY_STATS, order: "asc", spark: "close:5m:5" },
] as const;

/** Returns the response of HTTP in the form of a channel's data. */
async function overHttp({ call }: RunningApp, path: string): Promise<{ order: string[]; rows: JsonObject }> {
  const { json } = await call(path);
  const items = json.items as ({ id: string; rev: number } & JsonObject)[];
  assert.ok(items.every(({ spark }) => Array.isArray(spark)));
  const edgeless = (key: string, value: unknown): unknown =>
    key === "open_time" || key === "close_time" ? undefined : value;
  return {
    order: items.map(({ id }) => id),
    rows: JSON.parse(JSON.stringify(Object.fromEntries(items.map(({ id, rev: _, ...row }) => [id, row]))), edgeless),
  };
}

/** Subscribes by gRPC. Returns what the client holds. */
function subscribeByGrpc(t: TestContext, app: RunningApp, channels: readonly object[]): ProtobufClient {
  const ended = new AbortController();
  const client: Calls = clientOf({ grpc: `http://127.0.0.1:${app.app.addresses.grpc?.port}`, http: app.base });
  const holder = new ProtobufClient();
  const response = messageDesc("SubscribeResponse");
  const reading = (async () => {
    for await (const message of client.subscribe({ channels }, { signal: ended.signal })) {
      holder.take(toBinary(response, create(response, message)));
    }
  })();
  // The app is stopped by a hook that was registered before this one.
  reading.catch(() => {});
  t.after(() => ended.abort());
  return holder;
}

test("rankings hold the sparklines, windows and figures that HTTP answers, over every door", async (t) => {
  const random = randomFrom(seedOf(t));
  const app = await new TestApps(t).start({
    ...{ "windows.list": "1m,5m", "ingest.embedded.partitions": "4", "app.workers": "2" },
    "api.grpc.addr": "127.0.0.1:0",
  });
  const maker = new SwapMaker(TOKENS, random);
  await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
  await app.caughtUp();
  const sockets = await Promise.all(
    encodingProtocols.map(async (protocol) => {
      const client = await connect(t, `${app.base.replace("http", "ws")}/ws`, [protocol]);
      client.send({ subscribe: SUBSCRIBED });
      return { about: protocol, client, held: (channel: string) => client.held.get(channel)?.data as unknown };
    }),
  );
  const [{ client: pacer }] = sockets as [(typeof sockets)[number]];
  const stream = await openStream(t, app.base, {
    ...{ channels: BY_WINDOWS, windows: "1m", fields: "close,volume_usd", limit: "4", spark: SPARK_TEXT },
  });
  const [first, second] = SUBSCRIBED;
  const grpc = subscribeByGrpc(t, app, [first, { ...second, spark: { field: "close", window: "5m", points: 5 } }]);
  const holders = [
    ...sockets,
    { about: "grpc", held: (channel: string) => grpc.held.get(channel) as unknown },
    { about: "sse", held: (channel: string) => stream.held.get(channel)?.data as unknown },
  ];
  const client: Calls = clientOf({ grpc: `http://127.0.0.1:${app.app.addresses.grpc?.port}`, http: app.base });
  for (let round = 0; round < 8; round++) {
    await app.post(maker.batch(1 + random.below(12)));
    await app.caughtUp();
    for (const [channel, path] of Object.entries(ASKED)) {
      for (const { about, held } of holders) {
        if (about === "sse" && channel !== BY_WINDOWS) continue;
        await agree(
          pacer,
          `${channel} over ${about}, round ${round}`,
          () => held(channel),
          () => overHttp(app, path),
        );
      }
    }
  }
  const { items } = await client.getOverview({ window: "5m", limit: 1, spark: SPARK });
  assert.equal(items[0].spark.length, SPARK.points);
  assert.deepEqual(
    sockets.flatMap(({ client: { faults } }) => faults),
    [],
  );
});

test("a query takes the options of its channel for the members that it does not have", async (t) => {
  const app = await new TestApps(t).start({ "windows.list": "1m,5m" });
  const maker = new SwapMaker(TOKENS, randomFrom(seedOf(t)));
  await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
  await app.caughtUp();
  const client = await connect(t, `${app.base.replace("http", "ws")}/ws`);
  const rowOf = async (request: object): Promise<JsonObject> => {
    const snapshot = client.next("snapshot");
    client.send({ subscribe: [{ channel: "screener", ...request }] });
    const { order, rows } = (await snapshot).data as unknown as { order: string[]; rows: Record<string, JsonObject> };
    assert.equal(order.length, 2);
    return rows[order[0] as string] as JsonObject;
  };
  const figures = { fields: ["trades"], limit: 2 };
  const row = await rowOf({ query: {}, ...figures, windows: ["1m"], spark: "trades:1m:3" });
  assert.deepEqual(Object.keys(row.windows as object), ["1m"]);
  assert.deepEqual(Object.keys((row.windows as { "1m": object })["1m"]).sort(), ["complete", "trades"]);
  assert.equal((row.spark as unknown[]).length, 3);
  const own = await rowOf({
    query: { windows: ["5m"], spark: SPARK },
    ...figures,
    windows: ["1m"],
    spark: "close:1m:3",
  });
  assert.deepEqual(Object.keys(own.windows as object), ["5m"]);
  assert.equal((own.spark as unknown[]).length, SPARK.points);
});

const WINDOWS = [{ name: "1m", lengthMs: 60_000, stepMs: 1_000 }];
const withSpark = (spark: unknown): ChannelOptions => {
  const given = givenOptions({ spark }, ["1m"], "");
  return channelOptions(given, given);
};
const specWith = (spark: unknown) => specOf("overview:1m:trades", withSpark(spark), WINDOWS);

test("equal sparklines are one channel in both forms, others are another one, and a sparkline costs a row", () => {
  const plain = specWith(undefined);
  const short = specWith("close:1m:6");
  assert.equal(keyOfChannel(short), keyOfChannel(specWith({ points: 6, window: "1m", field: "close" })));
  const others = [plain, short, specWith("close:1m:7"), specWith("trades:1m:6")];
  assert.equal(new Set(others.map(keyOfChannel)).size, 4);
  assert.equal(keyOfChannel(plain), keyOfChannel(specWith(null)));
  assert.deepEqual([rowsOfChannel(plain), rowsOfChannel(short)], [50, 100]);
});

test("a sparkline that cannot be is refused with its mistake", () => {
  const cases: [unknown, RegExp][] = [
    ["close:1m", /spark must be <field>:<window>:<points>/],
    ["close:1m:1", /spark\.points must be an integer from 2 to 60/],
    ["close:1m:61", /spark\.points must be an integer from 2 to 60/],
    ["closing:1m:6", /spark\.field .*"closing"/],
    ["close:2m:6", /spark\.window .*"2m"/],
    [5, /spark must be an object/],
    [{ field: "close", window: "1m", points: 6, more: 1 }, /more/],
  ];
  for (const [spark, message] of cases) {
    assert.throws(() => specWith(spark), { code: "invalid_parameters", message });
  }
});
