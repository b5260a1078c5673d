/** Encodings with several messages in one frame. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, inflateRawSync } from "node:zlib";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import {
  jsonPatchBatchProtocol,
  protobufBatchProtocol,
  webSocketBatchProtocol,
  webSocketProtocol,
} from "@swapstats/protocol/websocket.ts";
import fc from "fast-check";
import type { ChannelUpdate } from "../../../src/ports/stats-bus.ts";
import { SharedMessage } from "../../../src/serving/live/shared-message.ts";
import { createEncodings, type Encoding } from "../../../src/serving/websocket/encodings.ts";
import { lengthOf, SHORT_HEADER_BYTES } from "../../../src/serving/websocket/frames.ts";
import { WEBSOCKET_LIMITS } from "../../../src/serving/websocket/limits.ts";
import { messagesOfBatch, ProtobufClient } from "../../support/protobuf-client.ts";
import { propertyOptions } from "../../support/seed.ts";
import { connect } from "./support/client.ts";
import { openDoor, tokenData } from "./support/door.ts";
import { RawClient, TEXT } from "./support/raw-client.ts";

const BATCH_MAX = 1_000;
const FRAGMENT_MAX = 1_500;
const limits = { fragmentBytesMax: FRAGMENT_MAX, batchBytesMax: BATCH_MAX };
/** Ends a compressed message: the receiver adds it. */
const FLUSH_END = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** A snapshot whose message in JSON has `bytes`. */
function messageOf(number: number, bytes: number): SharedMessage {
  const update = (text: string): ChannelUpdate => ({
    ...{ epoch: "1", rev: number, prevRev: undefined, asOf: 0, watermark: 0, lagMs: 0, stale: false },
    data: JSON.stringify({ id: text }),
    patch: undefined,
  });
  const made = (text: string) =>
    new SharedMessage({ channel: "market", number }, update(text), { kind: "snapshot" }, () => {});
  const least = made("").text().length;
  return made("x".repeat(Math.max(0, bytes - least)));
}

type Frame = { readonly first: number; readonly payload: Buffer };

/** Reads frames as a client does, from bytes side by side. */
function framesIn(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const short = bytes[at + 1] as number;
    const header = short < 126 ? 2 : SHORT_HEADER_BYTES;
    const length = short < 126 ? short : bytes.readUInt16BE(at + 2);
    frames.push({ first: bytes[at] as number, payload: bytes.subarray(at + header, at + header + length) });
    at += header + length;
  }
  return frames;
}

/** Returns the payloads of whole messages, and checks the length of each frame. */
function payloadsIn(bytes: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  let parts: Buffer[] = [];
  let isCompressed = false;
  for (const { first, payload } of framesIn(bytes)) {
    assert.ok(payload.length <= FRAGMENT_MAX);
    if (parts.length === 0) isCompressed = (first & 0x40) !== 0;
    parts.push(payload);
    if ((first & 0x80) === 0) continue;
    const whole = Buffer.concat(parts);
    payloads.push(
      isCompressed ? inflateRawSync(Buffer.concat([whole, FLUSH_END]), { finishFlush: constants.Z_SYNC_FLUSH }) : whole,
    );
    parts = [];
  }
  assert.equal(parts.length, 0);
  return payloads;
}

/** Packs messages into writes of `bytesFree` each, as the outbox does. Returns the bytes of all of them. */
function packAll(encoding: Encoding, messages: readonly SharedMessage[], bytesFree: number): Buffer {
  const written: Buffer[] = [];
  for (let i = 0; i < messages.length; ) {
    const frames: Buffer[] = [];
    const packer = encoding.packer(frames, bytesFree);
    const before = i;
    let reply: ReturnType<typeof packer.offer> = "taken";
    while (reply === "taken" && i < messages.length) {
      reply = packer.offer(messages[i] as SharedMessage);
      if (reply !== "full") i += 1;
    }
    const begun = packer.end();
    assert.equal(begun !== undefined, reply === "last");
    assert.ok(lengthOf(frames) <= bytesFree, `${lengthOf(frames)} of ${bytesFree} bytes`);
    assert.ok(i > before, "nothing fits");
    written.push(...frames, ...(begun ?? []).slice(1));
  }
  return Buffer.concat(written);
}

const listIn = (payload: Buffer): JsonObject[] => JSON.parse(payload.toString()) as JsonObject[];

test("a frame has at most its limit: two messages that fill it share it, and one byte more goes into the next", () => {
  const encoding = createEncodings(limits)(webSocketBatchProtocol, false);
  // The brackets and the comma take three bytes.
  for (const [second, lists] of [
    [BATCH_MAX - 3 - 400, [2]],
    [BATCH_MAX - 3 - 400 + 1, [1, 1]],
  ] as const) {
    const bytes = packAll(encoding, [messageOf(1, 400), messageOf(2, second)], 10_000);
    const frames = framesIn(bytes);
    assert.deepEqual(
      frames.map(({ payload }) => listIn(payload).length),
      lists,
    );
    assert.ok(frames.every(({ payload }) => payload.length <= BATCH_MAX));
    assert.equal(frames[0]?.payload.length === BATCH_MAX, lists.length === 1);
  }
});

