/** The `swapstats` command as npm links it: which Node it starts, and what it prints where none is new enough. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tempDir } from "../../server/test/support/tmp.ts";
import { REPOSITORY } from "../house/repository.ts";

/** An installation in a folder with a space in its name: the command, and a main.ts that prints its arguments. */
function installation(t: TestContext): { root: string; command: string } {
  const root = join(tempDir(t, "bin"), "a place");
  for (const folder of ["server/bin", "server/src", "node_modules/.bin", "old"])
    mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(join(REPOSITORY, "server/bin/swapstats"), join(root, "server/bin/swapstats"));
  writeFileSync(
    join(root, "server/src/main.ts"),
    "const words: string[] = process.argv.slice(2);\nconsole.log(process.version, ...words);\nprocess.exitCode = 7;\n",
  );
  symlinkSync("../server", join(root, "node_modules/swapstats"));
  symlinkSync("../swapstats/bin/swapstats", join(root, "node_modules/.bin/swapstats"));
  writeFileSync(join(root, "old/node"), "#!/bin/sh\necho v20.1.0\n");
  chmodSync(join(root, "old/node"), 0o755);
  return { root, command: join(root, "node_modules/.bin/swapstats") };
}

function run(command: string, path: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, ["top", "two words"], { env: { PATH: `${path}:/usr/bin:/bin` }, encoding: "utf8" });
}

test("the Node on PATH is used when it is new enough", (t) => {
  const { root, command } = installation(t);
  mkdirSync(join(root, "new"));
  symlinkSync(process.execPath, join(root, "new/node"));
  const { status, stdout } = run(command, join(root, "new"));
  assert.equal(stdout, `${process.version} top two words\n`);
  assert.equal(status, 7);
});

test("an old Node on PATH is replaced by the one that npm installed", (t) => {
  const { root, command } = installation(t);
  mkdirSync(join(root, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, join(root, "node_modules/node/bin/node"));
  assert.equal(run(command, join(root, "old")).stdout, `${process.version} top two words\n`);
});

test("without a new Node the command says what to do", (t) => {
  const { root, command } = installation(t);
  const { status, stderr } = run(command, join(root, "old"));
  assert.equal(status, 1);
  assert.match(stderr, /needs Node 24 or newer; found v20\.1\.0\..*npm ci/);
});
