/** The call Subscribe over all protocols: messages, resume, flow control, and its end. */
import assert from "node:assert/strict";
import { type ClientHttp2Stream, connect } from "node:http2";
import { describe, type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messageDesc } from "@swapstats/protocol/proto/descriptor.ts";
import { OPEN_GATE } from "../../../src/serving/gate.ts";
import { decode } from "../../../src/serving/protobuf/decode.ts";
import { encode } from "../../../src/serving/protobuf/encode.ts";
import { ProtobufClient } from "../../support/protobuf-client.ts";
import { tokenData } from "../websocket/support/door.ts";
import { type Calls, clientOf, openGrpcDoor, type Protocol, type TestDoor } from "./support/door.ts";

const RESPONSE = messageDesc("SubscribeResponse");
const A = "token:1:a";
const B = "token:1:b";
const PROTOCOLS: readonly Protocol[] = ["grpc", "grpc-web", "connect", "connect-json"];

type Options = Parameters<typeof openGrpcDoor>[1];

async function doorWithTwo(t: TestContext, options: Options = {}): Promise<TestDoor> {
  const door = await openGrpcDoor(t, options);
  door.live.set(A, tokenData("1:a", 1));
  door.live.set(B, tokenData("1:b", 1));
  return door;
}

/** A call of Subscribe whose messages the test takes one by one. */
class Subscription {
  readonly #messages: AsyncIterator<Calls>;
  readonly #abort = new AbortController();

  constructor(t: TestContext, client: Calls, channels: readonly object[]) {
    this.#messages = client.subscribe({ channels }, { signal: this.#abort.signal })[Symbol.asyncIterator]();
    t.after(() => this.#abort.abort());
  }

  /** Resolves to kind and value of the next message but heartbeats. */
  async next(): Promise<{ readonly kind: string; readonly value: Calls }> {
    for (;;) {
      const { value, done } = await this.#messages.next();
      assert.notEqual(done, true, "the call has ended");
      const { case: kind, value: message } = value.message;
      if (kind !== "heartbeat") return { kind, value: message };
    }
  }

  async until(kind: string): Promise<Calls> {
    for (;;) {
      const next = await this.next();
      if (next.kind === kind) return next.value;
    }
  }

  /** Resolves to the error with which the call ends. */
  async error(): Promise<ConnectError> {
    for (;;) {
      try {
        await this.next();
      } catch (error) {
        assert.ok(error instanceof ConnectError, String(error));
        return error;
      }
    }
  }

  leave(): void {
    this.#abort.abort();
  }
}

for (const protocol of PROTOCOLS) {
  describe(protocol, () => {
    test("a client gets snapshots and patches, and holds the data", async (t) => {
      const door = await doorWithTwo(t);
      const holder = new ProtobufClient();
      const call = new Subscription(t, clientOf(door, protocol), [{ channel: A, windows: ["5m"] }, { channel: B }]);
      const next = async () => {
        const { kind, value } = await call.next();
        const response = create(RESPONSE, { message: { case: kind, value } });
        return holder.take(toBinary(RESPONSE, response)).message;
      };
      const { type, channels } = await next();
      assert.deepEqual([type, channels], ["subscribed", [A, B]]);
      assert.deepEqual([(await next()).type, (await next()).type], ["snapshot", "snapshot"]);
      assert.deepEqual([holder.held.get(A), holder.held.get(B)], [door.live.dataOf(A), door.live.dataOf(B)]);
      door.live.set(A, tokenData("1:a", 2, { close: "1.5" }));
      const { type: second, channel, epoch, rev, prev_rev: prevRev } = await next();
      assert.deepEqual([second, channel, epoch, prevRev, rev], ["patch", A, "7", 41, 42]);
      assert.deepEqual(holder.held.get(A), door.live.dataOf(A));
    });

    test("a client continues behind the last message that it has", async (t) => {
      const door = await doorWithTwo(t);
      const first = new Subscription(t, clientOf(door, protocol), [{ channel: A }]);
      const { epoch, rev } = await first.until("snapshot");
      first.leave();
      while (door.hub.clients > 0) await new Promise(setImmediate);
      door.live.set(A, tokenData("1:a", 2));
      const from = { epoch, rev };
      const again = new Subscription(t, clientOf(door, protocol), [{ channel: A, from }, { channel: B }]);
      assert.deepEqual((await again.until("subscribed")).recovered, [true, false]);
      const patch = await again.until("patch");
      assert.deepEqual([patch.prevRev, patch.rev], [rev, 42n]);
    });

    test("a channel that cannot be opened is an error message, and a call without any is an error", async (t) => {
      const door = await doorWithTwo(t);
      const call = new Subscription(t, clientOf(door, protocol), [{ channel: A }, { channel: "nothing:1" }]);
      const { code, channel } = await call.until("error");
      assert.deepEqual([code, channel], ["unknown_channel", "nothing:1"]);
      for (const channels of [[], [{ channel: "nothing:1" }], [{ channel: A, windows: ["7m"] }]]) {
        const error = await new Subscription(t, clientOf(door, protocol), channels).error();
        assert.ok([Code.NotFound, Code.InvalidArgument].includes(error.code), error.message);
      }
    });

    test("a shutdown is told before the call ends", async (t) => {
      const door = await doorWithTwo(t);
      const call = new Subscription(t, clientOf(door, protocol), [{ channel: A }]);
      await call.until("snapshot");
      const closing = door.door.close(1_000);
      assert.ok((await call.until("shutdown")).reconnectAfterMs > 0n);
      assert.equal((await call.error()).code, Code.Unavailable);
      await closing;
      assert.equal(door.numbers.closedByReason.get("shutting_down"), 1);
    });
  });
}

test("a quiet call gets heartbeats", async (t) => {
  const door = await doorWithTwo(t, { limits: { heartbeatMs: 10 } });
  const messages = clientOf(door)
    .subscribe({ channels: [{ channel: A }] })
    [Symbol.asyncIterator]();
  for (let heartbeats = 0; heartbeats < 3; ) {
    const { value } = await messages.next();
    if (value.message.case === "heartbeat") heartbeats += 1;
  }
  await messages.return();
});

test("a client whose credentials expire is warned, and its call ends then", async (t) => {
  const now = Date.now();
  const identity = { ...(await OPEN_GATE.identify({ headers: {}, socket: {} }, "stream")), expiresAtMs: now + 2_000 };
  const door = await doorWithTwo(t, { gate: { ...OPEN_GATE, identify: () => identity } });
  const call = new Subscription(t, clientOf(door), [{ channel: A }]);
  assert.equal((await call.until("authExpiring")).at, BigInt(now + 2_000));
  assert.equal((await call.error()).code, Code.Unauthenticated);
  assert.ok(Date.now() >= now + 2_000);
});

test("a client whose credentials are revoked loses its call", async (t) => {
  let isRevoked = false;
  const door = await doorWithTwo(t, { gate: { ...OPEN_GATE, hasEnded: () => isRevoked } });
  const call = new Subscription(t, clientOf(door), [{ channel: A }]);
  await call.until("snapshot");
  isRevoked = true;
  assert.equal((await call.error()).code, Code.Unauthenticated);
});

test("calls and other clients of live data together are at most api.ws.max_conn", async (t) => {
  const door = await doorWithTwo(t, { maxConn: 1 });
  const first = new Subscription(t, clientOf(door), [{ channel: A }]);
  await first.until("snapshot");
  const second = await new Subscription(t, clientOf(door), [{ channel: A }]).error();
  assert.equal(second.code, Code.Unavailable);
  first.leave();
  while (door.hub.clients > 0) await new Promise(setImmediate);
  await new Subscription(t, clientOf(door), [{ channel: A }]).until("snapshot");
});

test("a client that leaves closes its channels, also before they are open", async (t) => {
  const door = await doorWithTwo(t);
  const opening = Promise.withResolvers<void>();
  door.live.beforeOpen = () => opening.promise;
  const call = new Subscription(t, clientOf(door), [{ channel: A }]);
  const ended = call.error();
  while (door.live.opened === 0) await new Promise(setImmediate);
  call.leave();
  await ended;
  opening.resolve();
  while (door.hub.clients > 0) await new Promise(setImmediate);
});

/** Opens a call by HTTP/2 itself. Nothing of it is read until the test does: its window is used up by the first messages. */
function openRaw(t: TestContext, { grpc }: TestDoor): ClientHttp2Stream {
  const session = connect(grpc);
  session.on("error", () => {});
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/swapstats.v1.StatsService/Subscribe",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  const message = encode("SubscribeRequest", { channels: [{ channel: A }] });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
  return stream;
}

/** Yields the messages of such a call. */
async function* messagesOf(stream: ClientHttp2Stream): AsyncGenerator<JsonObject> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      yield decode("SubscribeResponse", rest.subarray(5, end));
      rest = rest.subarray(end);
    }
  }
}

