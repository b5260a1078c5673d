/** The topic of the Kafka checkpoint store: its settings, and the store on it. */
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import { type CompactedTopicSettings, notCompacted, TopicAdmin } from "../../clients/kafka/topic-admin.ts";
import { TopicLog } from "../../clients/kafka/topic-log.ts";
import { CHUNK_BYTES, KafkaCheckpointStore } from "./checkpoint-store.ts";

/** Half of them hold manifests, half hold chunks. The number never changes, because it determines the place of every record. */
const PARTITIONS = 16;
/** A chunk with its key, header and frame is far smaller. */
const BATCH_BYTES_MIN = CHUNK_BYTES + 64 * 1024;

/**
 * Segments are small and are closed early, because compaction skips the open segment. Compaction runs when a third of a partition may be
 * outdated. Tombstones stay for a day, which is longer than any reader pauses.
 */
const CONFIGS: ReadonlyMap<string, string> = new Map([
  ["min.cleanable.dirty.ratio", "0.3"],
  ["segment.bytes", String(64 * 1024 * 1024)],
  ["segment.ms", "3600000"],
  ["delete.retention.ms", "86400000"],
]);

/** Plain data, which can be sent to a thread. */
export type KafkaCheckpointStoreOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Replication of a topic that is created. Undefined: the default of the brokers. */
  readonly replication: number | undefined;
  /** Whether a missing topic is created. */
  readonly makesTopic: boolean;
  /** Limit of a call in ms. */
  readonly limitMs: number;
};

export function checkpointTopicSettings(topic: string, replication: number | undefined): CompactedTopicSettings {
  return { topic, partitions: PARTITIONS, replication, configs: CONFIGS };
}

/** Opens the store. It connects at the first call, and may then create the topic. Calls reject with `bad_config` when the topic is unusable. */
export function openKafkaCheckpointStore(options: KafkaCheckpointStoreOptions): KafkaCheckpointStore {
  const { connection, topic, limitMs } = options;
  const log = new TopicLog(connection, topic);
  return new KafkaCheckpointStore({ log, topic, limitMs, prepare: () => prepareTopic(options, log) });
}

/** Returns why the topic is unusable, or undefined when it is usable. Other differences from the settings are left to the operator. */
async function prepareTopic(
  { connection, topic, replication, makesTopic }: KafkaCheckpointStoreOptions,
  log: TopicLog,
): Promise<string | undefined> {
  const admin = new TopicAdmin(connection);
  try {
    const described = await (makesTopic ? admin.describeIfThere(topic) : admin.describe(topic));
    if (described === undefined) {
      await admin.ensureCompacted(checkpointTopicSettings(topic, replication));
      // A broker may be announced as leader a moment before it accepts requests as one.
      await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => log.ends(partition)));
      return undefined;
    }
    const { recordBytesMax } = described;
    if (recordBytesMax < BATCH_BYTES_MIN) {
      return `topic ${topic} has max.message.bytes=${recordBytesMax}, and ${BATCH_BYTES_MIN} are needed; raise it`;
    }
    return notCompacted(topic, described);
  } finally {
    await admin.close();
  }
}
