import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import type { PatchMessage, SnapshotMessage, SwapsMessage } from "@swapstats/protocol/schemas/websocket.ts";
import { DEMO_DEFAULTS } from "../../../src/generator/options.ts";
import { SwapGenerator } from "../../../src/generator/swap-generator.ts";
import { channelHead } from "../../../src/serving/live/channel-head.ts";
import { SharedMessage } from "../../../src/serving/live/shared-message.ts";
import { ChannelMessages } from "../../../src/serving/protobuf/channel-messages.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { ProtobufClient } from "../../support/protobuf-client.ts";
import { connect, type TestClient } from "../websocket/support/client.ts";

/** All filled by the stream, so that no two of them have the same figures for want of a past. */
const WINDOWS = "1m,5m,15m,30m";
const PAST_MS = 35 * 60_000;
const PAST_RATE = 40;
const LIVE_ROUNDS = 80;
const SWAPS_A_ROUND = 20;
const TOKENS = 20;
/** Share of the bytes of JSON that messages in protobuf may have. */
const SHARE_MAX = 0.4;

/** Of messages with swaps, which have a sequence number alone. */
const STANDING = { rev: 1, as_of: 0, watermark: undefined, lag_ms: 0, stale: false };

type DataMessage = SnapshotMessage | PatchMessage | SwapsMessage;

/** Posts the next swaps of the generator. */
async function post({ base }: RunningApp, generator: SwapGenerator, count: number): Promise<void> {
  const buffer = new Uint8Array(768 * count);
  let bytes = 0;
  for (let i = 0; i < count; i++) bytes = generator.write(buffer, bytes);
  const headers = { "content-type": "application/x-ndjson" };
  const response = await fetch(`${base}/api/swaps`, { method: "POST", headers, body: buffer.subarray(0, bytes) });
  assert.equal(response.status, 202, await response.text());
}

/** Encodes the messages of a client with JSON as one with protobuf would get them, and compares what both hold. Returns bytes by kind of channel. */
function encodeAll(client: TestClient, messages: readonly { message: DataMessage; data: JsonObject }[]) {
  const encoder = new ChannelMessages();
  const foreign = new ProtobufClient();
  const heads = new Map(client.held.keys().map((channel) => [channel, channelHead(channel)]));
  const bytes = new Map<string, { json: number; protobuf: number; count: number }>();
  for (const { message, data } of messages) {
    const { channel, epoch } = message;
    const isSwaps = message.type === "swaps";
    const { rev, as_of: asOf, watermark, lag_ms: lagMs, stale = false } = isSwaps ? STANDING : message;
    const update = {
      epoch,
      rev,
      asOf,
      watermark,
      lagMs,
      stale,
      data: JSON.stringify(data),
      prevRev: undefined,
      patch: undefined,
    };
    const content =
      message.type === "snapshot"
        ? ({ kind: "snapshot" } as const)
        : isSwaps
          ? ({
              kind: "swaps",
              items: message.items.map((item) => JSON.stringify(item)),
              skipped: message.skipped,
            } as const)
          : ({ kind: "patch", prevRev: message.prev_rev, patch: JSON.stringify(message.patch) } as const);
    const shared = new SharedMessage(heads.get(channel)!, update, content, () => {});
    const encoded = encoder.of(shared);
    const taken = foreign.take(encoded);
    assert.equal(taken.message.type, message.type);
    if (isSwaps) assert.deepEqual(taken.message.items, message.items);
    else assert.deepEqual(taken.data, data);
    const kind = `${channel.split(":", 1)[0]} ${message.type}`;
    const sum = bytes.get(kind) ?? { json: 0, protobuf: 0, count: 0 };
    sum.json += Buffer.byteLength(shared.text());
    sum.protobuf += encoded.length;
    sum.count += 1;
    bytes.set(kind, sum);
  }
  return bytes;
}

test("the stream of a page has at most 40 % of the bytes of JSON in protobuf, and carries the same data", async (t) => {
  const app = await new TestApps(t).start({ "windows.list": WINDOWS, "api.http.max_body": "64MiB" });
  const startMs = Date.now() - PAST_MS;
  const generator = new SwapGenerator({ ...DEMO_DEFAULTS, ratePerSecond: PAST_RATE, seed: 7, startMs });
  // A minute is left for the rounds, whose swaps are then not in the future.
  const pastCount = (PAST_MS / 1_000 - 60) * PAST_RATE;
  for (let sent = 0; sent < pastCount; sent += 6_000) await post(app, generator, 6_000);
  await app.caughtUp();
  const { json } = await app.call(`/api/overview?window=5m&limit=${TOKENS}`);
  const ids = (json.items as { id: string }[]).map(({ id }) => id);
  const client = await connect(t, `${app.base.replace("http", "ws")}/ws`);
  const messages: { message: DataMessage; data: JsonObject }[] = [];
  client.ws.on("message", () => {
    const message = client.messages.at(-1);
    if (message?.type !== "snapshot" && message?.type !== "patch" && message?.type !== "swaps") return;
    messages.push({ message, data: client.held.get(message.channel)?.data as JsonObject });
  });
  const channels = [
    ...ids.map((id) => `token:${id}`),
    "overview:5m:volume_usd",
    "market",
    `candles:${ids[0]}:1m`,
    `swaps:${ids[0]}`,
  ];
  const last = client.next("snapshot", ({ channel }) => channel === channels.at(-1));
  client.send({ subscribe: channels });
  await last;
  for (let round = 0; round < LIVE_ROUNDS; round++) {
    const patch = client.next("patch");
    await post(app, generator, SWAPS_A_ROUND);
    await patch;
  }
  const sums = encodeAll(client, messages);
  let jsonBytes = 0;
  let protobuf = 0;
  for (const [kind, sum] of sums) {
    jsonBytes += sum.json;
    protobuf += sum.protobuf;
    t.diagnostic(
      `${kind}: ${sum.count} messages, ${(sum.json / sum.count).toFixed(0)} bytes in JSON, ${((100 * sum.protobuf) / sum.json).toFixed(1)} % in protobuf`,
    );
  }
  t.diagnostic(`together ${((100 * protobuf) / jsonBytes).toFixed(1)} %`);
  assert.ok(protobuf <= SHARE_MAX * jsonBytes);
});
