import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Admin } from "@platformatic/kafka";
import { addPartitions, createTopic, type Kafka, startKafka } from "../../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../../scripts/servers/process.ts";
import { type WrittenRecord, writeBatch } from "../../support/batch-writer.ts";
import {
  newProducer,
  newTopic,
  openFor,
  produce,
  produceBytes,
  readOn,
  setupOf,
  waitLimit,
} from "../../support/kafka-support.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const MIB = 1024 * 1024;
const execFileAsync = promisify(execFile);

requires("reading Kafka", { servers: ["kafka"] }, () => {
  describe("reading Kafka", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "kafka");
    before(async () => {
      kafka = await startKafka({ folder });
    });

    test("records of every codec come out as they were sent, in order, with their producer's time", async (t) => {
      const topic = await newTopic(kafka);
      const sent: string[] = [];
      for (const compression of CODECS) {
        const values = Array.from({ length: 500 }, (_, i) => `${compression} ${i} ${"x".repeat(i % 300)}`);
        await produce(kafka, topic, values, { compression });
        sent.push(...values);
      }
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      const { seen } = await readOn(reader, 0, { count: sent.length });
      assert.deepEqual(
        seen.map(({ value }) => value),
        sent,
      );
      assert.deepEqual(
        seen.map(({ offset }) => offset),
        sent.map((_, i) => i),
      );
      assert.equal(reader.arrivalClock, "producer");
      assert.deepEqual(readers.problems, []);
    });

    test("batches of Kafka's own producer, with its own compression, are read", async (t) => {
      const payload = join(folder, "payload");
      writeFileSync(payload, "a swap as Java sends it\n".repeat(3));
      for (const codec of CODECS.slice(1)) {
        const topic = await newTopic(kafka);
        const settings = [`bootstrap.servers=${kafka.brokers.join(",")}`, `compression.type=${codec}`, "linger.ms=50"];
        const options = ["--topic", topic, "--num-records", "3000", "--throughput", "-1", "--payload-file", payload];
        const main = "org.apache.kafka.tools.ProducerPerformance";
        await execFileAsync("java", ["-cp", kafka.classPath, main, ...options, "--producer-props", ...settings]);
        const readers = openFor(t, setupOf(kafka.brokers, topic));
        const { seen } = await readOn(readers.reader(0), 0, { count: 3_000 });
        assert.ok(
          seen.every(({ value }) => value === "a swap as Java sends it"),
          codec,
        );
      }
    });

    test("the broker's time is distinguished from the producer's", async (t) => {
      const topic = await newTopic(kafka, 1, { "message.timestamp.type": "LogAppendTime" });
      const startMs = Date.now();
      await produce(kafka, topic, ["a", "b"]);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      const { seen } = await readOn(reader, 0, { count: 2 });
      assert.equal(reader.arrivalClock, "broker");
      assert.ok(seen.every(({ arrivalMs }) => arrivalMs >= startMs && arrivalMs <= Date.now()));
    });

    test("null keys, null and empty values, headers and bytes that are not text are read", async (t) => {
      const topic = await newTopic(kafka);
      const noText = Buffer.from([0x7b, 0xff, 0xfe]);
      const key = Buffer.from("key");
      const written: readonly Omit<WrittenRecord, "offset" | "timeMs">[] = [
        { key: null, value: Buffer.from("plain"), headers: [] },
        { key, value: null, headers: [] },
        { key, value: Buffer.alloc(0), headers: [["trace", null]] },
        {
          key: null,
          value: noText,
          headers: [
            ["trace", Buffer.from("1")],
            ["empty", Buffer.alloc(0)],
          ],
        },
        { key: Buffer.alloc(200, 1), value: Buffer.from("last"), headers: [] },
      ];
      const records = written.map((record, offset) => ({ ...record, offset, timeMs: 1_700_000_000_000 + offset }));
      await produceBytes(kafka, topic, writeBatch({ baseOffset: 0, lastOffset: 4, codec: 0, records }));
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const { seen } = await readOn(readers.reader(0), 0, { count: 5 });
      assert.deepEqual(
        seen.map(({ value }) => value),
        ["plain", "", "", noText.toString(), "last"],
      );
      assert.deepEqual(
        seen.map(({ arrivalMs }) => arrivalMs),
        records.map(({ timeMs }) => timeMs),
      );
    });

    test("records are read from any position, also within a batch", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, ["0", "1", "2", "3", "4"]);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      for (const from of [3, 1, 4, 0]) {
        const { seen } = await readOn(reader, from, { to: 5 });
        assert.deepEqual(
          seen.map(({ value }) => value),
          ["0", "1", "2", "3", "4"].slice(from),
        );
      }
    });

    test("the largest record that the broker accepts is read, although a fetch asks for less", async (t) => {
      const topic = await newTopic(kafka, 2, { "max.message.bytes": String(3 * MIB) });
      const large = "x".repeat(3 * MIB - 200);
      for (const partition of [0, 1]) await produce(kafka, topic, ["before", large, "after"], { partition });
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const both = await Promise.all([0, 1].map((partition) => readOn(readers.reader(partition), 0, { count: 3 })));
      for (const { seen } of both) {
        assert.deepEqual(
          seen.map(({ value }) => value.length),
          [6, large.length, 5],
        );
      }
    });

    test("committed transactions are read and aborted ones are not, also when they interleave", async (t) => {
      const topic = await newTopic(kafka);
      const expected: string[] = [];
      const producers = ["one", "two"].map((name) => newProducer(kafka.brokers, `${topic}-${name}`));
      t.after(async () => {
        await Promise.all(producers.map((producer) => producer.close()));
      });
      for (let round = 0; round < 6; round++) {
        const transactions = await Promise.all(producers.map((producer) => producer.beginTransaction()));
        for (const [i, transaction] of transactions.entries()) {
          const value = Buffer.from(`${round} ${i}`);
          await transaction.send({ acks: -1, messages: [{ topic, partition: 0, value }] });
        }
        await produce(kafka, topic, [`plain ${round}`]);
        for (const [i, transaction] of transactions.entries()) {
          const isAborted = (round + i) % 2 === 0;
          await (isAborted ? transaction.abort() : transaction.commit());
          if (!isAborted) expected.push(`${round} ${i}`);
        }
        expected.push(`plain ${round}`);
      }
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      const { endOffset } = await reader.range();
      const { seen } = await readOn(reader, 0, { to: endOffset });
      assert.deepEqual(seen.map(({ value }) => value).sort(), expected.sort());
      assert.equal(endOffset, 6 * 5);
      const { counters } = reader.numbers;
      assert.deepEqual([counters.abortedRecords, counters.controlRecords], [6, 12]);
    });

    test("an aborted transaction longer than a fetch is skipped, from any position", async (t) => {
      const topic = await newTopic(kafka);
      const producer = newProducer(kafka.brokers, `${topic}-long`);
      t.after(() => producer.close());
      await produce(kafka, topic, ["first"]);
      const transaction = await producer.beginTransaction();
      for (let i = 0; i < 20; i++) {
        const messages = Array.from({ length: 50 }, () => ({ topic, partition: 0, value: Buffer.alloc(1_000, 97) }));
        await transaction.send({ acks: -1, messages });
      }
      await transaction.abort();
      await produce(kafka, topic, ["last"]);
      const readers = openFor(
        t,
        setupOf(kafka.brokers, topic, { partitionFetchBytesMax: 60_000, fetchBytesMax: 60_000 }),
      );
      const reader = readers.reader(0);
      for (const from of [0, 501]) {
        const { seen, position } = await readOn(reader, from, { to: 1_003 });
        assert.deepEqual(
          seen.map(({ value }) => value),
          from === 0 ? ["first", "last"] : ["last"],
        );
        assert.equal(position, 1_003);
      }
      assert.ok(reader.numbers.counters.fetches > 20);
    });

    test("records before an open transaction are read, and the end is where it begins", async (t) => {
      const topic = await newTopic(kafka);
      const producer = newProducer(kafka.brokers, `${topic}-open`);
      t.after(() => producer.close());
      await produce(kafka, topic, ["before"]);
      const transaction = await producer.beginTransaction();
      await transaction.send({ acks: -1, messages: [{ topic, partition: 0, value: Buffer.from("within") }] });
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      assert.equal((await reader.range()).endOffset, 1);
      const { position } = await readOn(reader, 0, { count: 1 });
      const rest = readOn(reader, position, { count: 1 });
      await transaction.commit();
      assert.deepEqual((await rest).seen[0]?.value, "within");
    });

    test("records that retention removed are damage that says where the log begins", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, ["0", "1", "2", "3"]);
      await produce(kafka, topic, ["4"]);
      const admin = new Admin({ clientId: "test-admin", bootstrapBrokers: [...kafka.brokers] });
      t.after(() => admin.close());
      await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 3n }] }] });
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      await assert.rejects(reader.read(1, MIB, waitLimit()), {
        code: "log_damaged",
        message: /position 1 is asked for, but records before 3 are no longer held/,
      });
      assert.equal(reader.resumeAfter(1), 3);
      const { seen } = await readOn(reader, 3, { to: 5 });
      assert.deepEqual(
        seen.map(({ value }) => value),
        ["3", "4"],
      );
    });

    test("a position beyond the end is damage without a place to continue", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, ["0"]);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      await assert.rejects(reader.read(7, MIB, waitLimit()), { code: "log_damaged", message: /the log ends at 1/ });
      assert.equal(reader.resumeAfter(7), 7);
      await assert.rejects(reader.openAt(7, undefined, waitLimit()), { code: "log_damaged" });
    });

    test("a re-created topic is noticed, and the next reader reads the new one", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, ["old 0", "old 1"]);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      const { topicId } = await readers.topic();
      await readOn(reader, 0, { count: 2 });
      const waiting = reader.read(2, MIB, waitLimit());
      const admin = new Admin({ clientId: "test-admin", bootstrapBrokers: [...kafka.brokers] });
      t.after(() => admin.close());
      await Promise.all([
        assert.rejects(waiting, { code: "log_damaged", message: /re-created/ }),
        admin.deleteTopics({ topics: [topic] }).then(async () => {
          await waitFor("the topic is gone", async () => !(await admin.listTopics()).includes(topic));
          await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
        }),
      ]);
      await produce(kafka, topic, ["new 0"]);
      assert.equal(reader.resumeAfter(2), 2);
      await reader.close();
      assert.notEqual((await readers.topic()).topicId, topicId);
      const { seen } = await readOn(readers.reader(0), 0, { count: 1 });
      assert.equal(seen[0]?.value, "new 0");
    });

    test("partitions that are added during reading can be read at once", async (t) => {
      const topic = await newTopic(kafka);
      await produce(kafka, topic, ["0"]);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const first = readers.reader(0);
      await readOn(first, 0, { count: 1 });
      assert.equal((await readers.topic()).partitions, 1);
      await addPartitions(kafka, topic, 3);
      await waitFor("the new partitions", async () => (await readers.topic()).partitions === 3);
      await produce(kafka, topic, ["two"], { partition: 2 });
      const { seen } = await readOn(readers.reader(2), 0, { count: 1 });
      assert.equal(seen[0]?.value, "two");
      await produce(kafka, topic, ["one"]);
      assert.equal((await readOn(first, 1, { count: 1 })).seen[0]?.value, "one");
    });

    test("a partition whose owner stalls takes bounded memory and delays no other", async (t) => {
      const topic = await newTopic(kafka, 2);
      const values = Array.from({ length: 4_000 }, (_, i) => `${i} ${"x".repeat(1_000)}`);
      for (const partition of [0, 1]) {
        for (let i = 0; i < 4; i++)
          await produce(kafka, topic, values.slice(i * 1_000, i * 1_000 + 1_000), { partition });
      }
      const bufferBytesMax = 200_000;
      const setup = setupOf(kafka.brokers, topic, { bufferBytesMax, partitionFetchBytesMax: 50_000 });
      const readers = openFor(t, setup);
      const [stalled, other] = [readers.reader(0), readers.reader(1)];
      await readOn(stalled, 0, { count: 1 });
      await readOn(other, 0, { count: values.length });
      // One partition was read completely; of the other no more was fetched than fits.
      const bytes = values.reduce((sum, value) => sum + value.length, 0);
      const fetched = stalled.numbers.counters.bytes + other.numbers.counters.bytes;
      assert.ok(fetched < bytes * 1.2 + bufferBytesMax + 2 * 1_100_000, `${fetched} bytes`);
      assert.ok(stalled.numbers.waitingBytes >= bufferBytesMax, `${stalled.numbers.waitingBytes} bytes wait`);
      const { seen } = await readOn(stalled, 0, { count: values.length });
      assert.deepEqual(
        seen.map(({ value }) => value),
        values,
      );
    });

    test("a read that waits ends with its signal, and with the closing of the reader", async (t) => {
      const topic = await newTopic(kafka);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const reader = readers.reader(0);
      const stop = new AbortController();
      const waiting = reader.read(0, MIB, stop.signal);
      stop.abort(new Error("enough"));
      await assert.rejects(waiting, /enough/);
      const next = reader.read(0, MIB, waitLimit());
      await reader.close();
      await assert.rejects(next, { code: "unavailable" });
    });

    test("a missing topic is a problem that says what to do, until it exists", async (t) => {
      const topic = `later-${Date.now()}`;
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const waiting = readOn(readers.reader(0), 0, { count: 1 });
      await waitFor("a problem", async () => readers.problems.length > 0);
      assert.match(readers.problems.join(" "), /there is no such topic; `swapstats topic ensure` creates it/);
      await assert.rejects(readers.topic(), { code: "not_found" });
      await createTopic(kafka, topic, 1);
      await produce(kafka, topic, ["here"]);
      assert.equal((await waiting).seen[0]?.value, "here");
      assert.deepEqual(readers.problems, []);
    });
  });
});
