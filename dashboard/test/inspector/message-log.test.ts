import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checksumOf, type Frame, type Json } from "@swapstats/client";
import {
  BYTES_MAX,
  CHANNELS_MAX,
  filtered,
  MESSAGES_MAX,
  MessageLog,
  NO_FILTER,
  rateOf,
} from "../../src/inspector/message-log.ts";

const T0 = 1_760_000_000_000;

function frame(message: Record<string, unknown>, change: Partial<Frame> = {}): Frame {
  const text = JSON.stringify(message);
  const { type, channel, rev, seq } = message as { type?: string; channel?: string; rev?: number; seq?: number };
  return {
    ...{ direction: "in", atMs: T0, bytes: text.length, channel, kind: type ?? "subscribe", rev: rev ?? seq, text },
    message,
    ...change,
  } as Frame;
}

const snapshot = (rev: number, data: Json, channel = "token:A", epoch = "1"): Frame =>
  frame({ type: "snapshot", channel, epoch, rev, as_of: T0, lag_ms: 3, data });
const patch = (prev_rev: number, rev: number, change: Json, channel = "token:A", epoch = "1"): Frame =>
  frame({ type: "patch", channel, epoch, rev, prev_rev, as_of: T0, lag_ms: 4, patch: change });
const checksum = (rev: number, crc32: number): Frame =>
  frame({ type: "heartbeat", channel: "token:A", epoch: "1", rev, crc32 });
const heartbeats = (count: number): Frame[] =>
  Array.from({ length: count }, () => frame({ type: "heartbeat", time: T0 }));

describe("the log of messages", () => {
  test("the newest thousand are kept, and numbers go on", () => {
    const log = new MessageLog();
    const kept = (): unknown[] => [log.messages.length, log.messages[0]?.no, log.count];
    log.add(heartbeats(MESSAGES_MAX));
    assert.deepEqual(kept(), [MESSAGES_MAX, 1, MESSAGES_MAX]);
    log.add(heartbeats(1));
    assert.deepEqual(kept(), [MESSAGES_MAX, 2, MESSAGES_MAX + 1]);
    log.add(heartbeats(2 * MESSAGES_MAX));
    assert.deepEqual(kept(), [MESSAGES_MAX, 2 * MESSAGES_MAX + 2, 3 * MESSAGES_MAX + 1]);
  });

  test("the oldest leave when all have too many bytes; the newest stays however long it is", () => {
    const log = new MessageLog();
    const nos = (): number[] => log.messages.map(({ no }) => no);
    log.add([1, 2, 3, 4].map((no) => frame({ type: "snapshot", no }, { bytes: BYTES_MAX / 4 })));
    assert.deepEqual(nos(), [1, 2, 3, 4]);
    log.add([frame({ type: "patch" }, { bytes: 1 })]);
    assert.deepEqual(nos(), [2, 3, 4, 5]);
    log.add([frame({ type: "snapshot" }, { bytes: 2 * BYTES_MAX })]);
    assert.deepEqual(nos(), [6]);
    log.clear();
    log.add([frame({ type: "patch" }, { bytes: 1 }), frame({ type: "patch" }, { bytes: 1 })]);
    assert.deepEqual(nos(), [7, 8]);
  });

  test("a patch has the data before and after it, and a snapshot the data that it replaces", () => {
    const log = new MessageLog();
    log.add([snapshot(1, { a: 1, b: { c: 2 } }), patch(1, 2, { b: { c: 3 } }), snapshot(9, { a: 7 })]);
    const [first, second] = [
      { a: 1, b: { c: 2 } },
      { a: 1, b: { c: 3 } },
    ];
    assert.deepEqual(
      log.messages.map(({ before, after }) => [before, after]),
      [
        [undefined, first],
        [first, second],
        [second, { a: 7 }],
      ],
    );
  });

  test("a patch that does not fit changes nothing, until the next snapshot", () => {
    const log = new MessageLog();
    log.add([patch(4, 5, { a: 1 }), snapshot(1, { a: 1 }), patch(1, 2, { a: 2 }), patch(1, 2, { a: 2 })]);
    // The last one came twice: what is held stays.
    log.add([patch(2, 3, { a: 3 }), patch(5, 6, { a: 9 }), patch(6, 7, { a: 8 }), patch(3, 4, {}, "token:A", "2")]);
    const after = log.messages.map((message) => message.after);
    assert.deepEqual(after, [undefined, { a: 1 }, { a: 2 }, undefined, { a: 3 }, undefined, undefined, undefined]);
  });

  test("a checksum is compared with the data of its revision", () => {
    const log = new MessageLog();
    const data = { a: 1, "\u00e9": ["x"] };
    log.add([snapshot(1, data), checksum(1, checksumOf(data)), checksum(1, 7), checksum(2, 7)]);
    assert.deepEqual(
      log.messages.map(({ kind, isEqual }) => [kind, isEqual]),
      [
        ["snapshot", undefined],
        ["checksum", true],
        ["checksum", false],
        ["checksum", undefined],
      ],
    );
    const [sums] = log.channels;
    assert.deepEqual([sums?.checksumsEqual, sums?.checksumsDifferent], [1, 1]);
  });

  test("sums are by channel, of what came in; clear begins them again and follows the data further", () => {
    const log = new MessageLog();
    const out = frame({ subscribe: ["token:A"] }, { direction: "out", kind: "subscribe" });
    log.add([out, snapshot(1, { a: 1 }), patch(1, 3, { a: 2 }), snapshot(1, {}, "market")]);
    const [first, second] = log.channels;
    assert.deepEqual(
      [first?.channel, first?.messages, first?.snapshots, first?.last?.rev, second?.channel],
      ["token:A", 2, 1, 3, "market"],
    );
    const bytes = log.messages.reduce((sum, one) => sum + (one.channel === "token:A" ? one.bytes : 0), 0);
    assert.equal(first?.bytes, bytes);
    log.clear();
    assert.deepEqual([log.messages.length, log.channels.length], [0, 0]);
    log.add([patch(3, 4, { a: 5 })]);
    assert.deepEqual(log.messages[0]?.before, { a: 2 });
  });

  test("sums of a bounded number of channels are kept", () => {
    const log = new MessageLog();
    log.add(Array.from({ length: CHANNELS_MAX + 1 }, (_, i) => snapshot(1, {}, `token:${i}`)));
    assert.deepEqual([log.channels.length, log.channels[0]?.channel], [CHANNELS_MAX, "token:1"]);
  });

  test("skipped swaps are counted, and the time since the message before is known", () => {
    const log = new MessageLog();
    const swaps = (seq: number, skipped: number, atMs: number): Frame =>
      frame({ type: "swaps", channel: "swaps:A", epoch: "1", seq, items: [], skipped }, { atMs });
    log.add([swaps(1, 0, T0), swaps(9, 7, T0 + 250)]);
    assert.deepEqual(
      log.messages.map(({ skipped, afterMs, rev }) => [skipped, afterMs, rev]),
      [
        [0, undefined, 1],
        [7, 250, 9],
      ],
    );
    assert.equal(log.channels[0]?.skipped, 7);
  });

  test("a text is marked as truncated by its bytes, not by its characters", () => {
    const log = new MessageLog();
    const texts = [
      { text: "€", bytes: 3 },
      { text: "€", bytes: 4 },
      { text: "ab", bytes: 2 },
    ];
    log.add(texts.map((change) => frame({}, change)));
    assert.deepEqual(
      log.messages.map(({ isCut }) => isCut),
      [false, true, false],
    );
  });
});

