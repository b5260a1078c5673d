import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { MergeQueue } from "../../src/bus/merge-queue.ts";
import { RankingFeed } from "../../src/bus/ranking-feed.ts";
import { dataText, type FeedUpdate, type RankedRow } from "../../src/bus/responses.ts";
import { patchText } from "../../src/bus/row-mergers.ts";
import { HELD_AGE_MS_MAX, REOPEN_MS } from "../../src/bus/token-feed.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { FakeWorker, FakeWorkers, Heard, rankingUpdate } from "./support/fake-workers.ts";

const SPEC = { kind: "overview", window: "5m", sort: "trades", limit: 2 } as const;

/** The merge queue rests after each turn, so merges may come some turns later. */
async function merged(heard: Heard, updates: number): Promise<void> {
  while (heard.updates.length < updates) await nextTurn();
}

function feedOf(workers: FakeWorkers) {
  const feed = new RankingFeed(workers, SPEC, new MergeQueue(), () => {});
  const heard = new Heard();
  feed.join(heard.take);
  return { feed, heard };
}

/** As a worker sends it that knows that its rows are not merged. */
const asText = (update: FeedUpdate): FeedUpdate => ({ ...update, data: dataText(update), rows: undefined });

describe("the feed of a ranking", () => {
  test("texts of the only worker pass unchanged", () => {
    const one = new FakeWorker("one", [[0, "1"]]);
    const { heard } = feedOf(new FakeWorkers(false, one));
    one.send(asText(rankingUpdate(0, 1, { a: 3, b: 2 })));
    one.send(asText(rankingUpdate(0, 2, { a: 4, b: 2 }, { prevRev: 1, text: '{"its":"own"}' })));
    assert.deepEqual(heard.texts, ["1:1", "1:2+"]);
    assert.equal(heard.updates[1]?.patch, '{"its":"own"}');
    assert.deepEqual(heard.data, {
      order: ["a", "b"],
      rows: { a: { trades: 4, name: "a" }, b: { trades: 2, name: "b" } },
    });
  });

  test("the best rows of several workers are merged, patches hold the changes, and rows that are not among the best are left out", async () => {
    const [one, two] = [new FakeWorker("one", [[0, "1"]]), new FakeWorker("two", [[1, "1"]])];
    const { heard } = feedOf(new FakeWorkers(true, one, two));
    one.send(rankingUpdate(0, 1, { a: 3, b: 2 }));
    await nextTurn();
    assert.deepEqual(heard.texts, [], "a partition is missing");
    two.send(rankingUpdate(1, 1, { c: 1 }));
    await merged(heard, 1);
    two.send(rankingUpdate(1, 2, { c: 2.5 }));
    one.send(rankingUpdate(0, 2, { a: 3, b: 1 }));
    await merged(heard, 2);
    one.send(rankingUpdate(0, 3, { a: 3, b: 0 }));
    await nextTurn();
    assert.deepEqual(heard.texts, ["1.1:2", "1.1:4+"]);
    assert.deepEqual(JSON.parse(heard.updates[1]?.patch ?? ""), {
      order: ["a", "c"],
      rows: { c: { trades: 2.5, name: "c" }, b: null },
    });
  });

  test("a listener that joins a quiet ranking gets the current as-of, and the others get nothing", async (t) => {
    let nowMs = 0;
    mock.method(performance, "now", () => nowMs);
    t.after(() => mock.restoreAll());
    const [one, two] = [new FakeWorker("one", [[0, "1"]]), new FakeWorker("two", [[1, "1"]])];
    const { feed, heard } = feedOf(new FakeWorkers(false, one, two));
    for (const [at, worker] of [one, two].entries()) worker.send(rankingUpdate(at, 1, { [`t${at}`]: 1 }));
    await merged(heard, 1);
    nowMs += HELD_AGE_MS_MAX + 1;
    const late = new Heard();
    feed.join(late.take);
    assert.deepEqual([late.texts, one.opened.length, two.opened.length], [[], 2, 2]);
    one.send({ ...rankingUpdate(0, 1, { t0: 1 }), asOf: 99 });
    await nextTurn();
    assert.deepEqual(late.texts, [], "not before all workers have sent theirs");
    two.send({ ...rankingUpdate(1, 1, { t1: 1 }), asOf: 98 });
    await merged(late, 1);
    assert.deepEqual([late.texts, late.updates[0]?.asOf, heard.texts], [["1.1:2"], 99, ["1.1:2"]]);
  });

  test("where owners are never away a worker that could not open the ranking is asked again after a pause, so that those who listen already get updates again", async (t) => {
    mock.timers.enable({ apis: ["setTimeout"] });
    t.after(() => mock.timers.reset());
    const [one, two] = [new FakeWorker("one", [[0, "1"]]), new FakeWorker("two", [[1, "1"]])];
    const { heard } = feedOf(new FakeWorkers(false, one, two));
    one.send(rankingUpdate(0, 1, { a: 3 }));
    const failure = new SwapstatsError("unavailable", "too late", { retryable: true });
    two.feed?.onEnd(failure);
    mock.timers.tick(REOPEN_MS - 1);
    assert.deepEqual([one.opened.length, two.opened.length], [1, 1]);
    mock.timers.tick(1);
    assert.deepEqual([one.opened.length, two.opened.length], [1, 2], "only the worker that failed");
    two.send(rankingUpdate(1, 1, { c: 1 }));
    await merged(heard, 1);
    assert.deepEqual(heard.texts, ["1.1:2"]);
  });

  test("two instances that come to the same sum of revisions differ in their epoch, and feeds of one process do not", async () => {
    const epochs = async (mayBeAway: boolean, revs: readonly [number, number]): Promise<string | undefined> => {
      const [one, two] = [new FakeWorker("one", [[0, "1"]]), new FakeWorker("two", [[1, "1"]])];
      const { heard } = feedOf(new FakeWorkers(mayBeAway, one, two));
      one.send(rankingUpdate(0, revs[0], { a: revs[0] }));
      two.send(rankingUpdate(1, revs[1], { c: revs[1] }));
      await merged(heard, 1);
      assert.equal(heard.updates[0]?.rev, 4);
      return heard.updates[0]?.epoch;
    };
    assert.notEqual(await epochs(true, [1, 3]), await epochs(true, [2, 2]));
    assert.deepEqual([await epochs(false, [1, 3]), await epochs(false, [2, 2])], ["1.1", "1.1"]);
  });

  test("a ranking is stale while a partition has no owner, and keeps the rows that it sent last", async () => {
    const [one, two] = [new FakeWorker("one", [[0, "1"]]), new FakeWorker("two", [[1, "1"]])];
    const workers = new FakeWorkers(true, one, two);
    const { feed, heard } = feedOf(workers);
    one.send(rankingUpdate(0, 1, { a: 3 }));
    two.send(rankingUpdate(1, 1, { c: 1 }));
    await merged(heard, 1);
    workers.all = [one];
    feed.follow();
    await merged(heard, 2);
    assert.deepEqual(heard.texts, ["1.1:2", "1.1:2~"]);
    assert.deepEqual((heard.data as { order: string[] }).order, ["a", "c"]);
  });
});

test("a patch made of row texts leads from rows to rows, and names only members that changed", () => {
  const row = (id: string, json: string): RankedRow => ({ key: { value: "1", id }, partition: 0, json });
  const whole = (rows: readonly RankedRow[]) => ({
    order: rows.map(({ key }) => key.id),
    rows: Object.fromEntries(rows.map(({ key, json }) => [key.id, JSON.parse(json)])),
  });
  const before = [row("a", '{"n":1,"symbol":"A"}'), row("b", '{"n":1}'), row("c", '{"n":1}')];
  const after = [row("a", '{"n":2}'), row("c", '{"n":1}'), row('d"', '{"n":4}')];
  const patch = JSON.parse(patchText(before, after)) as Json;
  assert.deepEqual(patch, { order: ["a", "c", 'd"'], rows: { a: { n: 2, symbol: null }, 'd"': { n: 4 }, b: null } });
  assert.deepEqual(applyMergePatch(whole(before), patch), whole(after));
  assert.equal(patchText(before, before), "{}");
  assert.equal(patchText([row("a", '{"n":1,"m":2}')], [row("a", '{"m":2,"n":1}')]), "{}");
});
