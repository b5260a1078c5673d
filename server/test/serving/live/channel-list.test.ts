import assert from "node:assert/strict";
import { test } from "node:test";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import { ChannelFeed } from "../../../src/serving/live/channel-feed.ts";
import { ChannelList } from "../../../src/serving/live/channel-list.ts";
import type { OpenSubscription } from "../../../src/serving/live/subscription.ts";
import { WEBSOCKET_LIMITS } from "../../../src/serving/websocket/limits.ts";

const ENOUGH = 1_000_000;

function subscriptionTo(name: string, conflateMs = 0): OpenSubscription & { update(): void } {
  const feed = new ChannelFeed(WEBSOCKET_LIMITS, new CachedBytes(WEBSOCKET_LIMITS.cachedBytesMax));
  let rev = 0;
  const update = (): void => {
    const prevRev = rev === 0 ? undefined : rev;
    rev += 1;
    const patch = prevRev === undefined ? undefined : `{"n":${rev}}`;
    const data = `{"n":${rev},"name":"${name}"}`;
    feed.accept(
      { epoch: "1", rev, prevRev, asOf: 0, watermark: 0, lagMs: 0, stale: false, data, patch },
      rev * 10,
      rev * 10,
    );
  };
  update();
  feed.opened(name, () => {});
  const topic = { kind: "token", token: name, windows: [] } as const;
  return { feed, channel: name, requestedAs: name, topic, conflateMs, update };
}

/** Which channels were taken, and what else the list said. */
function take(list: ChannelList, bytesFree: number, nowMs = 0) {
  const frames: Buffer[] = [];
  const taken = list.take(frames, bytesFree, nowMs);
  return { names: frames.map((frame) => /"channel":"(\w+)"/.exec(frame.toString())?.[1]).join(""), taken, frames };
}

test("scarce credit goes round: no channel is served twice before the others were", () => {
  const list = new ChannelList();
  const all = ["a", "b", "c", "d", "e"].map((name) => subscriptionTo(name));
  for (const subscription of all) list.add(subscription);
  const two = 2 * (take(list, ENOUGH).frames[0] as Buffer).length;
  const served: string[] = [];
  for (let round = 0; round < 5; round++) {
    for (const subscription of all) subscription.update();
    served.push(take(list, two).names);
  }
  assert.equal(served.join(""), "abcdeabcde");
});

test("what was replaced is counted, the oldest as-of is told, and a first snapshot is neither", () => {
  const list = new ChannelList();
  const [a, b] = [subscriptionTo("a"), subscriptionTo("b")];
  list.add(a);
  list.add(b);
  const first = take(list, ENOUGH).taken;
  assert.deepEqual([first.conflated, first.oldestSinceMs], [0, Number.POSITIVE_INFINITY]);
  for (let i = 0; i < 4; i++) a.update();
  b.update();
  const { names, taken } = take(list, ENOUGH);
  assert.equal(names, "ab");
  assert.deepEqual([taken.conflated, taken.oldestSinceMs], [3, 20]);
  assert.equal(take(list, ENOUGH).names, "");
});

test("conflate_ms holds a channel to the end of its stretch, and says when that is", () => {
  const list = new ChannelList();
  const held = subscriptionTo("a", 1_000);
  list.add(held);
  assert.equal(take(list, ENOUGH, 5_300).names, "a");
  held.update();
  const early = take(list, ENOUGH, 5_999);
  assert.deepEqual([early.names, early.taken.dueMs], ["", 6_000]);
  const due = take(list, ENOUGH, 6_000);
  assert.deepEqual([due.names, due.taken.dueMs], ["a", Number.POSITIVE_INFINITY]);
});

test("a channel that is taken out sends no more, and the others keep their turn", () => {
  const list = new ChannelList();
  const all = ["a", "b", "c"].map((name) => subscriptionTo(name));
  for (const subscription of all) list.add(subscription);
  const one = (take(list, ENOUGH).frames[0] as Buffer).length;
  for (const subscription of all) subscription.update();
  assert.equal(take(list, one).names, "a");
  list.remove(all[0] as OpenSubscription);
  list.remove(all[0] as OpenSubscription);
  assert.equal(take(list, one).names, "b");
  assert.equal(take(list, ENOUGH).names, "c");
  list.remove(all[2] as OpenSubscription);
  list.remove(all[1] as OpenSubscription);
  assert.equal(take(list, ENOUGH).names, "");
});

test("a message of several frames ends the taking", () => {
  const limits = { ...WEBSOCKET_LIMITS, fragmentBytesMax: 50 };
  const list = new ChannelList();
  const feed = new ChannelFeed(limits, new CachedBytes(limits.cachedBytesMax));
  const data = JSON.stringify({ text: "x".repeat(200) });
  feed.accept(
    { epoch: "1", rev: 1, prevRev: undefined, asOf: 0, watermark: 0, lagMs: 0, stale: false, data, patch: undefined },
    0,
    0,
  );
  feed.opened("long", () => {});
  list.add({
    feed,
    channel: "a",
    topic: { kind: "token", token: "a", windows: [] },
    requestedAs: "long",
    conflateMs: 0,
  });
  list.add(subscriptionTo("b"));
  const frames: Buffer[] = [];
  const { begun } = list.take(frames, ENOUGH, 0);
  assert.equal(frames.length, 1);
  assert.ok(begun !== undefined && begun.length > 4 && begun[0] === frames[0]);
  assert.equal(take(list, ENOUGH).names, "b");
});
