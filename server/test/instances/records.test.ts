/**
 * All sorts of records in a topic, read by two instances. The figures are those of the swaps alone, and the dead letters are exactly the
 * rest.
 */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { runCli } from "../../src/cli/run.ts";
import { RECORD_BYTES_MAX } from "../../src/codecs/limits.ts";
import { type Codec, type WrittenRecord, writeBatch } from "../support/batch-writer.ts";
import { newProducer, newTopic, produceBytes } from "../support/kafka-support.ts";
import { memoryOutput } from "../support/memory-output.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { Expected } from "./expected.ts";
import { Feed, type Swap, SwapStream } from "./feed.ts";
import { type Letter, lettersOf } from "./letters.ts";
import { Site } from "./site.ts";

const PARTITIONS = 4;
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
/** Largest batch of the broker. A record above a MiB is a dead letter and has to fit too. */
const BATCH_BYTES_MAX = 2 * 1024 * 1024;
/** The same for a topic with the broker's defaults. */
const BROKER_BATCH_BYTES_MAX = 1_048_588;
/** Size of a transaction that no single fetch holds. */
const LONG_TRANSACTION = 2_500;
const HOUR_MS = 3_600_000;

const POISON: readonly (readonly [code: string, value: Buffer | undefined])[] = [
  ["malformed_json", Buffer.from("{not json")],
  ["malformed_json", Buffer.alloc(0)],
  ["malformed_json", undefined],
  ["not_an_object", Buffer.from("[1,2]")],
  ["missing_field", Buffer.from('{"a":1}')],
  ["invalid_utf8", Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0x7d])],
  ["too_deep", Buffer.from("[".repeat(100_000))],
];

/** One topic, what was sent to it, and the expected result. */
class Run {
  readonly site: Site;
  readonly topic: string;
  readonly expected: Expected;
  readonly feed: Feed;
  readonly letters: Letter[] = [];
  readonly #stream: SwapStream;

  constructor(t: TestContext, site: Site, topic: string) {
    this.site = site;
    this.topic = topic;
    this.expected = new Expected(site.engineConfig(topic), PARTITIONS);
    this.feed = new Feed(site.kafka.brokers, topic, PARTITIONS, this.expected);
    t.after(() => this.feed.close());
    this.#stream = new SwapStream({ seed: seedOf(t), startMs: Date.now() - HOUR_MS, future: 0 });
  }

  swaps(count: number): Swap[] {
    return this.#stream.next(count);
  }

  /** The next swap that belongs to this partition. */
  swapOf(partition: number): Swap {
    for (;;) {
      const [swap] = this.swaps(1) as [Swap];
      if (this.feed.partitionOf(swap.id) === partition) return swap;
      // A swap that is not sent, and that nothing expects.
    }
  }

  /** Expects a dead letter next in its partition. */
  async expectLetter(code: string, partition: number, raw: Buffer, ahead = 0): Promise<void> {
    const offset = (await this.site.ends(this.topic))[partition]! + ahead;
    this.letters.push({ code, partition, offset, raw });
    this.expected.take(partition, "", 0, code);
  }

  async sendPoison(code: string, partition: number, value: Buffer | undefined): Promise<void> {
    await this.expectLetter(code, partition, value ?? Buffer.alloc(0));
    const producer = newProducer(this.site.kafka.brokers);
    const message = { topic: this.topic, partition, timestamp: BigInt(Date.now()) };
    try {
      await producer.send({ acks: -1, messages: [value === undefined ? message : { ...message, value }] });
    } finally {
      await producer.close();
    }
  }

