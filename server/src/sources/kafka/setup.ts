/**
 * What the Kafka source is told, and what it gives back. A setup is plain data, so that it can be handed to the thread that owns
 * partitions by `structuredClone`; it holds secrets, and is never logged.
 */
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import type { TopicIdentity } from "../../clients/kafka/topic-view.ts";
import type { PartitionReader } from "../../ports/source.ts";

/** What is done beyond `bufferBytesMax`, once the owner has stood still for `afterMs`. */
export type KafkaPressure =
  /** Nothing more is fetched. */
  | { readonly mode: "block" }
  /** What is fetched is dropped, and becomes a gap. */
  | { readonly mode: "drop"; readonly afterMs: number }
  /** What is fetched goes to a file of this size in the folder, for each partition. */
  | { readonly mode: "buffer"; readonly afterMs: number; readonly folder: string; readonly spillBytesMax: number };

export type KafkaSourceSetup = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Of one answer to a fetch, and of one partition in it. A single batch of records may be larger. */
  readonly fetchBytesMax: number;
  readonly partitionFetchBytesMax: number;
  /** What is fetched ahead of the reader of one partition, in memory. */
  readonly bufferBytesMax: number;
  readonly pressure: KafkaPressure;
  /** How long a broker waits for records before it answers that there are none. */
  readonly fetchWaitMs: number;
};

/** Measured on four partitions: answers of 1 MiB were read three times as fast as of 10 MB, ten times as fast as with the client's defaults. */
export const FETCH_DEFAULTS = {
  fetchBytesMax: 1024 * 1024,
  partitionFetchBytesMax: 256 * 1024,
  bufferBytesMax: 1024 * 1024,
  fetchWaitMs: 250,
  pressure: { mode: "block" },
} as const;

/** Reads one partition of the topic; see KafkaPartitionReader. */
export type KafkaReader = PartitionReader & { readonly numbers: KafkaNumbers };

/** Of one partition, since this thread first read it. */
export type KafkaCounters = {
  fetches: number;
  fetchErrors: number;
  /** As the broker sent them, compressed. */
  bytes: number;
  records: number;
  controlRecords: number;
  abortedRecords: number;
  /** Offsets without a record that the header of their batch explains. */
  explainedHoles: number;
  /** Reads that found batches damaged or offsets missing. */
  damagedReads: number;
  /** Fetches that found another leader. */
  leaderChanges: number;
  /** Left out under pressure, and told to the owner as gaps. As headers count them, so records of aborted transactions are among them. */
  droppedRecords: number;
  droppedBatches: number;
};

export type KafkaNumbers = {
  readonly counters: Readonly<KafkaCounters>;
  /** What waits for the owner, in memory and on the disk. */
  readonly waitingBytes: number;
  readonly spilledBytes: number;
};

export function newKafkaCounters(): KafkaCounters {
  return {
    fetches: 0,
    fetchErrors: 0,
    bytes: 0,
    records: 0,
    controlRecords: 0,
    abortedRecords: 0,
    explainedHoles: 0,
    damagedReads: 0,
    leaderChanges: 0,
    droppedRecords: 0,
    droppedBatches: 0,
  };
}

/** The readers of one thread. They share connections, and each fetch asks for all partitions of one leader. */
export type KafkaReaders = {
  /** A reader of this partition, which belongs to the topic as it is now. One at a time; close it before the next. */
  reader(partition: number): KafkaReader;
  /** The topic as the brokers describe it now. Rejects with `unavailable` (retryable) or `not_found`. */
  topic(): Promise<TopicIdentity>;
  /** Sentences on what is not as it should be at this moment. */
  readonly problems: readonly string[];
  /** Closes all readers and connections. */
  close(): Promise<void>;
};
