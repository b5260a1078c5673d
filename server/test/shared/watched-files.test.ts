import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WatchedFiles } from "../../src/shared/watched-files.ts";
import { tempDir } from "../support/tmp.ts";

function watch(t: TestContext, path: string): { readonly texts: string[]; readonly problems: Error[]; check(): void } {
  const texts: string[] = [];
  const problems: Error[] = [];
  const read = (): void => {
    const text = readFileSync(path, "utf8");
    if (text === "bad") throw new Error("it is bad");
    texts.push(text);
  };
  const files = new WatchedFiles({ paths: [path], read, onProblem: (error) => problems.push(error) });
  t.after(() => files.close());
  return { texts, problems, check: () => files.check() };
}

test("a file is read at the start, and again after each change", (t) => {
  const path = join(tempDir(t), "file");
  writeFileSync(path, "a");
  const { texts, check } = watch(t, path);
  check();
  writeFileSync(path, "bb");
  check();
  check();
  // The same length and time, as a file that is put back from a copy has them, in a new file.
  writeFileSync(`${path}.new`, "cc");
  utimesSync(`${path}.new`, 1, 1);
  utimesSync(path, 1, 1);
  check();
  renameSync(`${path}.new`, path);
  check();
  assert.deepEqual(texts, ["a", "bb", "bb", "cc"]);
});

test("a file behind links is read again when a link leads elsewhere", (t) => {
  const dir = tempDir(t);
  for (const version of ["1", "2"]) {
    mkdirSync(join(dir, version));
    writeFileSync(join(dir, version, "key"), version);
  }
  symlinkSync("1", join(dir, "data"));
  symlinkSync("data/key", join(dir, "key"));
  const { texts, check } = watch(t, join(dir, "key"));
  symlinkSync("2", join(dir, "data.new"));
  renameSync(join(dir, "data.new"), join(dir, "data"));
  check();
  assert.deepEqual(texts, ["1", "2"]);
});

test("a failure is reported once for each state, and a later good file is taken", (t) => {
  const path = join(tempDir(t), "file");
  writeFileSync(path, "a");
  const { texts, problems, check } = watch(t, path);
  writeFileSync(path, "bad");
  check();
  check();
  assert.equal(problems.length, 1);
  rmSync(path);
  check();
  check();
  assert.equal(problems.length, 2);
  writeFileSync(path, "good");
  check();
  assert.deepEqual(texts, ["a", "good"]);
});

test("a failure at the start is thrown", (t) => {
  assert.throws(() => watch(t, join(tempDir(t), "absent")), /ENOENT/);
});
