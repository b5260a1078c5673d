import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Consumer } from "@platformatic/kafka";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { runCli } from "../../src/cli/run.ts";
import { TopicAdmin, topicWarnings } from "../../src/clients/kafka/topic-admin.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import {
  DEAD_LETTERS_WAITING_MAX,
  type DeadLetterTopic,
  openDeadLetterTopic,
} from "../../src/sources/kafka/dead-letter-topic.ts";
import { connectionTo, newTopic, openFor, produce, readOn, setupOf } from "../support/kafka-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const LETTER = { code: "malformed_json", message: "no JSON", partition: 3, arrivalMs: 1_700_000_000_000 };

requires("tools of Kafka", { servers: ["kafka"] }, () => {
  describe("tools of Kafka", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "kafka-tools");
    before(async () => {
      kafka = await startKafka({ folder });
    });

    const cli = async (env: Record<string, string>, ...args: string[]) => {
      const output = memoryOutput({ SWAPSTATS_INGEST_BROKERS: kafka.brokers.join(","), ...env });
      const code = await runCli(args, output, new AbortController().signal);
      return { code, out: output.outText(), err: output.errText() };
    };

    const adminFor = (t: { after(run: () => Promise<void>): void }): TopicAdmin => {
      const admin = new TopicAdmin(connectionTo(kafka.brokers));
      t.after(() => admin.close());
      return admin;
    };

    test("topic ensure creates the topics, then finds nothing to do, and corrects and reports differences", async (t) => {
      const env = { SWAPSTATS_INGEST_TOPIC: "ensured", SWAPSTATS_INGEST_TOPIC_CFG_PARTITIONS: "3" };
      const made = await cli(env, "topic", "ensure");
      assert.equal(made.code, 0, made.err);
      assert.match(made.out, /Topic ensured was created, with 3 partitions and .*message.timestamp.type=LogAppendTime/);
      assert.match(made.out, /Topic ensured.dlq was created, with 1 partitions/);
      assert.equal((await cli(env, "topic", "ensure")).out, "Topics ensured and ensured.dlq are as configured.\n");
      const changed = { ...env, SWAPSTATS_INGEST_TOPIC_CFG_RETENTION_MS: "86400000" };
      const corrected = await cli(changed, "topic", "ensure");
      assert.match(corrected.out, /Topic ensured: retention.ms was 172800000, and is 86400000\./);
      const described = await adminFor(t).describe("ensured");
      assert.equal(described.retentionMs, 86_400_000);
      assert.equal(described.arrivalClock, "broker");
      assert.equal(described.partitions, 3);
    });

    test("topic ensure also creates a compacted topic for checkpoints if they are stored in Kafka", async (t) => {
      const env = { SWAPSTATS_INGEST_TOPIC: "stored", SWAPSTATS_STORES_CHECKPOINT: "kafka" };
      const made = await cli(env, "topic", "ensure");
      assert.match(made.out, /Topic stored.checkpoints was created, with 16 partitions and cleanup.policy=compact/);
      const said = "Topics stored, stored.dlq and stored.checkpoints are as configured.\n";
      assert.equal((await cli(env, "topic", "ensure")).out, said);
      assert.equal((await adminFor(t).describe("stored.checkpoints")).isCompactedOnly, true);
      await createTopic(kafka, "aged", 1, { "cleanup.policy": "compact,delete" });
      const refused = await cli({ ...env, SWAPSTATS_STORES_KAFKA_TOPIC: "aged" }, "topic", "ensure");
      assert.equal(refused.code, 1);
      assert.match(refused.err, /topic aged has cleanup.policy=compact,delete: Kafka would remove checkpoints/);
    });

    test("partitions are added only on request, and never removed", async () => {
      const env = { SWAPSTATS_INGEST_TOPIC: "grown", SWAPSTATS_INGEST_TOPIC_CFG_PARTITIONS: "2" };
      await cli(env, "topic", "ensure");
      const more = { ...env, SWAPSTATS_INGEST_TOPIC_CFG_PARTITIONS: "4" };
      assert.match(
        (await cli(more, "topic", "ensure")).out,
        /has 2 partitions and keeps them, and 4 are configured: --add/,
      );
      assert.match((await cli(more, "topic", "ensure", "--add-partitions")).out, /had 2 partitions, and has 4/);
      assert.match((await cli(env, "topic", "ensure")).out, /Kafka cannot take partitions away/);
    });

    test("a compacted topic is refused, and short retention and producers' clocks give a warning", async (t) => {
      await createTopic(kafka, "compacted", 1, { "cleanup.policy": "compact,delete" });
      const refused = await cli({ SWAPSTATS_INGEST_TOPIC: "compacted" }, "topic", "ensure");
      assert.equal(refused.code, 1);
      assert.match(refused.err, /topic compacted is compacted/);
      const topic = await newTopic(kafka, 1, { "retention.ms": "60000" });
      const admin = adminFor(t);
      const warnings = topicWarnings(topic, await admin.describe(topic), 86_400_000);
      assert.match(warnings[0] ?? "", /keeps records for 60000 ms/);
      assert.match(warnings[1] ?? "", /clocks of producers are trusted/);
      const described = await admin.describe("compacted");
      assert.throws(() => topicWarnings("compacted", described, 0), { code: "bad_config" });
    });

    test("offsets of a group are committed and read back", async (t) => {
      const topic = await newTopic(kafka, 3);
      await produce(kafka, topic, ["a", "b"], { partition: 1 });
      const admin = adminFor(t);
      assert.deepEqual(
        (await admin.ranges(topic)).map(({ endOffset }) => endOffset),
        [0, 2, 0],
      );
      assert.deepEqual(await admin.committed(`group-${topic}`, topic), new Map());
      await admin.commit(`group-${topic}`, topic, new Map([[1, 2]]));
      assert.deepEqual(await admin.committed(`group-${topic}`, topic), new Map([[1, 2]]));
    });

    test("unreachable brokers end a command with a solution", async () => {
      const env = { SWAPSTATS_INGEST_BROKERS: "127.0.0.1:1" };
      const away = await cli(env, "topic", "ensure");
      assert.equal(away.code, 1);
      assert.match(away.err, /Kafka at 127.0.0.1:1: describing topic raw-swaps failed: .*check that the brokers run/);
      const none = await cli({ SWAPSTATS_INGEST_BROKERS: "" }, "topic", "ensure");
      assert.match(none.err, /ingest.brokers is not set; give HOST:PORT/);
      const missing = await cli({}, "generate", "--to", `kafka://${kafka.brokers[0]}/nowhere`, "--count", "1");
      assert.equal(missing.code, 1);
      assert.match(missing.err, /there is no such topic; `swapstats topic ensure` creates it/);
    });

    test("generated swaps are in the partition of their token with its id as key, and none is lost", async (t) => {
      const topic = await newTopic(kafka, 4);
      const target = `kafka://${kafka.brokers[0]}/${topic}`;
      const made = await cli(
        {},
        "generate",
        "--to",
        target,
        "--count",
        "3000",
        "--rate",
        "1000000",
        "--seed",
        "5",
        "--start",
        "2026-01-01",
      );
      assert.equal(made.code, 0, made.err);
      assert.match(made.out, /^3,000 written to kafka:/);
      const records = await consumeAll(t, kafka, topic, 3_000);
      for (const { key, value, partition } of records) {
        const { chain_id, token } = JSON.parse(value.toString()) as { chain_id: number; token: string };
        assert.equal(key.toString(), `${chain_id}:${token}`);
        assert.equal(partition, partitionOfTokenId(key.toString(), 4));
      }
      const plain = await cli({}, "generate", "--to", "ndjson", "--count", "3000", "--rate", "1000000", "--seed", "5");
      const expected = plain.out.trimEnd().split("\n");
      assert.deepEqual(records.map(({ value }) => value.toString()).sort(), expected.sort());
    });

    test("a file is replayed into the topic, and lines that are not swaps are counted and omitted", async (t) => {
      const topic = await newTopic(kafka, 2);
      const file = join(folder, "swaps.ndjson");
      const swaps = (await cli({}, "generate", "--to", "ndjson", "--count", "200")).out;
      writeFileSync(file, `${swaps}{"broken\n`);
      const done = await cli({ SWAPSTATS_INGEST_TOPIC: topic }, "replay", file, "--to", "kafka", "--format", "json");
      assert.equal(done.code, 0, done.err);
      const counts = JSON.parse(done.out) as { sent: number; accepted: number; rejected: Record<string, number> };
      assert.deepEqual([counts.sent, counts.accepted, counts.rejected], [201, 200, { malformed_json: 1 }]);
      const records = await consumeAll(t, kafka, topic, 200);
      const lines = readFileSync(file, "utf8").trimEnd().split("\n").slice(0, 200);
      assert.deepEqual(records.map(({ value }) => value.toString()).sort(), lines.sort());
    });

    test("a file is fed into the topic by the token of each swap, and the next run adds only what is new", async (t) => {
      const topic = await newTopic(kafka, 3);
      const file = join(folder, "fed.ndjson");
      const swaps = (await cli({}, "generate", "--to", "ndjson", "--count", "3000")).out.trimEnd().split("\n");
      const to = `kafka://${kafka.brokers[0]}/${topic}`;
      const args = [
        "feed",
        "--from",
        "file",
        "--set",
        `path=${file}`,
        "--state",
        join(folder, "fed"),
        "--to",
        to,
        "--once",
      ];
      writeFileSync(file, `${swaps.slice(0, 2_500).join("\n")}\nnot a swap\n`);
      const first = await cli({}, ...args);
      assert.equal(first.code, 0, first.err);
      assert.match(first.out, /^2,501 records read, 2,500 swaps taken by kafka:.*, 1 records rejected/);
      writeFileSync(file, `${swaps.slice(2_500).join("\n")}\n`, { flag: "a" });
      assert.match((await cli({}, ...args)).out, /^500 records read, 500 swaps taken/);
      const records = await consumeAll(t, kafka, topic, 3_000);
      for (const { key, value, partition } of records) {
        const { chain_id, token } = JSON.parse(value.toString()) as { chain_id: number; token: string };
        assert.equal(key.toString(), `${chain_id}:${token}`);
        assert.equal(partition, partitionOfTokenId(key.toString(), 3));
      }
      assert.deepEqual(records.map(({ value }) => value.toString()).sort(), swaps.sort());
    });

    test("dead letters reach their topic with code, position and unchanged bytes", async (t) => {
      const topic = await newTopic(kafka);
      const letters = openLetters(t, kafka.brokers, topic);
      const raw = Buffer.from([0x7b, 0xff, 0x00, 0x7d]);
      const fetched = Buffer.concat([raw, Buffer.from("more")]);
      letters.add({ ...LETTER, offset: 41 }, fetched, 0, raw.length);
      // What was fetched is memory that is used again.
      fetched.fill(0);
      letters.add({ ...LETTER, offset: 42 }, Buffer.alloc(0), 0, 0);
      assert.equal(await letters.flush(), true);
      const [first, second] = await consumeAll(t, kafka, topic, 2);
      assert.deepEqual(first?.value, raw);
      assert.deepEqual(Object.fromEntries([...first!.headers].map(([name, value]) => [String(name), String(value)])), {
        code: "malformed_json",
        message: "no JSON",
        topic: "swaps",
        partition: "3",
        offset: "41",
        arrival: "1700000000000",
      });
      assert.equal(second?.value.length, 0);
      assert.equal(letters.written, 2);
    });

    test("dead letters wait while their topic is unavailable, then stop the stream, and none is lost", async (t) => {
      const topic = `dead-${Date.now()}`;
      const letters = openLetters(t, kafka.brokers, topic);
      for (let i = 0; i < DEAD_LETTERS_WAITING_MAX; i++) letters.add({ ...LETTER, offset: i }, Buffer.from("x"), 0, 1);
      assert.equal(letters.isFull, true);
      assert.equal(await letters.flush(), false);
      assert.match(letters.problem ?? "", /there is no such topic/);
      const room = letters.room();
      await createTopic(kafka, topic, 1);
      await room;
      await waitFor("all letters are written", async () => letters.size === 0);
      assert.equal(letters.problem, undefined);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const { position } = await readOn(readers.reader(0), 0, { count: DEAD_LETTERS_WAITING_MAX });
      assert.equal(position, DEAD_LETTERS_WAITING_MAX);
    });
  });
});

function openLetters(
  t: { after(run: () => Promise<void>): void },
  brokers: readonly string[],
  topic: string,
): DeadLetterTopic {
  const letters = openDeadLetterTopic(connectionTo(brokers), "swaps", topic);
  t.after(() => letters.close());
  return letters;
}

type Consumed = { key: Buffer; value: Buffer; partition: number; headers: Map<Buffer, Buffer> };

/** By the client's own reader, so that ours is not judged by itself. */
async function consumeAll(
  t: { after(run: () => Promise<void>): void },
  kafka: Kafka,
  topic: string,
  count: number,
): Promise<Consumed[]> {
  const consumer = new Consumer({ clientId: "test", groupId: `test-${topic}`, bootstrapBrokers: [...kafka.brokers] });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", maxWaitTime: 100, autocommit: false });
  t.after(async () => {
    await stream.close();
    await consumer.close(true);
  });
  const records: Consumed[] = [];
  for await (const record of stream) {
    records.push(record);
    if (records.length === count) break;
  }
  return records;
}
