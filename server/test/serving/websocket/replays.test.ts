import assert from "node:assert/strict";
import { test } from "node:test";
import { replayLimits } from "@swapstats/protocol/limits.ts";
import { endedText, idleEnd, playingText, type Replay } from "../../../src/serving/websocket/replays.ts";

// The door asks this once a tick, with its own clock: five minutes of real time would be waited for otherwise.
test("a session ends when no channel was open for five minutes since the clock began", () => {
  const hub = { feeds: 0, nowMs: () => 1_000 };
  const session = { nowMs: () => 7 };
  const replay = { hub, session, speed: 2, idleSinceMs: Number.POSITIVE_INFINITY } as unknown as Replay;
  assert.equal(idleEnd(replay, 10 * replayLimits.idleMs), undefined, "the clock has not begun");
  assert.deepEqual(JSON.parse(playingText(replay)), { type: "replay", state: "playing", as_of: 7, speed: 2 });
  assert.equal(idleEnd(replay, 1_000 + replayLimits.idleMs - 1), undefined);
  const end = idleEnd(replay, 1_000 + replayLimits.idleMs);
  assert.deepEqual(end, { reason: "idle", message: "No channel was open for 300 s." });
  assert.deepEqual(JSON.parse(endedText(replay, end)), { type: "replay", state: "ended", as_of: 7, ...end });
  hub.feeds = 1;
  assert.equal(idleEnd(replay, 2_000 + replayLimits.idleMs), undefined);
  hub.feeds = 0;
  assert.equal(idleEnd(replay, 2_000 + 2 * replayLimits.idleMs - 1), undefined);
  assert.notEqual(idleEnd(replay, 2_000 + 2 * replayLimits.idleMs), undefined);
});