function setLong({ live }: TestDoor, chars: number): bigint {
  const rev = live.revOf(A) + 1;
  live.set(A, { ...tokenData("1:a", rev), symbol: `${rev}${"x".repeat(chars)}` });
  return BigInt(rev);
}

test("a client that takes nothing for too long is cut", async (t) => {
  const door = await doorWithTwo(t, { limits: { stalledMs: 300 } });
  openRaw(t, door);
  const reader = new Subscription(t, clientOf(door), [{ channel: A }]);
  await reader.until("snapshot");
  while (door.numbers.closedByReason.get("stalled") !== 1) {
    const rev = setLong(door, 100_000);
    while ((await reader.next()).value.rev < rev) {}
  }
  assert.equal(door.hub.clients, 1, "the reader stays");
});

test("a slow reader is conflated: it gets the newest data once it reads again", async (t) => {
  const door = await doorWithTwo(t);
  const slow = openRaw(t, door);
  const reader = new Subscription(t, clientOf(door), [{ channel: A }]);
  await reader.until("snapshot");
  let last = 0n;
  for (let i = 0; i < 30; i++) {
    last = setLong(door, 100_000);
    while ((await reader.next()).value.rev < last) {}
  }
  let messages = 0;
  for await (const { snapshot, patch } of messagesOf(slow)) {
    messages += 1;
    if (((snapshot ?? patch ?? {}) as JsonObject).rev === Number(last)) break;
  }
  assert.ok(messages < 15, `${messages} messages for 30 updates`);
  assert.ok(door.numbers.conflatedTotal > 0);
});
