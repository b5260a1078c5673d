import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { ScreenerQuery } from "@swapstats/protocol/screener/query.ts";
import type { BusWorker, BusWorkers, CoveredResponse, OpenFeed } from "../../src/bus/bus-workers.ts";
import { MergeQueue } from "../../src/bus/merge-queue.ts";
import { RankingFeed } from "../../src/bus/ranking-feed.ts";
import type { RequestKind, RequestOf } from "../../src/bus/requests.ts";
import { type FeedUpdate, updateChars } from "../../src/bus/responses.ts";
import { ScreenerGather } from "../../src/bus/screener-gather.ts";
import { finished } from "../../src/pipeline/thread-share.ts";
import type { ChannelSpec, ChannelUpdate } from "../../src/ports/stats-bus.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { naiveScreen, type ServedToken } from "../model/naive-screener.ts";
import { FedWorker, randomSwap, START_MS, type SwapInput } from "../pipeline/workers/fed-worker.ts";
import { servedTokens } from "../pipeline/workers/worker-reads.ts";
import { RandomQueries } from "../support/random-queries.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

const STEP_MS = 1_000;

/** A worker with one partition, reached by messages as those of other instances are. */
class Owner implements BusWorker {
  readonly isLocal = false;
  readonly key: string;
  readonly parts: ReadonlyMap<number, string>;
  readonly host: FedWorker;
  readonly #listeners = new Map<number, (update: FeedUpdate) => void>();
  isAway = false;
  #feeds = 0;

  constructor(partition: number, epoch: string) {
    this.key = `${partition}@${epoch}`;
    this.parts = new Map([[partition, epoch]]);
    this.host = new FedWorker({}, epoch, partition);
  }

  async ask<K extends RequestKind>(request: RequestOf<K>): Promise<CoveredResponse<K>> {
    if (this.isAway) throw new SwapstatsError("unavailable", "away", { retryable: true });
    const sent = JSON.parse(JSON.stringify(request)) as RequestOf<"screener">;
    const response = JSON.parse(JSON.stringify(finished(this.host.screener.page(sent))));
    return { response, covers: [...this.parts] };
  }

  open(spec: ChannelSpec, onUpdate: (update: FeedUpdate) => void): OpenFeed {
    this.#feeds += 1;
    const feedId = this.#feeds;
    this.host.feeds.open(feedId, JSON.parse(JSON.stringify(spec)));
    this.#listeners.set(feedId, onUpdate);
    const close = (): void => {
      this.#listeners.delete(feedId);
      this.host.feeds.close(feedId);
    };
    return { opened: Promise.resolve(), close };
  }

  /** Delivers the updates that are due. */
  tick(): void {
    this.host.tick();
    for (const update of this.host.updates.splice(0)) {
      this.host.feeds.taken(updateChars(update));
      this.#listeners.get(update.feedId)?.(JSON.parse(JSON.stringify(update)));
    }
  }
}

class Owners implements BusWorkers {
  all: readonly Owner[];
  readonly own = [];
  readonly partitions: number;
  version = 0;
  readonly mayBeAway = true;
  readonly isCachingSafe = false;
  readonly #logs: SwapInput[][];
  #epoch = 7;

  constructor(partitions: number) {
    this.partitions = partitions;
    this.all = Array.from({ length: partitions }, (_, partition) => new Owner(partition, "7"));
    this.#logs = Array.from({ length: partitions }, () => []);
  }

  ownerOf(partition: number): Owner | undefined {
    return this.all[partition];
  }

  isCurrent(partition: number, epoch: string): boolean {
    return this.all[partition]?.parts.get(partition) === epoch;
  }

  confirm(): void {}

  onChange(): () => void {
    return () => {};
  }

  at(nowMs: number): void {
    for (const { host } of this.all) host.nowMs = nowMs;
  }

  feed(swap: SwapInput): void {
    const partition = Number(swap.token) % this.partitions;
    this.#logs[partition]?.push(swap);
    this.all[partition]?.host.feed(swap);
  }

