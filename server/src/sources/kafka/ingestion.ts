/**
 * Ingestion from Kafka in the main thread: the membership in the group, and the assignments that follow from it. The workers read the
 * records.
 */
import { kafkaConnection } from "../../clients/kafka/connection.ts";
import { TopicAdmin, topicWarnings } from "../../clients/kafka/topic-admin.ts";
import type { KafkaConfig } from "../../config/build/kafka.ts";
import type { Config } from "../../config/config.ts";
import type { GroupNumbers } from "../../observability/source-metrics.ts";
import type { Ingestion, PartitionAssigner } from "../../ports/ingestion.ts";
import type { Intake } from "../../ports/intake.ts";
import type { BeginRule } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { GroupOwnership } from "../group-ownership.ts";
import type { IngestMappings } from "../mappings.ts";
import type { ConfigWith, IngestionOptions } from "../source-modules.ts";
import { kafkaSourceSetup, spillFolder } from "./config.ts";
import { GroupMember } from "./group-member.ts";
import { clearSpill } from "./pressure/spill-file.ts";
import type { KafkaReaderSetup } from "./readers.ts";

type OwnConfig = ConfigWith<"kafka">;

/** Connects in `begin`. Rejects with `bad_config` where a file of ingest.tls cannot be read. */
export async function openIngestion(options: IngestionOptions<OwnConfig>): Promise<Ingestion> {
  const { config, mappings } = options;
  const { kafka } = config.ingest;
  const { hasEnvelopes } = mappings;
  const setup = { ...kafkaSourceSetup(kafka, config), hasEnvelopes, deadLetterTopic: kafka.deadLetterTopic };
  clearSpill(spillFolder(config.dataDir));
  return new KafkaIngestion(options, kafka, setup);
}

/** A service beside it may use the folder for records that wait, so it reads no more than it can hold. */
export function pastReaderSetup(config: OwnConfig, { hasEnvelopes }: IngestMappings): KafkaReaderSetup {
  const { kafka } = config.ingest;
  const pressure = { mode: "block" } as const;
  return { ...kafkaSourceSetup(kafka, config), hasEnvelopes, pressure, deadLetterTopic: kafka.deadLetterTopic };
}

/** Rejects with `unavailable` (retryable), and with `not_found` where there is no such topic. */
export async function countPartitions({ ingest: { kafka }, app }: OwnConfig): Promise<number> {
  const admin = new TopicAdmin(kafkaConnection(kafka, app.instanceId));
  try {
    return (await admin.describe(kafka.topic)).partitions;
  } finally {
    await admin.close();
  }
}

class KafkaIngestion implements Ingestion {
  readonly intake: Intake;
  readonly sharedStream: readonly string[];
  /** Producers choose the partition of a token. */
  readonly needsPlacementCheck = true;
  readonly readerSetup: KafkaReaderSetup;
  readonly threadsMax = Number.POSITIVE_INFINITY;
  readonly seenSinceMs = undefined;
  readonly #options: IngestionOptions<OwnConfig>;
  readonly #settings: KafkaConfig;
  readonly #member: GroupMember;
  #ownership: GroupOwnership | undefined;
  #assigned: readonly number[] = [];
  #serving: ReadonlyMap<number, string> = new Map();
  #isTopicChecked = false;
  #partitionsAtStart: number | undefined;
  #partitionsSeen: number | undefined;
  /** The group had committed nothing when this instance got its first partition; undefined: not asked yet. */
  #isFirstStart: boolean | undefined;

