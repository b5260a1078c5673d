/**
 * The warm start of the whole program: the checkpoint is lost, the log no longer reaches back, and the state is filled from the history, also when the
 * process is killed meanwhile. Processes run on clocks in the past, so that the log holds records of different ages.
 */
import assert from "node:assert/strict";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { embeddedSite } from "./history-sites.ts";
import { ServiceProcess } from "./service-process.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Between the two lives that fill the log. */
const APART_MS = 30 * MINUTE_MS;
const EVERY_MS = 15 * SECOND_MS;
const HORIZON_MS = 5 * MINUTE_MS;
/** A mark is behind the horizon by the grace, the distance of two swaps, the grain of settling, and down to its whole minute. */
const MARK_LAG_MS = 3 * MINUTE_MS;
const FINAL_LIMIT_MS = 120_000;
const KILLS = 3;
const SETTINGS = {
  SWAPSTATS_STORES_HISTORY: "embedded",
  SWAPSTATS_HISTORY_FLUSH_INTERVAL: "50ms",
  SWAPSTATS_APP_SNAPSHOT_INTERVAL: "1s",
  SWAPSTATS_APP_GRACE: "30s",
  SWAPSTATS_APP_REORG_HORIZON: "5m",
  SWAPSTATS_WINDOWS_LIST: "1m,10m,1h",
};
const WARM = { ...SETTINGS, SWAPSTATS_APP_BOOTSTRAP: "history" };

type Filled = { readonly dataDir: string; readonly swaps: readonly Swap[]; readonly startMs: number };
type Swap = { readonly token: string; readonly event_time: number; readonly amount_usd: string };

