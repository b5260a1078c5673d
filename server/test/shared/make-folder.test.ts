import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../../src/shared/make-folder.ts";
import { tempDir } from "../support/tmp.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

test("folders are made with those above them, and those that are there stay", (t) => {
  const folder = join(tempDir(t), "a/b/c");
  makeFolder(folder);
  makeFolder(folder);
  assert.ok(existsSync(folder));
});

test("places where no folder can be made give an error at once, and a start that names them ends with 1", (t) => {
  const file = join(tempDir(t), "file");
  writeFileSync(file, "");
  const places = [
    "/proc/foo",
    "/proc/foo/bar",
    "/proc/self/foo",
    "/dev/null/x",
    file,
    join(file, "x"),
    `/${"x".repeat(5000)}`,
  ];
  for (const place of places) {
    assert.throws(() => makeFolder(place), Error, place);
    const env = { PATH: process.env.PATH, SWAPSTATS_DATA_DIR: place, SWAPSTATS_API_HTTP_ADDR: "127.0.0.1:0" };
    // The limit is for a start that hangs.
    const { status, stderr } = spawnSync(process.execPath, [MAIN, "serve"], {
      env,
      timeout: 120_000,
      encoding: "utf8",
    });
    assert.equal(status, 1, `${place}: ${stderr}`);
    assert.match(stderr, /Cannot make the data folder .*Check data_dir/);
  }
});
