/**
 * A compacted topic in memory, as bad as Kafka may be: every step of every client waits for its turn, which a seeded die gives; appends
 * lose their answers, or arrive long after their client gave up; compaction takes any part of what it may take, between any two
 * steps; tombstones go; leaders change. Nothing that was ever appended is forgotten by the model itself, which is the judge.
 */
import { setImmediate as settled } from "node:timers/promises";
import type { LogRecord } from "../../../src/clients/kafka/topic-log.ts";
import type { CheckpointLog } from "../../../src/stores/kafka/checkpoint-reader.ts";
import type { Random } from "../../support/seed.ts";

type StoredRecord = {
  readonly offset: number;
  readonly key: string;
  readonly value: Buffer | undefined;
  /** Offset behind the last record of its batch. */
  readonly batchEnd: number;
};

export type ModelFaults = {
  /** Shares of appends that fail without an effect, fail and have it, and fail and have it later. */
  readonly refused: number;
  readonly unanswered: number;
  readonly delayed: number;
  /** Share of reads that fail. */
  readonly unread: number;
};

/** Resumes the waiting calls one by one in random order, which alone decides the order of events. */
class Turns {
  readonly #random: Random;
  #waiting: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Until `work` is done; `between` is called before every turn. */
  async run(work: Promise<unknown>, between: () => void): Promise<void> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    for (;;) {
      await settled();
      if (isDone) break;
      between();
      const [turn] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      turn?.();
    }
    await done;
  }
}

export class ModelTopic {
  readonly random: Random;
  readonly turns: Turns;
  readonly partitions: StoredRecord[][];
  /** All that was ever appended. */
  readonly everything: StoredRecord[][];
  #ends: number[];
  #epoch = 0;
  #late: (() => void)[] = [];

  constructor(random: Random, partitions: number) {
    this.random = random;
    this.turns = new Turns(random);
    this.partitions = Array.from({ length: partitions }, () => []);
    this.everything = Array.from({ length: partitions }, () => []);
    this.#ends = new Array(partitions).fill(0);
  }

  get history(): string {
    return String(this.#epoch);
  }

  end(partition: number): number {
    return this.#ends[partition]!;
  }

  append(partition: number, records: readonly LogRecord[]): number {
    const first = this.#ends[partition]!;
    const batchEnd = first + records.length;
    for (const [i, { key, value }] of records.entries()) {
      const copy = value === undefined ? undefined : Buffer.from(value);
      const record = { offset: first + i, key, value: copy, batchEnd };
      this.partitions[partition]!.push(record);
      this.everything[partition]!.push(record);
    }
    this.#ends[partition] = batchEnd;
    return first;
  }

  appendLate(partition: number, records: readonly LogRecord[]): void {
    const copies = records.map(({ key, value }) => ({
      key,
      value: value === undefined ? undefined : Buffer.from(value),
    }));
    this.#late.push(() => this.append(partition, copies));
  }

  /** Something that happens by itself, now and then. */
  step(): void {
    const { random } = this;
    if (this.#late.length > 0 && random.chance(0.1)) this.#late.splice(random.below(this.#late.length), 1)[0]!();
    if (random.chance(0.05)) this.compact(random.next());
    if (random.chance(0.003)) this.dropTombstones();
    if (random.chance(0.003)) this.#epoch++;
  }

  /** Takes away about this share of what compaction may. */
  compact(share: number): void {
    for (const [partition, records] of this.partitions.entries()) {
      const last = new Map(records.map(({ key, offset }) => [key, offset]));
      this.partitions[partition] = records.filter(
        ({ key, offset }) => last.get(key) === offset || !this.random.chance(share),
      );
    }
  }

  /** Removes tombstones whose record is gone, as after a time in which every reader has restarted. */
  dropTombstones(): void {
    this.#epoch++;
    for (const [partition, records] of this.partitions.entries()) {
      const values = new Set(records.flatMap(({ key, value }) => (value === undefined ? [] : [key])));
      this.partitions[partition] = records.filter(({ key, value }) => value !== undefined || values.has(key));
    }
  }

  /** A client's access to the topic. After `kill` every call fails, and a pending append may or may not take effect. */
  client(faults: ModelFaults): CheckpointLog & { kill(): void } {
    let isKilled = false;
    const turn = async (): Promise<void> => {
      await this.turns.next();
      if (isKilled) throw new Error("the process was killed");
    };
    return {
      kill: () => {
        isKilled = true;
      },
      close: async () => {},
      partitions: async () => this.partitions.length,
      append: async (partition, records) => {
        if (this.random.chance(faults.delayed)) {
          this.appendLate(partition, records);
          throw new Error("no answer in time");
        }
        await turn().catch((error) => {
          if (this.random.chance(0.5)) this.appendLate(partition, records);
          throw error;
        });
        if (this.random.chance(faults.refused)) throw new Error("refused");
        const offset = this.append(partition, records);
        await turn();
        if (this.random.chance(faults.unanswered)) throw new Error("the answer was lost");
        return offset;
      },
      ends: async (partition) => {
        await turn();
        if (this.random.chance(faults.unread)) throw new Error("not now");
        return { startOffset: 0, endOffset: this.end(partition), history: this.history };
      },
      read: async (partition, offset, _bytesMax, onRecord) => {
        await turn();
        if (this.random.chance(faults.unread)) throw new Error("not now");
        const { nextOffset } = this.#readSome(partition, offset, onRecord);
        return { nextOffset, endOffset: this.end(partition), history: this.history };
      },
    };
  }

  /** Some whole batches from there on; to the end where nothing is left. */
  #readSome(partition: number, from: number, onRecord: Parameters<CheckpointLog["read"]>[3]): { nextOffset: number } {
    let batches = 1 + this.random.below(8);
    let nextOffset = from;
    for (const { offset, key, value, batchEnd } of this.partitions[partition]!) {
      if (offset < from) continue;
      if (batchEnd > nextOffset && batches-- === 0) return { nextOffset };
      nextOffset = batchEnd;
      onRecord(offset, Buffer.from(key), value);
    }
    return { nextOffset: nextOffset === from || batches > 0 ? this.end(partition) : nextOffset };
  }
}
