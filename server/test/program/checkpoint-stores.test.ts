import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startKafka } from "../../../scripts/servers/kafka.ts";
import { startRedis } from "../../../scripts/servers/redis.ts";
import { startS3 } from "../../../scripts/servers/s3.ts";
import { runCli } from "../../src/cli/run.ts";
import { envNameOf } from "../../src/config/key.ts";
import { TestApps } from "../support/app-harness.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const STARTED_MS = Date.now();

function swaps(from: number, count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({
    chain_id: 1,
    tx_hash: `0x${String(from + i).padStart(64, "0")}`,
    log_index: 0,
    token: "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48",
    who: `0x${String(i % 7).padStart(40, "0")}`,
    amount_usd: "1.25",
    amount_token: "1.25",
    side: i % 2 === 0 ? "buy" : "sell",
    event_time: STARTED_MS + from + i,
  }));
}

/** Asserts that the command finds the checkpoints of the running service, with every part intact. */
async function inspectIsSound(options: Record<string, string>): Promise<void> {
  const env = Object.fromEntries(Object.entries(options).map(([path, value]) => [envNameOf(path), value]));
  const output = memoryOutput(env);
  const code = await runCli(["checkpoint", "inspect"], output, new AbortController().signal);
  assert.equal(code, 0, output.outText() + output.errText());
  assert.match(output.outText(), /^partition [01]: next offset [1-9].* written (.*\n)+ {2}sound$/m);
}

/** Lets the service accept swaps, stop, and continue from the store. The data folder has nothing to restore from. */
async function goesOn(apps: TestApps, overrides: Record<string, string>): Promise<void> {
  const options = { ...overrides, "app.snapshot_interval": "200ms", "ingest.embedded.partitions": "2" };
  const first = await apps.start(options);
  await first.post(swaps(0, 100));
  await first.caughtUp();
  await first.app.stop();
  rmSync(join(apps.dataDir, "checkpoints"), { recursive: true, force: true });
  const second = await apps.start(options);
  const status = await second.caughtUp();
  assert.equal(status.counters.applied, 100);
  assert.equal(status.counters.duplicates, 0);
  assert.ok(status.partitions.some(({ checkpoint }: { checkpoint: { bytes: number } | null }) => checkpoint !== null));
  const metrics = await (await fetch(`${second.metricsBase}/metrics`)).text();
  assert.match(
    metrics,
    new RegExp(`^swapstats_circuit_state\\{dependency="${overrides["stores.checkpoint"]}"\\} 0$`, "m"),
  );
  await inspectIsSound(options);
  await second.post(swaps(50, 100));
  const { counters } = await second.caughtUp();
  assert.deepEqual([counters.applied, counters.duplicates], [150, 50]);
}

requires("the service on Redis", { servers: ["redis"] }, () => {
  test("the service continues from its checkpoints in Redis", async (t) => {
    // Made first, so that it is stopped first: the service writes a last checkpoint.
    const apps = new TestApps(t);
    const user = { name: "swapstats", password: "secret-of-tests" };
    const server = await startRedis({ folder: tempDir(t, "redis"), user });
    t.after(server.stop);
    await goesOn(apps, {
      "stores.checkpoint": "redis",
      "stores.redis.addr": `127.0.0.1:${server.port}`,
      "stores.redis.username": user.name,
      "stores.redis.password": user.password,
    });
    assert.match(await server.command("keys", "*"), /swapstats:\{p0\}:manifest/);
  });
});

requires("the service on S3", { servers: ["versitygw"] }, () => {
  test("the service continues from its checkpoints in S3", async (t) => {
    const apps = new TestApps(t);
    const server = await startS3({ folder: tempDir(t, "s3") });
    t.after(server.stop);
    await goesOn(apps, {
      "stores.checkpoint": "s3",
      "stores.s3.endpoint": server.endpoint,
      "stores.s3.bucket": server.bucket,
      "stores.s3.access_key": server.accessKey,
      "stores.s3.secret_key": server.secretKey,
    });
  });
});

requires("the service with checkpoints in Kafka", { servers: ["kafka"] }, () => {
  test("the service continues from its checkpoints in Kafka, whatever its source", async (t) => {
    const apps = new TestApps(t);
    const kafka = await startKafka({ folder: tempDir(t, "kafka") });
    t.after(kafka.kill);
    await goesOn(apps, {
      "stores.checkpoint": "kafka",
      "stores.kafka.topic": "checkpoints",
      "ingest.brokers": kafka.brokers.join(","),
    });
  });
});