  constructor(options: IngestionOptions<OwnConfig>, settings: KafkaConfig, setup: KafkaReaderSetup) {
    const { topic, groupId, groupProtocol: protocol, sessionTimeoutMs, rebalanceTimeoutMs } = settings;
    const { onProblem, onFatal, config } = options;
    this.#options = options;
    this.#settings = settings;
    this.readerSetup = setup;
    this.sharedStream = ["kafka", topic, groupId];
    const reason = `This service reads its swaps from the Kafka topic ${topic}; produce them there.`;
    this.intake = { port: undefined, reason };
    this.#member = new GroupMember({
      connection: setup.connection,
      topic,
      groupId,
      protocol,
      instanceId: config.app.instanceId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      onAssigned: (partitions) => {
        this.#assigned = partitions;
        this.#ownership?.assign(partitions);
      },
      onProblem,
      onPartitions: (count) => {
        this.#notePartitions(count);
        this.#tellServing();
        // The brokers may have been away at the start.
        this.#checkTopic().catch(onFatal);
      },
    });
  }

  get group(): GroupNumbers {
    return this.#member.numbers;
  }

  partitionCount(): number {
    return this.#member.partitionCount;
  }

  connect(): undefined {}

  /** Joins the group. From then on the workers get the partitions that it assigns. Rejects with `bad_config` if no retry helps. */
  async begin(workers: PartitionAssigner): Promise<readonly string[]> {
    const { handOverLimitMs: limitMs, onProblem, onFatal: onRefused } = this.#options;
    const onServing = (serving: ReadonlyMap<number, string>): void => {
      this.#serving = serving;
      this.#tellServing();
    };
    const beginRule = (partition: number): Promise<BeginRule> => this.#beginRule(partition, workers);
    this.#ownership = new GroupOwnership({ workers, beginRule, limitMs, onProblem, onRefused, onServing });
    await this.#checkTopic();
    await this.#member.start();
    return [];
  }

  #notePartitions(count: number): void {
    this.#partitionsAtStart ??= count;
    const before = this.#partitionsSeen;
    this.#partitionsSeen = count;
    if (before === undefined || before >= count) return;
    this.#options.onProblem(
      `Topic ${this.#settings.topic} had ${before} partitions, and has ${count}. Tokens that are in another partition from now on have ` +
        "their windows split over two until the older part has left them.",
    );
  }

  /**
   * `start` is for the first start of a group alone. With `latest`, records that were produced to a new partition before any instance
   * knew of it would be skipped silently: a partition that was added since begins with its first record.
   */
  async #beginRule(partition: number, workers: PartitionAssigner): Promise<BeginRule> {
    const committed = await this.#member.committed(Array.from({ length: this.partitionCount() }, (_, i) => i));
    // A partition that had more records until now will have more.
    workers.expect(new Map(this.#assigned.map((one) => [one, 1 + (committed.get(one) ?? 0)])));
    this.#isFirstStart ??= committed.size === 0;
    const isAdded = !this.#isFirstStart || partition >= (this.#partitionsAtStart ?? 0);
    return { start: isAdded ? "earliest" : this.#settings.start, committedOffset: committed.get(partition) };
  }

  /** Warns once about wrong settings of the topic. Rejects with `bad_config` if the topic is compacted. */
  async #checkTopic(): Promise<void> {
    if (this.#isTopicChecked) return;
    const { config, onProblem } = this.#options;
    const { topic } = this.#settings;
    const admin = new TopicAdmin(this.readerSetup.connection);
    try {
      const warnings = topicWarnings(topic, await admin.describe(topic), neededRetentionMs(config));
      this.#isTopicChecked = true;
      for (const warning of warnings) onProblem(warning);
    } catch (error) {
      if (!(error instanceof SwapstatsError) || !error.retryable) throw error;
      onProblem(error.message);
    } finally {
      await admin.close();
    }
  }

  #tellServing(): void {
    this.#options.onServing(this.#serving, this.partitionCount());
  }

  onCurrent(partition: number, epoch: string): void {
    this.#ownership?.current(partition, epoch);
  }

  onFailed(partition: number, message: string): void {
    this.#ownership?.failed(partition, message);
  }

  onCheckpoint(partition: number, nextOffset: number): void {
    this.#member.commit(partition, nextOffset);
  }

  async stopTaking(): Promise<void> {
    await this.#ownership?.stop();
  }

  async leave(): Promise<void> {
    await this.#member.leave();
  }
}

/** Returns the retention that the topic needs: a recomputed state needs records as far back as its windows and its horizon reach. */
function neededRetentionMs({ windows, app }: Config): number {
  const horizonsMs = [...app.chains.values()].map((chain) => Math.max(chain.graceMs, chain.reorgHorizonMs));
  const longestMs = Math.max(...windows.list.map((window) => window.lengthMs));
  return longestMs + Math.max(app.graceMs, app.reorgHorizonMs, ...horizonsMs);
}
