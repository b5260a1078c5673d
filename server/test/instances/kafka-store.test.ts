/** Instances that have nothing but Kafka, and NATS between them: hand-over, kill -9, and a start from the store alone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { type NatsServer, startNats } from "../../../scripts/servers/nats.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { runCli } from "../../src/cli/run.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { envNameOf } from "../../src/config/key.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatTokenId, parseTokenId } from "../../src/shared/token-id.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { ServiceProcess } from "../crash/service-process.ts";
import { Shadow } from "../crash/shadow.ts";
import { TestApps } from "../support/app-harness.ts";
import { newTopic, openFor, produce, setupOf } from "../support/kafka-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const PARTITIONS = 4;
const TOKENS = 30;
const STARTED_MS = Date.now() - 600_000;

/** `count` swaps beginning at `from`, by partition. */
function swaps(from: number, count: number): string[][] {
  const byPartition: string[][] = Array.from({ length: PARTITIONS }, () => []);
  for (let i = from; i < from + count; i++) {
    const token = `0x${String(i % TOKENS).padStart(40, "0")}`;
    const id = parseTokenId(`1:${token}`)!;
    const swap = {
      chain_id: 1,
      tx_hash: `0x${String(i).padStart(64, "0")}`,
      log_index: 0,
      token,
      who: `0x${String(i % 7).padStart(40, "0")}`,
      amount_usd: String(1 + (i % 90)),
      amount_token: "1.25",
      side: i % 2 === 0 ? "buy" : "sell",
      event_time: STARTED_MS + i * 20,
    };
    byPartition[partitionOfTokenId(formatTokenId(id.chainId, id.token), PARTITIONS)]!.push(JSON.stringify(swap));
  }
  return byPartition;
}

type Status = { partitions: { partition: number; owner: string; lag: number; state: string; problems: string[] }[] };

async function statusAt(url: string): Promise<Status["partitions"]> {
  const response = await fetch(`${url}/api/status`).catch(() => undefined);
  return response?.status === 200 ? ((await response.json()) as Status).partitions : [];
}

/** Resolves when this instance sees these owners with this many partitions each, and none behind. */
async function sees(url: string, owners: Readonly<Record<string, number>>): Promise<void> {
  for (;;) {
    const partitions = await statusAt(url);
    const isSettled = partitions.every((one) => one.state === "running" && one.lag === 0);
    const isShared = Object.entries(owners).every(
      ([owner, count]) => partitions.filter((one) => one.owner === owner).length === count,
    );
    if (isSettled && isShared && partitions.length === PARTITIONS) return;
  }
}

requires("instances whose checkpoints are in Kafka", { servers: ["kafka", "nats"] }, () => {
  describe("instances whose checkpoints are in Kafka", () => {
    let kafka: Kafka;
    let nats: NatsServer;
    after(() => kafka.kill());
    after(() => nats.stop());
    const folder = tempDir({ after }, "kafka-store");
    before(async () => {
      kafka = await startKafka({ folder: `${folder}/kafka` });
      nats = await startNats({ folder: `${folder}/nats` });
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
        "pubsub.nats.url": nats.url,
        "stores.checkpoint": "kafka",
      };
    }

    const envOf = (settings: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries(settings).map(([path, value]) => [envNameOf(path), value]));

    async function send(topic: string, byPartition: readonly (readonly string[])[]): Promise<void> {
      for (const [partition, values] of byPartition.entries()) await produce(kafka, topic, values, { partition });
    }

    test("partitions are handed over, taken over from a killed instance, and restored where the log no longer has them", async (t) => {
      const topic = await newTopic(kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      await createTopic(kafka, `${topic}.dlq`, 1);
      const { config } = loadConfig({ env: {}, overrides: settingsOf(topic, "shadow") });
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const shadows = Array.from(
        { length: PARTITIONS },
        (_, partition) => new Shadow(() => readers.reader(partition), toEngineConfig(config)),
      );
      const compare = async (url: string): Promise<void> => {
        for (const shadow of shadows) {
          await shadow.follow();
          assert.ok((await shadow.compareFigures({ url })) > 0);
        }
      };

      await send(topic, swaps(0, 1_000));
      const a = new ServiceProcess(await freePort(), `${folder}/a`, envOf(settingsOf(topic, "a")));
      t.after(() => a.kill("SIGKILL"));
      await sees(a.url, { a: 4 });
      const b = await new TestApps(t).start(settingsOf(topic, "b"));
      await sees(b.base, { a: 2, b: 2 });
      await send(topic, swaps(1_000, 1_000));
      await sees(b.base, { a: 2, b: 2 });
      await compare(b.base);

      await a.kill("SIGKILL");
      await send(topic, swaps(2_000, 500));
      await sees(b.base, { b: 4 });
      await compare(b.base);
      await b.app.stop();

      // The log no longer has the records of the checkpoints. Without the checkpoints the figures would be lost.
      const admin = new Admin({ clientId: "test", bootstrapBrokers: [...kafka.brokers] });
      t.after(() => admin.close());
      const partitions = shadows.map(({ position }, partition) => ({ partition, offset: BigInt(position) }));
      await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
      const c = await new TestApps(t).start(settingsOf(topic, "c"));
      await sees(c.base, { c: 4 });
      assert.deepEqual(
        (await statusAt(c.base)).flatMap((one) => one.problems),
        [],
      );
      for (const shadow of shadows) assert.ok((await shadow.compareFigures({ url: c.base })) > 0);

      const output = memoryOutput(envOf(settingsOf(topic, "c")));
      const code = await runCli(["checkpoint", "inspect"], output, new AbortController().signal);
      assert.equal(code, 0, output.outText() + output.errText());
      assert.match(output.outText(), /^partition 3: next offset [1-9].* written .* by c, epoch/m);
      assert.equal(output.outText().match(/^ {2}sound$/gm)?.length, PARTITIONS);
    });
  });
});
