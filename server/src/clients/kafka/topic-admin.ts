/** Creates and corrects topics, describes them, and reads and writes the offsets of groups for tools that show lag. */
import { type Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import type { KafkaConfig } from "../../config/build/kafka.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { retrying } from "../../shared/retry.ts";
import { isKafkaError, kafkaError, newAdmin } from "./client.ts";
import type { KafkaConnection } from "./connection.ts";
import type { TopicRange } from "./topic-view.ts";

const COORDINATOR_MOVES = ["COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR"];
/** Brokers create a topic of their own at the first use of groups; until then there is no coordinator. */
const COORDINATOR = retrying({ firstMs: 100, longestMs: 1_000 }, 20, (error) =>
  COORDINATOR_MOVES.some((name) => isKafkaError(error, name)),
);

type TopicSettings = KafkaConfig["topicSettings"] & {
  readonly topic: string;
  /** The topic has to accept batches of so many bytes; undefined: as the brokers have it. */
  readonly batchBytesMin?: number;
};

/** A topic that is compacted, and never deletes records by age. */
export type CompactedTopicSettings = Pick<TopicSettings, "topic" | "partitions" | "replication"> & {
  /** Settings other than `cleanup.policy`, by Kafka's names. */
  readonly configs: ReadonlyMap<string, string>;
};

type TopicDescription = {
  /** Hex. A topic that is re-created has another one. */
  readonly topicId: string;
  readonly partitions: number;
  readonly replication: number;
  /** Infinity: records are never deleted by age. */
  readonly retentionMs: number;
  /** Of each partition; Infinity: no limit. */
  readonly retentionBytes: number;
  readonly isCompacted: boolean;
  /** The topic is compacted, and age deletes nothing. */
  readonly isCompactedOnly: boolean;
  /** Whether records carry the time of the broker or of their producer. */
  readonly arrivalClock: "broker" | "producer";
  readonly recordBytesMax: number;
  /** All settings, by Kafka's names. */
  readonly configs: ReadonlyMap<string, string>;
};

const BROKER_DEFAULT = -1;
/** The largest batch that brokers accept by default. */
const BATCH_BYTES_DEFAULT = 1_048_588;
const EARLIEST = -2n;
const LATEST = -1n;
const READ_COMMITTED = 1;
const CREATED_WAIT_MS = 100;
const CREATED_TRIES = 100;

export class TopicAdmin {
  readonly #connection: KafkaConnection;
  readonly #admin: Admin;

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
    this.#admin = newAdmin(connection);
  }

  /**
   * Creates the topic, or corrects its settings. Returns what was changed, in sentences; none where all was right.
   * Partitions are added only with `addsPartitions`: afterwards tokens are in other partitions than their history.
   * Rejects with `bad_config` where the topic is compacted, or has more partitions than configured, which Kafka cannot
   * remove.
   */
  async ensure(settings: TopicSettings, addsPartitions: boolean): Promise<string[]> {
    const { topic } = settings;
    const present = await this.describeIfThere(topic);
    const configs = wantedConfigs(settings, present?.recordBytesMax ?? BATCH_BYTES_DEFAULT);
    if (present === undefined) return [await this.#create(settings, configs)];
    if (present.isCompacted) throw compacted(topic);
    const corrected = await this.#correct(topic, configs, present);
    return [...corrected, ...(await this.#resize(settings, present, addsPartitions))];
  }

  /**
   * The same for a compacted topic. Its number of partitions stays, because keys stay where they are. Rejects with
   * `bad_config` where the topic is not compacted.
   */
  async ensureCompacted(settings: CompactedTopicSettings): Promise<string[]> {
    const { topic } = settings;
    const configs = new Map([["cleanup.policy", "compact"], ...settings.configs]);
    const present = await this.describeIfThere(topic);
    if (present === undefined) return [await this.#create(settings, configs)];
    const refusal = notCompacted(topic, present);
    if (refusal !== undefined) throw new SwapstatsError("bad_config", refusal);
    return this.#correct(topic, configs, present);
  }

  /** Undefined: there is no such topic. */
  async describeIfThere(topic: string): Promise<TopicDescription | undefined> {
    try {
      const metadata = await this.#admin.metadata({ topics: [topic], forceUpdate: true });
      const { id, partitions } = metadata.topics.get(topic)!;
      const configs = await this.#configsOf(topic);
      const limit = (name: string): number => {
        const value = Number(configs.get(name) ?? -1);
        return value < 0 ? Number.POSITIVE_INFINITY : value;
      };
      return {
        topicId: id,
        partitions: partitions.length,
        replication: partitions[0]?.replicas.length ?? 0,
        retentionMs: limit("retention.ms"),
        retentionBytes: limit("retention.bytes"),
        isCompacted: (configs.get("cleanup.policy") ?? "").split(",").includes("compact"),
        isCompactedOnly: configs.get("cleanup.policy") === "compact",
        arrivalClock: configs.get("message.timestamp.type") === "LogAppendTime" ? "broker" : "producer",
        recordBytesMax: limit("max.message.bytes"),
        configs,
      };
    } catch (error) {
      const failure = kafkaError(error, `describing topic ${topic}`, this.#connection);
      if (failure.code === "not_found") return undefined;
      throw failure;
    }
  }

  /** Rejects with `not_found` where there is no such topic. */
  async describe(topic: string): Promise<TopicDescription> {
    const described = await this.describeIfThere(topic);
    if (described !== undefined) return described;
    const message = `there is no topic ${topic} at ${this.#connection.brokers.join(", ")}; \`swapstats topic ensure\` creates it`;
    throw new SwapstatsError("not_found", message, { retryable: true });
  }

  /** Returns what each partition holds, to the end of the committed records. */
  async ranges(topic: string): Promise<TopicRange[]> {
    const { partitions } = await this.describe(topic);
    const ask = async (timestamp: bigint): Promise<Map<number, number>> => {
      const list = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
      const topics = [{ name: topic, partitions: list }];
      const listed = await this.#admin.listOffsets({ topics, isolationLevel: READ_COMMITTED });
      return new Map(listed[0]?.partitions.map(({ partitionIndex, offset }) => [partitionIndex, Number(offset)]));
    };
    return this.#try(`asking for the offsets of topic ${topic}`, async () => {
      const [starts, ends] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
      return Array.from({ length: partitions }, (_, i) => ({
        startOffset: starts.get(i) ?? 0,
        endOffset: ends.get(i) ?? 0,
      }));
    });
  }

  /** Returns the offsets that the group has committed, by partition; a partition without one is left out. */
  async committed(groupId: string, topic: string): Promise<Map<number, number>> {
    return this.#try(`asking for the offsets of group ${groupId}`, async () => {
      const groups = await COORDINATOR.execute(() => this.#admin.listConsumerGroupOffsets({ groups: [groupId] }));
      const partitions = groups[0]?.topics.find(({ name }) => name === topic)?.partitions ?? [];
      const known = partitions.filter(({ committedOffset }) => committedOffset >= 0n);
      return new Map(known.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]));
    });
  }

  /**
   * Commits offsets for a group without members, as tools do. While the group has members, brokers accept commits only
   * from them, over the member's own connection.
   */
  async commit(groupId: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const partitionOffsets = [...offsets].map(([partition, offset]) => ({ partition, offset: BigInt(offset) }));
    await this.#try(`committing offsets of group ${groupId}`, () =>
      COORDINATOR.execute(() =>
        this.#admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] }),
      ),
    );
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }

  async #configsOf(topic: string): Promise<Map<string, string>> {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }];
    const described = await this.#admin.describeConfigs({ resources });
    return new Map(described[0]?.configs.map(({ name, value }) => [name, value ?? ""]));
  }

  async #create(
    { topic, partitions, replication }: Pick<TopicSettings, "topic" | "partitions" | "replication">,
    wanted: ReadonlyMap<string, string>,
  ): Promise<string> {
    const configs = [...wanted].map(([name, value]) => ({ name, value }));
    await this.#try(`creating topic ${topic}`, async () => {
      try {
        await this.#admin.createTopics({
          topics: [topic],
          partitions,
          replicas: replication ?? BROKER_DEFAULT,
          configs,
        });
      } catch (error) {
        // Another process was first. The next call corrects what differs.
        if (!isKafkaError(error, "TOPIC_ALREADY_EXISTS")) throw error;
      }
      await this.#created(topic);
    });
    const list = [...wanted].map(([name, value]) => `${name}=${value}`).join(", ");
    return `Topic ${topic} was created, with ${partitions} partitions and ${list}.`;
  }

  /** Waits until the broker knows the new topic: not every broker does at once. */
  async #created(topic: string): Promise<void> {
    for (let left = CREATED_TRIES; left > 0; left--) {
      const described = await this.describeIfThere(topic);
      if (described !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, CREATED_WAIT_MS));
    }
    throw new Error(`the brokers created topic ${topic} and do not know it`);
  }

  async #correct(topic: string, wanted: ReadonlyMap<string, string>, { configs }: TopicDescription): Promise<string[]> {
    const different = [...wanted].filter(([name, value]) => configs.get(name) !== value);
    if (different.length === 0) return [];
    const configOperation = IncrementalAlterConfigOperationTypes.SET;
    const changes = different.map(([name, value]) => ({ name, configOperation, value }));
    await this.#try(`changing the settings of topic ${topic}`, () =>
      this.#admin.incrementalAlterConfigs({
        resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: changes }],
      }),
    );
    return different.map(
      ([name, value]) => `Topic ${topic}: ${name} was ${configs.get(name) ?? "not set"}, and is ${value}.`,
    );
  }

  async #resize(settings: TopicSettings, present: TopicDescription, addsPartitions: boolean): Promise<string[]> {
    const { topic, partitions, replication } = settings;
    const said: string[] = [];
    if (replication !== undefined && replication !== present.replication) {
      said.push(
        `Topic ${topic}: each record is held by ${present.replication} brokers, and ${replication} are configured; the brokers' own tools move replicas.`,
      );
    }
    if (partitions === present.partitions) return said;
    if (partitions < present.partitions || !addsPartitions) {
      const advice =
        partitions < present.partitions ? "Kafka cannot take partitions away" : "--add-partitions adds them";
      const kept = `Topic ${topic} has ${present.partitions} partitions and keeps them, and ${partitions} are configured: ${advice}.`;
      return [...said, kept];
    }
    await this.#try(`adding partitions to topic ${topic}`, () =>
      this.#admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] }),
    );
    const added =
      `Topic ${topic} had ${present.partitions} partitions, and has ${partitions}. Most tokens are in other partitions from now ` +
      "on: their windows are split over two until the older part has left them.";
    return [...said, added];
  }

  async #try<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw kafkaError(error, what, this.#connection);
    }
  }
}

