import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  isFolderLocked,
  LOCK_FILE_NAME,
  LOCK_OWNER_FILE_NAME,
  lockFolder,
  WATCH_INTERVAL_MS,
} from "../../src/stores/folder-lock.ts";
import { START_MS } from "../sources/embedded/log-support.ts";
import { tempDir } from "../support/tmp.ts";

const LOCK_MODULE = join(import.meta.dirname, "../../src/stores/folder-lock.ts");

/** Another process that holds the lock until it is killed. */
async function holder(dataDir: string): Promise<{ pid: number; kill(): Promise<void> }> {
  const program = `
    const { lockFolder } = await import(${JSON.stringify(LOCK_MODULE)});
    globalThis.lock = lockFolder(${JSON.stringify(dataDir)}, ${START_MS}, () => console.log("lost"));
    console.log("locked");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await once(child.stdout, "data");
  assert.equal(String(text).trim(), "locked");
  return {
    pid: child.pid!,
    kill: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test("a second process is refused with the name of the holder, and after kill -9 the lock is free", async (t) => {
  const dataDir = tempDir(t);
  const other = await holder(dataDir);
  assert.throws(
    () => lockFolder(dataDir, START_MS, assert.fail),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "data_folder_locked");
      assert.ok(error.message.includes(`process ${other.pid} on `), error.message);
      assert.match(error.message, /since 2026-01-01T00:00:00\.000Z.*another data_dir/);
      return true;
    },
  );
  await other.kill();
  const lock = lockFolder(dataDir, START_MS, assert.fail);
  assert.equal(JSON.parse(readFileSync(join(dataDir, LOCK_OWNER_FILE_NAME), "utf8")).pid, process.pid);
  assert.throws(() => lockFolder(dataDir, START_MS, assert.fail), { code: "data_folder_locked" });
  lock.release();
  lock.release();
  lockFolder(dataDir, START_MS, assert.fail).release();
});

test("a folder with a damaged lock file or an unreadable owner file can be locked", async (t) => {
  const dataDir = tempDir(t);
  writeFileSync(join(dataDir, LOCK_FILE_NAME), "x".repeat(5000));
  lockFolder(dataDir, START_MS, assert.fail).release();
  const other = await holder(dataDir);
  writeFileSync(join(dataDir, LOCK_OWNER_FILE_NAME), "{");
  assert.throws(() => lockFolder(dataDir, START_MS, assert.fail), {
    code: "data_folder_locked",
    message: /in use by another process/,
  });
  await other.kill();
});

test("locking a missing folder throws storage_failed", (t) => {
  assert.throws(() => lockFolder(join(tempDir(t), "none"), START_MS, assert.fail), { code: "storage_failed" });
});

test("a holder locks a new file when its lock file was removed, and a start in between is refused", async (t) => {
  const dataDir = tempDir(t);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const lock = lockFolder(dataDir, START_MS, assert.fail);
  const path = join(dataDir, LOCK_FILE_NAME);
  rmSync(path);
  assert.throws(() => lockFolder(dataDir, START_MS, assert.fail), {
    code: "data_folder_locked",
    message: /was removed, but process \d+ .* seems to run.*remove lock-owner\.json/,
  });
  assert.ok(!existsSync(path));
  t.mock.timers.tick(WATCH_INTERVAL_MS);
  assert.ok(existsSync(path));
  assert.ok(isFolderLocked(dataDir));
  assert.throws(() => lockFolder(dataDir, START_MS, assert.fail), { code: "data_folder_locked", message: /in use by/ });
  lock.release();
  assert.ok(!isFolderLocked(dataDir));
  lockFolder(dataDir, START_MS, assert.fail).release();
});

test("a holder whose lock file was removed and locked by another process is notified once", async (t) => {
  const dataDir = tempDir(t);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const lost: string[] = [];
  const lock = lockFolder(dataDir, START_MS, (error) => lost.push(error.code));
  t.after(() => lock.release());
  rmSync(join(dataDir, LOCK_FILE_NAME));
  rmSync(join(dataDir, LOCK_OWNER_FILE_NAME));
  const other = await holder(dataDir);
  t.mock.timers.tick(3 * WATCH_INTERVAL_MS);
  assert.deepEqual(lost, ["data_folder_locked"]);
  await other.kill();
});

test("a folder whose owner file names an ended process can be locked", async (t) => {
  const dataDir = tempDir(t);
  const other = await holder(dataDir);
  await other.kill();
  rmSync(join(dataDir, LOCK_FILE_NAME));
  lockFolder(dataDir, START_MS, assert.fail).release();
});

test("a folder whose owner file is a pipe or a folder can be locked without a wait", (t) => {
  const dataDir = tempDir(t, "lock");
  const path = join(dataDir, LOCK_OWNER_FILE_NAME);
  for (const make of [() => execFileSync("mkfifo", [path]), () => mkdirSync(path)]) {
    make();
    const lock = lockFolder(dataDir, START_MS, assert.fail);
    assert.equal(isFolderLocked(dataDir), true);
    lock.release();
    assert.equal(isFolderLocked(dataDir), false);
    rmSync(path, { force: true, recursive: true });
  }
});
