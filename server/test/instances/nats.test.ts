import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startKafka } from "../../../scripts/servers/kafka.ts";
import { startNats } from "../../../scripts/servers/nats.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { type App, startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { newTopic, produce } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const PARTITIONS = 4;
const TOKENS = 40;

type Running = { readonly app: App; readonly base: string };

async function start(t: TestContext, env: Record<string, string>, name: string): Promise<Running> {
  const { config } = loadConfig({
    env: {
      ...env,
      SWAPSTATS_APP_INSTANCE_ID: name,
      SWAPSTATS_DATA_DIR: tempDir(t, name),
      SWAPSTATS_API_HTTP_ADDR: "127.0.0.1:0",
      SWAPSTATS_METRICS_PROMETHEUS: "",
    },
  });
  const logger = createLogger({ level: "silent", format: "json" });
  const app = await startApp(config, { logger, onFatal: (error) => assert.fail(error) });
  t.after(() => app.stop());
  return { app, base: `http://127.0.0.1:${app.addresses.http?.port}` };
}

async function get(base: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${base}${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const idOf = (i: number): string => `1:token${i}`;

/** Swaps of all tokens: i + 1 swaps of token i. */
function swaps(): { partition: number; value: string }[] {
  return Array.from({ length: TOKENS }, (_, i) =>
    Array.from({ length: i + 1 }, () => ({
      partition: partitionOfTokenId(idOf(i), PARTITIONS),
      value: JSON.stringify({
        ...{ chain_id: 1, tx_hash: `0x${randomBytes(8).toString("hex")}`, log_index: 0, token: `token${i}` },
        ...{ token_symbol: `T${i}`, side: "buy", amount_token: "1", amount_usd: "2.5", event_time: Date.now() },
      }),
    })),
  ).flat();
}

/** Every token's trades according to this instance. Undefined where one has no fresh response. */
async function tradesAt({ base }: Running): Promise<number[] | undefined> {
  const body = JSON.stringify({ ids: Array.from({ length: TOKENS }, (_, i) => idOf(i)), windows: ["1h"] });
  const response = await fetch(`${base}/api/tokens/stats`, {
    ...{ method: "POST", body, headers: { "content-type": "application/json" } },
  });
  if (response.status !== 200) return undefined;
  type Item = { stale?: true; error?: object; windows: { "1h": { trades: number } } };
  const { items } = (await response.json()) as { items: Item[] };
  return items.every((item) => item.error === undefined && item.stale === undefined)
    ? items.map((item) => item.windows["1h"].trades)
    : undefined;
}

const EXPECTED = Array.from({ length: TOKENS }, (_, i) => i + 1).join();

requires("two instances on Kafka and NATS", { servers: ["kafka", "nats"] }, () => {
  test("each instance serves all tokens, and one continues while the other stops and comes back", async (t) => {
    const folder = tempDir(t);
    const kafka = await startKafka({ folder: join(folder, "kafka") });
    t.after(() => kafka.kill());
    const nats = await startNats({ folder: join(folder, "nats") });
    t.after(() => nats.stop());
    const topic = await newTopic(kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const values = swaps().filter((swap) => swap.partition === partition);
      await produce(
        kafka,
        topic,
        values.map(({ value }) => value),
        { partition },
      );
    }
    const env = {
      SWAPSTATS_INGEST_SOURCE: "kafka",
      SWAPSTATS_INGEST_BROKERS: kafka.brokers.join(","),
      SWAPSTATS_INGEST_TOPIC: topic,
      SWAPSTATS_PUBSUB_NATS_URL: nats.url,
    };
    const one = await start(t, env, "one");
    const two = await start(t, env, "two");
    const both = [one, two];
    const agree = async (running: readonly Running[]): Promise<boolean> =>
      (await Promise.all(running.map(tradesAt))).every((trades) => trades?.join() === EXPECTED);
    await waitFor("both have partitions", async () => {
      const { body } = await get(one.base, "/api/status");
      return (
        (body.instances as { partitions: number[] }[]).filter(({ partitions }) => partitions.length === 2).length === 2
      );
    });
    await waitFor("both answer for all", () => agree(both));
    const overviews = await Promise.all(
      both.map(({ base }) => get(base, "/api/overview?window=1h&sort=trades&limit=5")),
    );
    for (const { body } of overviews) {
      const items = body.items as { id: string }[];
      assert.deepEqual(
        items.map((item) => item.id),
        [39, 38, 37, 36, 35].map(idOf),
      );
    }
    for (const { base } of both) {
      assert.equal((await get(base, "/api/tokens/1:nobody/stats")).status, 404);
      assert.equal((await get(base, "/api/tokens/T7/stats")).body.id, idOf(7));
    }
    await two.app.stop();
    await waitFor("the other answers for all", () => agree([one]));
    const again = await start(t, env, "two");
    await waitFor("both answer for all", () => agree([one, again]));
  });
});
