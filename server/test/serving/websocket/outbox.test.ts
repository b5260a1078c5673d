import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lengthOf, type MessageFrames, PING_FRAME_BYTES, textFrames } from "../../../src/serving/websocket/frames.ts";
import { WEBSOCKET_LIMITS } from "../../../src/serving/websocket/limits.ts";
import { Outbox } from "../../../src/serving/websocket/outbox.ts";
import { propertyOptions } from "../../support/seed.ts";

const IN_FLIGHT_MAX = 1_000;
const FRAGMENT_MAX = 200;
const PING_BYTES = 400;
const PING_MS = 50;
const LATE_PONG_MS = 40;
const limits = {
  inFlightBytesMax: IN_FLIGHT_MAX,
  unansweredPingsMax: 2,
  pingBytes: PING_BYTES,
  pingMs: PING_MS,
  latePongMs: LATE_PONG_MS,
};

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

test("a write to a new client ends with a ping, and two unanswered pings stop everything until a pong", () => {
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
  assert.equal(outbox.pong(sequenceOf(pings[1] as Buffer), 2), true);
  assert.equal(outbox.inFlightBytes, 0);
  assert.equal(outbox.oldestPingAtMs, undefined);
  assert.equal(outbox.pong(sequenceOf(pings[0] as Buffer), 2), false);
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
    outbox.pong(sequenceOf(writes.flat().findLast(isPing) as Buffer), i);
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
  outbox.pong(sequenceOf(writes[0]?.at(-1) as Buffer), 1);
  outbox.pump(1);
  await room;
  while (outbox.hasRoom) outbox.reply(long);
  const closed = outbox.room();
  outbox.close();
  await closed;
  outbox.pong(sequenceOf(writes[1]?.at(-1) as Buffer), 9);
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

/** An outbox whose client has just answered a ping at once. */
function promptOutbox() {
  const messages = [textFrames("first", FRAGMENT_MAX)];
  const { outbox, writes } = outboxWith(messages);
  const send = (text: string, nowMs: number): readonly Buffer[] | undefined => {
    messages.push(textFrames(text, FRAGMENT_MAX));
    const count = writes.length;
    outbox.pump(nowMs);
    return writes[count];
  };
  outbox.pump(0);
  outbox.pong(sequenceOf(writes[0]?.at(-1) as Buffer), 0);
  return { outbox, send };
}
const endsWithPing = (write: readonly Buffer[] | undefined): boolean => isPing(write?.at(-1) as Buffer);

test("a prompt client gets a ping after as many bytes, or as much time, as the limits say, and not before", () => {
  const byBytes = promptOutbox();
  // A frame has a header of 2 bytes up to 125 of payload, and of 4 above.
  assert.equal(endsWithPing(byBytes.send("a".repeat(195), 1)), false);
  assert.equal(endsWithPing(byBytes.send("b".repeat(196), 1)), false);
  assert.equal(byBytes.outbox.inFlightBytes, PING_BYTES - 1);
  assert.equal(endsWithPing(byBytes.send("", 1)), true, "one byte more, and beyond");
  const exact = promptOutbox();
  exact.send("a".repeat(196), 1);
  assert.equal(endsWithPing(exact.send("b".repeat(196), 1)), true);

  const byTime = promptOutbox();
  assert.equal(endsWithPing(byTime.send("a", PING_MS - 1)), false);
  assert.equal(endsWithPing(byTime.send("b", PING_MS)), true);
  assert.equal(endsWithPing(byTime.send("c", PING_MS + 1)), false);
  const quiet = promptOutbox();
  assert.equal(endsWithPing(quiet.send("after a long silence", 100 * PING_MS)), true);
});

test("nothing is sent while a ping is unanswered for too long, and then each write has one until a pong is prompt again", () => {
  const { outbox, send } = promptOutbox();
  const ping = send("a", PING_MS)?.at(-1) as Buffer;
  assert.notEqual(send("b", PING_MS + LATE_PONG_MS - 1), undefined);
  assert.equal(send("c", PING_MS + LATE_PONG_MS), undefined);
  outbox.pong(sequenceOf(ping), PING_MS + LATE_PONG_MS);
  const now = PING_MS + LATE_PONG_MS;
  const late = send("d", now) as readonly Buffer[];
  assert.ok(endsWithPing(late));
  assert.ok(endsWithPing(send("e", now)));
  assert.equal(send("f", now), undefined, "two pings of a slow client are unanswered");
  outbox.pong(sequenceOf(late.at(-1) as Buffer), now + LATE_PONG_MS - 1);
  assert.equal(endsWithPing(send("g", now + LATE_PONG_MS - 1)), false);
});

test("the limits of the door leave room for a fragment and a ping behind what has no ping yet", () => {
  const { inFlightBytesMax, pingBytes, fragmentBytesMax, pingMs, latePongMs } = WEBSOCKET_LIMITS;
  const headerBytesMax = 10;
  assert.ok(pingBytes + fragmentBytesMax + headerBytesMax + PING_FRAME_BYTES <= inFlightBytesMax);
  assert.ok(pingMs + latePongMs < 1_000, "a client that stops reading finds the data of less than a second");
});

type Step = { readonly kind: "news" | "reply" | "owe" | "pong" | "wait"; readonly length: number };
/** A write as the client sees it. */
type Sent = { readonly atMs: number; readonly bytes: number; readonly ping: number | undefined };

/** The client's end: what it was sent and has not acknowledged by a pong. */
class UnreadWrites {
  #unread: Sent[] = [];
  #isPrompt = false;
  #pingedAtMs = Number.NEGATIVE_INFINITY;

  get pings(): number[] {
    return this.#unread.flatMap(({ ping }) => ping ?? []);
  }

  /** Checks a write against the limits, by what was unread before it. */
  add(frames: readonly Buffer[], atMs: number): void {
    const oldest = this.#unread.find(({ ping }) => ping !== undefined);
    const ping = frames.find(isPing);
    assert.ok(oldest === undefined || atMs - oldest.atMs < LATE_PONG_MS, "nothing follows a ping that is late");
    if (!this.#isPrompt) assert.ok(ping !== undefined && this.pings.length < 2, "a slow client has two pings at most");
    this.#unread.push({ atMs, bytes: lengthOf(frames), ping: ping && sequenceOf(ping) });
    assert.ok(this.#unread.reduce((sum, { bytes }) => sum + bytes, 0) <= IN_FLIGHT_MAX);
    const since = this.#unread.slice(this.#unread.findLastIndex((one) => one.ping !== undefined) + 1);
    assert.ok(since.reduce((sum, { bytes }) => sum + bytes, 0) < PING_BYTES, "a ping follows after its bytes");
    assert.ok(ping !== undefined || atMs - this.#pingedAtMs < PING_MS, "or in time");
    if (ping !== undefined) this.#pingedAtMs = atMs;
  }

  answer(ping: number, atMs: number): void {
    const index = this.#unread.findIndex((sent) => sent.ping === ping);
    this.#isPrompt = atMs - (this.#unread[index] as Sent).atMs < LATE_PONG_MS;
    this.#unread = this.#unread.slice(index + 1);
  }

  /** A client whose ping is late is slow, whether or not something waits for it. */
  noteLate(nowMs: number): void {
    const oldest = this.#unread.find(({ ping }) => ping !== undefined);
    if (oldest !== undefined && nowMs - oldest.atMs >= LATE_PONG_MS) this.#isPrompt = false;
  }
}

test("in any sequence the bytes without a pong stay within the credit, no ping is late, and every message arrives whole and in order", (t) => {
  const step = (kind: Step["kind"], min: number, max: number) =>
    fc.record({ kind: fc.constant(kind), length: fc.integer({ min, max }) });
  const steps = fc.array(
    fc.oneof(
      step("news", 1, 900),
      step("news", 1, 50),
      step("reply", 1, 900),
      step("owe", 0, 125),
      step("pong", 0, 3),
      step("wait", 0, 60),
    ),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const messages: MessageFrames[] = [];
      const { outbox, writes } = outboxWith(messages);
      const expected = { news: [] as string[], reply: [] as string[] };
      const unread = new UnreadWrites();
      let nowMs = 0;
      let seen = 0;
      const pump = (): void => {
        unread.noteLate(nowMs);
        outbox.pump(nowMs);
        for (; seen < writes.length; seen++) unread.add(writes[seen] as readonly Buffer[], nowMs);
      };
      const pong = (index: number): void => {
        const ping = unread.pings.at(index);
        if (ping === undefined) return;
        assert.ok(outbox.pong(ping, nowMs));
        unread.answer(ping, nowMs);
      };
      list.forEach(({ kind, length }, i) => {
        const text = `${kind}${i}:`.padEnd(length, "z");
        if (kind === "news" || kind === "reply") expected[kind].push(text);
        if (kind === "news") messages.push(textFrames(text, FRAGMENT_MAX));
        else if (kind === "reply") outbox.reply(textFrames(text, FRAGMENT_MAX));
        else if (kind === "owe") outbox.owePong(Buffer.alloc(length));
        else if (kind === "pong") pong(length);
        else nowMs += length;
        pump();
      });
      for (let i = 0; i < 400 && (unread.pings.length > 0 || messages.length > 0); i++) {
        nowMs += 1;
        pong(-1);
        pump();
      }
      // What has no ping yet is covered by the next one.
      nowMs += PING_MS;
      outbox.owePing();
      pump();
      pong(-1);
      const texts = textsOf(writes.flat());
      for (const kind of ["news", "reply"] as const) {
        assert.deepEqual(
          texts.filter((text) => text.startsWith(kind)),
          expected[kind],
        );
      }
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
