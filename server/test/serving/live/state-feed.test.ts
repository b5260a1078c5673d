import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch, diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import fc from "fast-check";
import type { ChannelUpdate } from "../../../src/ports/stats-bus.ts";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import { LIVE_LIMITS } from "../../../src/serving/live/live-limits.ts";
import { StateFeed } from "../../../src/serving/live/state-feed.ts";
import { propertyOptions } from "../../support/seed.ts";

const CHANNEL = "token:1:é";
const limits = { windowMs: 7, bytesMax: 65_536 };

function update(
  rev: number,
  data: JsonObject,
  before?: { rev: number; data: JsonObject },
  epoch = "e1",
): ChannelUpdate {
  return {
    epoch,
    rev,
    prevRev: before?.rev,
    asOf: 1_000 + rev,
    watermark: 900,
    lagMs: 3,
    stale: false,
    data: JSON.stringify(data),
    patch: before === undefined ? undefined : JSON.stringify(diffMergePatch(before.data, data)),
  };
}

function liveFeed(first: ChannelUpdate): StateFeed {
  const feed = new StateFeed(limits, new CachedBytes(LIVE_LIMITS.cachedBytesMax));
  feed.accept(first, 0, 0);
  feed.opened(CHANNEL, () => {});
  return feed;
}

/** Returns the message for a client whose last message was sent at this `count`; 0: nothing was sent. */
function messageOf(feed: StateFeed, count: number) {
  return JSON.parse(feed.messageFrom(count).text());
}

test("snapshot and patch carry as-of, watermark and revision, and are made once for all clients", () => {
  const one = { id: "1:é", n: 1 };
  const two = { id: "1:é", n: 2 };
  const feed = liveFeed(update(41, one));
  assert.deepEqual(messageOf(feed, 0), {
    type: "snapshot",
    channel: CHANNEL,
    epoch: "e1",
    rev: 41,
    as_of: 1_041,
    watermark: 900,
    lag_ms: 3,
    data: one,
  });
  feed.accept(update(44, two, { rev: 41, data: one }), 1, 1);
  assert.deepEqual(messageOf(feed, 1), {
    type: "patch",
    channel: CHANNEL,
    epoch: "e1",
    rev: 44,
    prev_rev: 41,
    as_of: 1_044,
    watermark: 900,
    lag_ms: 3,
    patch: { n: 2 },
  });
  assert.equal(feed.messageFrom(1), feed.messageFrom(1));
  assert.equal(feed.messageFrom(0), feed.messageFrom(0));
});

test("after another epoch or a gap in the revisions a client gets a snapshot", () => {
  const feed = liveFeed(update(1, { n: 1, m: 1, o: "long enough for a patch" }));
  feed.accept(update(5, { n: 5 }, undefined, "e2"), 1, 1);
  assert.equal(messageOf(feed, 1).type, "snapshot");
  feed.accept(update(9, { n: 9 }, { rev: 8, data: { n: 8 } }, "e2"), 2, 2);
  assert.equal(messageOf(feed, 2).type, "snapshot", "the patch applies to a revision that never came");
});

test("a later revision with the same data is an empty patch, and the revisions before it can still be resumed", () => {
  const feed = liveFeed(update(1, { n: 1 }));
  feed.accept(update(2, { n: 2 }, { rev: 1, data: { n: 1 } }), 0, 0);
  const count = feed.countAt({ epoch: "e1", rev: 2 });
  assert.equal(feed.accept(update(9, { n: 2 }), 0, 0), true);
  assert.deepEqual(feed.countAt({ epoch: "e1", rev: 2 }), count);
  const { type, rev, prev_rev, patch } = messageOf(feed, count as number);
  assert.deepEqual({ type, rev, prev_rev, patch }, { type: "patch", rev: 9, prev_rev: 2, patch: {} });
  assert.notEqual(feed.countAt({ epoch: "e1", rev: 1 }), undefined);
});

