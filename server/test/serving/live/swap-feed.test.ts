/** Clients of a feed of swaps, which fall behind, leave and resume, compared with what HTTP serves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ServedSwap } from "../../../src/engine/types.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import type { ChannelUpdate } from "../../../src/ports/stats-bus.ts";
import { CachedBytes } from "../../../src/serving/live/cached-bytes.ts";
import { KEPT_ITEMS_MAX, SwapFeed } from "../../../src/serving/live/swap-feed.ts";
import { FedWorker, START_MS } from "../../pipeline/workers/fed-worker.ts";
import { runAtRandom } from "../../pipeline/workers/worker-reads.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

type Item = ServedSwap & { readonly action: "applied" | "removed" };
type Message =
  | { type: "snapshot"; epoch: string; seq: number; data: { items: ServedSwap[] } }
  | { type: "swaps"; epoch: string; seq: number; items: Item[]; skipped: number };

const newFeed = (limit: number): SwapFeed => {
  const feed = new SwapFeed(limit, new CachedBytes(1_000_000));
  feed.opened("swaps:1:0x0", () => {});
  return feed;
};

/** Passes on the updates of a worker's feed. */
function pass(worker: FedWorker, feed: SwapFeed): void {
  worker.tick();
  for (const { epoch, rev, asOf, watermark, lagMs, data, log } of worker.updates.splice(0)) {
    const standing = { epoch, rev, asOf, watermark, lagMs, stale: false, prevRev: undefined, patch: undefined };
    feed.accept({ ...standing, data: data ?? "", log }, 0, 0);
  }
}

function served(worker: FedWorker, limit: number): ServedSwap[] {
  const { found } = finished(worker.queries.body({ kind: "swaps", token: "1:0x0", limit }));
  return (JSON.parse(`{${found?.body}}`) as { items: ServedSwap[] }).items;
}

/** A client that applies the messages. `exact` newest swaps of its list are those that count: a removed one leaves a place that is not filled. */
class Client {
  count = 0;
  seq = 0;
  epoch = "";
  swaps: ServedSwap[] = [];
  exact = 0;
  skipped = 0;
  /** The last message was a snapshot. */
  isWhole = false;

  take(feed: SwapFeed, limit: number): void {
    if (feed.count === this.count) return;
    const message = JSON.parse(feed.messageFrom(this.count).text()) as Message;
    this.count = feed.count;
    this.isWhole = message.type === "snapshot";
    if (message.type === "snapshot") {
      this.swaps = message.data.items;
      this.exact = limit;
    } else {
      assert.equal(message.epoch, this.epoch);
      assert.equal(message.seq, this.seq + message.skipped + message.items.length, "no change is missing");
      this.skipped += message.skipped;
      if (message.skipped > 0) this.exact = 0;
      for (const { action, ...swap } of message.items) this.#apply(action, swap);
    }
    this.seq = message.seq;
    this.epoch = message.epoch;
  }

  #apply(action: "applied" | "removed", swap: ServedSwap): void {
    const text = JSON.stringify(swap);
    if (action === "applied") this.swaps.push(swap);
    else {
      const left = this.swaps.filter((one) => JSON.stringify(one) !== text);
      this.exact -= this.swaps.length - left.length;
      this.swaps = left;
    }
  }

  /** The newest swaps before the end of the step of this instant, as HTTP has them. */
  newest(asOfMs: number): ServedSwap[] {
    const closeMs = Math.floor(asOfMs / 1_000) * 1_000 + 1_000;
    return [...this.swaps]
      .filter((swap) => swap.event_time < closeMs)
      .sort(byOrder)
      .slice(0, Math.max(0, this.exact));
  }
}

function byOrder(a: ServedSwap, b: ServedSwap): number {
  return b.event_time - a.event_time || (a.event_id < b.event_id ? 1 : -1);
}

