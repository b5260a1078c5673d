/** What is given up first when memory or feeds are short: feeds without clients, then patches beyond an equal share, then all patches of a feed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import type { ChannelFeed, PushTarget } from "../../../src/serving/live/channel-feed.ts";
import { Hub } from "../../../src/serving/live/hub.ts";
import { LIVE_LIMITS } from "../../../src/serving/live/live-limits.ts";
import { StandInBus } from "../websocket/support/stand-in-bus.ts";

class Owner {
  dropped = 0;
  dropCaches(): void {
    this.dropped += 1;
  }
}

test("up to three quarters of the bytes each owner may have what it wants, and beyond that its equal share", () => {
  const cached = new CachedBytes(40_000);
  const [one, two] = [new Owner(), new Owner()];
  cached.set(one, 15_000);
  cached.set(two, 15_000);
  assert.equal(cached.shareOf(25_000), 25_000, "at the limit");
  cached.set(two, 15_001);
  assert.equal(cached.shareOf(25_000), 15_000, "beyond it");
  assert.equal(cached.shareOf(100), 100);
  for (let i = 0; i < 20; i++) cached.set(new Owner(), 1);
  assert.equal(cached.shareOf(25_000), 4_096, "many short patches are kept in any case");
  assert.deepEqual([one.dropped, two.dropped], [0, 0]);
  cached.set(new Owner(), 10_000);
  assert.deepEqual([one.dropped, two.dropped, cached.total], [1, 0, 25_021]);
});

test("owners that nobody uses are closed before that", () => {
  const owners = [new Owner(), new Owner(), new Owner()];
  const unused = owners.slice(1);
  const cached: CachedBytes = new CachedBytes(400, () => {
    const one = unused.shift();
    if (one !== undefined) cached.set(one, 0);
    return one !== undefined;
  });
  for (const owner of owners) cached.set(owner, 100);
  assert.deepEqual([cached.total, unused.length], [300, 2], "at the limit");
  cached.set(owners[0] as Owner, 101);
  assert.deepEqual([cached.total, unused.length], [201, 1], "as many as it takes");
});

const ws = { coalesceMs: 100, maxSubscriptions: 500, maxRows: 1_000, maxRowsTotal: 1_000 };
const config = {
  api: { ws: { ...ws, resumeWindowMs: 60_000, resumeBytes: 262_144 } },
  windows: { clock: "event", list: [] },
} as const;

test("feeds without clients are kept below a number of feeds, the oldest goes first, and one with a client again stays", async () => {
  const bus = new StandInBus();
  const hub = new Hub({ bus, config, limits: { ...LIVE_LIMITS, feedsKeptBelow: 3 } });
  const client: PushTarget = { isDirty: false, rows: 0, flush: () => {} };
  const known = new Set<string>();
  const open = async (id: string): Promise<ChannelFeed> => {
    const channel = `token:1:${id}`;
    if (!known.has(channel)) bus.set(channel, { id });
    known.add(channel);
    const joined = await hub.join({ kind: "token", token: `1:${id}`, windows: [] }, client);
    assert.ok(joined.kind === "joined");
    return joined.feed;
  };
  const [a, b] = [await open("a"), await open("b")];
  for (const feed of [a, b]) hub.leave(feed, client, true);
  assert.deepEqual([hub.feeds, hub.held.keptFeeds], [2, 2]);
  assert.equal(await open("a"), a, "it has a client again");
  const c = await open("c");
  assert.deepEqual([hub.feeds, hub.held.keptFeeds], [3, 1]);
  await open("d");
  assert.deepEqual([hub.held.keptFeeds, a.isClosed, b.isClosed], [0, false, true], "b made room for d");
  hub.leave(c, client, true);
  assert.equal(c.isClosed, true, "there are too many feeds to keep it");
  hub.leave(a, client, false);
  assert.deepEqual([a.isClosed, hub.held.keptFeeds], [false, 1], "the client that lost it before may still come back");
  hub.close();
});