/** A process whose clock is behind by so much. */
async function serviceAt(
  t: TestContext,
  dataDir: string,
  behindMs: number,
  settings: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const clock = `const now = Date.now; Date.now = () => now() - ${behindMs};`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(clock)}`;
  const service = new ServiceProcess(await freePort(), dataDir, { ...settings, NODE_OPTIONS });
  t.after(() => service.kill("SIGKILL"));
  return service;
}

function swapsOf(fromMs: number, toMs: number): Swap[] {
  return Array.from({ length: Math.floor((toMs - fromMs) / EVERY_MS) }, (_, i) => {
    const event_time = fromMs + i * EVERY_MS;
    return {
      ...{ chain_id: 1, tx_hash: `0x${event_time.toString(16)}`, log_index: 0, who: `w${i % 7}` },
      ...{ token: i % 3 === 0 ? "0xbb" : "0xaa", token_symbol: "AAA", side: i % 2 === 0 ? "buy" : "sell" },
      ...{ amount_token: "2", amount_usd: String((i % 90) + 1), event_time },
    };
  });
}

/** Posts them in several batches of the log, and ends when they are applied. */
async function postAll(service: ServiceProcess, swaps: readonly Swap[]): Promise<void> {
  const size = Math.ceil(swaps.length / 6);
  for (let i = 0; i < swaps.length; i += size) {
    const part = swaps.slice(i, i + size);
    assert.equal(await service.post(part.map((swap) => JSON.stringify(swap)).join("\n")), part.length);
  }
  await service.caughtUp();
}

/** A data folder whose history is final up to some minutes ago. `startMs`: how long a start took. */
async function filledFolder(t: TestContext): Promise<Filled> {
  const dataDir = tempDir(t, "warm-start");
  const nowMs = Date.now();
  const early = swapsOf(nowMs - APART_MS - 120 * MINUTE_MS, nowMs - APART_MS);
  const recent = swapsOf(nowMs - APART_MS, nowMs);
  let startMs = 0;
  for (const [behindMs, swaps] of [
    [APART_MS, early],
    [0, recent],
    // The first mark of a life comes soon.
    [0, []],
  ] as const) {
    const begunMs = performance.now();
    const service = await serviceAt(t, dataDir, behindMs, SETTINGS);
    await service.caughtUp();
    startMs = performance.now() - begunMs;
    if (swaps.length > 0) await postAll(service, swaps);
    else await finalTo(dataDir, nowMs - HORIZON_MS - MARK_LAG_MS);
    assert.deepEqual(await service.kill("SIGTERM"), { code: 0, signal: null }, service.log);
  }
  return { dataDir, swaps: [...early, ...recent], startMs };
}

async function finalTo(dataDir: string, timeMs: number): Promise<void> {
  const begunMs = performance.now();
  for (;;) {
    const store = await embeddedSite(dataDir).open();
    const { streams } = await store.status();
    await store.close();
    if (streams.some(({ settledBeforeMs }) => settledBeforeMs >= timeMs)) return;
    assert.ok(performance.now() - begunMs < FINAL_LIMIT_MS, `not final to ${timeMs}: ${JSON.stringify(streams)}`);
    await pause(200);
  }
}

/** Leaves the log as retention would, and no checkpoint. Of the batches, this many are gone. Returns the first offset that is left. */
function lose(dataDir: string, batches: number): number {
  rmSync(join(dataDir, "checkpoints"), { recursive: true });
  const log = new DatabaseSync(join(dataDir, "log/log.sqlite"));
  const keys = log.prepare("SELECT key FROM batches ORDER BY key").all() as { key: number }[];
  assert.ok(keys.length > batches, `the log has only ${keys.length} batches`);
  const { key } = keys[batches] as { key: number };
  log.prepare("DELETE FROM batches WHERE key < ?").run(key);
  log.close();
  return key;
}

type Window = { open_time: number; close_time: number; trades: number; volume_usd: string; complete: boolean };

async function windowsOf(service: ServiceProcess, token: string): Promise<[name: string, window: Window][]> {
  const response = await fetch(`${service.url}/api/tokens/1:${token}/stats`);
  const { windows } = (await response.json()) as { windows: Record<string, Window> };
  return Object.entries(windows);
}

async function assertWhole(service: ServiceProcess, swaps: readonly Swap[]): Promise<void> {
  for (const token of ["0xaa", "0xbb"]) {
    for (const [name, { open_time, close_time, trades, volume_usd, complete }] of await windowsOf(service, token)) {
      const own = swaps.filter((swap) => swap.token === token);
      const within = own.filter(({ event_time: ms }) => ms >= open_time && ms < close_time);
      const usd = within.reduce((sum, { amount_usd }) => sum + Number(amount_usd), 0);
      const wanted = { name, trades: within.length, volume_usd: String(usd), complete: true };
      assert.deepEqual({ name, trades, volume_usd, complete }, wanted);
    }
  }
}

test("a state without a checkpoint is filled from the history", async (t) => {
  const random = randomFrom(seedOf(t));
  const { dataDir, swaps, startMs } = await filledFolder(t);
  const laterLog = tempDir(t, "warm-start-later-log");
  cpSync(dataDir, laterLog, { recursive: true });

  await t.test("figures are those of all swaps, though the process is killed while it starts", async () => {
    lose(dataDir, 3);
    let killedBeforeReady = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const service = await serviceAt(t, dataDir, 0, WARM);
      const isReady = service.caughtUp().then(
        () => true,
        () => false,
      );
      await pause(startMs * (0.4 + 0.1 * random.below(8)));
      await service.kill("SIGKILL");
      if (!(await isReady)) killedBeforeReady++;
    }
    t.diagnostic(`killed before it was ready: ${killedBeforeReady} of ${KILLS}`);
    const service = await serviceAt(t, dataDir, 0, WARM);
    await service.caughtUp();
    await assertWhole(service, swaps);
    // What comes again is known.
    await postAll(service, swaps.slice(-10));
    await assertWhole(service, swaps);
    assert.deepEqual(await service.kill("SIGTERM"), { code: 0, signal: null }, service.log);
  });

  await t.test("it is filled again when the checkpoint is lost before the new stream has a mark", async () => {
    lose(dataDir, 0);
    const service = await serviceAt(t, dataDir, 0, WARM);
    await service.caughtUp();
    await assertWhole(service, swaps);
    const wanted = timesOf(swaps, "0xaa");
    assert.deepEqual(await allTimes(service, "0xaa"), wanted, "a swap is missing in the history, or there twice");
    await service.kill("SIGKILL");
  });

  await t.test(
    "where the log begins later than the history ends, windows are incomplete, and status says why",
    async () => {
      const startOffset = lose(laterLog, 9);
      const service = await serviceAt(t, laterLog, 0, WARM);
      const { partitions } = await service.caughtUp();
      const problems = partitions.flatMap((partition) => partition.problems);
      const what = `^The history of partition 0 is final up to .*, and the log begins at offset ${startOffset}`;
      assert.ok(
        problems.some((problem) => new RegExp(what).test(problem)),
        problems.join("\n"),
      );
      const windows = await windowsOf(service, "0xaa");
      assert.equal(windows.find(([name]) => name === "1h")?.[1].complete, false);
      await service.kill("SIGKILL");
    },
  );
});

function timesOf(swaps: readonly Swap[], token: string): number[] {
  return swaps.filter((swap) => swap.token === token).map(({ event_time }) => event_time);
}

async function allTimes(service: ServiceProcess, token: string): Promise<number[]> {
  const times: number[] = [];
  for (let cursor = ""; ; ) {
    const response = await fetch(`${service.url}/api/tokens/1:${token}/swaps?order=asc&limit=1000${cursor}`);
    const page = (await response.json()) as { items: { event_time: number }[]; next_cursor?: string };
    times.push(...page.items.map(({ event_time }) => event_time));
    if (page.next_cursor === undefined) return times;
    cursor = `&cursor=${page.next_cursor}`;
  }
}
