/** The whole program with a log at its limit: it takes swaps again once images have released the oldest, though no record comes meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { tempDir } from "../support/tmp.ts";

const SETTINGS = { "app.snapshot_interval": "4s", "ingest.embedded.retention_bytes": "16MiB" };
const EVENTS = 2_000;
/** Several times the log's limit. */
const BODIES_MAX = 200;
const LIMIT_MS = 60_000;

function bodyOf(number: number, token = "0xfull"): string {
  const events = Array.from({ length: EVENTS }, (_, i) => ({
    ...{ chain_id: 1, tx_hash: `0x${(number * EVENTS + i).toString(16)}`, log_index: 0, token, side: "buy" },
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

async function trades(running: RunningApp, token = "0xfull"): Promise<number> {
  await running.caughtUp();
  return (await running.call(`/api/tokens/1:${token}/stats?windows=24h`)).json.windows["24h"].trades;
}

/** Posts bodies until the log refuses one. Returns the number of the refused one. */
async function fill(running: RunningApp, first = 0, token?: string): Promise<number> {
  let bodies = first;
  while ((await post(running, bodyOf(bodies, token))) === 202) assert.ok(++bodies < BODIES_MAX, "the log never fills");
  return bodies;
}

/** Posts the body until it is taken. */
async function takenInTime(running: RunningApp, body: string): Promise<void> {
  const limitMs = performance.now() + LIMIT_MS;
  while ((await post(running, body)) === 503) {
    assert.ok(performance.now() < limitMs, "the log stays full");
    await pause(50);
  }
}

test("a log at its limit takes swaps again after two images, and a restart has all of them", async (t) => {
  const dir = tempDir(t);
  const running = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  const bodies = await fill(running);
  assert.ok(bodies > 0);
  assert.equal(await trades(running), bodies * EVENTS);
  await takenInTime(running, bodyOf(bodies));
  assert.equal(await trades(running), (bodies + 1) * EVENTS);
  await running.app.stop();
  const again = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  assert.equal(await trades(again), (bodies + 1) * EVENTS);
  assert.deepEqual((await again.call("/api/status")).json.problems ?? [], []);
});

test("records of a partition that is idle since do not keep the log at its limit", async (t) => {
  const running = await new TestApps(t).start({ ...SETTINGS, "ingest.embedded.partitions": "3" });
  const tokens = ["0xa", "0xb", "0xc", "0xd", "0xe", "0xf"];
  const [idle, busy] = [0, 1].map((partition) =>
    tokens.find((token) => partitionOfTokenId(`1:${token}`, 3) === partition),
  );
  assert.ok(idle !== undefined && busy !== undefined);
  // Nearly all of the log belongs to the partition that gets no records any more.
  const bodies = await fill(running, 0, idle);
  assert.equal(await trades(running, idle), bodies * EVENTS);
  await takenInTime(running, bodyOf(bodies, busy));
  const more = await fill(running, bodies + 1, busy);
  await takenInTime(running, bodyOf(more, busy));
  assert.equal(await trades(running, busy), (more - bodies + 1) * EVENTS);
  assert.equal(await trades(running, idle), bodies * EVENTS);
});