test("rates are those of the last ten full seconds", () => {
  const log = new MessageLog();
  for (let second = 0; second < 30; second++) {
    const atMs = T0 + second * 1_000;
    log.add([frame({ type: "swaps", channel: "swaps:A", epoch: "1", seq: 1 }, { atMs, bytes: 100 })]);
  }
  const sums = log.channels[0] as NonNullable<(typeof log.channels)[number]>;
  assert.ok(sums.recent.length <= 12);
  assert.deepEqual(rateOf(sums, T0 + 30_000), { messages: 1, bytes: 100 });
  assert.deepEqual(rateOf(sums, T0 + 35_000), { messages: 0.5, bytes: 50 });
  assert.deepEqual(rateOf(sums, T0 + 60_000), { messages: 0, bytes: 0 });
});

test("a filter takes direction, kind, channel and text", () => {
  const log = new MessageLog();
  const out = frame({ subscribe: "market" }, { direction: "out", kind: "subscribe" });
  log.add([snapshot(1, { symbol: "Weth" }), patch(1, 2, { a: 1 }), out]);
  const nos = (change: Partial<typeof NO_FILTER>): number[] =>
    filtered(log.messages, { ...NO_FILTER, ...change }).map(({ no }) => no);
  assert.equal(filtered(log.messages, NO_FILTER), log.messages);
  assert.deepEqual(nos({ direction: "out" }), [3]);
  assert.deepEqual(nos({ kind: "patch" }), [2]);
  assert.deepEqual(nos({ channel: "token:A" }), [1, 2]);
  assert.deepEqual(nos({ text: " weTH " }), [1]);
  assert.deepEqual(nos({ text: "weth", kind: "patch" }), []);
});
