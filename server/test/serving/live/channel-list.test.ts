import assert from "node:assert/strict";
import { test } from "node:test";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import { ChannelList } from "../../../src/serving/live/channel-list.ts";
import { LIVE_LIMITS } from "../../../src/serving/live/live-limits.ts";
import { StateFeed } from "../../../src/serving/live/state-feed.ts";
import type { OpenSubscription } from "../../../src/serving/live/subscription.ts";
import { WorkShare } from "../../../src/serving/live/work-share.ts";

const ENOUGH = 1_000_000;
const SHARE = new WorkShare(1_000, 1, () => 0);

function subscriptionTo(name: string, conflateMs = 0): OpenSubscription & { update(): void } {
  const feed = new StateFeed({ windowMs: 60_000, bytesMax: 65_536 }, new CachedBytes(LIVE_LIMITS.cachedBytesMax));
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
  const spec = { kind: "token", token: name, windows: [] } as const;
  return { feed, channel: name, requestedAs: name, spec, conflateMs, checksum: false, heldCount: 0, update };
}

/** Takes messages as a door with room for `room` of them. Returns the names of their channels, and the list's report. */
function take(list: ChannelList, room: number, nowMs = 0) {
  const names: string[] = [];
  const taken = list.take(nowMs, ({ channel }) => {
    if (names.length === room) return "full";
    names.push(channel);
    return "taken";
  });
  return { names: names.join(""), taken };
}

test("with scarce credit no channel is served twice before all others were served", () => {
  const list = new ChannelList(LIVE_LIMITS.checksumMs, SHARE);
  const all = ["a", "b", "c", "d", "e"].map((name) => subscriptionTo(name));
  for (const subscription of all) list.add(subscription, 0);
  take(list, ENOUGH);
  const served: string[] = [];
  for (let round = 0; round < 5; round++) {
    for (const subscription of all) subscription.update();
    served.push(take(list, 2).names);
  }
  assert.equal(served.join(""), "abcdeabcde");
});

test("replaced updates are counted and the oldest as-of is reported; a first snapshot counts for neither", () => {
  const list = new ChannelList(LIVE_LIMITS.checksumMs, SHARE);
  const [a, b] = [subscriptionTo("a"), subscriptionTo("b")];
  list.add(a, 0);
  list.add(b, 0);
  const first = take(list, ENOUGH).taken;
  assert.deepEqual([first.conflated, first.oldestSinceMs], [0, Number.POSITIVE_INFINITY]);
  for (let i = 0; i < 4; i++) a.update();
  b.update();
  const { names, taken } = take(list, ENOUGH);
  assert.equal(names, "ab");
  assert.deepEqual([taken.conflated, taken.oldestSinceMs], [3, 20]);
  assert.equal(take(list, ENOUGH).names, "");
});

test("conflate_ms holds a channel to the end of its slot, and the list reports that time", () => {
  const list = new ChannelList(LIVE_LIMITS.checksumMs, SHARE);
  const held = subscriptionTo("a", 1_000);
  list.add(held, 0);
  assert.equal(take(list, ENOUGH, 5_300).names, "a");
  held.update();
  const early = take(list, ENOUGH, 5_999);
  assert.deepEqual([early.names, early.taken.dueMs], ["", 6_000]);
  const due = take(list, ENOUGH, 6_000);
  assert.deepEqual([due.names, due.taken.dueMs], ["a", Number.POSITIVE_INFINITY]);
});

test("a removed channel sends no more, and the others keep their turn", () => {
  const list = new ChannelList(LIVE_LIMITS.checksumMs, SHARE);
  const all = ["a", "b", "c"].map((name) => subscriptionTo(name));
  for (const subscription of all) list.add(subscription, 0);
  take(list, ENOUGH);
  for (const subscription of all) subscription.update();
  assert.equal(take(list, 1).names, "a");
  list.remove(all[0] as OpenSubscription);
  list.remove(all[0] as OpenSubscription);
  assert.equal(take(list, 1).names, "b");
  assert.equal(take(list, ENOUGH).names, "c");
  list.remove(all[2] as OpenSubscription);
  list.remove(all[1] as OpenSubscription);
  assert.equal(take(list, ENOUGH).names, "");
});

test("a door that wants no other message gets none, and the next channel has its turn after that", () => {
  const list = new ChannelList(LIVE_LIMITS.checksumMs, SHARE);
  for (const name of ["a", "b"]) list.add(subscriptionTo(name), 0);
  const offered: string[] = [];
  list.take(0, ({ channel }) => {
    offered.push(channel);
    return "last";
  });
  assert.deepEqual(offered, ["a"]);
  assert.equal(take(list, ENOUGH).names, "b");
});

test("a channel whose feed has no data yet sends no checksum", () => {
  const list = new ChannelList(10, SHARE);
  const feed = new StateFeed({ windowMs: 60_000, bytesMax: 65_536 }, new CachedBytes(LIVE_LIMITS.cachedBytesMax));
  feed.opened("a", () => {});
  const spec = { kind: "token", token: "a", windows: [] } as const;
  const named = { channel: "a", requestedAs: "a", spec, conflateMs: 0, checksum: true };
  list.add({ ...named, feed, heldCount: 0 }, 0);
  assert.equal(take(list, ENOUGH, 100).names, "");
  const standing = { epoch: "1", rev: 1, prevRev: undefined, asOf: 0, watermark: 0, lagMs: 0, stale: false };
  feed.accept({ ...standing, data: "{}", patch: undefined }, 100, 100);
  assert.equal(take(list, ENOUGH, 110).names, "aa", "the snapshot, and its checksum");
});
