/** The topic of the Kafka checkpoint store: its settings, and the store on it. */
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import { type CompactedTopicSettings, notCompacted, TopicAdmin } from "../../clients/kafka/topic-admin.ts";
import { TopicLog } from "../../clients/kafka/topic-log.ts";
import { CHUNK_BYTES, KafkaCheckpointStore } from "./checkpoint-store.ts";

/** Half of them for manifests, half for bytes. Never changed afterwards: they say where everything is. */
const PARTITIONS = 16;
/** Key, header and frame of a chunk are far below. */
const BATCH_BYTES_MIN = CHUNK_BYTES + 64 * 1024;

/**
 * Segments are small, and closed soon, because compaction leaves the open one alone; it runs when a third of a partition may be out of
 * date. Tombstones stay for a day, which is longer than any reader pauses.
 */
const CONFIGS: ReadonlyMap<string, string> = new Map([
  ["min.cleanable.dirty.ratio", "0.3"],
  ["segment.bytes", String(64 * 1024 * 1024)],
  ["segment.ms", "3600000"],
  ["delete.retention.ms", "86400000"],
]);

/** Plain data, so that a thread can be given it. */
export type KafkaCheckpointStoreOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Of a topic that is made; undefined: as the brokers have it. */
  readonly replication: number | undefined;
  /** Whether a topic that is missing is made. */
  readonly makesTopic: boolean;
  /** Limit of a call in ms. */
  readonly limitMs: number;
};

export function checkpointTopicSettings(topic: string, replication: number | undefined): CompactedTopicSettings {
  return { topic, partitions: PARTITIONS, replication, configs: CONFIGS };
}

/** Connects at the first call. A topic that is missing may be made then; one that cannot be used is refused with `bad_config`. */
export function openKafkaCheckpointStore(options: KafkaCheckpointStoreOptions): KafkaCheckpointStore {
  const { connection, topic, limitMs } = options;
  const log = new TopicLog(connection, topic);
  return new KafkaCheckpointStore({ log, topic, limitMs, prepare: () => prepareTopic(options, log) });
}

/** Why the topic cannot be used; undefined: it can. What else differs from the settings is left to its owner. */
async function prepareTopic(
  { connection, topic, replication, makesTopic }: KafkaCheckpointStoreOptions,
  log: TopicLog,
): Promise<string | undefined> {
  const admin = new TopicAdmin(connection);
  try {
    const described = await (makesTopic ? admin.describeIfThere(topic) : admin.describe(topic));
    if (described === undefined) {
      await admin.ensureCompacted(checkpointTopicSettings(topic, replication));
      // A broker may be named as a leader a moment before it knows that it is one, and refuse what is sent to it.
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
