/** The whole program with a log at its limit: it takes swaps again once images have released the oldest, though no record comes meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { tempDir } from "../support/tmp.ts";

const SETTINGS = { "app.snapshot_interval": "4s", "ingest.embedded.retention_bytes": "16MiB" };
const EVENTS = 2_000;
/** Several times the log's limit. */
const BODIES_MAX = 200;
const LIMIT_MS = 60_000;

function bodyOf(number: number, count: number): string {
  const events = Array.from({ length: count }, (_, i) => ({
    ...{ chain_id: 1, tx_hash: `0x${(number * EVENTS + i).toString(16)}`, log_index: 0, token: "0xfull", side: "buy" },
    ...{ amount_token: "1", amount_usd: "1", event_time: Date.now(), pool: "p".repeat(120), who: "w".repeat(120) },
  }));
  return JSON.stringify(events);
}

async function post(running: RunningApp, body: string): Promise<number> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  const { status, json } = await running.call("/api/swaps", init);
  if (status === 503) assert.equal(json.code, "log_full");
  else assert.equal(status, 202);
  return status;
}

async function trades(running: RunningApp): Promise<number> {
  await running.caughtUp();
  return (await running.call("/api/tokens/1:0xfull/stats?windows=24h")).json.windows["24h"].trades;
}

test("a log at its limit takes swaps again after two images, and a restart has all of them", async (t) => {
  const dir = tempDir(t);
  const running = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  let bodies = 0;
  while ((await post(running, bodyOf(bodies, EVENTS))) === 202) assert.ok(++bodies < BODIES_MAX, "the log never fills");
  assert.ok(bodies > 0);
  assert.equal(await trades(running), bodies * EVENTS);
  const limitMs = performance.now() + LIMIT_MS;
  while ((await post(running, bodyOf(bodies, EVENTS))) === 503) {
    assert.ok(performance.now() < limitMs, "the log stays full");
    await pause(50);
  }
  assert.equal(await trades(running), (bodies + 1) * EVENTS);
  await running.app.stop();
  const again = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  assert.equal(await trades(again), (bodies + 1) * EVENTS);
  assert.deepEqual((await again.call("/api/status")).json.problems ?? [], []);
});
