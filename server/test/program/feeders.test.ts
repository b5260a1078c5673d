/** Feeders in the whole program: their swaps, status, dead letters and metrics, over restarts. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { backupDataFolder } from "../../src/cli/data-folder/backup.ts";
import { type Json, type RunningApp, TestApps } from "../support/app-harness.ts";
import { tempDir } from "../support/tmp.ts";

const MAPPING = `swaps:
  - when: kind == trade
    chain_id: 1
    tx_hash: id
    log_index: 0
    token: coin
    side: type
    amount_token: amount
    amount_usd: usd
    event_time: { path: at, time: seconds }
`;

function trade(n: number, more: object = {}): string {
  const at = Math.floor(Date.now() / 1000) - 60;
  return JSON.stringify({ kind: "trade", id: `0x${n}`, coin: "0xa", type: "buy", amount: "1.5", usd: 3, at, ...more });
}

/** A configuration with a feeder of a file and its mapping. */
function place(t: TestContext, more = "") {
  const folder = tempDir(t, "feeders");
  const path = join(folder, "trades.ndjson");
  const mapping = join(folder, "mapping.yaml");
  const config = join(folder, "config.yaml");
  writeFileSync(mapping, MAPPING);
  const feeder = `    - { type: file, name: trades, path: ${path}, mapping: ${mapping}, poll: 10ms }\n`;
  writeFileSync(config, `ingest:\n  feeders:\n${feeder}${more}`);
  return { path, mapping, config };
}

async function recordsRead(app: RunningApp, records: number): Promise<Json[]> {
  for (;;) {
    const { feeders } = (await app.call("/api/status")).json;
    if (feeders[0].records >= records) return feeders;
    await pause(10);
  }
}

test("records of a feeder are counted, refused and skipped, and the next start continues behind them", async (t) => {
  const apps = new TestApps(t);
  const { path, config } = place(t);
  const bad = trade(2, { type: "HOLD" });
  writeFileSync(path, `${trade(1)}\n${bad}\n{"kind":"other"}\nno json\n${trade(3)}\n`);
  const first = await apps.start({}, config);
  const [status] = await recordsRead(first, 5);
  const { last_record_ms: lastMs, position, ...rest } = status;
  assert.ok(lastMs > Date.now() - 600_000);
  assert.match(position, /^trades\.ndjson, byte [0-9]+, row 5$/);
  assert.deepEqual(rest, {
    ...{ name: "trades", type: "file", state: "running", behind: { count: 0, unit: "bytes" } },
    ...{ records: 5, swaps: 2, rejected: 2, skipped: 1 },
  });
  await first.caughtUp();
  const stats = await first.call("/api/tokens/1:0xa/stats?windows=1h");
  assert.equal(stats.json.windows["1h"].volume_usd, "6");
  const letters = (await first.call("/api/dead-letters")).json.items;
  assert.deepEqual(
    letters
      .map((one: Json) => [one.feeder, one.offset, one.partition, one.code, one.raw])
      .sort((a: Json, b: Json) => a[1] - b[1]),
    [
      ["trades", 2, 0, "bad_side", bad],
      ["trades", 4, 0, "malformed_json", "no json"],
    ],
  );
  const message = letters.find((one: Json) => one.code === "bad_side").message;
  assert.match(message, /swaps\[0\]\.side.*type.*HOLD/);
  const metrics = await (await fetch(`${first.metricsBase}/metrics`)).text();
  for (const line of [
    'records_total{feeder="trades"} 5',
    'rejected_total{feeder="trades"} 2',
    'up{feeder="trades"} 1',
  ]) {
    assert.ok(metrics.includes(`swapstats_feeder_${line}`), line);
  }
  await first.app.stop();

  appendFileSync(path, `${trade(4)}\n`);
  const second = await apps.start({}, config);
  const [again] = await recordsRead(second, 6);
  assert.deepEqual([again.records, again.swaps, again.rejected, again.skipped], [6, 3, 2, 1]);
  const counted = await (await fetch(`${second.metricsBase}/metrics`)).text();
  assert.ok(counted.includes('swapstats_feeder_records_total{feeder="trades"} 1\n'), "metrics count since the start");
  const { counters } = await second.caughtUp();
  assert.equal(counters.applied, 3);
  assert.equal(counters.duplicates, 0);
});

test("a backup has the positions, and a service on it continues there", async (t) => {
  const apps = new TestApps(t);
  const { path, config } = place(t);
  writeFileSync(path, `${trade(1)}\n${trade(2)}\n`);
  const first = await apps.start({}, config);
  await recordsRead(first, 2);
  const copy = join(tempDir(t, "backup"), "copy");
  await backupDataFolder(apps.dataDir, copy);
  await first.app.stop();
  appendFileSync(path, `${trade(3)}\n`);
  const restored = await apps.start({ data_dir: copy }, config);
  const [feeder] = await recordsRead(restored, 3);
  assert.equal(feeder.swaps, 3);
  const { counters } = await restored.caughtUp();
  assert.deepEqual([counters.applied, counters.duplicates], [3, 0]);
});

test("a feeder that cannot reach its origin is reported, and the service is ready", async (t) => {
  const apps = new TestApps(t);
  const more = "    - { type: file, name: away, path: /dev/null, poll: 10ms }\n";
  const { path, config } = place(t, more);
  writeFileSync(path, `${trade(1)}\n`);
  const app = await apps.start({}, config);
  await recordsRead(app, 1);
  for (;;) {
    const { feeders, problems = [] } = (await app.call("/api/status")).json;
    if (feeders[1].state === "retrying") {
      assert.match(feeders[1].problem, /\/dev\/null cannot be read: it is not a regular file/);
      assert.ok(problems.some((line: string) => line.startsWith("Feeder away: ")));
      break;
    }
    await pause(10);
  }
  assert.equal((await app.call("/readyz")).status, 200);
  const metrics = await (await fetch(`${app.metricsBase}/metrics`)).text();
  assert.ok(metrics.includes('swapstats_feeder_up{feeder="away"} 0'));
});

test("a mapping or a position that cannot be used ends the start with a message", async (t) => {
  const apps = new TestApps(t);
  const { path, mapping, config } = place(t);
  writeFileSync(path, `${trade(1)}\n`);
  writeFileSync(mapping, MAPPING.replace("side:", "sides:"));
  await assert.rejects(apps.start({}, config), { code: "bad_config", message: /feeder trades: .*mapping\.yaml/s });
  writeFileSync(mapping, MAPPING);
  const app = await apps.start({}, config);
  await recordsRead(app, 1);
  await app.app.stop();
  const kept = join(apps.dataDir, "feeders/trades.json");
  writeFileSync(kept, readFileSync(kept, "utf8").replace('"records":1', '"records":2'));
  await assert.rejects(apps.start({}, config), { code: "storage_failed", message: /trades\.json.*checksum/ });
});
