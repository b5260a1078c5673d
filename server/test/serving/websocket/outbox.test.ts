import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type MessageFrames, PING_FRAME_BYTES, textFrames } from "../../../src/serving/websocket/frames.ts";
import { Outbox } from "../../../src/serving/websocket/outbox.ts";
import { propertyOptions } from "../../support/seed.ts";

const IN_FLIGHT_MAX = 1_000;
const FRAGMENT_MAX = 200;
const limits = { inFlightBytesMax: IN_FLIGHT_MAX, unansweredPingsMax: 2 };

const isPing = (frame: Buffer): boolean => frame[0] === 0x89;
const sequenceOf = (ping: Buffer): number => ping.readUInt32BE(2);

/** An outbox whose writes are kept, with subscriptions that have the given messages. */
function outboxWith(messages: MessageFrames[]) {
  const writes: (readonly Buffer[])[] = [];
  const outbox = new Outbox(
    limits,
    (frames) => writes.push(frames),
    (frames, bytesFree) => {
      let free = bytesFree;
      for (let message = messages[0]; message !== undefined; message = messages[0]) {
        const first = message[0] as Buffer;
        free -= first.length;
        if (free < 0) return undefined;
        messages.shift();
        frames.push(first);
        if (message.length > 1) return message;
      }
      return undefined;
    },
  );
  return { outbox, writes };
}

test("a write ends with a ping, and two unanswered pings stop everything until a pong", () => {
  const messages = [textFrames("one", FRAGMENT_MAX)];
  const { outbox, writes } = outboxWith(messages);
  outbox.pump(0);
  messages.push(textFrames("two", FRAGMENT_MAX));
  outbox.pump(1);
  messages.push(textFrames("three", FRAGMENT_MAX));
  assert.equal(outbox.pump(2), 0);
  assert.equal(writes.length, 2);
  const pings = writes.map((frames) => frames.at(-1) as Buffer);
  assert.ok(pings.every(isPing));
  assert.equal(outbox.oldestPingAtMs, 0);

  // The pong to the newest ping covers the ping before too.
  assert.equal(outbox.pong(sequenceOf(pings[1] as Buffer)), true);
  assert.equal(outbox.inFlightBytes, 0);
  assert.equal(outbox.oldestPingAtMs, undefined);
  assert.equal(outbox.pong(sequenceOf(pings[0] as Buffer)), false);
  assert.ok(outbox.pump(3) > 0);
});

test("nothing to send means no ping", () => {
  const { outbox, writes } = outboxWith([]);
  assert.equal(outbox.pump(0), 0);
  assert.equal(writes.length, 0);
});

test("a message longer than the credit goes out in fragments, each pong allows the next, and nothing comes between", () => {
  const text = "x".repeat(3_500);
  const messages = [textFrames(text, FRAGMENT_MAX), textFrames("next", FRAGMENT_MAX)];
  const { outbox, writes } = outboxWith(messages);
  outbox.pump(0);
  assert.ok(outbox.isInMessage);
  outbox.reply(textFrames("answer", FRAGMENT_MAX));
  for (let i = 0; i < 10 && (outbox.isInMessage || messages.length > 0); i++) {
    assert.ok(outbox.inFlightBytes <= IN_FLIGHT_MAX);
    outbox.pong(sequenceOf(writes.at(-1)?.at(-1) as Buffer));
    outbox.pump(i);
  }
  const payloads = writes
    .flat()
    .filter((frame) => !isPing(frame))
    .map((frame) => frame.subarray(frame[1] === 126 ? 4 : 2));
  assert.equal(payloads.map(String).join("|").replaceAll("x|x", "xx"), `${text}|answer|next`);
});

test("waiting for room ends with a pong or a close", async () => {
  const { outbox, writes } = outboxWith([]);
  const long = textFrames("y".repeat(FRAGMENT_MAX), FRAGMENT_MAX);
  while (outbox.hasRoom) outbox.reply(long);
  let isThere = false;
  const room = outbox.room().then(() => {
    isThere = true;
  });
  outbox.pump(0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isThere, false, "what is in flight counts as what waits does");
  outbox.pong(sequenceOf(writes[0]?.at(-1) as Buffer));
  outbox.pump(1);
  await room;
  while (outbox.hasRoom) outbox.reply(long);
  const closed = outbox.room();
  outbox.close();
  await closed;
  outbox.pong(sequenceOf(writes[1]?.at(-1) as Buffer));
  assert.equal(outbox.pump(9), 0);
});

