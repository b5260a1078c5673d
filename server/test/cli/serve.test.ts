import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../../src/cli/run.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { tempDir } from "../support/tmp.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");
const never = new AbortController().signal;

/** The program as a process, with free ports and a data folder of its own. */
class Program {
  readonly child: ChildProcess;
  out = "";
  err = "";
  readonly ended: Promise<number | null>;
  #changed = Promise.withResolvers<void>();

  constructor(args: readonly string[], dataDir: string) {
    const env = {
      ...process.env,
      SWAPSTATS_DATA_DIR: dataDir,
      SWAPSTATS_API_HTTP_ADDR: "127.0.0.1:0",
      SWAPSTATS_METRICS_PROMETHEUS: "127.0.0.1:0",
    };
    this.child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (part: Buffer) => this.#note("out", part));
    this.child.stderr?.on("data", (part: Buffer) => this.#note("err", part));
    this.ended = new Promise((resolve) =>
      this.child.on("close", (code) => {
        this.#changed.resolve();
        resolve(code);
      }),
    );
  }

  /** Resolves once stdout matches, or rejects when the program ends before. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.out);
      if (match !== null) return match;
      assert.equal(this.child.exitCode, null, `ended early:\n${this.out}\n${this.err}`);
      await this.#changed.promise;
    }
  }

  #note(where: "out" | "err", part: Buffer): void {
    this[where] += part.toString();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const output = memoryOutput();
  const code = await runCli(args, output, never);
  return { code, out: output.outText(), err: output.errText() };
}

test("demo serves synthetic swaps at once, prints its one address, and stops cleanly", async (t) => {
  const dataDir = join(tempDir(t), "data");
  const program = new Program(["demo", "--rate", "2000"], dataDir);
  t.after(() => program.child.kill("SIGKILL"));
  const [, base] = await program.until(/\n {2}(http:\/\/127\.0\.0\.1:\d+)\n[\s\S]*Ctrl\+C stops it/);
  assert.equal(program.out.match(/http:/g)?.length, 1, program.out);
  // Asked before the first swaps are in, watch says that it does not know the token.
  while (!(await fetch(`${base}/stats?token=WETH`)).ok);
  const output = memoryOutput();
  const stopping = new AbortController();
  const seen = Promise.withResolvers<void>();
  const note = (text: string): void => {
    output.out(text);
    seen.resolve();
  };
  const watching = runCli(["watch", "WETH", "--url", base as string], { ...output, out: note }, stopping.signal);
  await Promise.race([seen.promise, watching]);
  stopping.abort();
  assert.equal(await watching, 0, output.errText());
  assert.match(output.outText(), / WETH 1:0x[0-9a-f]{40} rev=\d+ 24h trades=[1-9]/);

  for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    assert.equal(statSync(path).mode & 0o077, 0, `others have rights on ${path}`);
  }
  const second = new Program(["serve"], dataDir);
  assert.equal(await second.ended, 1);
  assert.match(second.err, /swapstats: .*data/);

  assert.equal((await cli("log", "verify", "--data-dir", dataDir)).code, 0);
  // Twice at once, as a process group gets it from npm or timeout: still an end in order.
  program.child.kill("SIGTERM");
  program.child.kill("SIGTERM");
  assert.equal(await program.ended, 0, program.err);
  const inspected = await cli("checkpoint", "inspect", "--data-dir", dataDir);
  assert.equal(inspected.code, 0, inspected.err);
  assert.match(inspected.out, /partition 0: next offset [1-9]\d*/);
  const copy = join(dataDir, "../copy");
  assert.equal((await cli("backup", copy, "--data-dir", dataDir)).code, 0);
  const verified = await cli("log", "verify", "--data-dir", copy, "--format", "json");
  assert.equal(JSON.parse(verified.out).is_sound, true);
});

test("serve accepts a replay and a generated stream, and has all of it after a restart", async (t) => {
  const folder = tempDir(t);
  const dataDir = join(folder, "data");
  const swaps = await cli(
    "generate",
    "--to",
    "ndjson",
    "--count",
    "5000",
    "--tokens",
    "10",
    "--start",
    new Date().toISOString(),
  );
  writeFileSync(join(folder, "swaps.ndjson"), swaps.out);
  const program = new Program(["serve"], dataDir);
  t.after(() => program.child.kill("SIGKILL"));
  const [, base] = await program.until(/listens on (http:\/\/127\.0\.0\.1:\d+) /);
  const sent = await cli("replay", join(folder, "swaps.ndjson"), "--to", base as string, "--format", "json");
  assert.equal(sent.code, 0, sent.err);
  const { accepted, counters } = JSON.parse(sent.out);
  assert.equal(accepted, 5_000);
  assert.equal(counters.accepted, 5_000);
  const generated = await cli("generate", "--to", base as string, "--count", "500", "--rate", "100000", "--seed", "5");
  assert.equal(generated.code, 0, generated.err);
  assert.match(generated.out, /^500 sent to .*, 500 accepted\n$/);
  program.child.kill("SIGINT");
  assert.equal(await program.ended, 0, program.err);

  const again = new Program(["serve"], dataDir);
  t.after(() => again.child.kill("SIGKILL"));
  const [, url] = await again.until(/listens on (http:\/\/127\.0\.0\.1:\d+) /);
  const status = (await (await fetch(`${url}/api/status`)).json()) as { counters: { accepted: number } };
  assert.equal(status.counters.accepted, 5_500);
  again.child.kill("SIGTERM");
  assert.equal(await again.ended, 0, again.err);
});

test("SIGUSR1 opens no inspector", async (t) => {
  const program = new Program(["serve"], join(tempDir(t), "data"));
  t.after(() => program.child.kill("SIGKILL"));
  const [, base] = await program.until(/listens on (http:\/\/127\.0\.0\.1:\d+) /);
  program.child.kill("SIGUSR1");
  assert.equal((await fetch(`${base}/healthz`)).status, 200);
  program.child.kill("SIGTERM");
  assert.equal(await program.ended, 0, program.err);
  assert.doesNotMatch(program.err, /[Dd]ebugger|inspector/);
});

test("a folder without data and a damaged configuration end with 1", async (t) => {
  const folder = tempDir(t);
  for (const args of [
    ["checkpoint", "inspect"],
    ["log", "verify"],
  ]) {
    const { code, err } = await cli(...args, "--data-dir", join(folder, "nowhere"));
    assert.equal(code, 1);
    assert.match(err, /no data folder .*--data-dir/);
  }
  const { code, err } = await cli("serve", "--config", join(folder, "nowhere.yaml"));
  assert.equal(code, 1);
  assert.match(err, /the configuration has 1 problem/);
});
