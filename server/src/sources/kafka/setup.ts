/**
 * Types of the Kafka source. A setup is plain data, so that `structuredClone` can copy it to a worker. It holds secrets
 * and is never logged.
 */
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import type { TopicIdentity } from "../../clients/kafka/topic-view.ts";
import type { PartitionReader } from "../../ports/source.ts";

/** Behaviour beyond `bufferBytesMax`, after the owner has stalled for `afterMs`. */
export type KafkaPressure =
  /** No further records are fetched. */
  | { readonly mode: "block" }
  /** Fetched records are dropped, and become a gap. */
  | { readonly mode: "drop"; readonly afterMs: number }
  /** Fetched records go to a file of this size in the folder, one for each partition. */
  | { readonly mode: "buffer"; readonly afterMs: number; readonly folder: string; readonly spillBytesMax: number };

export type KafkaSourceSetup = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Limits of one fetch response, and of one partition in it. A single batch of records may be larger. */
  readonly fetchBytesMax: number;
  readonly partitionFetchBytesMax: number;
  /** Bytes that are fetched ahead of the reader of one partition, in memory. */
  readonly bufferBytesMax: number;
  readonly pressure: KafkaPressure;
  /** Time that a broker waits for records before it responds without any. */
  readonly fetchWaitMs: number;
  /** Whether a record's bytes are its key, value and headers (mapping/formats/envelope.ts). Otherwise they are its value. */
  readonly hasEnvelopes: boolean;
};

/**
 * Measured on four partitions: responses of 1 MiB were read three times as fast as those of 10 MB, and ten times as
 * fast as with the client's defaults.
 */
export const FETCH_DEFAULTS = {
  fetchBytesMax: 1024 * 1024,
  partitionFetchBytesMax: 256 * 1024,
  bufferBytesMax: 1024 * 1024,
  fetchWaitMs: 250,
  hasEnvelopes: false,
  pressure: { mode: "block" },
} as const;

/** Reads one partition of the topic; see KafkaPartitionReader. */
export type KafkaReader = PartitionReader & { readonly numbers: KafkaNumbers };

/** Counters of one partition since this thread first read it. */
export type KafkaCounters = {
  fetches: number;
  fetchErrors: number;
  /** Bytes as the broker sent them, compressed. */
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
  /**
   * Dropped under pressure, and reported to the owner as gaps. Counted by the headers, with the records of aborted
   * transactions.
   */
  droppedRecords: number;
  droppedBatches: number;
};

export type KafkaNumbers = {
  readonly counters: Readonly<KafkaCounters>;
  /** Bytes that wait for the owner, in memory and on the disk. */
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
  /**
   * Opens a reader of this partition, which belongs to the topic as it is now. One at a time; close it before the next.
   */
  reader(partition: number): KafkaReader;
  /** Returns the topic as the brokers describe it now. Rejects with `unavailable` (retryable) or `not_found`. */
  topic(): Promise<TopicIdentity>;
  /** Present problems, in plain sentences. */
  readonly problems: readonly string[];
  /** Closes all readers and connections. */
  close(): Promise<void>;
};
