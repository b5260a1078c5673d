/** The waiting records of a partition over a log of numbered records, with an owner that stops and continues, in each mode of pressure. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MemoryPool } from "../../../../src/clients/kafka/memory-pool.ts";
import type { ResponseMemory } from "../../../../src/sources/kafka/fetch-loop.ts";
import { FetchedQueue } from "../../../../src/sources/kafka/pressure/fetched-queue.ts";
import { type KafkaPressure, newKafkaCounters } from "../../../../src/sources/kafka/setup.ts";
import { writeBatch } from "../../../support/batch-writer.ts";
import { type Random, randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";

const RECORDS = 600;
const MIB = 1024 * 1024;

/** Overwrites returned memory, which reveals code that still reads it. */
class SpoilingPool extends MemoryPool {
  taken = 0;
  returned = 0;

  override take(byteLength: number): Buffer {
    this.taken++;
    return Buffer.alloc(byteLength);
  }

  override giveBack(bytes: Buffer): void {
    this.returned++;
    Buffer.from(bytes.buffer).fill(0xee);
  }
}

/** The fetching side and the owner of one partition. */
class Side {
  readonly queue: FetchedQueue;
  readonly counters = newKafkaCounters();
  readonly pool = new SpoilingPool();
  readonly values: number[] = [];
  readonly #random: Random;
  readonly #partBytesMax: number;
  fetchOffset = 0;
  position = 0;
  dropped = 0;
  droppedBatches = 0;
  refetches = 0;
  waitingMax = 0;
  spilledMax = 0;

  constructor(random: Random, bytesMax: number, pressure: KafkaPressure, partBytesMax = 3_000) {
    this.#random = random;
    this.#partBytesMax = partBytesMax;
    const calls = { onHead: () => {}, onRoom: () => {} };
    this.queue = new FetchedQueue({
      partition: 0,
      bytesMax,
      pressure,
      hasEnvelopes: false,
      counters: this.counters,
      ...calls,
    });
  }

  /** One answer of some batches, if one is wanted. */
  fetch(): boolean {
    if (this.queue.isFull || this.fetchOffset >= RECORDS) return false;
    const from = this.fetchOffset;
    const parts: Buffer[] = [];
    let records = 0;
    for (let i = this.#random.below(3); i >= 0; i--) {
      const count = Math.min(1 + this.#random.below(4), RECORDS - from - records);
      if (count === 0) break;
      const written = Array.from({ length: count }, (_, at) => this.#record(from + records + at));
      const baseOffset = from + records;
      parts.push(writeBatch({ baseOffset, lastOffset: baseOffset + count - 1, codec: 0, records: written }));
      records += count;
    }
    const whole = Buffer.concat(parts);
    const memory: ResponseMemory = { bytes: this.pool.take(whole.length), pool: this.pool, shares: 1 };
    whole.copy(memory.bytes);
    const to = from + records;
    this.queue.push({ from, to, batches: parts.length, records, bytes: memory.bytes, aborted: [], memory });
    memory.shares--;
    if (memory.shares === 0) this.pool.giveBack(memory.bytes);
    this.fetchOffset = to;
    this.#measure();
    return true;
  }

  #record(offset: number) {
    const text = `${offset} ${"x".repeat(this.#random.below(this.#partBytesMax / 12))}`;
    return { offset, timeMs: 1, key: null, value: Buffer.from(text), headers: [] };
  }

  /** One read of the owner; false: nothing is there. */
  read(): boolean {
    this.queue.noteRead();
    for (;;) {
      const { head } = this.queue;
      if (head === undefined || head.kind === "away") return false;
      if (head.kind === "dropped") {
        this.dropped += head.dropped.records;
        this.droppedBatches += head.dropped.batches;
        assert.equal(head.dropped.to - this.position, head.dropped.records);
        this.position = head.dropped.to;
        this.queue.shift();
        return true;
      }
      if (head.kind === "broken") {
        this.queue.clear(false);
        this.fetchOffset = this.position;
        this.refetches++;
        return false;
      }
      const batch = head.batches.next(this.position, MIB);
      if (batch === undefined) {
        this.queue.shift();
        continue;
      }
      assert.ok(!("reason" in batch), JSON.stringify(batch));
      assert.equal(batch.baseOffset, this.position);
      const text = Buffer.from(batch.payload).toString();
      for (let i = 0; i < batch.count; i++) {
        const start: number = i === 0 ? 0 : batch.ends[i - 1]!;
        assert.equal(text.slice(start, batch.ends[i]).split(" ")[0], String(batch.baseOffset + i));
        this.values.push(batch.baseOffset + i);
      }
      this.position = batch.nextOffset;
      this.#measure();
      return true;
    }
  }

  #measure(): void {
    this.waitingMax = Math.max(this.waitingMax, this.queue.waitingBytes);
    this.spilledMax = Math.max(this.spilledMax, this.queue.spilledBytes);
  }

