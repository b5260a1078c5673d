/** Connections of the listener: deadlines of calls, pings and idle time, seen by a client of HTTP/2 itself. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { type TestContext, test } from "node:test";
import { encode } from "../../../src/serving/protobuf/encode.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { WETH } from "../http/stand-in-bus.ts";
import { tokenData } from "../websocket/support/door.ts";
import { openGrpcDoor } from "./support/door.ts";

const DEADLINE_EXCEEDED = "4";

async function openSession(t: TestContext, address: string): Promise<ClientHttp2Session> {
  const session = connect(address);
  session.on("error", () => {});
  t.after(() => session.destroy());
  await once(session, "connect");
  return session;
}

function call(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({
    ...{ ":method": "POST", ":path": `/${path}` },
    ...{ "content-type": "application/grpc", te: "trailers" },
  });
  stream.on("error", () => {});
  return stream.resume();
}

const STATS = "swapstats.v1.StatsService/GetStats";

function enveloped(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const statsRequest = (): Buffer => enveloped(encode("GetStatsRequest", { id: WETH }));

/** Resolves to the status of gRPC with which a call ends. */
async function statusOf(stream: ClientHttp2Stream): Promise<unknown> {
  let status: unknown;
  for (const event of ["response", "trailers"]) {
    stream.on(event, (fields) => {
      status ??= fields["grpc-status"];
    });
  }
  await once(stream, "close");
  return status;
}

for (const path of [STATS, "swapstats.v1.StatsService/Subscribe", "grpc.health.v1.Health/Check"]) {
  test(`${path} ends at the limit of time when its request does not come`, async (t) => {
    const door = await openGrpcDoor(t, { limits: { deadlineMsMax: 50 } });
    const stream = call(await openSession(t, door.grpc), path);
    stream.write(statsRequest().subarray(0, 3));
    assert.equal(await statusOf(stream), DEADLINE_EXCEEDED);
    while (door.door.budget.used > 0) await new Promise(setImmediate);
  });
}

test("a call that waits for its response ends at the limit of time, and one that has it does not", async (t) => {
  const door = await openGrpcDoor(t, { limits: { deadlineMsMax: 2_000 } });
  const session = await openSession(t, door.grpc);
  const answered = call(session, STATS);
  answered.end(statsRequest());
  assert.equal(await statusOf(answered), "0");
  door.bus.gate = new Promise(() => {});
  const waiting = call(session, STATS);
  waiting.end(statsRequest());
  assert.equal(await statusOf(waiting), DEADLINE_EXCEEDED);
  assert.equal(session.closed, false);
});

test("a stream that has begun has no limit of time", async (t) => {
  const door = await openGrpcDoor(t, { limits: { deadlineMsMax: 1_000, heartbeatMs: 10 } });
  const session = await openSession(t, door.grpc);
  door.live.set("token:1:a", tokenData("1:a", 1));
  const stream = call(session, "swapstats.v1.StatsService/Subscribe");
  stream.end(enveloped(encode("SubscribeRequest", { channels: [{ channel: "token:1:a" }] })));
  await once(stream, "data");
  // A call that began later is ended in the meantime.
  assert.equal(await statusOf(call(session, STATS)), DEADLINE_EXCEEDED);
  await once(stream, "data");
  assert.equal(stream.destroyed, false);
});

test("a connection without calls is closed, although it answers pings", async (t) => {
  const door = await openGrpcDoor(t, { limits: { pingMs: 20, idleMs: 200 } });
  const session = await openSession(t, door.grpc);
  let pings = 0;
  session.on("ping", () => {
    pings += 1;
  });
  const [code] = await once(session, "goaway");
  assert.equal(code, 0);
  if (!session.destroyed) await once(session, "close");
  assert.ok(pings > 0);
});

test("a connection with a quiet call stays open, and is closed after the call", async (t) => {
  const door = await openGrpcDoor(t, { limits: { idleMs: 100 } });
  const [session, other] = [await openSession(t, door.grpc), await openSession(t, door.grpc)];
  const watch = call(session, "grpc.health.v1.Health/Watch");
  watch.end(Buffer.alloc(5));
  await once(watch, "data");
  if (!other.destroyed) await once(other, "close");
  const next = await openSession(t, door.grpc);
  await once(next, "close");
  assert.deepEqual([session.closed, watch.destroyed], [false, false]);
  watch.close();
  await once(session, "close");
});

test("a client that does not answer pings is disconnected, also during a call, and one that answers stays", async (t) => {
  const door = await openGrpcDoor(t, { limits: { pingMs: 400 } });
  const proxy = await TcpProxy.start(Number(new URL(door.grpc).port));
  t.after(() => proxy.close());
  const [session, held] = [await openSession(t, door.grpc), await openSession(t, `http://127.0.0.1:${proxy.port}`)];
  const watch = call(held, "grpc.health.v1.Health/Watch");
  watch.end(Buffer.alloc(5));
  await once(watch, "data");
  for (let pings = 0; pings < 3; pings++) await once(held, "ping");
  assert.equal(door.door.budget.used, 1, "the client answers");
  proxy.mode = "silent";
  while (door.door.budget.used > 0) await new Promise(setImmediate);
  await once(session, "ping");
  assert.equal(session.closed, false);
});
