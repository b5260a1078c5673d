import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { createTopic, type Kafka, startKafka } from "../../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../../scripts/servers/process.ts";
import type { KafkaConnection } from "../../../src/clients/kafka/connection.ts";
import { TopicLog } from "../../../src/clients/kafka/topic-log.ts";
import type { CheckpointStore } from "../../../src/ports/checkpoint-store.ts";
import { manifestKey } from "../../../src/stores/kafka/checkpoint-format.ts";
import { CHUNK_BYTES } from "../../../src/stores/kafka/checkpoint-store.ts";
import { connectionTo } from "../../support/kafka-support.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { kafkaStore } from "../backends.ts";
import { assertAllFail, swapOnTop, textOf, toBytes, untilItWorks } from "../store-faults.ts";

const LIMIT_MS = 1_000;
const LONG_MS = 20_000;
const USER = { name: "swapstats", password: "right-secret" };
/** As eager as it gets: every append may close a segment, and all that is closed is cleaned. */
const EAGER = {
  "cleanup.policy": "compact",
  "segment.ms": "50",
  "min.cleanable.dirty.ratio": "0.01",
  "min.compaction.lag.ms": "0",
  "max.compaction.lag.ms": "100",
};

function openStore(t: TestContext, connection: KafkaConnection, topic: string, limitMs: number): CheckpointStore {
  const store = kafkaStore(connection, topic, limitMs);
  t.after(() => store.close());
  return store;
}

async function deleteTopic({ brokers }: Kafka, topic: string): Promise<void> {
  const admin = new Admin({ clientId: "test", bootstrapBrokers: [...brokers] });
  try {
    await admin.deleteTopics({ topics: [topic] });
  } finally {
    await admin.close();
  }
}

