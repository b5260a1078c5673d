/** Long runs by hand: each says what it takes, and names what is wrong. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";

for (const name of ["crash", "chaos", "history-proof"]) {
  test(`npm run ${name} has a usage, and names an unknown option`, () => {
    const run = (argument: string) =>
      spawnSync(process.execPath, [resolve(import.meta.dirname, `../${name}.ts`), argument], { encoding: "utf8" });
    const help = run("--help");
    assert.equal(help.status, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`^usage: npm run ${name} -- `));
    assert.deepEqual(
      help.stdout.split("\n").filter((line) => line.length > 140),
      [],
    );
    const wrong = run("--no-such-option");
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /^Unknown option '--no-such-option'.*\nusage: /);
  });
}
