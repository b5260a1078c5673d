/** The flushes of many clients share the thread, measured by a clock that only work advances. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ChannelUpdate, StatsBus } from "../../../src/ports/stats-bus.ts";
import type { PushTarget } from "../../../src/serving/live/channel-feed.ts";
import { Hub } from "../../../src/serving/live/hub.ts";
import { LIVE_LIMITS } from "../../../src/serving/live/live-limits.ts";

const COALESCE_MS = 100;
const TOPIC = { kind: "token", token: "1:a", windows: ["5m"] } as const;

/** A hub with clients whose flush takes `flushMs` each. `turns` has the number of clients flushed in each turn of the event loop. */
async function hubWith(t: TestContext, clients: number, flushMs: number) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  let onUpdate: (update: ChannelUpdate) => void = () => {};
  let rev = 0;
  const update = (): void => {
    rev += 1;
    const data = `{"n":${rev}}`;
    const patch = rev === 1 ? undefined : data;
    const prevRev = rev === 1 ? undefined : rev - 1;
    onUpdate({ epoch: "1", rev, prevRev, asOf: 0, watermark: 0, lagMs: 0, stale: false, data, patch });
  };
  const bus = {
    subscribe: async (spec, listener) => {
      onUpdate = listener;
      return { kind: "opened", spec, close: () => {} };
    },
  } as Pick<StatsBus, "subscribe"> as StatsBus;
  const config = {
    api: {
      ws: {
        coalesceMs: COALESCE_MS,
        maxSubscriptions: 500,
        maxRows: 1_000,
        maxRowsTotal: 1_000,
        resumeWindowMs: 60_000,
        resumeBytes: 262_144,
      },
    },
    windows: { clock: "event", list: [] },
  } as const;
  const hub = new Hub({ bus, config, nowMs: () => nowMs });
  const flushes: number[] = Array(clients).fill(0);
  let inTurn = 0;
  const turns: number[] = [];
  const targets = flushes.map(
    (_, i): PushTarget => ({
      isDirty: false,
      rows: 0,
      flush: () => {
        flushes[i] = (flushes[i] as number) + 1;
        inTurn += 1;
        nowMs += flushMs;
      },
    }),
  );
  for (const target of targets) await hub.join(TOPIC, target);
  /** Advances by one millisecond, in which the event loop may turn once. A turn that did work has already taken longer. */
  const step = async (): Promise<void> => {
    const before = nowMs;
    inTurn = 0;
    t.mock.timers.tick(1);
    await new Promise((resolve) => setImmediate(resolve));
    if (inTurn > 0) turns.push(inTurn);
    if (nowMs === before) nowMs += 1;
  };
  return { hub, flushes, turns, update, step, nowMs: () => nowMs };
}

test("a flush serves every client once, in slices between which other work gets its turn", async (t) => {
  const { flushes, turns, update, step } = await hubWith(t, 100, 1);
  update();
  for (let i = 0; i < 200; i++) await step();
  assert.deepEqual(new Set(flushes), new Set([1]));
  assert.ok(
    turns.every((clients) => clients <= LIVE_LIMITS.flushSliceMs),
    turns.join(),
  );
  assert.ok(turns.length >= 100 / LIVE_LIMITS.flushSliceMs);
});

test("while flushes are short every update is flushed", async (t) => {
  const quick = await hubWith(t, 10, 1);
  while (quick.nowMs() < 10_000) {
    quick.update();
    for (const until = quick.nowMs() + COALESCE_MS; quick.nowMs() < until; ) await quick.step();
  }
  assert.ok((quick.flushes[0] as number) >= 95, `${quick.flushes[0]}`);
});

test("under load, flushes take a bounded share of the time and all clients get equally many", async (t) => {
  const busy = await hubWith(t, 500, 1);
  const endMs = 20_000;
  while (busy.nowMs() < endMs) {
    busy.update();
    await busy.step();
  }
  const total = busy.flushes.reduce((sum, count) => sum + count, 0);
  const share = total / busy.nowMs();
  assert.ok(share <= 1 / (1 + LIVE_LIMITS.flushPauseFactor) + 0.02, `${share} of the time`);
  assert.ok(share >= 0.15, `${share} of the time`);
  assert.ok(Math.max(...busy.flushes) - Math.min(...busy.flushes) <= 1, "no client gets more than another");
});

test("a client that holds a later revision, from another instance, joins when that has arrived", async (t) => {
  const { hub, update } = await hubWith(t, 1, 0);
  update();
  const client: PushTarget = { isDirty: false, rows: 0, flush: () => {} };
  const joined = hub.join(TOPIC, client, { epoch: "1", rev: 3 });
  let revAtJoin = 0;
  void joined.then((result) => {
    assert.equal(result.kind, "joined");
    if (result.kind === "joined") revAtJoin = result.feed.count;
  });
  for (const expected of [0, 3]) {
    update();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(revAtJoin, expected);
  }
});