test("a message of the limit is in a frame of its own, a longer one too, and one above the length of a fragment is in several", () => {
  const encoding = createEncodings(limits)(webSocketBatchProtocol, false);
  const sizes = [BATCH_MAX - 2, BATCH_MAX - 1, FRAGMENT_MAX - 2, FRAGMENT_MAX - 1];
  const messages = [messageOf(1, 300), ...sizes.map((bytes, i) => messageOf(i + 2, bytes)), messageOf(9, 300)];
  const bytes = packAll(encoding, messages, 10_000);
  assert.deepEqual(
    payloadsIn(bytes).map((payload) => listIn(payload).map(({ rev }) => rev)),
    [[1], [2], [3], [4], [5], [9]],
  );
  assert.equal(framesIn(bytes).length, 7);
});

test("any messages, in any encoding, arrive whole and in their order, within any bytes that fit one of them", (t) => {
  const protocols = [webSocketBatchProtocol, jsonPatchBatchProtocol, protobufBatchProtocol] as const;
  fc.assert(
    fc.property(
      fc.constantFrom(...protocols),
      fc.boolean(),
      fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 2_100, max: 6_000 }),
      (protocol, isCompressed, sizes, bytesFree) => {
        const encoding = createEncodings(limits)(protocol, isCompressed);
        const messages = sizes.map((bytes, i) => messageOf(i + 1, bytes));
        const payloads = payloadsIn(packAll(encoding, messages, bytesFree));
        const client = new ProtobufClient();
        const revs = payloads.flatMap((payload) =>
          protocol === protobufBatchProtocol
            ? messagesOfBatch(payload).map((bytes) => client.take(bytes).message.rev)
            : listIn(payload).map(({ rev }) => rev),
        );
        assert.deepEqual(
          revs,
          messages.map((_, i) => i + 1),
        );
      },
    ),
    propertyOptions(t, 200),
  );
});

test("the frame of a list is no longer than a fragment may be", () => {
  assert.ok(WEBSOCKET_LIMITS.batchBytesMax <= WEBSOCKET_LIMITS.fragmentBytesMax);
});

test("the messages of a tick come in one list; replies are lists of one; without the sub-protocol nothing is a list", async (t) => {
  const { bus, port, url } = await openDoor(t);
  const channels = Array.from({ length: 20 }, (_, i) => `token:1:b${i}`);
  for (const channel of channels) bus.set(channel, tokenData(channel, 1));
  const batches = new RawClient(port, webSocketBatchProtocol);
  const single = new RawClient(port);
  for (const client of [batches, single]) {
    t.after(() => client.socket.destroy());
    client.answersPings = true;
    client.sendText({ id: "r", subscribe: channels });
  }
  const listsOf = (raw: RawClient) => raw.texts().map((text) => JSON.parse(text) as JsonObject[]);
  await batches.until((raw) => listsOf(raw).flat().length === 1 + channels.length);
  const [reply, ...snapshots] = listsOf(batches) as [JsonObject[], ...JsonObject[][]];
  assert.deepEqual([reply.length, reply[0]?.type, reply[0]?.id], [1, "subscribed", "r"]);
  assert.ok(snapshots.length < channels.length / 4, `${snapshots.length} lists`);
  await single.until((raw) => raw.texts().length === 1 + channels.length);
  assert.ok(single.texts().every((text) => text.startsWith("{")));
  assert.ok(batches.frames.every(({ payload }) => payload.length <= WEBSOCKET_LIMITS.batchBytesMax));
  assert.equal(batches.frames.filter(({ opcode }) => opcode === TEXT).length, listsOf(batches).length);

  const old = await connect(t, url, [webSocketProtocol, webSocketBatchProtocol]);
  assert.equal(old.ws.protocol, webSocketProtocol, "the first that is known");
});

test("a client of lists that stops reading keeps its bound, and holds the newest afterwards", async (t) => {
  const { bus, port, url } = await openDoor(t);
  const channels = Array.from({ length: 50 }, (_, i) => `token:1:c${i}`);
  const setAll = (round: number): void => {
    for (const channel of channels)
      bus.set(channel, tokenData(channel, round, { volume_token: `${round}`.repeat(400) }));
  };
  setAll(1);
  const client = new RawClient(port, webSocketBatchProtocol);
  t.after(() => client.socket.destroy());
  client.answersPings = true;
  client.sendText({ subscribe: channels });
  const revsOf = (raw: RawClient): number[] =>
    raw.texts().flatMap((text) => (JSON.parse(text) as JsonObject[]).map(({ rev }) => rev as number));
  await client.until((raw) => revsOf(raw).length === 1 + channels.length);
  client.socket.pause();
  const before = client.frames.length;
  const healthy = await connect(t, url);
  healthy.send({ subscribe: channels });
  for (let round = 2; round <= 60; round++) {
    setAll(round);
    const last = channels.at(-1) as string;
    await healthy.atRev(last, bus.revOf(last));
  }
  const newest = Math.max(...channels.map((channel) => bus.revOf(channel)));
  client.socket.resume();
  await client.until((raw) => revsOf(raw).includes(newest));
  let oldBytes = 0;
  for (const { payload, opcode, bytes } of client.frames.slice(before)) {
    if (opcode === TEXT && payload.includes(`"rev":${newest},`)) break;
    oldBytes += bytes;
  }
  assert.ok(oldBytes <= 64 * 1024, `${oldBytes} old bytes`);
});
