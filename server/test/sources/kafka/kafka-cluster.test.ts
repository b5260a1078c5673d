import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Admin, type Producer } from "@platformatic/kafka";
import { type Kafka, type KafkaBroker, startKafka } from "../../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../../scripts/servers/process.ts";
import { newProducer, newTopic, openFor, readOn, setupOf } from "../../support/kafka-support.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";

const PARTITIONS = 3;
const REPLICATED = { "min.insync.replicas": "2" };

requires("reading Kafka while brokers come and go", { servers: ["kafka"] }, () => {
  describe("reading Kafka while brokers come and go", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "kafka-cluster");
    before(async () => {
      kafka = await startKafka({ folder, brokers: 3, heapMb: 256 });
    });

    const leaderOf = async (topic: string, partition: number, without?: KafkaBroker): Promise<KafkaBroker> => {
      const nodes = kafka.nodes.filter((node) => node !== without);
      const admin = new Admin({ clientId: "test-admin", bootstrapBrokers: nodes.map(({ address }) => address) });
      try {
        const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
        return kafka.nodes.find(({ id }) => id === topics.get(topic)!.partitions[partition]!.leader)!;
      } finally {
        await admin.close();
      }
    };

    /** Sends values until it is stopped; returns those that the brokers acknowledged. */
    const keepSending = (producer: Producer, topic: string): { stop(): Promise<string[]> } => {
      const acknowledged: string[] = [];
      let isStopped = false;
      const run = async (): Promise<void> => {
        for (let i = 0; !isStopped; i++) {
          const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({
            topic,
            partition,
            value: Buffer.from(`${partition} ${i}`),
          }));
          try {
            await producer.send({ acks: -1, messages });
            acknowledged.push(...messages.map(({ value }) => String(value)));
          } catch {
            // Not acknowledged: it may be in the topic or not, and is sent under the next number.
          }
        }
      };
      const running = run();
      return {
        stop: async () => {
          isStopped = true;
          await running;
          return acknowledged;
        },
      };
    };

    const readWhile = async (
      t: { after(run: () => Promise<void>): void },
      fault: (topic: string) => Promise<void>,
    ): Promise<void> => {
      const topic = await newTopic(kafka, PARTITIONS, REPLICATED, 3);
      const readers = openFor(t, setupOf(kafka.brokers, topic, { fetchWaitMs: 100 }));
      const producer = newProducer(kafka.brokers);
      t.after(() => producer.close());
      const sending = keepSending(producer, topic);
      const all = Array.from({ length: PARTITIONS }, (_, partition) => readers.reader(partition));
      const first = await Promise.all(all.map((reader) => readOn(reader, 0, { count: 5 })));
      await fault(topic);
      const sent = await sending.stop();
      const seen = await Promise.all(
        all.map(async (reader, partition) => {
          const wanted = sent.filter((value) => value.startsWith(`${partition} `));
          const last = wanted.at(-1)!;
          let { seen: values, position } = first[partition]!;
          while (!values.some(({ value }) => value === last)) {
            const more = await readOn(reader, position, { count: 1 });
            values = [...values, ...more.seen];
            position = more.position;
          }
          assert.deepEqual(
            values.map(({ offset }) => offset),
            values.map((_, offset) => offset),
          );
          return { values: values.map(({ value }) => value), wanted };
        }),
      );
      for (const { values, wanted } of seen) {
        const missing = wanted.filter((value) => !values.includes(value));
        assert.deepEqual(missing, []);
      }
      await waitFor("the problems are over", async () => readers.problems.length === 0);
    };

    test("a leader that is shut down hands over, and reading continues at the next one", async (t) => {
      await readWhile(t, async (topic) => {
        const leader = await leaderOf(topic, 0);
        await leader.stop();
        await waitFor("another leads", async () => (await leaderOf(topic, 0, leader)) !== leader);
        await leader.restart();
      });
    });

    test("a killed leader is replaced, and every acknowledged record is read", async (t) => {
      await readWhile(t, async (topic) => {
        const leader = await leaderOf(topic, 1);
        await leader.kill();
        await waitFor("another leads", async () => (await leaderOf(topic, 1, leader)) !== leader);
        await leader.restart();
      });
    });

    test("a leader that accepts and never answers is given up", async (t) => {
      await readWhile(t, async (topic) => {
        const leader = await leaderOf(topic, 2);
        leader.freeze();
        await waitFor("another leads", async () => (await leaderOf(topic, 2, leader)) !== leader);
        leader.thaw();
      });
    });

    test("a reader waits for the only broker of its partition, and problems say why", async (t) => {
      const topic = await newTopic(kafka, PARTITIONS);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const producer = newProducer(kafka.brokers);
      t.after(() => producer.close());
      const send = (value: string) =>
        producer.send({ acks: -1, messages: [{ topic, partition: 0, value: Buffer.from(value) }] });
      await send("before");
      const reader = readers.reader(0);
      await readOn(reader, 0, { count: 1 });
      const next = readOn(reader, 1, { count: 1 });
      const leader = await leaderOf(topic, 0);
      await leader.kill();
      await waitFor("a problem", async () => readers.problems.length > 0);
      assert.match(readers.problems.join(" "), /reading topic .* from broker|no broker leads|cannot be read now/);
      // What is known stays known.
      assert.equal((await reader.range()).endOffset, 1);
      await leader.restart();
      await send("after");
      assert.equal((await next).seen[0]?.value, "after");
      await waitFor("the problems are over", async () => readers.problems.length === 0);
    });
  });
});
