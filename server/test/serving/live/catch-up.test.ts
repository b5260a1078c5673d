/** A client that resumes at an instance which is behind the one that it comes from. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CatchUps, isBefore } from "../../../src/serving/live/catch-up.ts";
import type { ChannelFeed } from "../../../src/serving/live/channel-feed.ts";
import type { Position } from "../../../src/serving/live/channel-requests.ts";

const TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 1_100;
const noLook = (): void => {};

/** The part of a feed that is needed, with a state that the test sets. */
function feedAt(epoch: string, rev: number) {
  const state = { epoch, rev };
  const feed = { isBehind: (from: Position) => isBefore(state.epoch, state.rev, from) } as ChannelFeed;
  return { feed, state };
}

/** Whether the promise is settled when the event loop has turned. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let isDone = false;
  void promise.then(() => {
    isDone = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return isDone;
}

test("a state is before a position if its revision is lower in the same epoch, or its epoch was claimed earlier", () => {
  const cases: [string, number, Position, boolean][] = [
    ["7", 4, { epoch: "7", rev: 5 }, true],
    ["7", 5, { epoch: "7", rev: 5 }, false],
    ["7", 6, { epoch: "7", rev: 5 }, false],
    ["7", 4, { epoch: "7", seq: 5 }, true],
    ["7", 5, { epoch: "7", seq: 5 }, false],
    ["9", 40, { epoch: "10", rev: 2 }, true],
    ["10", 2, { epoch: "9", rev: 40 }, false],
    // The epoch of several partitions has no order.
    ["9.9", 2, { epoch: "10.10", rev: 40 }, false],
    ["9.9", 2, { epoch: "9.9", rev: 40 }, true],
    ["9", 2, { epoch: "x", rev: 40 }, false],
    ["9", 2, { epoch: "9".repeat(400), rev: 40 }, false],
  ];
  for (const [epoch, number, position, expected] of cases) {
    assert.equal(isBefore(epoch, number, position), expected, `${epoch}:${number} ${JSON.stringify(position)}`);
  }
});

test("a client waits until the feed has what it holds, and no longer", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const catchUps = new CatchUps(TIMEOUT_MS, LOOK_EVERY_MS);
  const { feed, state } = feedAt("7", 2);
  assert.ok(await isSettled(catchUps.wait(feed, { epoch: "7", rev: 2 }, noLook)));
  const third = catchUps.wait(feed, { epoch: "7", rev: 3 }, noLook);
  const fourth = catchUps.wait(feed, { epoch: "7", rev: 4 }, noLook);
  const nextEpoch = catchUps.wait(feed, { epoch: "8", rev: 1 }, noLook);
  assert.ok(!(await isSettled(third)));
  state.rev = 3;
  catchUps.updated(feed);
  assert.ok(await isSettled(third));
  assert.ok(!(await isSettled(fourth)));
  Object.assign(state, { epoch: "8", rev: 1 });
  catchUps.updated(feed);
  assert.ok(await isSettled(fourth));
  assert.ok(await isSettled(nextEpoch));
});

test("a position that the feed never reaches is waited for until the time limit", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const catchUps = new CatchUps(TIMEOUT_MS, LOOK_EVERY_MS);
  const { feed } = feedAt("7", 2);
  const waiting = catchUps.wait(feed, { epoch: "7", rev: 1_000_000 }, noLook);
  t.mock.timers.tick(TIMEOUT_MS - 1);
  assert.ok(!(await isSettled(waiting)));
  t.mock.timers.tick(1);
  assert.ok(await isSettled(waiting));
});

test("the owner is asked again until a look shows what the client holds", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const catchUps = new CatchUps(TIMEOUT_MS, LOOK_EVERY_MS);
  const { feed, state } = feedAt("7", 2);
  let looks = 0;
  const waiting = catchUps.wait(feed, { epoch: "7", rev: 13 }, () => {
    looks += 1;
    if (looks < 2) return;
    state.rev = 13;
    catchUps.updated(feed);
  });
  t.mock.timers.tick(LOOK_EVERY_MS);
  assert.ok(!(await isSettled(waiting)));
  t.mock.timers.tick(LOOK_EVERY_MS);
  assert.ok(await isSettled(waiting));
  t.mock.timers.tick(TIMEOUT_MS);
  assert.equal(looks, 2);
});
