import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startRedis } from "../../../../scripts/servers/redis.ts";
import { HOT_BATCH_CHARS, HOT_BATCH_TOKENS, HotFeed } from "../../../src/pipeline/hot/hot-feed.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { redisSettings } from "../../stores/backends.ts";
import { requires } from "../../support/requires.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { FedWorker, randomSwap, START_MS, type SwapInput } from "../workers/fed-worker.ts";
import { HotHost, HotReader, PREFIX, TTL_MS } from "./hot-harness.ts";

const HOUR_MS = 3_600_000;

requires("figures in Redis", { servers: ["redis"] }, () => {
  test("the stored figures equal the owner's response at that revision, as swaps arrive and as time passes", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const random = randomFrom(seedOf(t));
    const hot = new HotHost(t, redisSettings([server]));
    const reader = new HotReader(t, redisSettings([server]));
    const earlier: SwapInput[] = [];
    const revs = new Map<string, number>();
    for (let step = 0; step < 60; step++) {
      hot.host.nowMs += random.pick([90, 1_000, 5_000, 61_000, step % 20 === 19 ? 6 * HOUR_MS : 0]);
      const count = random.below(8);
      const swaps = Array.from({ length: count }, () => randomSwap(random, hot.host.nowMs, 20, earlier));
      if (count > 0) hot.host.feed(...swaps);
      if (random.chance(0.5)) continue;
      await reader.allWritten(hot);
      await reader.assertSame(hot);
      for (const id of hot.listed()) {
        const { rev } = await reader.stats(id);
        assert.ok(rev >= (revs.get(id) ?? 0), `${id} went back to ${rev}`);
        revs.set(id, rev);
      }
    }
    assert.ok(revs.size > 10);
    const [id] = hot.listed();
    const ttlMs = await reader.call((client) => client.pttl(`${PREFIX}stats:${id}`));
    assert.ok(ttlMs > 0 && ttlMs <= TTL_MS, `${ttlMs} ms to live`);
    const mark = await reader.get("written:0");
    assert.deepEqual([mark.partition, mark.epoch, mark.tokens], [0, "7", hot.listed().length]);
    assert.equal(hot.store.underWayMax, 1);
    const { written, refused, failures } = hot.writer.metrics(0);
    assert.deepEqual([written > 0, refused, failures], [true, 0, 0]);
  });

  test("an owner that is behind the log or has lost the partition writes no figures", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const reader = new HotReader(t, redisSettings([server]));
    const former = new HotHost(t, redisSettings([server]), { epoch: "7" });
    former.host.feed({ event_time: START_MS }, { event_time: START_MS });
    await reader.allWritten(former);
    const next = new HotHost(t, redisSettings([server]), { epoch: "8", isCurrent: false });
    next.host.feed({ event_time: START_MS });
    former.host.feed({ event_time: START_MS });
    await reader.allWritten(former);
    assert.deepEqual([next.store.batches.length, (await reader.stats("1:0xaa")).epoch], [0, "7"]);
    next.host.feed({ event_time: START_MS }, { event_time: START_MS });
    next.isCurrent = true;
    former.isCurrent = false;
    await reader.allWritten(next);
    await reader.assertSame(next);
  });

  test("figures of a former owner never replace those of its successor", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const random = randomFrom(seedOf(t));
    const settings = redisSettings([server]);
    const reader = new HotReader(t, settings);
    const zombie = new HotHost(t, settings, { epoch: "1700000000007" });
    const earlier: SwapInput[] = [];
    const feed = (hot: HotHost): void => {
      hot.host.nowMs += random.pick([0, 200, 1_000]);
      hot.host.feed(...Array.from({ length: 10 }, () => randomSwap(random, hot.host.nowMs, 10, earlier)));
    };
    for (let i = 0; i < 5; i++) feed(zombie);
    await reader.allWritten(zombie);
    const owner = new HotHost(t, settings, { epoch: "1700000000008" });
    for (let i = 0; i < 5; i++) feed(owner);
    await reader.allWritten(owner);
    const seen = new Map<string, [epoch: number, rev: number]>();
    for (let round = 0; round < 30; round++) {
      feed(zombie);
      if (random.chance(0.3)) feed(owner);
      for (const id of owner.listed()) {
        const found = await reader.stats(id);
        if (found === undefined) continue;
        const now: [number, number] = [Number(found.epoch), found.rev];
        const before = seen.get(id) ?? [0, 0];
        assert.ok(now[0] > before[0] || (now[0] === before[0] && now[1] >= before[1]), `${before} to ${now} of ${id}`);
        seen.set(id, now);
      }
    }
    await reader.allWritten(owner);
    await reader.assertSame(owner);
    assert.ok(zombie.writer.metrics(0).refused > 0);
    assert.equal(owner.writer.metrics(0).refused, 0);
    assert.equal(zombie.writer.problem, undefined);
  });

  test("figures of many tokens are written in limited batches, one at a time, with pauses for the thread", async (t) => {
    const server = await startRedis({ folder: tempDir(t, "redis") });
    t.after(server.stop);
    const hot = new HotHost(t, redisSettings([server]));
    const reader = new HotReader(t, redisSettings([server]));
    const tokens = 3 * HOT_BATCH_TOKENS;
    hot.host.feed(...Array.from({ length: tokens }, (_, i) => ({ token: `0x${i}`, event_time: START_MS })));
    await reader.allWritten(hot);
    await reader.assertSame(hot);
    assert.equal(await reader.call((client) => client.dbsize()), tokens + 1);
    for (const batch of hot.store.batches) {
      assert.ok(batch.length >= 1 && batch.length <= HOT_BATCH_TOKENS, `${batch.length} values`);
      const chars = batch.reduce((sum, value) => sum + value.text.length, 0);
      assert.ok(chars < HOT_BATCH_CHARS + (batch.at(-1)?.text.length ?? 0));
    }
    assert.equal(hot.store.underWayMax, 1);
  });
});