test("a lower revision is ignored", () => {
  const feed = liveFeed(update(5, { n: 5 }));
  assert.equal(feed.accept(update(4, { n: 4 }), 1, 1), false);
  assert.equal(feed.count, 1);
  assert.equal(messageOf(feed, 0).rev, 5);
});

test("an empty patch tells that the owner went away, and that it is back", () => {
  const data = { n: 5 };
  const feed = liveFeed(update(5, data));
  assert.equal(feed.accept({ ...update(5, data), stale: true }, 1, 1), true);
  const away = messageOf(feed, 1);
  assert.deepEqual([away.type, away.rev, away.prev_rev, away.patch, away.stale], ["patch", 5, 5, {}, true]);
  assert.equal(messageOf(feed, 0).stale, true);
  assert.equal(feed.accept({ ...update(5, data), stale: true }, 2, 2), false, "it is told once");
  feed.accept(update(5, data), 3, 3);
  assert.equal("stale" in messageOf(feed, 2), false);
  feed.accept(update(6, { n: 6 }, { rev: 5, data }), 4, 4);
  assert.deepEqual(messageOf(feed, 1).patch, { n: 6 });
});

test("a second look renews as-of, watermark and lag of the same data, and nothing else", () => {
  const data = { n: 5 };
  const feed = liveFeed(update(5, data));
  feed.refresh({ ...update(5, data), asOf: 9_999, lagMs: 70 }, 50);
  const message = messageOf(feed, 0);
  assert.deepEqual([message.as_of, message.lag_ms, message.rev], [9_999, 70, 5]);
  feed.refresh(update(6, { n: 6 }), 60);
  assert.equal(messageOf(feed, 0).rev, 5, "a newer revision comes in its order");
});

test("a client that is behind gets one composed patch, or a snapshot if there is none", () => {
  const long = "a value that never changes and makes the data longer than any patch";
  let before = { rev: 1, data: { long, rows: { a: { x: 1, y: 1 }, b: { x: 1 } } } as JsonObject };
  const feed = liveFeed(update(1, before.data));
  const step = (rows: JsonObject): void => {
    const next = { rev: before.rev + 1, data: { long, rows } };
    feed.accept(update(next.rev, next.data, before), next.rev, next.rev);
    before = next;
  };
  step({ a: { x: 2, y: 1 }, b: { x: 1 } });
  step({ a: { x: 3, y: 1 } });
  assert.deepEqual(messageOf(feed, 1).patch, { rows: { a: { x: 3 }, b: null } });
  // The row comes back with other members: no merge patch from revision 1 expresses that.
  step({ a: { x: 3, y: 1 }, b: { z: 1 } });
  assert.equal(messageOf(feed, 1).type, "snapshot");
  assert.deepEqual(messageOf(feed, 3).patch, { rows: { b: { z: 1 } } });
  for (let i = 0; i < 8; i++) step({ a: { x: 10 + i } });
  assert.equal(messageOf(feed, 3).type, "snapshot", "patches are kept for 8 ms");
  assert.equal(messageOf(feed, 4).type, "patch");
});

test("the message brings a client to the newest data from any revision that it was sent", (t) => {
  const values = fc.oneof(
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom("some text"),
    fc.dictionary(fc.constantFrom("p", "q", "r"), fc.integer({ min: 0, max: 2 }), { noNullPrototype: true }),
  );
  const documents = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), values, {
    noNullPrototype: true,
  }) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(fc.array(documents, { minLength: 2, maxLength: 14 }), (list) => {
      const feed = liveFeed(update(0, list[0] as JsonObject));
      for (let rev = 1; rev < list.length; rev++) {
        const before = { rev: rev - 1, data: list[rev - 1] as JsonObject };
        feed.accept(update(rev, list[rev] as JsonObject, before), rev, rev);
        for (let sent = 0; sent < rev; sent++) {
          const message = messageOf(feed, sent + 1);
          const result =
            message.type === "snapshot" ? message.data : applyMergePatch(list[sent] as JsonObject, message.patch);
          assert.deepEqual(result, list[rev]);
        }
      }
    }),
    propertyOptions(t, 200),
  );
});
