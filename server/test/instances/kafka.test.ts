/** Several instances on one topic and one checkpoint store: ownership, hand-overs, and the figures of an uninterrupted run. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { formatTokenId, parseTokenId } from "../../src/shared/token-id.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { Shadow } from "../crash/shadow.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, openFor, produce, readOn, setupOf } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { instanceServers, instanceSettings } from "./instance-servers.ts";

const PARTITIONS = 4;
/** Together well below the largest batch of a broker (1 MiB), even if the seed puts nearly all swaps into one partition. */
const BATCH = 700;

class Swaps {
  readonly #generator: SwapGenerator;
  readonly #bytes = Buffer.alloc(RECORD_BYTES_MAX);

  constructor(seed: number, shares = { duplicates: 0.03, late: 0.01, removed: 0.03 }) {
    const options = { ...GENERATOR_DEFAULTS, ratePerSecond: 8, tokens: 40, traders: 90, seed };
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

requires("several instances on Kafka", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("several instances on Kafka", () => {
    const servers = instanceServers("instances");

    const settingsOf = (topic: string, instance: string): Record<string, string> =>
      instanceSettings(servers, topic, instance);

    async function send(topic: string, swaps: readonly (readonly Buffer[])[]): Promise<void> {
      for (const [partition, values] of swaps.entries()) {
        for (let at = 0; at < values.length; at += BATCH) {
          const batch = values.slice(at, at + BATCH).map((value) => ({ value }));
          await produce(servers.kafka, topic, batch, { partition });
        }
      }
    }

    /** One uninterrupted run for each partition, and what each must have read. */
    function shadowsOf(t: TestContext, topic: string): Shadow[] {
      const { config } = loadConfig({ env: {}, overrides: settingsOf(topic, "shadow") });
      const readers = openFor(t, setupOf(servers.kafka.brokers, topic));
      return Array.from({ length: PARTITIONS }, (_, p) => new Shadow(() => readers.reader(p), toEngineConfig(config)));
    }

    type Status = {
      partitions: { partition: number; owner: string; lag: number; state: string; problems: string[] }[];
    };

    async function statusOf(app: RunningApp): Promise<Status["partitions"]> {
      return ((await app.call("/api/status")).json as Status).partitions;
    }

    /** Resolves when this instance sees these owners with this many partitions each, and none behind. */
    async function sees(app: RunningApp, owners: Readonly<Record<string, number>>): Promise<void> {
      for (;;) {
        const { status, json } = await app.call("/api/status");
        // 503: a partition did not report its state in time on a busy machine.
        if (status !== 200) continue;
        const { partitions } = json as Status;
        const isSettled = partitions.every((one) => one.state === "running" && one.lag === 0);
        const counts = Object.entries(owners).map(
          ([owner, n]) => partitions.filter((p) => p.owner === owner).length - n,
        );
        if (isSettled && partitions.length === PARTITIONS && counts.every((difference) => difference === 0)) return;
      }
    }

    /** Asserts every figure of every token, whoever owns it, as this instance serves it. */
    async function compare(app: RunningApp, shadows: readonly Shadow[]): Promise<void> {
      for (const shadow of shadows) {
        await shadow.follow();
        assert.ok((await shadow.compareFigures({ url: app.base })) > 0);
      }
    }

    test("a re-created topic is read from its start, and earlier counts stay", async (t) => {
      const topic = await newTopic(servers.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      const swaps = new Swaps(seedOf(t), { duplicates: 0, late: 0, removed: 0 });
      const admin = new Admin({ clientId: "test", bootstrapBrokers: [...servers.kafka.brokers] });
      t.after(() => admin.close());
      const makeAnew = async (): Promise<void> => {
        await admin.deleteTopics({ topics: [topic] });
        await createTopic(servers.kafka, topic, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      };
      await send(topic, swaps.next(400));
      const first = await new TestApps(t).start(settingsOf(topic, "a"));
      await sees(first, { a: 4 });
      await first.app.stop();
      await makeAnew();
      await send(topic, swaps.next(300));
      const again = await new TestApps(t).start(settingsOf(topic, "a"));
      const applied = async (count: number): Promise<void> => {
        while ((await again.call("/api/status")).json.counters.applied !== count);
      };
      await applied(700);
      const problems = (await statusOf(again)).flatMap((one) => one.problems);
      assert.equal(problems.filter((problem) => /was re-created/.test(problem)).length, PARTITIONS, problems.join(" "));

      await makeAnew();
      await send(topic, swaps.next(200));
      await applied(900);
      await sees(again, { a: 4 });
    });

    test("a compacted topic is refused at the start", async (t) => {
      const topic = await newTopic(servers.kafka, PARTITIONS, { "cleanup.policy": "compact" });
      await assert.rejects(new TestApps(t).start(settingsOf(topic, "a")), {
        code: "bad_config",
        message: /is compacted/,
      });
    });

    test("partitions are shared, handed over and taken back, and each instance serves every token as an uninterrupted run does", async (t) => {
      const topic = await newTopic(servers.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      await createTopic(servers.kafka, `${topic}.dlq`, 1);
      const swaps = new Swaps(seedOf(t));
      const shadows = shadowsOf(t, topic);
      await send(topic, swaps.next(3_000));
      const a = await new TestApps(t).start(settingsOf(topic, "a"));
      await sees(a, { a: 4 });
      await compare(a, shadows);

      const b = await new TestApps(t).start(settingsOf(topic, "b"));
      await sees(b, { a: 2, b: 2 });
      await sees(a, { a: 2, b: 2 });
      await send(topic, swaps.next(2_000));
      await sees(a, { a: 2, b: 2 });
      await sees(b, { a: 2, b: 2 });
      await compare(a, shadows);
      await compare(b, shadows);
      const ranking = "/api/overview?window=1h&sort=volume_usd&limit=30";
      const [ofA, ofB] = [(await a.call(ranking)).json, (await b.call(ranking)).json];
      assert.equal(ofA.items.length, 30);
      assert.deepEqual(ofA.items, ofB.items);
      assert.equal((await b.call("/api/tokens/1:0xnobody/stats")).status, 404);

      await produce(servers.kafka, topic, [{ value: Buffer.from("{not json") }], { partition: 1 });
      await sees(b, { a: 2, b: 2 });
      await sees(a, { a: 2, b: 2 });
      const letters = openFor(t, setupOf(servers.kafka.brokers, `${topic}.dlq`)).reader(0);
      const { seen } = await readOn(letters, 0, { count: 1 });
      assert.equal(seen[0]?.value, "{not json");
      for (const app of [a, b]) {
        const { items } = (await app.call("/api/dead-letters?limit=1")).json;
        assert.deepEqual([items[0].raw, items[0].partition], ["{not json", 1]);
      }

      await b.app.stop();
      await send(topic, swaps.next(2_000));
      await sees(a, { a: 4 });
      await compare(a, shadows);
      await a.app.stop();

      const c = await new TestApps(t).start(settingsOf(topic, "c"));
      await sees(c, { c: 4 });
      await compare(c, shadows);
      assert.deepEqual(
        (await statusOf(c)).flatMap((one) => one.problems),
        [],
      );
    });
  });
});