/**
 * Returns what is wrong with a topic that is read, in sentences. Rejected: correcting it at the start of every
 * instance, without its owner's knowledge. Throws `bad_config` where the topic is compacted.
 */
export function topicWarnings(topic: string, described: TopicDescription, neededMs: number): string[] {
  if (described.isCompacted) throw compacted(topic);
  const warnings: string[] = [];
  if (described.retentionMs < neededMs) {
    warnings.push(
      `Topic ${topic} keeps records for ${described.retentionMs} ms, and the longest window and the horizon take ${neededMs} ms: ` +
        "what is lost with the checkpoints cannot be read again in full. Raise ingest.topic_cfg.retention_ms and run `swapstats topic ensure`.",
    );
  }
  if (described.arrivalClock === "producer") {
    warnings.push(
      `Topic ${topic} has message.timestamp.type=CreateTime: the clocks of producers are trusted as the arrival of records. ` +
        "`swapstats topic ensure` sets LogAppendTime.",
    );
  }
  return warnings;
}

/** `batchBytesMax` is what the topic accepts by default; a larger limit is left as it is. */
function wantedConfigs(settings: TopicSettings, batchBytesMax: number): Map<string, string> {
  const { cleanupPolicy, retentionMs, segmentMs, batchBytesMin = 0 } = settings;
  const larger: [string, string][] =
    batchBytesMin > batchBytesMax ? [["max.message.bytes", String(batchBytesMin)]] : [];
  return new Map([
    ["cleanup.policy", cleanupPolicy],
    ["message.timestamp.type", "LogAppendTime"],
    ["retention.ms", String(retentionMs)],
    ["segment.ms", String(segmentMs)],
    ...larger,
  ]);
}

/** Returns why this topic cannot be used as a compacted one; undefined: it can. */
export function notCompacted(topic: string, { isCompactedOnly, configs }: TopicDescription): string | undefined {
  if (isCompactedOnly) return undefined;
  return (
    `topic ${topic} has cleanup.policy=${configs.get("cleanup.policy")}: Kafka would remove checkpoints by their age; use another ` +
    "topic, which `swapstats topic ensure` creates as it has to be, or set cleanup.policy=compact"
  );
}

function compacted(topic: string): SwapstatsError {
  const message =
    `topic ${topic} is compacted (cleanup.policy): Kafka removes swaps of it that are to count, and may have done so already; ` +
    "use another topic, which `swapstats topic ensure` creates as it has to be";
  return new SwapstatsError("bad_config", message);
}