test("of several pings of the client only the newest gets a pong", () => {
  const { outbox, writes } = outboxWith([]);
  outbox.owePong(Buffer.from("first"));
  outbox.owePong(Buffer.from("second"));
  outbox.pump(0);
  const pongs = writes.flat().filter((frame) => frame[0] === 0x8a);
  assert.deepEqual(
    pongs.map((frame) => frame.subarray(2).toString()),
    ["second"],
  );
});

test("in any sequence the credit is never exceeded, and every message arrives whole and in order", (t) => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("news" as const), length: fc.integer({ min: 1, max: 900 }) }),
      fc.record({ kind: fc.constant("reply" as const), length: fc.integer({ min: 1, max: 900 }) }),
      fc.record({ kind: fc.constant("owe" as const), length: fc.integer({ min: 0, max: 125 }) }),
      fc.record({ kind: fc.constant("pong" as const), length: fc.integer({ min: 0, max: 1 }) }),
    ),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const messages: MessageFrames[] = [];
      const { outbox, writes } = outboxWith(messages);
      const expected = { news: [] as string[], reply: [] as string[] };
      let unanswered: { sequence: number; bytes: number }[] = [];
      let seen = 0;
      const look = (): void => {
        for (; seen < writes.length; seen++) {
          const frames = writes[seen] as readonly Buffer[];
          const ping = frames.at(-1) as Buffer;
          assert.ok(isPing(ping) && frames.filter(isPing).length === 1);
          unanswered.push({ sequence: sequenceOf(ping), bytes: frames.reduce((sum, frame) => sum + frame.length, 0) });
          assert.ok(unanswered.length <= 2);
          assert.ok(unanswered.reduce((sum, ping) => sum + ping.bytes, 0) <= IN_FLIGHT_MAX);
        }
      };
      const pong = (index: number): void => {
        const ping = unanswered[index];
        if (ping === undefined) return;
        outbox.pong(ping.sequence);
        unanswered = unanswered.slice(index + 1);
      };
      list.forEach((step, i) => {
        const text = `${step.kind}${i}:`.padEnd(step.length, "z");
        if (step.kind === "news" || step.kind === "reply") expected[step.kind].push(text);
        if (step.kind === "news") messages.push(textFrames(text, FRAGMENT_MAX));
        else if (step.kind === "reply") outbox.reply(textFrames(text, FRAGMENT_MAX));
        else if (step.kind === "owe") outbox.owePong(Buffer.alloc(step.length));
        else pong(step.length);
        outbox.pump(i);
        look();
      });
      for (let i = 0; i < 400 && (unanswered.length > 0 || messages.length > 0); i++) {
        pong(unanswered.length - 1);
        outbox.pump(1_000 + i);
        look();
      }
      const texts = textsOf(writes.flat());
      assert.deepEqual(
        texts.filter((text) => text.startsWith("news")),
        expected.news,
      );
      assert.deepEqual(
        texts.filter((text) => text.startsWith("reply")),
        expected.reply,
      );
      assert.equal(outbox.inFlightBytes, 0);
    }),
    propertyOptions(t, 300),
  );
});

function textsOf(frames: Buffer[]): string[] {
  const texts: string[] = [];
  let text = "";
  for (const frame of frames) {
    const opcode = (frame[0] as number) & 0x0f;
    if (opcode > 1) continue;
    assert.equal(opcode === 1, text === "", "a message begins only where none is open");
    text += frame.subarray(frame[1] === 126 ? 4 : 2).toString();
    if (((frame[0] as number) & 0x80) !== 0) {
      texts.push(text);
      text = "";
    }
  }
  assert.equal(text, "");
  assert.equal(PING_FRAME_BYTES, 6);
  return texts;
}
