/** The states of the reader of a partition, without a broker: the test takes the part of the fetch loop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryPool } from "../../../src/clients/kafka/memory-pool.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { KafkaPartitionReader, READER_STEPS, type ReaderLoop } from "../../../src/sources/kafka/partition-reader.ts";
import { FETCH_DEFAULTS, newKafkaCounters } from "../../../src/sources/kafka/setup.ts";
import { writeBatch } from "../../support/batch-writer.ts";
import { setupOf } from "../../support/kafka-support.ts";
import { StepsTaken } from "../../support/steps-taken.ts";

const TIME_MS = 1_767_225_600_000;
const OLD_TOPIC = "aa";
const NEW_TOPIC = "bb";
const READ_BYTES = 1024;
const steps = new StepsTaken();

class Fetches {
  range = { startOffset: 0, endOffset: 100 };
  readonly reader: KafkaPartitionReader;
  readonly #pool = new MemoryPool();

  constructor() {
    const identity = { topicId: OLD_TOPIC, partitions: 1 };
    const loop: ReaderLoop = {
      add: () => {},
      remove: () => {},
      wake: () => {},
      problems: [],
      view: { identity, refresh: async () => identity, range: async () => this.range },
    };
    const setup = setupOf(["127.0.0.1:1"], "swaps", FETCH_DEFAULTS);
    this.reader = new KafkaPartitionReader(0, setup, loop, newKafkaCounters(), () => {});
    this.reader.begin(OLD_TOPIC);
  }

  /** A reader that has asked for the records from offset 5 on. */
  reading(): { readonly reader: KafkaPartitionReader; readonly read: Promise<RecordBatch> } {
    return { reader: this.reader, read: this.read(5) };
  }

  read(position: number): Promise<RecordBatch> {
    const read = this.reader.read(position, READ_BYTES, new AbortController().signal);
    // Some tests look at it only after it was rejected.
    read.catch(() => {});
    return read;
  }

  /** The broker answers a fetch from this offset with one batch of two records. */
  answer(offset: number, isDamaged = false): void {
    const value = Buffer.from("a swap");
    const record = { timeMs: TIME_MS, key: null, value, headers: [] };
    const records = [offset, offset + 1].map((one) => ({ ...record, offset: one }));
    const written = writeBatch({ baseOffset: offset, lastOffset: offset + 1, codec: 0, records });
    const bytes = this.#pool.take(written.length);
    written.copy(bytes);
    // A length that no batch has.
    if (isDamaged) bytes.writeInt32BE(1, 8);
    const ends = { highWatermark: 100, lastStableOffset: 100, logStartOffset: this.range.startOffset };
    const fetched = { partition: 0, error: 0, ...ends, aborted: [], records: bytes };
    this.reader.take(offset, fetched, { bytes, pool: this.#pool, shares: 1 });
  }
}

describe("the states of a partition's reader", () => {
  test("it fetches nothing before its first read, and then from the position", async () => {
    const fetches = new Fetches();
    const { reader } = fetches;
    assert.equal(reader.wanted(), undefined);
    fetches.answer(5);
    const read = fetches.read(5);
    assert.equal(reader.wanted()?.offset, 5);
    fetches.answer(5);
    assert.deepEqual([(await read).baseOffset, (await read).count, reader.wanted()?.offset], [5, 2, 7]);
    await reader.close();
  });

  test("it fetches from another position when it is read there, and drops what was fetched for the former one", async () => {
    const fetches = new Fetches();
    const { reader, read } = fetches.reading();
    fetches.answer(5);
    await read;
    fetches.answer(7);
    const elsewhere = fetches.read(30);
    fetches.answer(9);
    assert.equal(reader.wanted()?.offset, 30);
    fetches.answer(30);
    assert.equal((await elsewhere).baseOffset, 30);
    await reader.close();
  });

  test("it fetches nothing behind a damaged batch until the owner has come to it", async () => {
    const fetches = new Fetches();
    const { reader, read } = fetches.reading();
    fetches.answer(5, true);
    assert.equal(reader.wanted(), undefined);
    await assert.rejects(read, { code: "log_damaged" });
    assert.equal(reader.wanted()?.offset, 5);
    fetches.answer(5);
    assert.equal((await fetches.read(5)).count, 2);
    await reader.close();
  });

  test("it says what is lost when the broker no longer has the position, and fetches again", async () => {
    const fetches = new Fetches();
    const { reader, read } = fetches.reading();
    fetches.range = { startOffset: 40, endOffset: 100 };
    reader.outOfRange(4);
    assert.equal(reader.wanted()?.offset, 5);
    reader.outOfRange(5);
    assert.equal(reader.wanted(), undefined);
    await assert.rejects(read, /records before 40 are no longer held/);
    assert.equal(reader.resumeAfter(5), 40);
    const next = fetches.read(40);
    fetches.answer(40);
    assert.equal((await next).baseOffset, 40);
    await reader.close();
  });

  test("it reads on when the position is in the log after all", async () => {
    const fetches = new Fetches();
    const { reader, read } = fetches.reading();
    reader.outOfRange(5);
    while (reader.wanted() === undefined) await Promise.resolve();
    fetches.answer(5);
    assert.equal((await read).count, 2);
    await reader.close();
  });

  for (const [state, lead] of [
    ["idle", () => {}],
    ["reading", (fetches: Fetches) => fetches.reading()],
    ["at damage", (fetches: Fetches) => [fetches.reading(), fetches.answer(5, true)]],
    ["out of range", (fetches: Fetches) => [fetches.reading(), fetches.reader.outOfRange(5)]],
  ] as const) {
    test(`every read rejects after the topic was re-created while it was ${state}`, async () => {
      const fetches = new Fetches();
      const { reader } = fetches;
      lead(fetches);
      reader.recreated(NEW_TOPIC);
      reader.recreated(NEW_TOPIC);
      assert.equal(reader.wanted(), undefined);
      for (const position of [5, 50]) {
        await assert.rejects(fetches.read(position), { code: "log_damaged", message: /its id was aa, and is bb/ });
        assert.equal(reader.resumeAfter(position), position);
      }
      await reader.close();
    });

    test(`every read rejects after it was closed while it was ${state}`, async () => {
      const fetches = new Fetches();
      lead(fetches);
      await fetches.reader.close();
      await fetches.reader.close();
      assert.equal(fetches.reader.wanted(), undefined);
      for (const position of [5, 50]) await assert.rejects(fetches.read(position), { code: "unavailable" });
    });
  }

  test("a read that waits for the range ends when the reader is closed meanwhile", async () => {
    const fetches = new Fetches();
    const { reader, read } = fetches.reading();
    reader.outOfRange(5);
    await reader.close();
    await assert.rejects(read, { code: "unavailable" });
  });

  test("a closed reader takes no other state", async () => {
    const fetches = new Fetches();
    await fetches.reader.close();
    assert.throws(() => fetches.reader.recreated(NEW_TOPIC), {
      code: "internal",
      message: "The reader of partition 0 cannot go from the state closed to the state recreated.",
    });
  });

  test("the tests of this file take every step of its table", () => {
    assert.deepEqual(steps.missing("The reader of partition 0", READER_STEPS), []);
  });
});
