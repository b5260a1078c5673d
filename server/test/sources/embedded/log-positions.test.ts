import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { openPositionsFile, readPositions } from "../../../src/sources/embedded/log-positions.ts";
import { tempDir } from "../../support/tmp.ts";

test("the newest saved positions are read", (t) => {
  const path = join(tempDir(t, "positions"), "positions");
  const file = openPositionsFile(path, 2);
  assert.equal(file.load(), undefined);
  for (const ends of [
    [1, 0],
    [2, 5],
    [3, 9],
  ])
    file.save(ends);
  file.close();
  assert.deepEqual(readPositions(path, 2), [3, 9]);
  const again = openPositionsFile(path, 2);
  assert.deepEqual(again.load(), [3, 9]);
  again.close();
});

test("a pipe in place of the positions is refused without a wait for its other end", (t) => {
  const path = join(tempDir(t, "positions"), "positions");
  execFileSync("mkfifo", [path]);
  assert.equal(readPositions(path, 1), undefined);
  assert.throws(() => openPositionsFile(path, 1), /positions is not a regular file/);
});
