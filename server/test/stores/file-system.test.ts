/** The real file system of the stores meets things that are no files: it says so, and never waits for a pipe. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { realFileSystem } from "../../src/stores/file-system.ts";
import { tempDir } from "../support/tmp.ts";

test("a pipe, a device or a folder instead of a file is refused at once", async (t) => {
  const folder = tempDir(t, "files");
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  await assert.rejects(realFileSystem.read(pipe), /not a regular file/);
  await assert.rejects(realFileSystem.write(pipe, new Uint8Array(1)), { code: "ENXIO" });
  const device = join(folder, "device");
  symlinkSync("/dev/zero", device);
  await assert.rejects(realFileSystem.read(device), /not a regular file/);
  const inner = join(folder, "folder");
  mkdirSync(inner);
  await assert.rejects(realFileSystem.read(inner), /it is a folder/);
});

test("a file is written, replaced and read whole, and a missing file is undefined", async (t) => {
  const path = join(tempDir(t, "files"), "file");
  assert.equal(await realFileSystem.read(path), undefined);
  await realFileSystem.write(path, Buffer.from("longer"));
  await realFileSystem.write(path, Buffer.from("short"));
  assert.equal(readFileSync(path, "utf8"), "short");
  assert.deepEqual(await realFileSystem.read(path), Buffer.from("short"));
});
