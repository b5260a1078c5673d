import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { dataText, updateChars } from "../../../src/bus/responses.ts";
import type { UpdateItem } from "../../../src/bus/worker-protocol.ts";
import { UPDATE_CHARS_MAX } from "../../../src/pipeline/workers/worker-feeds.ts";
import { seedOf } from "../../support/seed.ts";
import { FedWorker, START_MS } from "./fed-worker.ts";
import { ask, figuresOf, runAtRandom, WINDOWS } from "./worker-reads.ts";

describe("feeds", () => {
  test("each patch leads to the next data, which equals the HTTP response of that revision", (t) => {
    const seed = seedOf(t);
    const held = new Map<number, { rev: number; data: Json }>();
    let patches = 0;
    const topics = new Map<number, string>();
    runAtRandom(seed, 250, (host, step) => {
      if (step % 20 === 5) {
        host.feeds.open(1000 + step, { kind: "overview", window: "5m", sort: "volume_usd", limit: 7 });
        const [first] = [...host.engine.tokens()].map((token) => host.engine.info(token).id);
        if (first !== undefined) {
          host.feeds.open(step, { kind: "token", token: first, windows: WINDOWS });
          topics.set(step, first);
        }
      }
      host.tick();
      for (const update of host.updates.splice(0)) {
        host.feeds.taken(updateChars(update));
        const data = JSON.parse(dataText(update)) as Json;
        const before = held.get(update.feedId);
        assert.equal(update.prevRev, before?.rev);
        if (before !== undefined) {
          patches++;
          assert.ok(update.rev > before.rev);
          const patch = JSON.parse(update.patch ?? "") as Json;
          assert.deepEqual(applyMergePatch(before.data, patch), data);
          assert.notDeepEqual(patch, {});
        }
        held.set(update.feedId, { rev: update.rev, data });
      }
      for (const [feedId, id] of topics) {
        const [answer] = ask(host, id);
        assert.deepEqual(held.get(feedId)?.data, figuresOf(answer), "after a tick the feed holds the current figures");
      }
    });
    assert.ok(patches > 100, `${patches} patches are too few to show anything`);
  });

  test("a window that shrinks without a trade is reported, and a closed feed sends nothing", () => {
    const host = new FedWorker();
    host.feed({ event_time: START_MS });
    host.feeds.open(1, { kind: "token", token: "1:0xaa", windows: ["1m", "5m"] });
    host.tick();
    assert.equal(host.updates.length, 1);
    host.nowMs += 61_000;
    host.tick();
    assert.equal(host.updates.length, 2);
    const patch = JSON.parse(host.updates[1]?.patch ?? "");
    assert.deepEqual(Object.keys(patch), ["windows"]);
    assert.deepEqual([patch.windows["1m"].trades, patch.windows["1m"].open], [0, null]);
    host.feeds.close(1);
    host.nowMs += 3_600_000;
    host.tick();
    assert.equal(host.updates.length, 2);
  });

  test("unread updates delay further ones, and the next patch starts from the data that was sent last", () => {
    const host = new FedWorker();
    host.feed({ event_time: START_MS });
    host.feeds.open(1, { kind: "token", token: "1:0xaa", windows: ["1m", "5m"] });
    host.tick();
    const [first] = host.updates.splice(0);
    host.feeds.taken(-UPDATE_CHARS_MAX);
    for (let i = 0; i < 5; i++) {
      host.feed({ event_time: START_MS });
      host.tick();
    }
    assert.equal(host.updates.length, 0);
    host.feeds.taken(UPDATE_CHARS_MAX + updateChars(first as UpdateItem));
    host.tick();
    const [next] = host.updates.splice(0);
    assert.equal(next?.prevRev, first?.rev);
    const before = JSON.parse(first?.data ?? "") as Json;
    assert.deepEqual(applyMergePatch(before, JSON.parse(next?.patch ?? "")), JSON.parse(next?.data ?? ""));
  });
});
