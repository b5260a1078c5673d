import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LOCK_FILE_NAME, LOCK_OWNER_FILE_NAME, lockFolder } from "../../src/stores/folder-lock.ts";
import { tempDir } from "../support/tmp.ts";
import { START_MS } from "./log-support.ts";

const LOCK_MODULE = join(import.meta.dirname, "../../src/stores/folder-lock.ts");

/** Another process that holds the lock until it is killed. */
async function holder(dataDir: string): Promise<{ pid: number; kill(): Promise<void> }> {
  const program = `
    const { lockFolder } = await import(${JSON.stringify(LOCK_MODULE)});
    globalThis.lock = lockFolder(${JSON.stringify(dataDir)}, ${START_MS});
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

test("a second process is refused and told who has the folder; after kill -9 the lock is free", async (t) => {
  const dataDir = tempDir(t);
  const other = await holder(dataDir);
  assert.throws(
    () => lockFolder(dataDir, START_MS),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "data_folder_locked");
      assert.ok(error.message.includes(`process ${other.pid} on `), error.message);
      assert.match(error.message, /since 2026-01-01T00:00:00\.000Z.*another data_dir/);
      return true;
    },
  );
  await other.kill();
  const lock = lockFolder(dataDir, START_MS);
  assert.equal(JSON.parse(readFileSync(join(dataDir, LOCK_OWNER_FILE_NAME), "utf8")).pid, process.pid);
  assert.throws(() => lockFolder(dataDir, START_MS), { code: "data_folder_locked" });
  lock.release();
  lock.release();
  lockFolder(dataDir, START_MS).release();
});

test("a damaged lock file is no obstacle, neither is an unreadable name in it", async (t) => {
  const dataDir = tempDir(t);
  writeFileSync(join(dataDir, LOCK_FILE_NAME), "x".repeat(5000));
  lockFolder(dataDir, START_MS).release();
  const other = await holder(dataDir);
  writeFileSync(join(dataDir, LOCK_OWNER_FILE_NAME), "{");
  assert.throws(() => lockFolder(dataDir, START_MS), {
    code: "data_folder_locked",
    message: /in use by another process/,
  });
  await other.kill();
});

test("a folder that is not there is an error of the storage", (t) => {
  assert.throws(() => lockFolder(join(tempDir(t), "none"), START_MS), { code: "storage_failed" });
});