requires("faults of Kafka as a store", { servers: ["kafka"] }, () => {
  describe("faults of Kafka as a store", () => {
    let kafka: Kafka;
    const folder = tempDir({ after }, "kafka");
    after(() => kafka.kill());
    before(async () => {
      const properties = { "log.cleaner.backoff.ms": "50", "log.retention.check.interval.ms": "200" };
      kafka = await startKafka({ folder, sasl: { users: [USER] }, properties });
    });

    /** Keys of the records that a partition of a topic holds, tombstones left out. */
    async function keysOf(t: TestContext, topic: string, partition: number): Promise<string[]> {
      const log = new TopicLog(connectionTo(kafka.brokers), topic);
      t.after(() => log.close());
      const keys: string[] = [];
      let { startOffset: offset, endOffset } = await log.ends(partition);
      while (offset < endOffset) {
        const read = await log.read(partition, offset, 1024 * 1024, (_offset, key, value) => {
          if (value !== undefined) keys.push(String(key));
        });
        offset = read.nextOffset;
        endOffset = read.endOffset;
      }
      return keys;
    }

    test("compaction keeps the manifest, the previous one and the parts, and a late record of a former owner displaces nothing", async (t) => {
      const topic = "compacted";
      await createTopic(kafka, topic, 2, EAGER);
      const connection = connectionTo(kafka.brokers);
      const store = openStore(t, connection, topic, LONG_MS);
      const zombie = openStore(t, connection, topic, LONG_MS);
      const old = await store.swapManifest(0, toBytes("0"), undefined);
      await zombie.readManifest(0);
      let version = old;
      const partOf = (i: number): Uint8Array => new Uint8Array(CHUNK_BYTES + i).fill(i);
      const swaps = 30;
      for (let i = 1; i <= swaps; i++) {
        await store.putPart(0, `redo-1-${i}`, partOf(i));
        version = await store.swapManifest(0, toBytes(String(i)), version);
        if (i > 2) await store.deletePart(0, `redo-1-${i - 2}`);
        if (i % 3 === 0)
          await assert.rejects(zombie.swapManifest(0, toBytes("zombie"), old), { code: "checkpoint_conflict" });
      }
      // A zombie's record that was on its way all the time, below every view that its writer might have had.
      const log = new TopicLog(connection, topic);
      t.after(() => log.close());
      const late = Buffer.from(`{"format":1,"expected":"${old}"}\n`);
      await log.append(0, [{ key: manifestKey(0, "late"), value: late }]);
      await waitFor("compaction", async () => {
        // The segment that is open is left alone, so it takes another record to close it.
        await log.append(0, [{ key: "x", value: undefined }]);
        await log.append(1, [{ key: "x", value: undefined }]);
        const [index, bytes] = [await keysOf(t, topic, 0), await keysOf(t, topic, 1)];
        return index.filter((key) => key.startsWith("m/")).length <= 5 && bytes.length <= 2 * 3;
      });
      const check = async (one: CheckpointStore): Promise<void> => {
        const current = await one.readManifest(0);
        assert.deepEqual([textOf(current?.bytes), current?.version], [String(swaps), version]);
        assert.equal(textOf(await one.readPreviousManifest(0)), String(swaps - 1));
        assert.deepEqual((await one.listParts(0)).sort(), [`redo-1-${swaps - 1}`, `redo-1-${swaps}`]);
        for (const i of [swaps - 1, swaps]) {
          assert.ok(Buffer.from(partOf(i)).equals((await one.getPart(0, `redo-1-${i}`))!));
        }
      };
      for (const one of [store, zombie, openStore(t, connection, topic, LONG_MS)]) await check(one);
      await assert.rejects(zombie.swapManifest(0, toBytes("zombie"), "late"), { code: "checkpoint_conflict" });
      const next = openStore(t, connection, topic, LONG_MS);
      await next.swapManifest(0, toBytes("next"), version);
      assert.equal(textOf((await store.readManifest(0))?.bytes), "next");
    });

    test("a topic with retention by age is refused, and a missing topic is created", async (t) => {
      await createTopic(kafka, "aged", 2, { "cleanup.policy": "compact,delete" });
      const aged = openStore(t, connectionTo(kafka.brokers), "aged", LONG_MS);
      const refused = {
        code: "bad_config",
        message: /topic aged has cleanup.policy=compact,delete: Kafka would remove/,
      };
      await assert.rejects(aged.readManifest(0), refused);
      await createTopic(kafka, "narrow", 2, { "cleanup.policy": "compact", "max.message.bytes": "100000" });
      const narrow = openStore(t, connectionTo(kafka.brokers), "narrow", LONG_MS);
      await assert.rejects(narrow.readManifest(0), { code: "bad_config", message: /max.message.bytes=100000/ });
      const made = openStore(t, connectionTo(kafka.brokers), "made", LONG_MS);
      assert.equal(await made.readManifest(0), undefined);
    });

    test("wrong credentials are reported as retryable", async (t) => {
      const sasl = { mechanism: "PLAIN", username: USER.name, password: "another" } as const;
      const connection = { ...connectionTo(kafka.saslBrokers), sasl };
      await assertAllFail(openStore(t, connection, "refused", LONG_MS), /the credentials were refused/);
      const right = { ...connection, sasl: { ...sasl, password: USER.password } };
      const store = openStore(t, right, "refused", LONG_MS);
      await swapOnTop(store, "first");
      await store.putPart(0, "base-1-0", toBytes("part"));
      assert.equal(textOf(await store.getPart(0, "base-1-0")), "part");
    });

    test("every call ends when a broker hangs or is killed, and the store continues when it is back", async (t) => {
      const topic = "away";
      const store = openStore(t, connectionTo(kafka.brokers), topic, LIMIT_MS);
      const version = await untilItWorks(() => swapOnTop(store, "first"));
      await untilItWorks(() => store.putPart(0, "base-1-0", toBytes("part")));
      const broker = kafka.nodes[0]!;
      broker.freeze();
      await assertAllFail(store, /the response took longer than 1000 ms/);
      broker.thaw();
      const found = await untilItWorks(() => store.readManifest(0));
      assert.ok(["first", "x"].includes(textOf(found?.bytes)!));
      await broker.kill();
      await assertAllFail(store, /Cannot .* in the Kafka topic away: /);
      await broker.restart();
      await swapOnTop(store, "second");
      assert.equal(textOf(await untilItWorks(() => store.getPart(0, "base-1-0"))), "part");
      await assert.rejects(store.swapManifest(0, toBytes("x"), version), { code: "checkpoint_conflict" });
    });

    test("after a topic was deleted the store is empty, an owner's swap is refused, and the topic is re-created", async (t) => {
      const topic = "deleted";
      const store = openStore(t, connectionTo(kafka.brokers), topic, LONG_MS);
      const version = await swapOnTop(store, "first");
      const other = openStore(t, connectionTo(kafka.brokers), "others", LONG_MS);
      await swapOnTop(other, "untouched");
      await deleteTopic(kafka, topic);
      await createTopic(kafka, topic, 16, { "cleanup.policy": "compact" });
      const refused = untilItWorks(() => store.swapManifest(0, toBytes("second"), version));
      await assert.rejects(refused, /checkpoint_conflict/);
      await swapOnTop(store, "anew");
      assert.equal(await store.readPreviousManifest(0), undefined);
    });
  });

  test("the store continues with everything acknowledged while each of three brokers is killed in turn", async (t) => {
    const kafka = await startKafka({ folder: tempDir(t, "kafka"), brokers: 3 });
    t.after(() => kafka.kill());
    await createTopic(kafka, "moving", 2, { "cleanup.policy": "compact", "min.insync.replicas": "2" }, 3);
    const store = openStore(t, connectionTo(kafka.brokers), "moving", LONG_MS);
    const manifests = [""];
    const names: string[] = [];
    const write = async (text: string): Promise<void> => {
      await untilItWorks(async () => {
        const name = `base-${text}-${names.length}`;
        await store.putPart(0, name, toBytes(text));
        names.push(name);
      });
      await swapOnTop(store, text);
      manifests.push(text);
    };
    await write("first");
    for (const [i, broker] of kafka.nodes.entries()) {
      await broker.kill();
      await write(`without-${i}`);
      for (const reader of [store, openStore(t, connectionTo(kafka.brokers), "moving", LONG_MS)]) {
        const current = await untilItWorks(() => reader.readManifest(0));
        assert.equal(textOf(current?.bytes), manifests.at(-1));
        assert.equal(textOf(await untilItWorks(() => reader.readPreviousManifest(0))), manifests.at(-2));
        for (const name of names) {
          assert.equal(textOf(await untilItWorks(() => reader.getPart(0, name))), name.slice(5, name.lastIndexOf("-")));
        }
      }
      await broker.restart();
      await write(`with-${i}`);
    }
  });
});