describe("the feed of swaps", () => {
  test("clients that fall behind, leave and resume hold what HTTP serves", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 1);
    const limit = 20;
    const feed = newFeed(limit);
    const clients = Array.from({ length: 5 }, () => new Client());
    const worker = new FedWorker();
    let compared = 0;
    let resumed = 0;
    runAtRandom(
      seed,
      600,
      (_, step) => {
        if (worker.engine.findById(1, "0x0") === undefined) return;
        if (step % 150 === 50) worker.feeds.open(step, { kind: "swaps", token: "1:0x0", limit });
        pass(worker, feed);
        if (step % 97 === 96) feed.dropCaches();
        for (const [i, client] of clients.entries()) {
          if (random.chance(0.02)) {
            // It comes back with what it holds, or with nothing.
            const count = feed.countAt({ epoch: client.epoch, seq: client.seq });
            if (count === undefined) clients[i] = new Client();
            else {
              client.count = count;
              resumed += 1;
            }
          }
          if (feed.count === 0 || !random.chance(0.3 + 0.15 * i)) continue;
          const one = clients[i] as Client;
          one.take(feed, limit);
          const held = one.newest(worker.nowMs);
          const expected = served(worker, limit);
          const aheadOfAsOf = one.swaps.length - one.newest(worker.nowMs).length;
          if (one.isWhole) assert.ok(held.length + aheadOfAsOf >= expected.length, `client ${i} at step ${step}`);
          // Time may have taken old swaps out of memory.
          const count = Math.min(held.length, expected.length, one.exact);
          assert.deepEqual(held.slice(0, count), expected.slice(0, count), `client ${i} at step ${step}`);
          compared += count;
        }
      },
      worker,
    );
    assert.ok(compared > 1_000 && resumed > 3, `${compared} swaps compared and ${resumed} resumed are too few`);
  });

  test("a client that is further behind than the kept changes gets the newest hundred, and how many were left out", () => {
    const worker = new FedWorker();
    const feed = newFeed(20);
    worker.feed({ token: "0x0", event_time: START_MS });
    worker.feeds.open(1, { kind: "swaps", token: "1:0x0", limit: 20 });
    pass(worker, feed);
    const client = new Client();
    client.take(feed, 20);
    for (let i = 0; i < KEPT_ITEMS_MAX; i++) {
      worker.feed({ token: "0x0", event_time: START_MS + i });
      if (i % 3 === 0) pass(worker, feed);
    }
    pass(worker, feed);
    const exactly = JSON.parse(feed.messageFrom(client.count).text()) as Message & { type: "swaps" };
    assert.deepEqual([exactly.items.length, exactly.skipped], [KEPT_ITEMS_MAX, 0]);
    worker.feed({ token: "0x0", event_time: START_MS }, { token: "0x0", event_time: START_MS });
    pass(worker, feed);
    const more = JSON.parse(feed.messageFrom(client.count).text()) as Message & { type: "swaps" };
    assert.deepEqual([more.items.length, more.skipped], [KEPT_ITEMS_MAX, 2]);
    assert.equal(feed.countAt({ epoch: client.epoch, seq: client.seq }), undefined, "a resume is never a part");
  });

  test("after another epoch a client gets a snapshot, and none resumes with a number of the former one", () => {
    const feed = newFeed(20);
    const update = (epoch: string, rev: number, from: number, items: string[], data: string): ChannelUpdate => ({
      ...{ epoch, rev, asOf: 1, watermark: 1, lagMs: 0, stale: false, prevRev: undefined, patch: undefined },
      ...{ data, log: { from, items } },
    });
    assert.equal(feed.accept(update("7", 900, 1, [], '{"items":[]}'), 0, 0), true);
    const { count } = feed;
    assert.equal(
      feed.accept(update("8", 3, 1, ['{"action":"applied"}', '{"action":"applied"}'], '{"items":[]}'), 0, 0),
      true,
    );
    assert.equal((JSON.parse(feed.messageFrom(count).text()) as Message).type, "snapshot");
    assert.equal(feed.countAt({ epoch: "7", seq: 900 }), undefined);
    const resumed = feed.countAt({ epoch: "8", seq: 2 }) as number;
    assert.equal((JSON.parse(feed.messageFrom(resumed).text()) as Message & { type: "swaps" }).items.length, 1);
    assert.equal(feed.countAt({ epoch: "8", seq: 0 }), undefined);
    assert.equal(feed.accept(update("8", 9, 9, [], '{"items":[]}'), 0, 0), true, "a log that began again");
    assert.equal((JSON.parse(feed.messageFrom(resumed).text()) as Message).type, "snapshot");
  });

  test("a client is told by a snapshot that the owner went away and came back, and resumes in between", () => {
    const feed = newFeed(20);
    const update = (rev: number, items: string[], stale: boolean, data = ""): ChannelUpdate => ({
      ...{ epoch: "1", rev, asOf: START_MS, watermark: 0, lagMs: 0, stale, prevRev: undefined, patch: undefined },
      ...{ data, log: { from: rev - items.length, items } },
    });
    assert.equal(feed.accept(update(3, [], false, '{"items":[]}'), 0, 0), true);
    const item = '{"action":"applied","event_id":"a"}';
    assert.equal(feed.accept(update(4, [item], false), 0, 0), true);
    const before = feed.count;
    assert.equal(feed.accept(update(4, [item], false), 0, 0), false, "nothing is new");
    for (const stale of [true, false]) {
      assert.equal(feed.accept(update(4, [item], stale), 0, 0), true);
      const told = JSON.parse(feed.messageFrom(before).text());
      assert.deepEqual([told.type, told.seq, told.stale ?? false, told.data.items.length], ["snapshot", 4, stale, 1]);
      assert.equal(feed.accept(update(4, [item], stale), 0, 0), false, "it is told once");
      assert.equal(feed.countAt({ epoch: "1", seq: 3 }) === undefined, stale, "who resumes meanwhile is told, too");
    }
    const resumed = feed.countAt({ epoch: "1", seq: 3 });
    assert.notEqual(resumed, undefined);
    const next = JSON.parse(feed.messageFrom(resumed as number).text());
    assert.deepEqual([next.type, next.items.length, next.skipped], ["swaps", 1, 0]);
  });
});
