/** The whole program where room is short: a log at its size limit, and a disk that is really full. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../scripts/servers/ports.ts";
import { ServiceProcess } from "../crash/service-process.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const RETRY_MS = 50;
const BATCH = 200;

/** Swaps of batch `number`; each of one dollar, so that sums count them. */
function batch(number: number): object[] {
  return Array.from({ length: BATCH }, (_, i) => ({
    chain_id: 1,
    tx_hash: `0x${number.toString(16)}`,
    log_index: i,
    token: "0xroom",
    side: "buy",
    amount_token: "1",
    amount_usd: "1",
    event_time: Date.now(),
    // Unknown to the service, and in the log all the same.
    note: "n".repeat(1000),
  }));
}

async function postOnce(running: RunningApp, number: number): Promise<number> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(batch(number)) };
  const { status, headers } = await running.call("/api/swaps", init);
  if (status === 503) assert.ok(headers.get("retry-after") !== null);
  else assert.equal(status, 202);
  return status;
}

/** Sends a batch until it is taken, as a client does. */
async function postUntilTaken(running: RunningApp, number: number): Promise<void> {
  while ((await postOnce(running, number)) !== 202) await pause(RETRY_MS);
}

async function trades(running: RunningApp): Promise<number> {
  await running.caughtUp();
  return (await running.call("/api/tokens/1:0xroom/stats?windows=24h")).json.windows["24h"].trades;
}

test("a log at its size limit frees space by itself, and everything counts once", async (t) => {
  const apps = new TestApps(t);
  const settings = { "ingest.embedded.retention_bytes": "16MiB", "app.snapshot_interval": "3s" };
  let running = await apps.start(settings);
  const batches = 100;
  for (let number = 0; number < batches; number++) await postUntilTaken(running, number);
  assert.equal(await trades(running), batches * BATCH);
  const folder = join(apps.dataDir, "log");
  const databaseBytes = statSync(join(folder, readdirSync(folder).find((name) => name.endsWith(".sqlite"))!)).size;
  assert.ok(databaseBytes < 18 * 1024 * 1024, `${databaseBytes} bytes`);
  await running.app.stop();
  running = await apps.start(settings);
  assert.equal(await trades(running), batches * BATCH);
  const { partitions } = (await running.call("/api/status")).json;
  assert.deepEqual(partitions[0].problems ?? [], []);
});

requires("the program with a limit on the size of files", { programs: ["prlimit"] }, () => {
  test("a log that is not writable refuses swaps, and status and readiness report it until it recovers", async (t) => {
    const dir = tempDir(t);
    const service = new ServiceProcess(await freePort(), dir, {});
    const pid = String(service.child.pid);
    const limit = (bytes: string): void => {
      assert.equal(spawnSync("prlimit", ["--pid", pid, `--fsize=${bytes}:`]).status, 0);
    };
    const problems = async (): Promise<string> => {
      const ready = await fetch(`${service.url}/readyz`);
      // It still answers all that it knows, so it stays in service.
      assert.equal(ready.status, 200);
      return ((await ready.json()) as { problems: string[] }).problems.join();
    };
    try {
      await service.caughtUp();
      const lines = (number: number): string =>
        batch(number)
          .map((swap) => JSON.stringify(swap))
          .join("\n");
      assert.equal(await service.post(lines(0)), BATCH);
      assert.equal(await problems(), "");
      limit("4096");
      await assert.rejects(service.post(lines(1)), /503/);
      while (!/Swaps cannot be taken: .*log\.sqlite/.test(await problems())) await pause(RETRY_MS);
      assert.match((await service.status()).partitions[0]!.problems.join(), /Swaps cannot be taken/);
      limit("unlimited");
      while ((await service.post(lines(1)).catch(() => 0)) === 0) await pause(RETRY_MS);
      while ((await problems()) !== "") await pause(RETRY_MS);
      await service.caughtUp();
    } finally {
      await service.kill("SIGKILL");
    }
  });
});

requires("the program on a full disk", { mount: true }, () => {
  test("a kill on a full disk is followed by a start that serves what was acknowledged, on the disk that is still full", async (t) => {
    const dir = tempDir(t);
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "swapstats-room", dir]).status, 0);
    const settings = { SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms" };
    let service = new ServiceProcess(await freePort(), dir, settings);
    try {
      await service.caughtUp();
      let taken = 0;
      const lines = (number: number): string =>
        batch(number)
          .map((swap) => JSON.stringify(swap))
          .join("\n");
      while ((await service.post(`nonsense\n${lines(taken)}`).catch(() => 0)) > 0) taken++;
      assert.ok(taken > 5, `${taken} batches`);
      await service.kill("SIGKILL");
      // Not a byte is left, and no store of dead letters is there to be opened.
      spawnSync("sh", ["-c", `rm -f ${dir}/dead-letters.sqlite*; dd if=/dev/zero of=${dir}/filler bs=4096`]);
      service = new ServiceProcess(await freePort(), dir, settings);
      await service.caughtUp();
      const stats = (await (await fetch(`${service.url}/stats?token=0xroom`)).json()) as {
        windows: { "24h": { trades: number } };
      };
      const { trades } = stats.windows["24h"];
      assert.ok(trades === taken * BATCH || trades === (taken + 1) * BATCH, `${trades} of ${taken * BATCH}`);
      const { partitions } = await service.status();
      assert.match(partitions[0]!.problems.join(), /store of dead letters/);
      assert.equal((await fetch(`${service.url}/api/dead-letters`)).status, 200);
      spawnSync("rm", [`${dir}/filler`]);
      assert.equal(spawnSync("mount", ["-o", "remount,size=64m", dir]).status, 0);
      while ((await service.post(lines(taken)).catch(() => 0)) === 0) await pause(RETRY_MS);
      while ((await service.status()).partitions[0]!.problems.length > 0) await pause(RETRY_MS);
    } catch (error) {
      throw new Error(`${String(error)}\n${service.log}`, { cause: error });
    } finally {
      await service.kill("SIGKILL");
      spawnSync("umount", [dir]);
    }
  });

  test("a full disk makes the service refuse swaps only, and with free space it continues without loss or repetition", async (t) => {
    const dir = tempDir(t);
    assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "swapstats-room", dir]).status, 0);
    let running: RunningApp | undefined;
    try {
      running = await new TestApps(t).start({ data_dir: dir, "app.snapshot_interval": "200ms" });
      let taken = 0;
      while ((await postOnce(running, taken)) === 202) taken++;
      assert.ok(taken > 5, `${taken} batches`);
      // The refused batch may have reached the log all the same; a copy of it counts nothing.
      const atLeast = taken * BATCH;
      const found = await trades(running);
      assert.ok(found === atLeast || found === atLeast + BATCH, `${found} of ${atLeast}`);
      assert.equal((await running.call("/api/overview?window=5m")).json.items.length, 1);
      assert.equal((await running.call("/healthz")).status, 200);
      assert.equal(spawnSync("mount", ["-o", "remount,size=64m", dir]).status, 0);
      for (const end = taken + 10; taken < end; taken++) await postUntilTaken(running, taken);
      assert.equal(await trades(running), taken * BATCH);
      await running.app.stop();
      running = await new TestApps(t).start({ data_dir: dir });
      assert.equal(await trades(running), taken * BATCH);
    } finally {
      await running?.app.stop();
      spawnSync("umount", [dir]);
    }
  });
});
