/** Files that a person names by mistake or out of malice: each gives a clear error at once. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { readRegularFile } from "../../src/shared/read-regular-file.ts";
import { tempDir } from "../support/tmp.ts";

function problemsOf(t: TestContext, content: string | Uint8Array): string {
  const filePath = join(tempDir(t), "config.yaml");
  writeFileSync(filePath, content);
  try {
    loadConfig({ filePath, env: {} });
    return "";
  } catch (error) {
    assert.equal((error as { code?: string }).code, "bad_config", String(error));
    return (error as Error).message;
  }
}

test("a pipe, a folder, a device and a large file are refused as a secret without a wait", (t) => {
  const folder = tempDir(t);
  const pipe = join(folder, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  const large = join(folder, "large");
  writeFileSync(large, "x".repeat(64 * 1024 + 1));
  for (const [path, what] of [
    [pipe, /not a regular file/],
    [folder, /it is a folder/],
    ["/dev/zero", /not a regular file/],
    [large, /larger than 65536 bytes/],
    [join(folder, "none"), /ENOENT/],
  ] as const) {
    assert.match(problemsOf(t, `stores:\n  redis:\n    password: file:${path}\n`), what);
  }
  writeFileSync(large, "x".repeat(64 * 1024));
  assert.doesNotMatch(problemsOf(t, `stores:\n  redis:\n    password: file:${large}\n`), /larger/);
});

test("a configuration that is a pipe, a folder or not UTF-8 is refused", (t) => {
  const folder = tempDir(t);
  const pipe = join(folder, "pipe");
  spawnSync("mkfifo", [pipe]);
  for (const filePath of [pipe, folder, "/dev/zero"]) {
    assert.throws(() => loadConfig({ filePath, env: {} }), { code: "bad_config", message: /regular file|a folder/ });
  }
  assert.match(problemsOf(t, Uint8Array.of(0x61, 0x3a, 0x20, 0xff)), /not UTF-8/);
  assert.match(problemsOf(t, "x".repeat(256 * 1024 + 1)), /larger than 262144 bytes/);
});

test("aliases of aliases, deep nesting, several documents and repeated keys are reported as problems of the file", (t) => {
  const lists = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++) {
    const before = String.fromCharCode(96 + i);
    const name = String.fromCharCode(97 + i);
    lists.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]`);
  }
  assert.match(problemsOf(t, `${lists.join("\n")}\nwindows:\n  list: *i\n`), /more than 100 aliases/);
  const sections = ["s0: &s0 {a: {}, b: {}}"];
  for (let i = 1; i < 7; i++) {
    const uses = Array.from({ length: 10 }, (_, k) => `k${k}: *s${i - 1}`).join(", ");
    sections.push(`s${i}: &s${i} {${uses}}`);
  }
  assert.match(problemsOf(t, sections.join("\n")), /more than 10000 keys/);
  assert.match(problemsOf(t, `a: ${"[".repeat(100_000)}`), /nested too deeply|not valid YAML/);
  assert.match(problemsOf(t, "a: 1\n---\nb: 2\n"), /not valid YAML/);
  assert.match(problemsOf(t, "app:\n  grace: 1s\n  grace: 2s\n"), /line 3.*not valid YAML/);
  assert.match(problemsOf(t, "app:\n\tgrace: 1s\n"), /not valid YAML/);
  assert.match(problemsOf(t, "a: &a {b: *a}\n"), /is not a key|not valid YAML|more than/);
});

test("a byte order mark is not part of the first key", (t) => {
  assert.equal(problemsOf(t, "\ufeffapp:\n  grace: 1s\n"), "");
});

test("a small file is read whole, also when the system reports no size", (t) => {
  const path = join(tempDir(t), "file");
  writeFileSync(path, "abc");
  assert.equal(readRegularFile(path, 3).toString(), "abc");
  assert.throws(() => readRegularFile(path, 2), /larger than 2 bytes/);
  assert.match(readRegularFile("/proc/self/status", 65_536).toString(), /^Name:/);
});