  /** A batch written byte by byte in partition 0: no keys, headers of all sorts, a tombstone among swaps. */
  async sendOddBatch(codec: Codec): Promise<void> {
    const records: WrittenRecord[] = [];
    const add = (value: Buffer | null, key: Buffer | null, timeMs: number, headers: WrittenRecord["headers"]) =>
      records.push({ offset: records.length, timeMs, key, value, headers });
    const swapRecord = (key: Buffer | null, headers: WrittenRecord["headers"]): void => {
      const { value, arrivalMs } = this.swapOf(0);
      add(Buffer.from(value), key, arrivalMs, headers);
      this.expected.take(0, value, arrivalMs);
    };
    swapRecord(null, []);
    swapRecord(Buffer.from("another key"), [["trace", Buffer.from("1")]]);
    swapRecord(null, [
      ["empty", Buffer.alloc(0)],
      ["null", null],
    ]);
    await this.expectLetter("malformed_json", 0, Buffer.alloc(0), records.length);
    add(null, Buffer.from("tombstone"), Date.now(), [["trace", null]]);
    swapRecord(Buffer.alloc(300, 1), []);
    const lastOffset = records.length - 1;
    await produceBytes(this.site.kafka, this.topic, writeBatch({ baseOffset: 0, lastOffset, codec, records }));
  }

  /** A batch of one record of exactly the broker's limit. It is no swap, so it is a dead letter. */
  async sendLargest(): Promise<void> {
    const value = Buffer.alloc(BATCH_BYTES_MAX - emptyBatchBytes(), "x");
    await this.expectLetter("record_too_large", 0, value);
    await produceBytes(this.site.kafka, this.topic, batchOf(value, Date.now()));
    await assert.rejects(
      produceBytes(this.site.kafka, this.topic, batchOf(Buffer.concat([value, Buffer.from("x")]), Date.now())),
      /error 10/,
    );
    const swap = this.swapOf(0);
    const padded = `${swap.value.slice(0, -1)},"note":"${"x".repeat(RECORD_BYTES_MAX - swap.value.length - 10)}"}`;
    assert.equal(Buffer.byteLength(padded), RECORD_BYTES_MAX);
    await this.feed.send([{ ...swap, value: padded }]);
  }

  /** `aheadMs`: swaps that would make all others late if they counted. */
  async sendTransaction(count: number, isAborted: boolean, aheadMs = 0): Promise<void> {
    const producer = newProducer(this.site.kafka.brokers, `${this.topic}-${count}-${isAborted}`);
    try {
      const transaction = await producer.beginTransaction();
      const swaps = this.swaps(count).map((swap) => (aheadMs === 0 ? swap : ahead(swap, aheadMs)));
      for (let at = 0; at < swaps.length; at += 500) {
        const part = swaps.slice(at, at + 500);
        await transaction.send({ acks: -1, messages: part.map((swap) => this.feed.messageOf(swap)) });
        if (isAborted) continue;
        for (const { id, value, arrivalMs } of part) this.expected.take(this.feed.partitionOf(id), value, arrivalMs);
      }
      // Other producers continue in the same partitions. Their records wait for the end of the transaction.
      await this.feed.send(this.swaps(50));
      await (isAborted ? transaction.abort() : transaction.commit());
    } finally {
      await producer.close();
    }
  }
}

function batchOf(value: Buffer, timeMs: number): Buffer {
  const records = [{ offset: 0, timeMs, key: null, value, headers: [] }];
  return writeBatch({ baseOffset: 0, lastOffset: 0, codec: 0, records });
}

/** Bytes of a batch besides its one value of megabytes. */
function emptyBatchBytes(): number {
  const bytes = 1_500_000;
  return batchOf(Buffer.alloc(bytes), 0).length - bytes;
}

function ahead(swap: Swap, ms: number): Swap {
  const event = JSON.parse(swap.value) as { event_time: number; tx_hash: string };
  const value = JSON.stringify({ ...event, event_time: event.event_time + ms, tx_hash: `${event.tx_hash}00` });
  return { ...swap, value, arrivalMs: swap.arrivalMs + ms };
}