describe("the selection of figures to write", () => {
  class Feeding {
    readonly host = new FedWorker();
    nowMs = 0;
    /** By key, as written last. */
    readonly texts = new Map<string, string>();
    readonly feed = new HotFeed({
      served: this.host.served,
      clock: this.host.clock,
      windows: this.host.engine.config.windows.map((window) => window.name),
      againMs: 60_000,
      intervalMs: 1_000,
      monotonicMs: () => this.nowMs,
    });

    /** Ids of a whole pass, with all of it written. */
    pass(): string[] {
      const ids: string[] = [];
      for (;;) {
        const batch = finished(this.feed.next());
        for (const { key, text } of batch.values) {
          ids.push(key);
          this.texts.set(key, text);
        }
        this.feed.wrote(
          batch,
          batch.values.map(() => "written"),
        );
        if (batch.indexes.length === 0) return ids;
      }
    }
  }

  test("unchanged figures are written again before they expire, and those of retired tokens are not", () => {
    const feeding = new Feeding();
    const { host } = feeding;
    host.feed({ token: "0xa", event_time: START_MS }, { token: "0xb", event_time: START_MS });
    assert.deepEqual(feeding.pass().sort(), ["stats:1:0xa", "stats:1:0xb", "written:0"]);
    assert.deepEqual(feeding.pass(), ["written:0"]);
    host.feed({ token: "0xb", event_time: START_MS });
    assert.deepEqual(feeding.pass(), ["stats:1:0xb", "written:0"]);
    feeding.nowMs = 59_999;
    assert.deepEqual(feeding.pass(), ["written:0"]);
    feeding.nowMs = 60_000;
    assert.deepEqual(feeding.pass().sort(), ["stats:1:0xa", "stats:1:0xb", "written:0"]);
    host.nowMs += 30 * HOUR_MS;
    host.feed({ token: "0xb", event_time: host.nowMs });
    feeding.nowMs = 180_000;
    assert.deepEqual(feeding.pass(), ["stats:1:0xb", "written:0"]);
  });

  test("a window that shrinks without a swap is written", () => {
    const feeding = new Feeding();
    feeding.host.feed({ event_time: START_MS });
    feeding.pass();
    feeding.host.nowMs += 5_000;
    assert.deepEqual(feeding.pass(), ["written:0"]);
    feeding.host.nowMs += 56_000;
    assert.deepEqual(feeding.pass(), ["stats:1:0xaa", "written:0"]);
  });

  test("a failed write is repeated once with the current figures, and no token starves", () => {
    const feeding = new Feeding();
    const { host, feed } = feeding;
    host.feed(...Array.from({ length: 300 }, (_, i) => ({ token: `0x${i}`, event_time: START_MS })));
    const first = finished(feed.next());
    assert.ok(first.values.length > 100 && first.values.length < 300);
    feed.giveUp();
    for (let i = 0; i < 5; i++) host.feed({ token: "0x7", event_time: START_MS });
    const written = feeding.pass();
    const begun = new Set(first.values.map((value) => value.key));
    assert.ok(!begun.has(written[0] ?? ""), "it goes on where the failed one ended");
    assert.equal(written.length, 300 + 1, "each once, and the mark");
    assert.equal(new Set(written).size, written.length);
    assert.equal(JSON.parse(feeding.texts.get("stats:1:0x7") ?? "").windows["1m"].trades, 6);
  });

  test("the age of unwritten figures grows until a whole pass is written", () => {
    const feeding = new Feeding();
    const { host, feed } = feeding;
    host.feed({ event_time: START_MS });
    feeding.nowMs = 5_000;
    assert.equal(feed.lagMs, 5_000);
    finished(feed.next());
    feed.giveUp();
    assert.equal(feed.dueMs, 6_000);
    feeding.nowMs = 8_000;
    assert.equal(feed.lagMs, 8_000);
    feeding.pass();
    assert.equal(feed.lagMs, 0);
    assert.equal(feed.dueMs, 9_000);
    feed.forget();
    assert.equal(feed.dueMs, 8_000);
    assert.deepEqual(feeding.pass(), ["stats:1:0xaa", "written:0"]);
  });
});
