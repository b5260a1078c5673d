import assert from "node:assert/strict";
import { test } from "node:test";
import type { CircuitStatus } from "@swapstats/protocol/schemas/service.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { type RedisServer, startRedis } from "../../../scripts/servers/redis.ts";
import { figuresOf } from "../pipeline/hot/hot-harness.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const STARTED_MS = Date.now();
const TOKENS = 8;
const IDS = Array.from({ length: TOKENS }, (_, i) => `1:0xtoken${i}`);
const USER = { name: "swapstats", password: "secret-of-tests" };

function swaps(from: number, count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({
    chain_id: 1,
    tx_hash: `0x${from + i}`,
    log_index: 0,
    token: `0xtoken${i % TOKENS}`,
    token_symbol: "TOK",
    who: `0x${i % 7}`,
    amount_usd: "1.25",
    amount_token: "2.5",
    side: i % 2 === 0 ? "buy" : "sell",
    event_time: STARTED_MS + from + i,
  }));
}

/** Every token has in Redis what HTTP answers, once both speak of one revision; returns the epochs. */
async function assertSame(app: RunningApp, redis: RedisServer): Promise<Set<string>> {
  const epochs = new Set<string>();
  for (const id of IDS) {
    let pair: [unknown, unknown] = [undefined, undefined];
    await waitFor(`Redis has the revision of ${id} that HTTP answers`, async () => {
      const found = JSON.parse(await redis.command("get", `swapstats:stats:${id}`));
      const { json } = await app.call(`/api/tokens/${id}/stats`);
      pair = [figuresOf(found), figuresOf(json)];
      epochs.add(json.epoch);
      return found.epoch === json.epoch && found.rev === json.rev && found.as_of > STARTED_MS;
    });
    assert.deepEqual(pair[0], pair[1]);
  }
  return epochs;
}

const metricsOf = async (app: RunningApp): Promise<string> => (await fetch(`${app.metricsBase}/metrics`)).text();

async function problemsOf(app: RunningApp): Promise<string[]> {
  const { json } = await app.call("/api/status");
  return json.partitions.flatMap((partition: { problems: string[] }) => partition.problems);
}

async function circuitsOf(app: RunningApp): Promise<CircuitStatus[]> {
  const { json } = await app.call("/api/status");
  return json.circuits;
}

requires("the service with figures in Redis", { servers: ["redis"] }, () => {
  test("Redis has the figures of HTTP, also after Redis was killed, and after a restart of the service", async (t) => {
    const apps = new TestApps(t);
    const folder = tempDir(t, "redis");
    const port = await freePort();
    let redis = await startRedis({ folder, port, user: USER });
    t.after(() => redis.stop());
    const options = {
      "stores.hot": "redis",
      "stores.hot_interval": "100ms",
      "stores.redis.addr": `127.0.0.1:${port}`,
      "stores.redis.username": USER.name,
      "stores.redis.password": USER.password,
      "ingest.embedded.partitions": "3",
      "app.workers": "2",
    };
    const first = await apps.start(options);
    await first.post(swaps(0, 100));
    await first.caughtUp();
    const epochs = await assertSame(first, redis);
    assert.ok(epochs.size > 1, "the tokens are in several partitions");
    await waitFor("every partition has its mark", async () => {
      const marks = await Promise.all([0, 1, 2].map((p) => redis.command("get", `swapstats:written:${p}`)));
      return marks.reduce((sum, mark) => sum + JSON.parse(mark).tokens, 0) === TOKENS;
    });
    const metrics = await metricsOf(first);
    assert.match(metrics, /^swapstats_circuit_state\{dependency="redis_hot"\} 0$/m);
    assert.match(metrics, /^swapstats_hot_written_total [1-9]/m);
    assert.match(metrics, /^swapstats_hot_failures_total 0$/m);
    assert.match(metrics, /^swapstats_hot_lag_seconds \d/m);

    const instance = (await first.call("/api/status")).json.instance;
    const circuit = { instance, dependency: "redis_hot" };
    assert.deepEqual(await circuitsOf(first), [{ ...circuit, state: "closed" }]);
    const killedMs = Date.now();
    redis.kill();
    await redis.exited;
    await waitFor("it is told of", async () => (await problemsOf(first)).some((text) => text.includes("grow old")));
    await first.post(swaps(100, 50));
    const { counters } = await first.caughtUp();
    assert.equal(counters.applied, 150);
    await waitFor("the circuit opens", async () =>
      /circuit_state\{dependency="redis_hot"\} [12]/.test(await metricsOf(first)),
    );
    const [broken] = await circuitsOf(first);
    assert.notEqual(broken?.state, "closed");
    assert.ok(Number(broken?.since) >= killedMs && Number(broken?.since) <= Date.now());
    redis = await startRedis({ folder, port, user: USER });
    await assertSame(first, redis);
    await waitFor("nothing is told of any more", async () => (await problemsOf(first)).length === 0);
    await waitFor("the circuits are closed", async () => (await circuitsOf(first))[0]?.state === "closed");
    assert.ok(Number((await circuitsOf(first))[0]?.since) > Number(broken?.since));

    await first.app.stop();
    const second = await apps.start(options);
    const epochsNow = await assertSame(second, redis);
    assert.equal([...epochsNow].filter((epoch) => epochs.has(epoch)).length, 0);
  });

  test("a service without a reachable Redis serves, and stops without waiting for it", async (t) => {
    const apps = new TestApps(t);
    const app = await apps.start({ "stores.hot": "redis", "stores.redis.addr": `127.0.0.1:${await freePort()}` });
    await app.post(swaps(0, 10));
    await app.caughtUp();
    assert.equal((await app.call(`/api/tokens/${IDS[0]}/stats`)).status, 200);
    await waitFor("it is told of", async () => (await problemsOf(app)).some((text) => text.includes("ECONNREFUSED")));
    await app.app.stop();
  });
});
