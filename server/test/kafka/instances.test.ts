/** Several instances on one topic and one store of checkpoints: who has what, hand-overs, and the same figures as without them. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { type RedisServer, startRedis } from "../../../scripts/servers/redis.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { formatTokenId, parseTokenId } from "../../src/shared/token-id.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { Shadow } from "../crash/shadow.ts";
import { type RunningApp, TestApps } from "../http/app-harness.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { newTopic, openFor, produce, setupOf } from "./kafka-support.ts";

const PARTITIONS = 4;

class Swaps {
  readonly #generator: SwapGenerator;
  readonly #bytes = Buffer.alloc(RECORD_BYTES_MAX);

  constructor(seed: number) {
    const options = { ...GENERATOR_DEFAULTS, ratePerSecond: 8, tokens: 40, traders: 90, seed };
    const shares = { duplicates: 0.03, late: 0.01, future: 0, removed: 0.03 };
    this.#generator = new SwapGenerator({ ...options, ...shares, startMs: Date.now() - 3_600_000 });
  }

  /** The next swaps, by partition. */
  next(count: number): Buffer[][] {
    const byPartition: Buffer[][] = Array.from({ length: PARTITIONS }, () => []);
    for (let i = 0; i < count; i++) {
      const end = this.#generator.write(this.#bytes, 0);
      const line = Buffer.from(this.#bytes.subarray(0, end));
      const swap = JSON.parse(line.toString()) as { chain_id: number; token: string };
      const id = parseTokenId(`${swap.chain_id}:${swap.token}`);
      assert.ok(id !== undefined);
      byPartition[partitionOfTokenId(formatTokenId(id.chainId, id.token), PARTITIONS)]?.push(line.subarray(0, -1));
    }
    return byPartition;
  }
}

requires("several instances on Kafka", { servers: ["kafka", "redis"] }, () => {
  describe("several instances on Kafka", () => {
    let kafka: Kafka;
    let redis: RedisServer;
    after(() => kafka.kill());
    after(() => redis.stop());
    const folder = tempDir({ after }, "instances");
    before(async () => {
      kafka = await startKafka({ folder: `${folder}/kafka` });
      redis = await startRedis({ folder: `${folder}/redis` });
    });

    function settingsOf(topic: string, instance: string): Record<string, string> {
      return {
        "windows.clock": "event",
        "ingest.source": "kafka",
        "ingest.brokers": kafka.brokers.join(","),
        "ingest.topic": topic,
        "ingest.group_id": topic,
        "ingest.session_timeout": "6s",
        "app.instance_id": instance,
        "app.workers": "2",
        "app.snapshot_interval": "200ms",
        "stores.checkpoint": "redis",
        "stores.redis.addr": `${redis.host}:${redis.port}`,
        "stores.redis.prefix": `${topic}:`,
      };
    }

    async function send(topic: string, swaps: readonly (readonly Buffer[])[]): Promise<void> {
      for (const [partition, values] of swaps.entries()) {
        await produce(
          kafka,
          topic,
          values.map((value) => ({ value })),
          { partition },
        );
      }
    }

    /** One uninterrupted run a partition, and what each must have read. */
    function shadowsOf(t: TestContext, topic: string): Shadow[] {
      const { config } = loadConfig({ env: {}, overrides: settingsOf(topic, "shadow") });
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      return Array.from({ length: PARTITIONS }, (_, p) => new Shadow(() => readers.reader(p), toEngineConfig(config)));
    }

    async function ownedBy(app: RunningApp): Promise<number[]> {
      const { json } = await app.call("/api/status");
      return json.partitions.map((one: { partition: number }) => one.partition);
    }

    /** Resolves when the app owns so many partitions and has applied all of them. */
    async function owns(app: RunningApp, count: number): Promise<void> {
      for (;;) {
        const { json } = await app.call("/api/status");
        const { partitions } = json as { partitions: { lag: number; state: string }[] };
        if (partitions.length === count && partitions.every((one) => one.state === "running" && one.lag === 0)) return;
      }
    }

    async function compare(app: RunningApp, shadows: readonly Shadow[]): Promise<void> {
      for (const partition of await ownedBy(app)) {
        const shadow = shadows[partition] as Shadow;
        await shadow.follow();
        assert.ok((await shadow.compareFigures({ url: app.base })) > 0);
      }
    }

    test("partitions are shared, handed over and taken back, and every figure stays that of an uninterrupted run", async (t) => {
      const topic = await newTopic(kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      const swaps = new Swaps(seedOf(t));
      const shadows = shadowsOf(t, topic);
      await send(topic, swaps.next(3_000));
      const a = await new TestApps(t).start(settingsOf(topic, "a"));
      await owns(a, PARTITIONS);
      await compare(a, shadows);

      const b = await new TestApps(t).start(settingsOf(topic, "b"));
      await owns(b, 2);
      await owns(a, 2);
      assert.deepEqual([...(await ownedBy(a)), ...(await ownedBy(b))].sort(), [0, 1, 2, 3]);
      await send(topic, swaps.next(2_000));
      await owns(a, 2);
      await owns(b, 2);
      await compare(a, shadows);
      await compare(b, shadows);

      await b.app.stop();
      await send(topic, swaps.next(2_000));
      await owns(a, PARTITIONS);
      await compare(a, shadows);
      await a.app.stop();

      const c = await new TestApps(t).start(settingsOf(topic, "c"));
      await owns(c, PARTITIONS);
      await compare(c, shadows);
      assert.deepEqual(
        (await c.call("/api/status")).json.partitions.flatMap((one: { problems: string[] }) => one.problems),
        [],
      );
    });
  });
});
