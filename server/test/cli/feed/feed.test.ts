import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { runCli } from "../../../src/cli/run.ts";
import { TestApps } from "../../support/app-harness.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { tempDir } from "../../support/tmp.ts";

function swap(n: number): string {
  const place = { chain_id: 1, tx_hash: `0x${n.toString(16)}`, log_index: 0, token: "0xa", side: "buy" };
  return JSON.stringify({ ...place, amount_token: "1", amount_usd: "2", event_time: Date.now() - 1_000 });
}

async function feed(args: readonly string[], signal = new AbortController().signal) {
  const output = memoryOutput();
  const code = await runCli(["feed", ...args], output, signal);
  return { code, out: output.outText(), err: output.errText() };
}

function place(t: TestContext) {
  const folder = tempDir(t, "feed");
  const path = join(folder, "trades.ndjson");
  return { folder, path, from: ["--from", "file", "--set", `path=${path}`, "--set", "poll=10ms"] };
}

test("feed --once brings a file into a service, and the next run what is new", async (t) => {
  const { folder, path, from } = place(t);
  const app = await new TestApps(t).start();
  const args = [...from, "--to", app.base, "--state", join(folder, "state"), "--once"];
  const letters = join(folder, "letters.ndjson");
  writeFileSync(path, `${swap(1)}\nnot a swap\n${swap(2)}\n`);
  const first = await feed([...args, "--dead-letters", letters]);
  assert.equal(first.code, 0, first.err);
  assert.match(
    first.out,
    /^3 records read, 2 swaps taken by http:.*, 1 records rejected\nposition: trades\.ndjson, byte/,
  );
  assert.match(first.err, /record 2: malformed_json: /);
  const [letter] = readFileSync(letters, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    [letter.feeder, letter.record, letter.code, letter.raw],
    ["file", 2, "malformed_json", "not a swap"],
  );
  appendFileSync(path, `${swap(3)}\n`);
  const second = await feed(args);
  assert.match(second.out, /^1 records read, 1 swaps taken/);
  const { counters } = await app.caughtUp();
  assert.deepEqual([counters.applied, counters.duplicates], [3, 0]);
});

test("feed follows a file until a signal ends it, and exits with 0", async (t) => {
  const { folder, path, from } = place(t);
  const app = await new TestApps(t).start();
  writeFileSync(path, `${swap(1)}\n`);
  const stop = new AbortController();
  const running = feed([...from, "--to", app.base, "--state", join(folder, "state")], stop.signal);
  for (let n = 2; n < 5; n++) {
    appendFileSync(path, `${swap(n)}\n`);
    while ((await app.caughtUp()).counters.applied < n) await pause(10);
  }
  stop.abort();
  const { code, out, err } = await running;
  assert.equal(code, 0, err);
  assert.match(out, /^4 records read, 4 swaps taken/);
});

test("feed fills the log of a stopped service, and a feeder of the service with its name continues there", async (t) => {
  const { path, from, folder } = place(t);
  const apps = new TestApps(t);
  writeFileSync(path, `${swap(1)}\n${swap(2)}\n`);
  const args = [...from, "--name", "trades", "--to", apps.dataDir, "--once"];
  assert.equal((await feed(args)).code, 0);
  appendFileSync(path, `${swap(3)}\n`);
  const config = join(folder, "config.yaml");
  writeFileSync(config, `ingest:\n  feeders:\n    - { type: file, name: trades, path: ${path}, poll: 10ms }\n`);
  const app = await apps.start({}, config);
  // The counts of a feeder follow when its position is kept.
  while ((await app.call("/api/status")).json.feeders[0].records < 3) await pause(10);
  await app.caughtUp();
  const { counters, feeders } = (await app.call("/api/status")).json;
  assert.deepEqual([counters.applied, counters.duplicates, feeders[0].records], [3, 0, 3]);
  const locked = await feed(args);
  assert.equal(locked.code, 1);
  assert.match(locked.err, /is in use by process/);
  await app.app.stop();
  // Behind the checkpoint.
  appendFileSync(path, `${swap(4)}\n`);
  assert.match((await feed(args)).out, /^1 records read, 1 swaps taken/);
  const again = await apps.start();
  assert.equal((await again.caughtUp()).counters.applied, 4);
});

test("a log that ends before the checkpoint is refused: its offsets were seen already", async (t) => {
  const { path, from } = place(t);
  const apps = new TestApps(t);
  const app = await apps.start();
  await app.post([JSON.parse(swap(1))]);
  await app.caughtUp();
  await app.app.stop();
  rmSync(join(apps.dataDir, "log"), { recursive: true });
  writeFileSync(path, `${swap(2)}\n`);
  const { code, err } = await feed([...from, "--to", apps.dataDir, "--once"]);
  assert.equal(code, 1);
  assert.match(err, /ends at offset 0 of partition 0, and the checkpoint at 1\. Start the service once/);
});

test("feed says what is wrong with its options, its target, its mapping and its position", async (t) => {
  const { folder, path, from } = place(t);
  const app = await new TestApps(t).start();
  const state = join(folder, "state");
  writeFileSync(path, `${swap(1)}\n`);
  const cases: [string[], number, RegExp][] = [
    [["--from", "fill", "--to", app.base], 2, /type: "fill" is none of file, .*did you mean file\?/],
    [["--from", "file", "--to", app.base], 2, /path: is not set, and type file needs it/],
    [[...from, "--set", "pol=1s", "--to", app.base], 2, /pol: is not a key of type file; did you mean poll\?/],
    [[...from, "--set", "=1", "--to", app.base], 2, /Write KEY=VALUE/],
    [[...from, "--set", "poll=fast", "--to", app.base], 2, /poll: "fast" is not a duration/],
    [[...from, "--name", "My Trades", "--to", app.base], 2, /name: "My Trades" does not fit/],
    [["--from", "postgres", "--set", "password=secret", "--to", app.base], 2, /password: holds a secret in clear/],
    [[...from, "--to", "http://127.0.0.1:9", "--state", state], 1, /cannot be reached/],
    [[...from, "--to", "kafka:topic", "--state", state], 2, /is not a Kafka topic/],
    [[...from, "--map", join(folder, "none.yaml"), "--to", app.base, "--state", state], 1, /none\.yaml does not exist/],
  ];
  for (const [args, code, message] of cases) {
    const result = await feed([...args, "--once"]);
    assert.deepEqual([result.code, result.out], [code, ""], args.join(" "));
    assert.match(result.err, message);
  }
  assert.ok(!existsSync(join(state, "file.json")));
  assert.equal((await feed([...from, "--to", app.base, "--state", state, "--once"])).code, 0);
  const other = ["--from", "file", "--set", `path=${path}.other`, "--to", app.base, "--state", state, "--once"];
  const foreign = await feed(other);
  assert.equal(foreign.code, 1);
  assert.match(foreign.err, /is that of another origin of type file/);
});
