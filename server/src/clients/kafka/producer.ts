/**
 * Sends records to one topic; one batch is sent while the next one is filled. All in-sync replicas acknowledge a batch,
 * and sending is idempotent: a batch that is sent twice is stored once.
 */

import { Producer } from "@platformatic/kafka";
import { SwapstatsError } from "../../shared/errors.ts";
import { backoffMs } from "../../shared/retry.ts";
import { clientOptions, isKafkaError, kafkaError } from "./client.ts";
import type { KafkaConnection } from "./connection.ts";

const BATCH_RECORDS_MAX = 2_000;
const BATCH_BYTES_MAX = 768 * 1024;
/** A broker that restarts is away for some seconds. */
export const PRODUCER_RETRIES = 12;
const BACKOFF = { firstMs: 200, longestMs: 3_000 };

export type ProducedRecord = {
  readonly partition: number;
  readonly key: Buffer | undefined;
  readonly value: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

type Message = {
  topic: string;
  partition: number;
  value: Buffer;
  key?: Buffer;
  headers?: Map<Buffer, Buffer>;
};

export class KafkaProducer {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #producer: Producer;
  #messages: Message[] = [];
  #bytes = 0;
  #underWay: Promise<void> = Promise.resolve();
  #sent = 0;

  /** The client itself retries a batch: only it knows the sequence numbers by which brokers recognise a copy. */
  constructor(connection: KafkaConnection, topic: string, retries: number) {
    this.#connection = connection;
    this.#topic = topic;
    this.#producer = new Producer({
      ...clientOptions(connection),
      idempotent: true,
      acks: -1,
      retries,
      retryDelay: (_client, _operation, attempt) => backoffMs(BACKOFF, attempt),
    });
  }

  /** Records that the brokers have acknowledged. */
  get acknowledged(): number {
    return this.#sent;
  }

  /** Returns the topic's current number of partitions. Rejects with `not_found` where there is no such topic. */
  async partitions(): Promise<number> {
    try {
      const metadata = await this.#producer.metadata({ topics: [this.#topic], forceUpdate: true, retries: 0 });
      return metadata.topics.get(this.#topic)!.partitionsCount;
    } catch (error) {
      throw kafkaError(error, `asking about topic ${this.#topic}`, this.#connection);
    }
  }

  /**
   * Keeps the record's memory until it is acknowledged. Returns a promise while two batches are full: then the caller
   * waits.
   */
  add(record: ProducedRecord): Promise<void> | undefined {
    this.#messages.push(this.#messageOf(record));
    this.#bytes += record.value.length;
    if (this.#messages.length < BATCH_RECORDS_MAX && this.#bytes < BATCH_BYTES_MAX) return undefined;
    return this.#sendBatch();
  }

  /** Resolves when everything that was added is acknowledged; rejects with the error that prevents it. */
  async flush(): Promise<void> {
    if (this.#messages.length > 0) await this.#sendBatch();
    await this.#underWay;
  }

  /** Sends these records alone, and resolves when they are acknowledged. After a failure some of them may be stored. */
  async send(records: readonly ProducedRecord[]): Promise<void> {
    let messages: Message[] = [];
    let bytes = 0;
    for (const record of records) {
      if (messages.length > 0 && bytes + record.value.length > BATCH_BYTES_MAX) {
        await this.#send(messages);
        messages = [];
        bytes = 0;
      }
      messages.push(this.#messageOf(record));
      bytes += record.value.length;
    }
    if (messages.length > 0) await this.#send(messages);
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  async #sendBatch(): Promise<void> {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    await this.#underWay;
    this.#underWay = this.#send(messages);
    // The next caller that waits gets the failure. Without a handler until then it would end the process.
    this.#underWay.catch(() => {});
  }

  async #send(messages: Message[]): Promise<void> {
    try {
      await this.#producer.send({ messages, acks: -1, idempotent: true });
    } catch (error) {
      throw this.#failure(error);
    }
    this.#sent += messages.length;
  }

  #messageOf({ partition, key, value, headers }: ProducedRecord): Message {
    return {
      topic: this.#topic,
      partition,
      value,
      ...(key === undefined ? {} : { key }),
      ...(headers === undefined ? {} : { headers: headerMap(headers) }),
    };
  }

  #failure(error: unknown): SwapstatsError {
    if (isKafkaError(error, "MESSAGE_TOO_LARGE") || isKafkaError(error, "RECORD_LIST_TOO_LARGE")) {
      const message = `topic ${this.#topic} takes no batch of this size; raise its max.message.bytes`;
      return new SwapstatsError("too_large", message, { cause: error });
    }
    return kafkaError(error, `writing to topic ${this.#topic}`, this.#connection);
  }
}

function headerMap(headers: Readonly<Record<string, string>>): Map<Buffer, Buffer> {
  return new Map(Object.entries(headers).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]));
}
