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
    "const words: string[] = process.argv.slice(2);\nconsole.log(process.version, ...words, process.env.GLIBC_TUNABLES);\nprocess.exitCode = 7;\n",
  );
  symlinkSync("../server", join(root, "node_modules/swapstats"));
  symlinkSync("../swapstats/bin/swapstats", join(root, "node_modules/.bin/swapstats"));
  writeFileSync(join(root, "old/node"), "#!/bin/sh\necho v20.1.0\n");
  chmodSync(join(root, "old/node"), 0o755);
  return { root, command: join(root, "node_modules/.bin/swapstats") };
}

const HUGE_PAGES = "glibc.malloc.hugetlb=1";

function run(
  command: string,
  path: string,
  env: Record<string, string> = {},
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, ["top", "two words"], { env: { PATH: `${path}:/usr/bin:/bin`, ...env }, encoding: "utf8" });
}

test("the Node on PATH is used when it is new enough", (t) => {
  const { root, command } = installation(t);
  mkdirSync(join(root, "new"));
  symlinkSync(process.execPath, join(root, "new/node"));
  const { status, stdout } = run(command, join(root, "new"));
  assert.equal(stdout, `${process.version} top two words ${HUGE_PAGES}\n`);
  assert.equal(status, 7);
});

test("an old Node on PATH is replaced by the one that npm installed", (t) => {
  const { root, command } = installation(t);
  mkdirSync(join(root, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, join(root, "node_modules/node/bin/node"));
  assert.equal(run(command, join(root, "old")).stdout, `${process.version} top two words ${HUGE_PAGES}\n`);
});

test("huge pages are asked for, unless the variable says otherwise", (t) => {
  const { root, command } = installation(t);
  mkdirSync(join(root, "new"));
  symlinkSync(process.execPath, join(root, "new/node"));
  const shown = (env: Record<string, string>) => run(command, join(root, "new"), env).stdout.trim().split(" ").at(-1);
  assert.equal(shown({}), HUGE_PAGES);
  assert.equal(shown({ GLIBC_TUNABLES: "glibc.malloc.hugetlb=0" }), "glibc.malloc.hugetlb=0");
  assert.equal(shown({ GLIBC_TUNABLES: "" }), "words");
});

test("without a new Node the command says what to do", (t) => {
  const { root, command } = installation(t);
  const { status, stderr } = run(command, join(root, "old"));
  assert.equal(status, 1);
  assert.match(stderr, /needs Node 24 or newer; found v20\.1\.0\..*npm ci/);
});
