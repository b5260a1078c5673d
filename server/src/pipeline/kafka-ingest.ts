/**
 * Ingestion from Kafka, as the main thread runs it: the membership in the group, and the ownership that follows from it. The
 * records themselves are read by the threads that own the partitions.
 */

import { TopicAdmin, topicWarnings } from "../clients/kafka/topic-admin.ts";
import type { GroupNumbers } from "../observability/source-metrics.ts";
import type { IngestPort } from "../ports/ingest.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { GroupMember } from "../sources/kafka/group-member.ts";
import type { KafkaSourceSetup } from "../sources/kafka/kafka-setup.ts";
import type { BeginRule } from "./checkpoint/restore.ts";
import type { Ingestion, IngestionHooks } from "./ingestion.ts";
import { PartitionOwnership } from "./partition-ownership.ts";
import type { PartitionWorkers } from "./workers/partition-workers.ts";
import type { SourceSetup } from "./workers/worker-setup.ts";

export type KafkaIngestOptions = {
  readonly setup: KafkaSourceSetup;
  readonly start: "earliest" | "latest";
  readonly deadLetterTopic: string;
  readonly groupId: string;
  readonly groupProtocol: "classic" | "consumer";
  readonly instanceId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** What the topic should keep, so that a state can be computed anew: the longest window and the longest horizon. */
  readonly neededRetentionMs: number;
  /** How long a partition that is let go may take to be brought up and saved. */
  readonly handOverLimitMs: number;
  readonly onProblem: (sentence: string) => void;
  /** A state cannot be taken over: the process must end. */
  readonly onRefused: (error: Error) => void;
  /** The partitions that this instance answers for, with their epochs. */
  readonly onServing: (serving: ReadonlyMap<number, string>, partitions: number) => void;
};

export class KafkaIngest implements Ingestion {
  readonly port: IngestPort;
  readonly source: SourceSetup;
  readonly hooks: IngestionHooks;
  readonly threadsMax = Number.POSITIVE_INFINITY;
  readonly seenSinceMs = undefined;
  readonly #options: KafkaIngestOptions;
  readonly #member: GroupMember;
  #ownership: PartitionOwnership | undefined;
  #serving: ReadonlyMap<number, string> = new Map();
  #isTopicChecked = false;
  #partitionsAtStart: number | undefined;
  #partitionsSeen: number | undefined;
  /** The group had committed nothing when this instance was given its first partition; undefined: not asked yet. */
  #isFirstStart: boolean | undefined;

  constructor(options: KafkaIngestOptions) {
    const { setup, groupId, groupProtocol: protocol, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = options;
    const { connection, topic } = setup;
    this.#options = options;
    this.source = { kind: "kafka", setup, deadLetterTopic: options.deadLetterTopic };
    this.port = { ingest: () => Promise.reject(elsewhere(topic)) };
    this.hooks = {
      onCurrent: (partition, epoch) => this.#ownership?.current(partition, epoch),
      onFailed: (partition, message) => this.#ownership?.failed(partition, message),
      onCheckpoint: (partition, nextOffset) => this.#member.commit(partition, nextOffset),
    };
    this.#member = new GroupMember({
      connection,
      topic,
      groupId,
      protocol,
      instanceId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      onAssigned: (partitions) => this.#ownership?.want(partitions),
      onProblem: options.onProblem,
      onPartitions: (count) => {
        this.#notePartitions(count);
        this.#tellServing();
        // The brokers may have been away at the start.
        this.#checkTopic().catch(options.onRefused);
      },
    });
  }

  get group(): GroupNumbers {
    return this.#member.numbers;
  }

  partitionCount(): number {
    return this.#member.partitionCount;
  }

  /** Joins the group; from then on the workers own what it assigns. Rejects with `bad_config` where no retry helps. */
  async begin(workers: PartitionWorkers): Promise<readonly string[]> {
    const { handOverLimitMs: limitMs, onProblem, onRefused } = this.#options;
    const onServing = (serving: ReadonlyMap<number, string>): void => {
      this.#serving = serving;
      this.#tellServing();
    };
    const beginRule = (partition: number): Promise<BeginRule> => this.#beginRule(partition);
    this.#ownership = new PartitionOwnership({ workers, beginRule, limitMs, onProblem, onRefused, onServing });
    await this.#checkTopic();
    await this.#member.start();
    return [];
  }

  #notePartitions(count: number): void {
    this.#partitionsAtStart ??= count;
    const before = this.#partitionsSeen;
    this.#partitionsSeen = count;
    if (before === undefined || before >= count) return;
    const { setup, onProblem } = this.#options;
    onProblem(
      `Topic ${setup.topic} had ${before} partitions, and has ${count}. Tokens that are in another partition from now on have their ` +
        "windows split over two until the older part has left them.",
    );
  }

  /**
   * `start` is for the first start of a group alone. What was produced to a partition that was added since, before any instance knew of
   * it, would be skipped in silence with `latest`: such a partition begins with its first record.
   */
  async #beginRule(partition: number): Promise<BeginRule> {
    const committed = await this.#member.committed(Array.from({ length: this.partitionCount() }, (_, i) => i));
    this.#isFirstStart ??= committed.size === 0;
    const isAdded = !this.#isFirstStart || partition >= (this.#partitionsAtStart ?? 0);
    return { start: isAdded ? "earliest" : this.#options.start, committedOffset: committed.get(partition) };
  }

  /** Warns of what is not as it should be about the topic, once; rejects with `bad_config` where it is compacted. */
  async #checkTopic(): Promise<void> {
    if (this.#isTopicChecked) return;
    const { setup, neededRetentionMs, onProblem } = this.#options;
    const admin = new TopicAdmin(setup.connection);
    try {
      const warnings = topicWarnings(setup.topic, await admin.describe(setup.topic), neededRetentionMs);
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

  async stopTaking(): Promise<void> {
    await this.#ownership?.stop();
  }

  async leave(): Promise<void> {
    await this.#member.leave();
  }
}

function elsewhere(topic: string): SwapstatsError {
  return new SwapstatsError(
    "not_found",
    `this service reads its swaps from the Kafka topic ${topic}; produce them there`,
  );
}
