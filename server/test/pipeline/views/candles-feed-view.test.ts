import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "@swapstats/protocol/json.ts";
import { type CandleInterval, candleIntervals } from "@swapstats/protocol/limits.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { seedOf } from "../../support/seed.ts";
import { FedWorker, START_MS } from "../workers/fed-worker.ts";
import { runAtRandom } from "../workers/worker-reads.ts";

type Item = { readonly open_time: number; readonly complete: boolean; readonly trades: number };

/** What HTTP serves of the candles now, as the data of the channel. */
function served(worker: FedWorker, token: string, interval: CandleInterval, limit: number): Json {
  const intervalMs = candleIntervals[interval];
  const request = { kind: "candles", token, intervalMs, fromMs: undefined, toMs: undefined, limit } as const;
  const { found } = finished(worker.queries.body(request));
  const { items } = JSON.parse(`{${found?.body}}`) as { items: Item[] };
  const byTime = Object.fromEntries(items.map((item) => [String(item.open_time), item]));
  return { id: token, interval, items: byTime } as unknown as Json;
}

/** Clients that apply what their feeds send. */
class Clients {
  readonly #worker: FedWorker;
  readonly #data = new Map<number, { readonly rev: number; readonly data: Json }>();
  patches = 0;

  constructor(worker: FedWorker) {
    this.#worker = worker;
  }

  tick(): void {
    this.#worker.tick();
    for (const { feedId, rev, prevRev, data, patch } of this.#worker.updates.splice(0)) {
      const before = this.#data.get(feedId);
      assert.equal(prevRev, before?.rev);
      const whole = JSON.parse(data ?? "") as Json;
      if (before !== undefined) {
        this.patches += 1;
        assert.ok(rev > before.rev, "a change has a new revision");
        const change = JSON.parse(patch ?? "") as Json;
        assert.notDeepEqual(change, {});
        assert.deepEqual(applyMergePatch(before.data, change), whole);
      }
      this.#data.set(feedId, { rev, data: whole });
    }
  }

  dataOf(feedId: number): Json | undefined {
    return this.#data.get(feedId)?.data;
  }
}

const OPEN = [
  { interval: "1s", limit: 5 },
  { interval: "1m", limit: 100 },
  { interval: "15m", limit: 1_000 },
  { interval: "1d", limit: 2 },
] as const;

describe("the feed of candles", () => {
  test("after each tick it holds what HTTP serves: with late swaps, removals, time that passes and a gap", (t) => {
    let clients: Clients | undefined;
    const token = "1:0x0";
    runAtRandom(seedOf(t), 400, (worker, step) => {
      clients ??= new Clients(worker);
      if (step === 200) worker.engine.noteGap();
      if (worker.engine.findById(1, "0x0") === undefined) return;
      for (const [feedId, { interval, limit }] of OPEN.entries()) {
        if (clients.dataOf(feedId) === undefined && step > 20) {
          worker.feeds.open(feedId, { kind: "candles", token, interval, limit });
        }
      }
      clients.tick();
      for (const [feedId, { interval, limit }] of OPEN.entries()) {
        const held = clients.dataOf(feedId);
        if (held !== undefined) assert.deepEqual(held, served(worker, token, interval, limit), `${interval} ${step}`);
      }
    });
    assert.ok((clients?.patches ?? 0) > 50, `${clients?.patches} patches are too few to show anything`);
  });

  test("a candle that ends becomes complete without a swap, at a new revision", () => {
    const worker = new FedWorker();
    worker.feed({ event_time: START_MS });
    worker.feeds.open(1, { kind: "candles", token: "1:0xaa", interval: "15m", limit: 10 });
    worker.tick();
    worker.nowMs = START_MS + 14 * 60_000;
    worker.tick();
    worker.updates.splice(0);
    worker.nowMs = START_MS + 15 * 60_000;
    worker.tick();
    const patches = worker.updates.map(({ patch }) => JSON.parse(patch ?? "") as Json);
    assert.deepEqual(patches.at(-1), { items: { [START_MS]: { complete: true } } });
  });

  test("a candle beyond the limit becomes null", () => {
    const worker = new FedWorker();
    worker.feed({ event_time: START_MS });
    worker.feeds.open(1, { kind: "candles", token: "1:0xaa", interval: "1m", limit: 1 });
    worker.tick();
    worker.updates.splice(0);
    worker.nowMs = START_MS + 60_000;
    worker.feed({ event_time: START_MS + 60_000 });
    worker.tick();
    const [update] = worker.updates;
    const { items } = JSON.parse(update?.patch ?? "") as { items: Record<string, Json> };
    assert.deepEqual(Object.keys(items).sort(), [String(START_MS), String(START_MS + 60_000)]);
    assert.equal(items[START_MS], null);
  });

  test("an update of a token with a thousand candles reads only those that may have changed", () => {
    const worker = new FedWorker();
    const reads: number[] = [];
    const candles = worker.engine.candles.bind(worker.engine);
    worker.engine.candles = (...args) => {
      const read = candles(...args);
      reads.push(read.items.length);
      return read;
    };
    for (let minute = 0; minute < 1_000; minute++) {
      worker.nowMs = START_MS + minute * 60_000;
      worker.feed({ event_time: worker.nowMs });
    }
    worker.feeds.open(1, { kind: "candles", token: "1:0xaa", interval: "1m", limit: 1_000 });
    worker.tick();
    assert.equal(
      reads.splice(0).reduce((sum, read) => sum + read, 0),
      1_000,
    );
    worker.feed({ event_time: worker.nowMs });
    worker.tick();
    const minutes = reads.splice(0).reduce((sum, read) => sum + read, 0);
    // Swaps can be removed for 15 minutes; buckets settle a minute later at most.
    assert.ok(minutes >= 15 && minutes <= 18, `${minutes} candles`);
  });
});
