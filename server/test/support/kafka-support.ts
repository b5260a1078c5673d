/** Helpers for tests against a real broker. */
import { randomBytes } from "node:crypto";
import { type CompressionAlgorithmValue, Connection, Producer, type Reader, Writer } from "@platformatic/kafka";
import { createTopic, type Kafka } from "../../../scripts/servers/kafka.ts";
import type { KafkaConnection } from "../../src/clients/kafka/connection.ts";
import { openKafkaReaders } from "../../src/sources/kafka/readers.ts";
import {
  FETCH_DEFAULTS,
  type KafkaReader,
  type KafkaReaders,
  type KafkaSourceSetup,
} from "../../src/sources/kafka/setup.ts";

type SeenRecord = { readonly offset: number; readonly value: string; readonly arrivalMs: number };

/** The limit of every wait: far beyond any real duration, so that a hanging test says where. */
const WAIT_LIMIT_MS = 120_000;
const READ_BYTES = 1024 * 1024;

export function connectionTo(brokers: readonly string[]): KafkaConnection {
  return { brokers, clientId: "swapstats-test", connectTimeoutMs: 2_000, requestTimeoutMs: 3_000 };
}

export function setupOf(
  brokers: readonly string[],
  topic: string,
  more: Partial<KafkaSourceSetup> = {},
): KafkaSourceSetup {
  return { connection: connectionTo(brokers), topic, ...FETCH_DEFAULTS, ...more };
}

export async function newTopic(kafka: Kafka, partitions = 1, configs = {}, replicas = 1): Promise<string> {
  const topic = `swaps-${randomBytes(6).toString("hex")}`;
  await createTopic(kafka, topic, partitions, configs, replicas);
  return topic;
}

/** Readers and producers of a test, closed after it. */
export function openFor(t: { after(run: () => Promise<void>): void }, setup: KafkaSourceSetup): KafkaReaders {
  const readers = openKafkaReaders(setup);
  t.after(() => readers.close());
  return readers;
}

export function waitLimit(): AbortSignal {
  return AbortSignal.timeout(WAIT_LIMIT_MS);
}

/** Reads until `count` records were seen or the position is `to`, and checks that no step has a gap. */
export async function readOn(
  reader: KafkaReader,
  from: number,
  until: { readonly count?: number; readonly to?: number },
): Promise<{ seen: SeenRecord[]; position: number }> {
  const signal = waitLimit();
  const seen: SeenRecord[] = [];
  let position = from;
  while (seen.length < (until.count ?? 0) || position < (until.to ?? 0)) {
    const batch = await reader.read(position, READ_BYTES, signal);
    if (batch.baseOffset < position || batch.baseOffset + batch.count > batch.nextOffset) {
      throw new Error(`a batch from ${batch.baseOffset} at position ${position}`);
    }
    for (let i = 0; i < batch.count; i++) {
      const start = i === 0 ? 0 : batch.ends[i - 1]!;
      const value = Buffer.from(batch.payload.slice(start, batch.ends[i]!)).toString();
      const arrivalMs = typeof batch.arrivalsMs === "number" ? batch.arrivalsMs : batch.arrivalsMs[i]!;
      seen.push({ offset: batch.baseOffset + i, value, arrivalMs });
    }
    position = batch.nextOffset;
  }
  return { seen, position };
}

export type Sent = {
  readonly value?: Buffer;
  readonly key?: Buffer;
  readonly headers?: Map<Buffer, Buffer>;
  readonly timestamp?: bigint;
};

export async function produce(
  kafka: Pick<Kafka, "brokers">,
  topic: string,
  values: readonly (string | Sent)[],
  options: { readonly partition?: number; readonly compression?: CompressionAlgorithmValue } = {},
): Promise<void> {
  const producer = newProducer(kafka.brokers);
  try {
    const messages = values.map((value) => ({
      topic,
      partition: options.partition ?? 0,
      ...(typeof value === "string" ? { value: Buffer.from(value) } : value),
    }));
    await sendToPartitions(producer, topic, messages, options.compression);
  } finally {
    await producer.close();
  }
}

/**
 * Sends messages to the partitions that they name. Rejects, and sends nothing, when the producer does not know such a partition. The client
 * itself would divide the number by the partitions that it knows, and send to the remainder.
 */
export async function sendToPartitions(
  producer: Producer,
  topic: string,
  messages: readonly (Sent & { readonly topic: string; readonly partition: number })[],
  compression: CompressionAlgorithmValue = "none",
): Promise<void> {
  const { topics } = await producer.metadata({ topics: [topic] });
  const known = topics.get(topic)?.partitionsCount ?? 0;
  const unknown = messages.find(({ partition }) => partition >= known);
  if (unknown !== undefined) {
    throw new Error(
      `The producer knows ${known} partitions of topic ${topic}, and partition ${unknown.partition} is meant.`,
    );
  }
  await producer.send({ acks: -1, compression, messages: [...messages] });
}

export function newProducer(brokers: readonly string[], transactionalId?: string): Producer {
  return new Producer({
    clientId: "swapstats-test-producer",
    bootstrapBrokers: [...brokers],
    retries: 20,
    retryDelay: 200,
    // A batch that is sent again, because one of several partitions had no leader yet, is in the log once.
    idempotent: true,
    ...(transactionalId === undefined ? {} : { transactionalId }),
  });
}

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 9;

/**
 * Sends a batch of records that a test has written byte by byte to the broker of a topic with one broker. Rejects unless the broker accepts
 * it.
 */
export async function produceBytes(kafka: Pick<Kafka, "brokers">, topic: string, batch: Buffer): Promise<void> {
  const [host = "", port = ""] = kafka.brokers[0]!.split(":");
  const connection = new Connection("swapstats-test-bytes", {});
  await connection.connect(host, Number(port));
  const request = (): Writer =>
    Writer.create()
      .appendString(null)
      .appendInt16(-1)
      .appendInt32(10_000)
      .appendArray([topic], (topics, name) => {
        topics.appendString(name).appendArray([0], (partitions, index) => {
          partitions.appendInt32(index).appendBytes(batch);
        });
      })
      .appendTaggedFields();
  try {
    const error = await new Promise<number>((resolve, reject) => {
      connection.send<number>(PRODUCE_KEY, PRODUCE_VERSION, request, readError, true, true, (failure, code) => {
        if (failure === null) resolve(code!);
        else reject(failure);
      });
    });
    if (error !== 0) throw new Error(`the broker refused the batch with error ${error}`);
  } finally {
    await connection.close();
  }
}

/** Returns the error of the first partition of the first topic. */
function readError(_correlationId: number, _key: number, _version: number, reader: Reader): number {
  reader.readUnsignedVarInt();
  reader.readString();
  reader.readUnsignedVarInt();
  reader.readInt32();
  return reader.readInt16();
}