  /** So many steps, in which the owner reads as often as the share says. */
  async run(steps: number, readShare: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      this.fetch();
      if (this.#random.chance(readShare)) this.read();
      if (this.#random.chance(0.5)) await nextTurn();
    }
  }

  async toEnd(): Promise<void> {
    await this.toEndWithProblem(undefined);
  }

  async toEndWithProblem(problem: RegExp | undefined): Promise<void> {
    const problems = new Set<string | undefined>();
    while (this.position < RECORDS) {
      this.fetch();
      if (!this.read()) await nextTurn();
      problems.add(this.queue.problem);
    }
    assert.equal(this.read(), false);
    assert.equal(this.queue.head, undefined);
    assert.equal(this.queue.waitingBytes, 0);
    assert.equal(this.queue.spilledBytes, 0);
    if (problem !== undefined) assert.ok([...problems].some((one) => problem.test(one ?? "")));
  }
}

const ALL = Array.from({ length: RECORDS }, (_, i) => i);
/** Larger than any fetch of these tests. */
const PART_MAX = 6_000;

function bufferIn(folder: string, spillBytesMax: number): KafkaPressure {
  return { mode: "buffer", afterMs: 0, folder, spillBytesMax };
}

function close(t: TestContext, side: Side): void {
  t.after(() => side.queue.close());
}

describe("the fetched records of a partition that wait", () => {
  test("block: all records come in order, within the bound and one fetch", async (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 10; round++) {
      const bytesMax = 1 + random.below(20_000);
      const side = new Side(random, bytesMax, { mode: "block" });
      await side.run(200, 0);
      assert.ok(side.queue.isFull);
      assert.ok(side.waitingMax >= bytesMax && side.waitingMax < bytesMax + PART_MAX);
      await side.run(50, 0.7);
      await side.toEnd();
      assert.deepEqual(side.values, ALL);
      assert.equal(side.pool.returned, side.pool.taken);
    }
  });

  test("drop: records given to the owner and records reported as dropped are all records, and memory stays within the bound", async (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 10; round++) {
      const bytesMax = 1 + random.below(10_000);
      const side = new Side(random, bytesMax, { mode: "drop", afterMs: 0 });
      await side.run(20, 0.2);
      await side.run(30, 0);
      if (side.fetchOffset < RECORDS) assert.match(side.queue.problem ?? "", /what comes is dropped/);
      await side.run(20, 0.6);
      await side.run(20, 0);
      await side.toEnd();
      assert.equal(side.values.length + side.dropped, RECORDS);
      assert.ok(side.dropped > 0 && side.droppedBatches > 0);
      assert.deepEqual(
        side.values,
        [...side.values].sort((a, b) => a - b),
      );
      assert.ok(side.waitingMax < bytesMax + PART_MAX);
      assert.equal(side.pool.returned, side.pool.taken);
    }
  });

  test("drop: a slow owner that keeps reading loses nothing while it is not stalled", async (t) => {
    const random = randomFrom(seedOf(t));
    const side = new Side(random, 5_000, { mode: "drop", afterMs: 3_600_000 });
    t.after(() => side.queue.close());
    await side.run(500, 0.05);
    await side.toEnd();
    assert.deepEqual(side.values, ALL);
  });

  test("buffer: all records come in order through a file of any size, which never exceeds its bound", async (t) => {
    const random = randomFrom(seedOf(t));
    const folder = tempDir(t, "queue");
    for (let round = 0; round < 10; round++) {
      const bytesMax = 1 + random.below(8_000);
      const spillBytesMax = 4096 * (2 + random.below(60));
      const side = new Side(random, bytesMax, bufferIn(folder, spillBytesMax));
      close(t, side);
      await side.run(100, 0);
      assert.ok(side.spilledMax > 0);
      for (let i = 0; i < 6; i++) await side.run(25, random.pick([0, 0.3, 0.9]));
      await side.toEnd();
      assert.deepEqual(side.values, ALL);
      assert.ok(side.spilledMax <= spillBytesMax);
      // What is being written is in memory as well, within the bound once more.
      assert.ok(side.waitingMax < 2 * (bytesMax + PART_MAX) + PART_MAX, `${side.waitingMax} of ${bytesMax}`);
      await side.queue.close();
      assert.equal(side.pool.returned, side.pool.taken);
    }
  });

  test("buffer: a read at another position forgets the file, and all records come again", async (t) => {
    const random = randomFrom(seedOf(t));
    const side = new Side(random, 4_000, bufferIn(tempDir(t, "queue"), 200_000));
    close(t, side);
    for (let i = 0; i < 8; i++) {
      await side.run(40, 0.1);
      side.queue.clear(false);
      side.fetchOffset = side.position;
      assert.equal(side.queue.spilledBytes, 0);
    }
    await side.toEnd();
    assert.deepEqual(side.values, ALL);
  });

  test("buffer: records that were changed on the disk are fetched again", async (t) => {
    const random = randomFrom(seedOf(t));
    const folder = tempDir(t, "queue");
    const side = new Side(random, 4_000, bufferIn(folder, 400_000));
    close(t, side);
    await side.run(150, 0);
    // Writes in flight are bounded by the size of the queue. With far more than that spilled, most of the file has been written.
    while (side.queue.spilledBytes < 100_000) {
      side.fetch();
      await nextTurn();
    }
    const [name] = readdirSync(folder);
    assert.ok(name !== undefined);
    writeFileSync(join(folder, name), Buffer.alloc(400_000, 0x55));
    await side.toEndWithProblem(/checksum/);
    assert.deepEqual(side.values, ALL);
    assert.ok(side.refetches > 0);
  });

  test("buffer: with a disk that takes no writes the queue blocks, says so, and loses nothing", async (t) => {
    const random = randomFrom(seedOf(t));
    const folder = join(tempDir(t, "queue"), "spill");
    writeFileSync(folder, "in the way");
    const side = new Side(random, 4_000, bufferIn(folder, 400_000));
    close(t, side);
    await side.run(150, 0);
    assert.ok(side.queue.isFull);
    await side.toEndWithProblem(/spill file .* failed/);
    assert.deepEqual(side.values, ALL);
    assert.equal(side.pool.returned, side.pool.taken);
  });
});