requires("records of all kinds through two instances", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("records of all kinds through two instances", () => {
    let site: Site;
    after(() => site.stop());
    const folder = tempDir({ after }, "records");
    before(async () => {
      site = await Site.start(folder);
    });

    test("valid swaps are in the figures, and all other records are dead letters with code, position and bytes", async (t) => {
      const topic = await newTopic(site.kafka, PARTITIONS, { "max.message.bytes": String(BATCH_BYTES_MAX) });
      await createTopic(site.kafka, `${topic}.dlq`, 1, { "max.message.bytes": String(BATCH_BYTES_MAX + 65_536) });
      const instances = [await site.start(t, topic, "a"), await site.start(t, topic, "b")];
      await site.settled(topic, instances);
      const run = new Run(t, site, topic);
      for (const codec of CODECS) await run.feed.send(run.swaps(250), codec);
      for (const [i, [code, value]] of POISON.entries()) {
        await run.sendPoison(code, i % PARTITIONS, value);
        await run.feed.send(run.swaps(20));
      }
      for (const codec of [0, 1, 2, 3, 4] as const) await run.sendOddBatch(codec);
      await run.sendLargest();
      await run.sendTransaction(120, false);
      await run.sendTransaction(130, true, 600_000);
      await run.sendTransaction(LONG_TRANSACTION, true, 600_000);
      await run.sendTransaction(LONG_TRANSACTION, false);
      await run.feed.send(run.swaps(200));

      const statuses = await site.settled(topic, instances);
      for (const { counters, partitions } of statuses) {
        assert.deepEqual(counters, run.expected.counters);
        assert.deepEqual(
          partitions.flatMap(({ problems }) => problems),
          [],
        );
      }
      for (const instance of instances) assert.ok((await run.expected.compare(instance)) > 20);
      const letters = await lettersOf(t, site.kafka.brokers, `${topic}.dlq`, run.letters.length);
      run.letters.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
      const text = ({ code, partition, offset, raw }: Letter): string =>
        `${code} ${partition} ${offset} ${raw.length} ${raw.toString("latin1").slice(0, 100)}`;
      assert.deepEqual(letters.map(text), run.letters.map(text));
      assert.ok(letters.every(({ raw }, i) => raw.equals(run.letters[i]!.raw)));
    });

    test("a record waits and is reported while the dead letter topic refuses it, and is written after the limit was raised", async (t) => {
      const topic = await newTopic(site.kafka, PARTITIONS);
      await createTopic(site.kafka, `${topic}.dlq`, 1);
      const instances = [await site.start(t, topic, "a"), await site.start(t, topic, "b")];
      await site.settled(topic, instances);
      const run = new Run(t, site, topic);
      const largest = Buffer.alloc(BROKER_BATCH_BYTES_MAX - emptyBatchBytes(), "x");
      await run.feed.send(run.swaps(300));
      await run.sendPoison("malformed_json", 0, Buffer.from("before"));
      await run.expectLetter("malformed_json", 0, largest);
      await produceBytes(site.kafka, topic, batchOf(largest, Date.now()));
      await run.sendPoison("malformed_json", 0, Buffer.from("behind"));
      await run.feed.send(run.swaps(300));
      await site.settled(topic, instances);
      for (const instance of instances) await run.expected.compare(instance);
      const isTold = async (): Promise<boolean> => {
        const status = await instances[0]?.status();
        const problems = status?.partitions.flatMap((partition) => partition.problems) ?? [];
        return problems.some((problem) => /takes no batch of this size; raise its max.message.bytes/.test(problem));
      };
      await waitFor("status to tell of the letter", isTold);
      const output = memoryOutput(site.settings(topic, "ensure"));
      assert.equal(await runCli(["topic", "ensure"], output, new AbortController().signal), 0, output.errText());
      assert.match(output.outText(), /\.dlq: max\.message\.bytes was 1048588, and is 1114124/);
      const letters = await lettersOf(t, site.kafka.brokers, `${topic}.dlq`, run.letters.length);
      assert.deepEqual(
        letters.map(({ offset, raw }) => [offset, raw.length]),
        run.letters.map(({ offset, raw }) => [offset, raw.length]),
      );
    });
  });
});
