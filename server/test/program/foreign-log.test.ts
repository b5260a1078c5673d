/** The whole program with a data folder whose log and checkpoints do not belong together. */
import assert from "node:assert/strict";
import { cpSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { tempDir } from "../support/tmp.ts";

const SETTINGS = { "app.snapshot_interval": "100ms" };

function swaps(token: string, count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ chain_id: 1, tx_hash: `0x${i.toString(16)}`, log_index: 0, token, side: "buy", amount_token: "1" },
    ...{ amount_usd: "1", event_time: Date.now() },
  }));
}

async function post(running: RunningApp, token: string, count: number): Promise<void> {
  const init = { method: "POST", headers: { "content-type": "application/json" } };
  const { status } = await running.call("/api/swaps", { ...init, body: JSON.stringify(swaps(token, count)) });
  assert.equal(status, 202);
}

async function trades(running: RunningApp, token: string): Promise<number> {
  await running.caughtUp();
  return (await running.call(`/api/tokens/1:${token}/stats?windows=24h`)).json.windows["24h"].trades;
}

/** A data folder of a stopped service that has counted `count` swaps of `token`. */
async function folderOf(t: TestContext, token: string, count: number): Promise<string> {
  const dir = tempDir(t);
  const running = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  await post(running, token, count);
  assert.equal(await trades(running, token), count);
  await running.app.stop();
  return dir;
}

test("a log of another data folder is refused, whichever of the two is longer, and both folders stay unchanged", async (t) => {
  for (const [own, other] of [
    [20, 300],
    [300, 20],
  ] as const) {
    const dir = await folderOf(t, "0xown", own);
    const foreign = await folderOf(t, "0xother", other);
    renameSync(join(dir, "log"), join(dir, "log-own"));
    cpSync(join(foreign, "log"), join(dir, "log"), { recursive: true });
    await assert.rejects(new TestApps(t).start({ ...SETTINGS, data_dir: dir }), {
      code: "checkpoint_incompatible",
      message: /made from the log [0-9a-f-]{36} .* the log that is there is [0-9a-f-]{36}.*Put the log .* back/,
    });
    rmSync(join(dir, "log"), { recursive: true });
    renameSync(join(dir, "log-own"), join(dir, "log"));
    const again = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
    assert.equal(await trades(again, "0xown"), own);
    await again.app.stop();
  }
});

test("checkpoints of another data folder are refused; without checkpoints the state is rebuilt from the log", async (t) => {
  const dir = await folderOf(t, "0xown", 30);
  const foreign = await folderOf(t, "0xother", 10);
  rmSync(join(dir, "checkpoints"), { recursive: true });
  cpSync(join(foreign, "checkpoints"), join(dir, "checkpoints"), { recursive: true });
  await assert.rejects(new TestApps(t).start({ ...SETTINGS, data_dir: dir }), { code: "checkpoint_incompatible" });
  rmSync(join(dir, "checkpoints"), { recursive: true });
  const again = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  assert.equal(await trades(again, "0xown"), 30);
  await again.app.stop();
});

test("without its log the state continues behind it at every later start, and the moved log is then refused", async (t) => {
  const dir = await folderOf(t, "0xown", 40);
  renameSync(join(dir, "log"), join(dir, "log-away"));
  let running = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  assert.equal(await trades(running, "0xown"), 40);
  assert.match((await running.call("/api/status")).json.partitions[0].problems.join(), /ends at offset 0, before/);
  await post(running, "0xnew", 5);
  assert.equal(await trades(running, "0xnew"), 5);
  await running.app.stop();
  running = await new TestApps(t).start({ ...SETTINGS, data_dir: dir });
  assert.equal(await trades(running, "0xnew"), 5);
  assert.equal(await trades(running, "0xown"), 40);
  await running.app.stop();
  rmSync(join(dir, "log"), { recursive: true });
  renameSync(join(dir, "log-away"), join(dir, "log"));
  await assert.rejects(new TestApps(t).start({ ...SETTINGS, data_dir: dir }), { code: "checkpoint_incompatible" });
});