  /** Another owner restores the partition: the same state under the next epoch. */
  handOver(partition: number): void {
    this.#epoch += 1;
    const next = new Owner(partition, String(this.#epoch));
    next.host.nowMs = (this.all[partition] as Owner).host.nowMs;
    next.host.feed(...(this.#logs[partition] ?? []));
    this.all = this.all.map((owner, i) => (i === partition ? next : owner));
    this.version += 1;
  }

  tokens(): ServedToken[] {
    return this.all.flatMap(({ host }) => servedTokens(host));
  }
}

const gatherOf = (owners: Owners): ScreenerGather =>
  new ScreenerGather(owners, STEP_MS, () => (owners.all[0] as Owner).host.clock.now());
const idsOf = (items: string): string[] => (JSON.parse(items) as { id: string }[]).map(({ id }) => id);
const windows = new FedWorker().engine.config.windows;

/** Moves time and feeds swaps, and calls `check` after each step. */
async function runAtRandom(owners: Owners, seed: number, steps: number, check: (step: number) => Promise<void>) {
  const random = randomFrom(seed);
  const earlier: SwapInput[] = [];
  let nowMs = START_MS;
  for (let step = 0; step < steps; step++) {
    nowMs += random.pick([0, 90, 400, 1_000, 5_000, 61_000]);
    owners.at(nowMs);
    for (let i = random.below(6); i > 0; i--) owners.feed(randomSwap(random, nowMs, 40, earlier));
    await check(step);
  }
}

describe("queries of the screener over several owners", () => {
  test("pages are a fold over the tokens of all, in the order of the first page, while figures change", async (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 1);
    const queries = new RandomQueries(random, windows);
    const owners = new Owners(3);
    const gather = gatherOf(owners);
    const open: { query: ScreenerQuery; expected: string[]; cursor: string }[] = [];
    let pages = 0;
    await runAtRandom(owners, seed, 120, async () => {
      const tokens = owners.tokens();
      for (const one of open.splice(0)) {
        const response = await gather.page({ query: one.query, cursor: one.cursor });
        assert.deepEqual(idsOf(response.items), one.expected.slice(0, one.query.limit));
        const expected = one.expected.slice(one.query.limit);
        assert.equal(response.nextCursor !== undefined, expected.length > 0);
        if (response.nextCursor !== undefined) open.push({ ...one, expected, cursor: response.nextCursor });
        pages += 1;
      }
      const query = { ...queries.checked(queries.written(tokens)), limit: 1 + random.below(8) };
      const { items, nextCursor, stale } = await gather.page({ query, cursor: undefined });
      const expected = naiveScreen(query, tokens).map(({ id }) => id);
      assert.deepEqual(idsOf(items), expected.slice(0, query.limit), JSON.stringify(query));
      assert.equal(stale, false);
      assert.equal(nextCursor !== undefined, expected.length > query.limit);
      if (nextCursor !== undefined) open.push({ query, expected: expected.slice(query.limit), cursor: nextCursor });
    });
    assert.ok(pages > 50, `${pages} pages are too few to show anything`);
  });

  test("a cursor expires with the hand-over of a partition, and rows of an owner that is away are the last known ones", async () => {
    const owners = new Owners(2);
    for (let i = 0; i < 6; i++) owners.feed({ token: String(i), event_time: START_MS, amount_usd: String(i + 1) });
    const gather = gatherOf(owners);
    const query = new RandomQueries(randomFrom(1), windows).checked({ limit: 4 });
    const first = await gather.page({ query, cursor: undefined });
    assert.deepEqual(idsOf(first.items), ["1:5", "1:4", "1:3", "1:2"]);
    const { nextCursor: cursor } = first;
    assert.deepEqual(idsOf((await gather.page({ query, cursor })).items), ["1:1", "1:0"]);
    owners.handOver(1);
    await assert.rejects(gather.page({ query, cursor }), { code: "cursor_expired" });
    assert.deepEqual(idsOf((await gather.page({ query, cursor: undefined })).items), ["1:5", "1:4", "1:3", "1:2"]);
    owners.feed({ token: "0", event_time: START_MS, amount_usd: "100" });
    (owners.all[1] as Owner).isAway = true;
    const partial = await gather.page({ query, cursor: undefined });
    assert.equal(partial.stale, true);
    assert.deepEqual(idsOf(partial.items), ["1:0", "1:5", "1:4", "1:3"]);
    await assert.rejects(gather.page({ query, cursor }), { code: "unavailable" });
    await assert.rejects(gather.page({ query: { ...query, limit: 2 }, cursor: undefined }), {
      code: "unavailable",
    });
  });

  test("a client of a channel holds what a request returns, through swaps, removals, time and hand-overs", async (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed + 2);
    const queries = new RandomQueries(random, windows);
    const owners = new Owners(3);
    const feeds = new Map<RankingFeed, { query: ScreenerQuery; held: Json; leave: () => void }>();
    let patches = 0;
    const open = (): void => {
      const query = queries.checked(queries.written(owners.tokens()));
      const feed = new RankingFeed(
        owners,
        { kind: "screener", query, limit: query.limit },
        new MergeQueue(() => 0),
        () => {},
      );
      const entry = { query, held: null as Json, leave: () => {} };
      entry.leave = feed.join(({ patch, data, prevRev }: ChannelUpdate) => {
        if (prevRev === undefined || patch === undefined) entry.held = JSON.parse(data) as Json;
        else {
          entry.held = applyMergePatch(entry.held, JSON.parse(patch));
          patches += 1;
          assert.deepEqual(entry.held, JSON.parse(data));
        }
      });
      feeds.set(feed, entry);
    };
    await runAtRandom(owners, seed, 100, async (step) => {
      if (step % 5 === 0) open();
      if (step % 12 === 11) {
        owners.handOver(random.below(3));
        for (const feed of feeds.keys()) feed.follow();
      }
      for (const owner of owners.all) owner.tick();
      const tokens = owners.tokens();
      // Merges take turns of the event loop; without a clock they do not rest.
      for (let turn = 0; turn < 2 * feeds.size; turn++) await nextTurn();
      for (const { query, held } of feeds.values()) {
        const expected = naiveScreen(query, tokens).slice(0, query.limit);
        assert.deepEqual(
          (held as { order: string[] }).order,
          expected.map(({ id }) => id),
          JSON.stringify(query),
        );
      }
    });
    for (const { leave } of feeds.values()) leave();
    assert.ok(patches > 100, `${patches} patches are too few to show anything`);
  });
});
