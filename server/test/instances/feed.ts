/** Sends generated swaps, and those that a test makes up, to their partitions, and tells the model of each. */
import assert from "node:assert/strict";
import type { CompressionAlgorithmValue, Producer } from "@platformatic/kafka";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { formatTokenId, parseTokenId } from "../../src/shared/token-id.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { newProducer, sendToPartitions } from "../support/kafka-support.ts";
import type { Expected } from "./expected.ts";

/** Together below the largest batch of a broker (1 MiB). */
const BATCH_RECORDS = 700;

/** A swap with the time at which its producer sends it. */
export type Swap = { readonly id: string; readonly value: string; readonly arrivalMs: number };

export class SwapStream {
  readonly #generator: SwapGenerator;
  readonly #bytes = Buffer.alloc(RECORD_BYTES_MAX);

  constructor(options: Partial<GeneratorOptions> & { readonly seed: number; readonly startMs: number }) {
    const shares = { duplicates: 0.03, late: 0.01, future: 0.002, removed: 0.03 };
    this.#generator = new SwapGenerator({
      ...GENERATOR_DEFAULTS,
      ...{ ratePerSecond: 8, tokens: 40, traders: 90 },
      ...shares,
      ...options,
    });
  }

  next(count: number): Swap[] {
    return Array.from({ length: count }, () => {
      const arrivalMs = Math.floor(this.#generator.nextDueMs);
      const end = this.#generator.write(this.#bytes, 0);
      const value = this.#bytes.toString("utf8", 0, end - 1);
      const swap = JSON.parse(value) as { chain_id: number; token: string };
      const id = parseTokenId(`${swap.chain_id}:${swap.token}`);
      assert.ok(id !== undefined);
      return { id: formatTokenId(id.chainId, id.token), value, arrivalMs };
    });
  }
}

export class Feed {
  readonly topic: string;
  readonly #brokers: readonly string[];
  #partitions: number;
  readonly #expected: Expected;
  #producer: Producer;

  constructor(brokers: readonly string[], topic: string, partitions: number, expected: Expected) {
    this.topic = topic;
    this.#brokers = brokers;
    this.#partitions = partitions;
    this.#expected = expected;
    this.#producer = newProducer(brokers);
  }

  partitionOf(id: string): number {
    return partitionOfTokenId(id, this.#partitions);
  }

  /** From now on tokens are distributed over this many partitions, which the broker already knows. */
  async repartition(partitions: number): Promise<void> {
    await this.#producer.close();
    this.#producer = newProducer(this.#brokers);
    this.#partitions = partitions;
  }

  /** Resolves when the broker has all of them, in this order within each partition. Rejects when the topic lacks such a partition. */
  async send(swaps: readonly Swap[], compression: CompressionAlgorithmValue = "none"): Promise<void> {
    for (let at = 0; at < swaps.length; at += BATCH_RECORDS) {
      const batch = swaps.slice(at, at + BATCH_RECORDS);
      const messages = batch.map((swap) => this.messageOf(swap));
      await sendToPartitions(this.#producer, this.topic, messages, compression);
      for (const { id, value, arrivalMs } of batch) this.#expected.take(this.partitionOf(id), value, arrivalMs);
    }
  }

  messageOf({ id, value, arrivalMs }: Swap) {
    const partition = this.partitionOf(id);
    const timestamp = BigInt(arrivalMs);
    return { topic: this.topic, partition, key: Buffer.from(id), value: Buffer.from(value), timestamp };
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}
