import assert from "node:assert/strict";
import { describe, mock, type TestContext, test } from "node:test";
import { REOPEN_MS, STEPS, TAKE_OVER_MS, TokenFeed } from "../../src/bus/token-feed.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { FakeWorker, FakeWorkers, Heard, tokenUpdate } from "./support/fake-workers.ts";

const SPEC = { kind: "token", token: "1:a", windows: ["5m"] } as const;
const FAILURE = new SwapstatsError("unavailable", "no", { retryable: true });

function feedOf(t: TestContext, mayBeAway = true) {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const [one, two] = [new FakeWorker("one", [[0, "1"]]), new FakeWorker("two", [])];
  const workers = new FakeWorkers(mayBeAway, one, two);
  workers.partitions = 1;
  let isEmpty = false;
  const feed = new TokenFeed(workers, SPEC, 0, () => {
    isEmpty = true;
  });
  const heard = new Heard();
  const leave = feed.join(heard.take);
  /** The partition goes to another worker under the next epoch, or to nobody. */
  const move = (to: FakeWorker | undefined, epoch: string): void => {
    for (const worker of [one, two]) worker.parts.delete(0);
    to?.parts.set(0, epoch);
    feed.follow();
  };
  return { feed, one, two, heard, leave, move, isEmpty: () => isEmpty };
}

describe("the feed of a token", () => {
  test("opening, live, closed: whole data comes first, then patches that apply; the last listener closes the owner's feed", (t) => {
    const { feed, one, heard, leave, isEmpty } = feedOf(t);
    assert.equal(feed.state, "opening");
    one.send(tokenUpdate("1", 3));
    one.send(tokenUpdate("1", 4, 3));
    one.send(tokenUpdate("1", 7, 6));
    assert.deepEqual([feed.state, heard.texts], ["live", ["1:3", "1:4+", "1:7"]]);
    const second = new Heard();
    const leaveSecond = feed.join(second.take);
    assert.deepEqual(second.texts, ["1:7"], "the held figures are recent");
    leave();
    assert.deepEqual([feed.state, isEmpty()], ["live", false]);
    leaveSecond();
    assert.deepEqual([feed.state, isEmpty(), one.feed], ["closed", true, undefined]);
  });

  test("moving: the figures stay fresh for a moment, and the next owner's data comes whole under its epoch", (t) => {
    const { feed, one, two, heard, move } = feedOf(t);
    one.send(tokenUpdate("1", 3));
    move(two, "2");
    assert.deepEqual([feed.state, one.feed, heard.texts], ["moving", undefined, ["1:3"]]);
    one.opened[0]?.onUpdate(tokenUpdate("1", 9));
    assert.deepEqual(heard.texts, ["1:3"], "figures of a former owner are dropped");
    two.send(tokenUpdate("2", 1));
    assert.deepEqual([feed.state, heard.texts], ["live", ["1:3", "2:1"]]);
    two.send(tokenUpdate("2", 1));
    assert.deepEqual(heard.texts, ["1:3", "2:1"], "the same figures are not sent again");
  });

  test("moving to opening: a slow next owner makes the figures stale, and is asked again", (t) => {
    const { feed, one, two, heard, move } = feedOf(t);
    one.send(tokenUpdate("1", 3));
    move(two, "2");
    mock.timers.tick(TAKE_OVER_MS);
    assert.deepEqual([feed.state, heard.texts, two.opened.length], ["opening", ["1:3", "1:3~"], 2]);
    mock.timers.tick(TAKE_OVER_MS);
    assert.deepEqual([feed.state, heard.texts, two.opened.length], ["opening", ["1:3", "1:3~"], 3]);
    two.send(tokenUpdate("2", 1));
    assert.deepEqual([feed.state, heard.texts], ["live", ["1:3", "1:3~", "2:1"]]);
  });

  test("away: without an owner the figures are stale; the same revision is sent again when it is fresh again", (t) => {
    const { feed, one, heard, move } = feedOf(t);
    one.send(tokenUpdate("1", 3));
    move(undefined, "");
    assert.deepEqual([feed.state, heard.texts], ["away", ["1:3", "1:3~"]]);
    move(one, "1");
    assert.equal(feed.state, "opening");
    one.send(tokenUpdate("1", 3));
    assert.deepEqual([feed.state, heard.texts], ["live", ["1:3", "1:3~", "1:3"]]);
  });

  test("an owner that ends the feed is asked again after a pause, and the figures are stale from then on", (t) => {
    const { feed, one, heard } = feedOf(t);
    one.send(tokenUpdate("1", 3));
    one.feed?.onEnd(FAILURE);
    assert.deepEqual([feed.state, heard.texts], ["live", ["1:3"]]);
    mock.timers.tick(TAKE_OVER_MS);
    assert.deepEqual([feed.state, heard.texts, one.opened.length], ["opening", ["1:3", "1:3~"], 2]);
  });

  test("where owners are never away figures do not become stale by waiting: a worker that cannot open the feed fails the subscription, and one that ends it leaves it stale", async (t) => {
    const { feed, one, heard, leave } = feedOf(t, false);
    await feed.opened;
    one.send(tokenUpdate("1", 3));
    mock.timers.tick(10 * TAKE_OVER_MS);
    assert.deepEqual([feed.state, one.opened.length], ["live", 1]);
    one.feed?.onEnd(FAILURE);
    assert.deepEqual([feed.state, heard.texts], ["away", ["1:3", "1:3~"]]);
    await assert.rejects(feed.opened, { code: "unavailable" });
    feed.join(new Heard().take)();
    assert.deepEqual([feed.state, one.opened.length], ["opening", 2], "the worker is asked again for a new listener");
    one.failure = FAILURE;
    one.feed?.onEnd(FAILURE);
    feed.join(new Heard().take);
    await assert.rejects(feed.opened, { code: "unavailable" });
    leave();
  });

  test("where owners are never away a worker that failed is asked again after a pause, so that those who listen already get updates again", async (t) => {
    const { feed, one, heard, leave } = feedOf(t, false);
    one.send(tokenUpdate("1", 3));
    one.failure = FAILURE;
    one.feed?.onEnd(FAILURE);
    mock.timers.tick(REOPEN_MS - 1);
    assert.deepEqual([feed.state, one.opened.length], ["away", 1]);
    mock.timers.tick(1);
    assert.deepEqual([feed.state, one.opened.length], ["opening", 2]);
    await assert.rejects(feed.opened, { code: "unavailable" });
    one.failure = undefined;
    mock.timers.tick(REOPEN_MS);
    one.send(tokenUpdate("1", 5));
    assert.deepEqual([feed.state, heard.texts, one.opened.length], ["live", ["1:3", "1:3~", "1:5"], 3]);
    one.feed?.onEnd(FAILURE);
    leave();
    mock.timers.tick(10 * REOPEN_MS);
    assert.deepEqual([feed.state, one.opened.length], ["closed", 3]);
  });

  test("the table of steps: nothing follows closed, and only an owner's data makes a feed live", () => {
    assert.deepEqual(STEPS.closed, []);
    const before = Object.entries(STEPS).filter(([, next]) => (next as readonly string[]).includes("live"));
    assert.deepEqual(
      before.map(([state]) => state),
      ["opening", "moving"],
    );
    for (const [state, next] of Object.entries(STEPS))
      if (state !== "closed") assert.ok(next.includes("closed"), state);
  });
});
