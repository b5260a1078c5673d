/** Threads of replay sessions, on an embedded history. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { toEngineConfig } from "../../../src/config/config.ts";
import { defaultConfig } from "../../../src/config/load.ts";
import { ReplayThreads } from "../../../src/pipeline/replay/replay-threads.ts";
import type { ReplaySession, SettledHistory } from "../../../src/ports/replay-sessions.ts";
import { openHistoryStore } from "../../../src/stores/history/open-history-store.ts";
import { tempDir } from "../../support/tmp.ts";
import { within } from "../../support/within.ts";

const AT_MS = 1_767_225_600_000;
const HOUR_MS = 3_600_000;
/** Sessions that are closed one after another, each at a later moment of its start. */
const CLOSED_STARTS = 20;
const SETTLED: SettledHistory = { settledBeforeMs: AT_MS + HOUR_MS, known: [] };

async function openThreads(
  t: TestContext,
  changes: { readonly sessionsMax?: number; readonly timeMaxMs?: number } = {},
) {
  const dataDir = tempDir(t, "replay");
  const store = {
    kind: "embedded",
    dataDir,
    retentionMs: 0,
    memoryBytes: 2 ** 28,
    threads: 1,
    cold: undefined,
  } as const;
  const history = await openHistoryStore(store);
  await history.migrate();
  await history.close();
  const threads = new ReplayThreads({
    store: { ...store, isReader: true },
    engine: toEngineConfig(defaultConfig()),
    ...{ sessionsMax: 4, timeMaxMs: HOUR_MS, coalesceMs: 20, answerTimeoutMs: 10_000, ...changes },
    limits: { rowsMax: 1_000, memoryBytes: 2 ** 30 },
    gathering: { finestStepMs: 1_000, chains: new Map(), prefer: "refuse" },
  });
  t.after(() => threads.close());
  const open = (speed = 1): ReplaySession => threads.open({ atMs: AT_MS, speed }, SETTLED, async () => SETTLED);
  return { threads, open };
}

/** Threads of this process, and what keeps it alive, such as ports and timers. */
const held = (): { readonly threads: number; readonly resources: number } => ({
  threads: readdirSync("/proc/self/task").length,
  resources: process.getActiveResourcesInfo().length,
});

async function allEnded(threads: ReplayThreads): Promise<void> {
  const ended = async (): Promise<void> => {
    while (threads.numbers.running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(ended(), () => `${threads.numbers.running} threads run`);
}

test("fifty sessions leave no thread, port or timer", async (t) => {
  const { threads, open } = await openThreads(t, { sessionsMax: 3 });
  const round = async (count: number): Promise<void> => {
    const sessions = Array.from({ length: count }, () => open());
    // One is closed while it begins.
    sessions[0]!.close();
    await within(Promise.all(sessions.map(({ begun }) => begun)), () => "a session does not begin");
    const { body } = await sessions.at(-1)!.bus.market({ windows: ["5m"] });
    assert.match(body, /"tokens_active":0/);
    for (const session of sessions) session.close();
    await allEnded(threads);
  };
  await round(2);
  const before = held();
  for (let left = 48; left > 0; left -= 3) await round(3);
  assert.deepEqual(threads.numbers, { running: 0, opened: 50, refused: 0 });
  const after = held();
  // Threads of Node and of DuckDB may come late, but not by session.
  assert.ok(after.threads <= before.threads + 4, JSON.stringify({ before, after }));
  assert.ok(after.resources <= before.resources + 2, JSON.stringify({ before, after }));
});

test("as many sessions run as are allowed, and a further one may begin when one has ended", async (t) => {
  const { threads, open } = await openThreads(t, { sessionsMax: 2 });
  const sessions = [open(), open()];
  assert.throws(() => open(), { code: "overloaded", message: /2 replay sessions run.*history.replay_sessions/ });
  sessions[0]!.close();
  await within(
    (async () => {
      while (threads.numbers.running > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    })(),
    () => "the thread does not end",
  );
  open();
  assert.deepEqual(threads.numbers, { running: 2, opened: 3, refused: 1 });
});

test("a session ends at the end of the history, and after the longest time", async (t) => {
  const { open } = await openThreads(t);
  const fast = open(3_600);
  const end = await within(fast.ended, () => "no end");
  assert.equal(end.reason, "end_of_history", end.message);
  assert.equal(fast.nowMs(), AT_MS + HOUR_MS - 1);
  const { open: openShort } = await openThreads(t, { timeMaxMs: 500 });
  const { reason, message } = await within(openShort().ended, () => "no end");
  assert.equal(reason, "time_limit");
  assert.match(message, /0\.5 s.*history\.replay_session_time_max/);
});

test("sessions that are closed while their threads start end by themselves, however long that takes", async (t) => {
  const { threads, open } = await openThreads(t);
  const startedMs = performance.now();
  const first = open();
  await within(first.begun, () => "the session does not begin");
  const beginMs = performance.now() - startedMs;
  first.close();
  await allEnded(threads);
  // Threads load their modules, open DuckDB, or read. Terminated in one of its calls, a thread would abort this process.
  for (let part = 0; part < CLOSED_STARTS; part++) {
    const afterMs = (beginMs * part) / CLOSED_STARTS;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    open().close();
    const untilMs = performance.now() + afterMs;
    while (performance.now() < untilMs) await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(HOUR_MS);
    t.mock.timers.reset();
    await allEnded(threads);
  }
});
