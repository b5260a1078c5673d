import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PastLog } from "../../../src/cli/replay/past-log.ts";
import { runCli } from "../../../src/cli/run.ts";
import { GENERATOR_DEFAULTS } from "../../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../../src/generator/swap-generator.ts";
import { memoryOutput } from "../../support/memory-output.ts";
import { tempDir } from "../../support/tmp.ts";
import { event, replay, writerInto } from "./replay-files.ts";

const REPOSITORY = join(import.meta.dirname, "../../../..");
const MAIN = join(REPOSITORY, "server/src/main.ts");
const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const FREE_PORTS = { SWAPSTATS_API_HTTP_ADDR: "127.0.0.1:0", SWAPSTATS_METRICS_PROMETHEUS: "127.0.0.1:0" };

type Answer = Record<string, unknown> & {
  windows: Record<string, { trades: number; complete: boolean; volume_usd: string }>;
};
type Status = { partitions: { lag: number; seen_since?: number }[]; counters: Record<string, number> };

/** A service as a process. */
class Service {
  readonly child: ChildProcess;
  readonly url: Promise<string>;

  constructor(args: readonly string[], cwd: string, env: Record<string, string> = {}) {
    this.child = spawn(args[0] as string, args.slice(1), {
      cwd,
      env: { ...process.env, ...FREE_PORTS, SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let err = "";
    this.child.stderr?.on("data", (part: Buffer) => {
      err += part.toString();
    });
    this.url = new Promise((resolve, reject) => {
      let out = "";
      this.child.stdout?.on("data", (part: Buffer) => {
        out += part.toString();
        const match = /listens on (http:\S+)/.exec(out);
        if (match !== null) resolve(match[1] as string);
      });
      this.child.on("close", () => reject(new Error(`ended early: ${out}${err}`)));
    });
    // The caller that waits for the address reports the error.
    this.url.catch(() => undefined);
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(`${await this.url}${path}`)).json()) as T;
  }

  /** The status once everything in the log is applied. */
  async atRest(): Promise<Status> {
    for (;;) {
      const status = await this.get<Status>("/api/status");
      if (status.partitions.length > 0 && status.partitions.every(({ lag }) => lag === 0)) return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.child, "close");
    this.child.kill("SIGTERM");
    await closed;
  }
}

async function post(url: string, lines: readonly string[]): Promise<number> {
  const headers = { "content-type": "application/x-ndjson" };
  return (await fetch(`${url}/api/swaps`, { method: "POST", body: lines.join("\n"), headers })).status;
}

/** Swaps of one token, one a minute, from `hours` ago to now less `untilHours`. */
function pastLines(nowMs: number, hours: number, untilHours = 0): string[] {
  const count = Math.floor(((hours - untilHours) * HOUR_MS) / 60_000);
  return Array.from({ length: count }, (_, i) =>
    event(`0xp${hours}-${i}`, { event_time: nowMs - hours * HOUR_MS + i * 60_000, token_symbol: "PAST" }),
  );
}

test("a service that starts with a replayed day serves complete windows, also after restarts and retention", async (t) => {
  const folder = tempDir(t);
  const nowMs = Date.now();
  const lines = pastLines(nowMs, 26);
  const file = writerInto(folder)("day.ndjson", lines.toReversed().join("\n"));
  const config = writerInto(folder)("config.yaml", "ingest: { embedded: { partitions: 3, retention: 1m } }\n");
  const into = await replay(file, "--into", join(folder, "data"), "--whole", "--config", config);
  assert.equal(into.code, 0, into.err);
  assert.match(into.out, /1,560 swaps of .* are in the log of .*data\. Windows are complete from the first swap on/);
  for (let start = 0; start < 3; start++) {
    const service = new Service([process.execPath, MAIN, "serve", "--config", config], folder);
    t.after(() => service.child.kill("SIGKILL"));
    const { counters, partitions } = await service.atRest();
    assert.deepEqual([counters.applied, counters.late, counters.quarantined], [1_560, 0, 0]);
    assert.equal(partitions.length, 3);
    for (const partition of partitions) assert.equal(partition.seen_since, nowMs - 26 * HOUR_MS);
    const { windows } = await service.get<Answer>("/stats?token=PAST");
    assert.ok((windows["24h"]?.trades as number) >= 1_438, JSON.stringify(windows["24h"]));
    assert.equal(windows["24h"]?.complete, true);
    await service.stop();
  }
  const log = memoryOutput();
  assert.equal(await runCli(["log", "verify", "--data-dir", join(folder, "data")], log, never), 0, log.outText());
});

test("without --whole windows stay incomplete, and the swaps count", async (t) => {
  const folder = tempDir(t);
  const file = writerInto(folder)("day.ndjson", pastLines(Date.now(), 2).join("\n"));
  assert.equal((await replay(file, "--into", join(folder, "data"))).code, 0);
  const service = new Service([process.execPath, MAIN, "serve"], folder);
  t.after(() => service.child.kill("SIGKILL"));
  await service.atRest();
  const { windows } = await service.get<Answer>("/stats?token=PAST");
  assert.ok((windows["24h"]?.trades as number) >= 119);
  assert.equal(windows["24h"]?.complete, false);
  assert.equal(windows["1m"]?.complete, false);
  await service.stop();
});

test("a folder that is in use or has a state is refused with a solution, and not changed", async (t) => {
  const folder = tempDir(t);
  const data = join(folder, "data");
  const file = writerInto(folder)("day.ndjson", pastLines(Date.now(), 1).join("\n"));
  const service = new Service([process.execPath, MAIN, "serve"], folder);
  t.after(() => service.child.kill("SIGKILL"));
  const url = await service.url;
  assert.equal(await post(url, [event("0x1", { event_time: Date.now() })]), 202);
  const inUse = await replay(file, "--into", data);
  assert.equal(inUse.code, 1);
  assert.match(inUse.err, /is in use by process \d+/);
  await service.atRest();
  await service.stop();
  const before = readFileSync(join(data, "log/log.sqlite"));
  const used = await replay(file, "--into", data);
  assert.equal(used.code, 1);
  assert.match(used.err, /holds a log or checkpoints already .*swapstats replay FILE .*data\.before --into/);
  assert.ok(before.equals(readFileSync(join(data, "log/log.sqlite"))));
  const bad = writerInto(folder)("bad.ndjson", "{}\n");
  assert.equal((await replay(bad, "--into", join(folder, "other"))).code, 1);
  assert.ok(!existsSync(join(folder, "other/log")));
  // No more than the service would keep.
  const log = new PastLog(tempDir(t), { partitions: 1, retentionMs: 1, retentionBytes: 1024 * 1024 }, Date.now());
  const record = Buffer.alloc(1000, "x");
  const fill = (): void => {
    for (let i = 0; i < 8_000; i++) log.add(0, i, record, 0, record.length);
    log.finish(false);
  };
  assert.throws(fill, /more than the 1048576 bytes of ingest\.embedded\.retention_bytes; raise it/);
  log.close();
});

test("a replay that is killed at any moment leaves the folder unchanged or complete, and the next replay succeeds", async (t) => {
  const folder = tempDir(t);
  const data = join(folder, "data");
  const generator = new SwapGenerator({ ...GENERATOR_DEFAULTS, tokens: 20, ratePerSecond: 10 });
  const target = Buffer.alloc(RECORD_BYTES_MAX);
  const lines = Array.from({ length: 60_000 }, () => target.toString("latin1", 0, generator.write(target, 0) - 1));
  const file = writerInto(folder)("day.ndjson", lines.join("\n"));
  for (let kill = 0; kill < 3; kill++) {
    const child = spawn(process.execPath, [MAIN, "replay", file, "--into", data], { cwd: folder, stdio: "ignore" });
    const closed = once(child, "close");
    // Kills when the log has begun to grow, at another size each time.
    const growing = join(data, "log.filling/log.sqlite-wal");
    while (child.exitCode === null && !existsSync(join(data, "log"))) {
      if (existsSync(growing) && readdirSync(join(data, "log.filling")).length > kill) {
        child.kill("SIGKILL");
        break;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    if (existsSync(join(data, "log"))) renameSync(data, join(folder, `whole-${kill}`));
  }
  const { code, err } = await replay(file, "--into", data);
  assert.equal(code, 0, err);
  assert.ok(!existsSync(join(data, "log.filling")));
  const log = memoryOutput();
  assert.equal(await runCli(["log", "verify", "--data-dir", data], log, never), 0);
  assert.match(log.outText(), /60000 records/);
});

test("the recipe of docs/configuration-changes.md gives whole windows", async (t) => {
  const page = readFileSync(join(REPOSITORY, "docs/configuration-changes.md"), "utf8");
  const section = page.slice(page.indexOf("## Giving the old state up"));
  const commands = /```sh\n([\s\S]*?)```/.exec(section)?.[1]?.trimEnd().split("\n") ?? [];
  assert.ok(commands.length >= 3);
  const folder = tempDir(t);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(join(REPOSITORY, "server/bin/swapstats"), join(bin, "swapstats"));
  chmodSync(bin, 0o755);
  const nowMs = Date.now();
  const write = writerInto(folder);
  write("day.ndjson", pastLines(nowMs, 25).join("\n"));
  write("config.yaml", "windows: { list: [5m, 24h] }\n");
  const path = `${bin}:${process.env.PATH}`;
  const first = new Service(["swapstats", "serve", "--config", "config.yaml"], folder, { PATH: path });
  t.after(() => first.child.kill("SIGKILL"));
  const url = await first.url;
  // Some of the swaps that the file has, and one that it has not.
  const recent = [...pastLines(nowMs, 25).slice(-100), event("0xnew", { event_time: nowMs, token_symbol: "PAST" })];
  assert.equal(await post(url, recent), 202);
  await first.atRest();
  await first.stop();
  write("config.yaml", "windows: { list: [7m, 24h] }\n");
  const last = commands.pop() as string;
  for (const command of commands) {
    const { status, stderr } = spawnSync("sh", ["-c", command], { cwd: folder, env: { ...process.env, PATH: path } });
    assert.equal(status, 0, `${command}\n${stderr}`);
  }
  const service = new Service(["sh", "-c", `exec ${last}`], folder, { PATH: path });
  t.after(() => service.child.kill("SIGKILL"));
  const { counters } = await service.atRest();
  assert.deepEqual([counters.applied, counters.duplicates, counters.late], [1_501, 100, 0]);
  const { windows } = await service.get<Answer>("/stats?token=PAST");
  assert.ok((windows["24h"]?.trades as number) >= 1_438);
  assert.equal(windows["24h"]?.complete, true);
  await service.stop();
});

test("a replay into a live service reports late and early swaps, and fails if no swap counts", async (t) => {
  const folder = tempDir(t);
  const write = writerInto(folder);
  const service = new Service([process.execPath, MAIN, "serve"], folder);
  t.after(() => service.child.kill("SIGKILL"));
  const url = await service.url;
  const nowMs = Date.now();
  const current = write("now.ndjson", event("0x1", { event_time: nowMs }));
  const fine = await replay(current, "--to", url);
  assert.equal(fine.code, 0, fine.err);
  assert.equal(fine.err, "");
  const past = await replay(write("past.ndjson", pastLines(nowMs, 3, 1).join("\n")), "--to", url);
  assert.equal(past.code, 1);
  assert.match(past.err, /while this ran the service judged 120 swaps late.*--into DATA_DIR/);
  assert.match(past.err, /nothing was applied/);
  const ahead = await replay(write("ahead.ndjson", event("0x2", { event_time: nowMs + HOUR_MS })), "--to", url);
  assert.equal(ahead.code, 1);
  assert.match(ahead.err, /quarantined 1 swaps/);
  const again = await replay(current, "--to", url);
  assert.equal(again.code, 1);
  assert.match(again.err, /1 swaps were in the service already/);
  const mixed = write(
    "mixed.csv",
    `chain_id,tx_hash,log_index,token,side,amount_token,amount_usd,event_time\n1,0x9,0,T,BUY,1,1,${nowMs}\n1,0xa,0,T,buy,1,1,${nowMs}\n1,0xb\n`,
  );
  const told = await replay(mixed, "--to", url, "--speed", "1000x");
  assert.equal(told.code, 0);
  assert.match(told.out, /1 sent, 1 accepted, 0 rejected/);
  assert.match(told.err, /mixed\.csv, row 2: bad_side: .*BUY/);
  assert.match(told.err, /mixed\.csv, row 4: bad_row/);
  await service.stop();
});

test("`replay --into` and `backup` end with an error in a folder that is not writable", (t) => {
  const folder = tempDir(t);
  const file = writerInto(folder)("a.ndjson", event("0x1"));
  const data = join(folder, "data");
  assert.equal(spawnSync(process.execPath, [MAIN, "replay", file, "--into", data]).status, 0);
  for (const [args, message] of [
    [["replay", file, "--into", "/proc/nothing/here"], /the data folder \/proc\/nothing\/here cannot be created/],
    [["backup", "/proc/nothing/here", "--data-dir", data], /to \/proc\/nothing\/here failed: ENOENT/],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      ...{ cwd: folder, encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" },
    });
    assert.equal(status, 1, stderr);
    assert.match(stderr, message);
  }
});
