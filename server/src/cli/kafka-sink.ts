/** Sends lines to a Kafka topic. The key of each is the id of its token, so all swaps of a token are in one partition. */

import { type KafkaConnection, kafkaConnection, requireKafka } from "../clients/kafka/connection.ts";
import { KafkaProducer, PRODUCER_RETRIES } from "../clients/kafka/producer.ts";
import { refusalText } from "../codecs/refusal-text.ts";
import { SwapDecoder } from "../codecs/swap-decoder.ts";
import type { Config } from "../config/config.ts";
import { SwapEvent } from "../engine/swaps/swap-event.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import { partitionOfToken } from "../shared/token-partition.ts";
import { groupDigits } from "./progress.ts";
import type { SwapSink } from "./replay/feed.ts";
import type { SentCounts } from "./service-sink.ts";

const EXAMPLES_MAX = 20;
/** Kafka's default port, for addresses without one. */
const PORT = 9092;

export type KafkaTarget = { readonly connection: KafkaConnection; readonly topic: string; readonly label: string };

/** Parses `kafka` (brokers and topic of the configuration) or `kafka://host:port,host:port/topic`. TLS and SASL come from the configuration. */
export function kafkaTarget(text: string, config: Config): KafkaTarget {
  const { instanceId } = config.app;
  if (text === "kafka") {
    const kafka = requireKafka(config.ingest.kafka);
    const connection = kafkaConnection(kafka, instanceId);
    const { topic } = kafka;
    return { connection, topic, label: `kafka://${connection.brokers.join(",")}/${topic}` };
  }
  const match = /^kafka:\/\/([^/]+)\/([A-Za-z0-9._-]{1,249})$/.exec(text);
  if (match === null) throw new SwapstatsError("usage", `${text} is not a Kafka topic; write kafka://HOST:PORT/TOPIC`);
  const brokers = match[1]!.split(",").map((broker) => (/:[0-9]{1,5}$/.test(broker) ? broker : `${broker}:${PORT}`));
  const { tls, sasl } = config.ingest.kafka ?? { tls: undefined, sasl: undefined };
  return { connection: kafkaConnection({ brokers, tls, sasl }, instanceId), topic: match[2]!, label: text };
}

type OnRejected = (file: number, row: number, code: string, bytes: Uint8Array, start: number, end: number) => void;

export class KafkaSink implements SwapSink {
  readonly counts: SentCounts = { sent: 0, accepted: 0, rejected: {}, examples: [] };
  readonly #producer: KafkaProducer;
  readonly #partitions: number;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();

  readonly #onRejected: OnRejected | undefined;

  private constructor(
    producer: KafkaProducer,
    partitions: number,
    chains: ChainAddresses,
    onRejected: OnRejected | undefined,
  ) {
    this.#decoder = new SwapDecoder(chains);
    this.#producer = producer;
    this.#partitions = partitions;
    this.#onRejected = onRejected;
  }

  /**
   * Rejects when the brokers cannot be reached, or the topic does not exist. `chains`: lengths of addresses, for the keys.
   * `onRejected` gets each line that is not a swap. Without it, the counts keep the first few.
   */
  static async open(
    { connection, topic }: KafkaTarget,
    chains: ChainAddresses = NO_CHAIN_ADDRESSES,
    onRejected?: OnRejected,
  ): Promise<KafkaSink> {
    const producer = new KafkaProducer(connection, topic, PRODUCER_RETRIES);
    try {
      return new KafkaSink(producer, await producer.partitions(), chains, onRejected);
    } catch (error) {
      await producer.close();
      throw error;
    }
  }

  /** Takes a line. A line that is not a swap has no token: it is counted and not sent. */
  take(bytes: Uint8Array, start: number, end: number, file = 0, row = 0): Promise<void> | undefined {
    this.counts.sent++;
    const code = this.#decoder.decode(bytes, start, end, this.#event);
    if (code !== undefined) {
      this.counts.rejected[code] = (this.counts.rejected[code] ?? 0) + 1;
      if (this.#onRejected !== undefined) this.#onRejected(file, row, code, bytes, start, end);
      else if (this.counts.examples.length < EXAMPLES_MAX) {
        this.counts.examples.push({ record: this.counts.sent, code, message: refusalText(code, bytes, start, end) });
      }
      return undefined;
    }
    const { chainId, bytes: text, tokenStart, tokenEnd } = this.#event;
    const partition = partitionOfToken(chainId, text, tokenStart, tokenEnd, this.#partitions);
    const token = Buffer.from(text.buffer, text.byteOffset + tokenStart, tokenEnd - tokenStart);
    const key = Buffer.concat([Buffer.from(`${chainId}:`), token]);
    return this.#producer.add({ partition, key, value: Buffer.from(bytes.slice(start, end)) });
  }

  async flush(): Promise<void> {
    await this.#producer.flush();
    this.counts.accepted = this.#producer.acknowledged;
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}

/** Returns the counts as text for people. */
export function kafkaCountsText(counts: SentCounts, label: string): string {
  const codes = Object.entries(counts.rejected);
  const rejected = codes.reduce((sum, [, count]) => sum + count, 0);
  const list = codes.map(([code, count]) => `${groupDigits(count)} ${code}`).join(", ");
  const lines = [
    `${groupDigits(counts.accepted)} written to ${label}${rejected === 0 ? "" : `, ${groupDigits(rejected)} left out (${list})`}`,
    ...counts.examples.map(({ record, code, message }) => `  record ${groupDigits(record)}: ${code}: ${message}`),
  ];
  return `${lines.join("\n")}\n`;
}
