/**
 * What the Kafka source is told, and what it gives back. A setup is plain data, so that it can be handed to the thread that owns
 * partitions by `structuredClone`; it holds secrets, and is never logged.
 */
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
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

/**
 * One partition of the topic, as the pipeline reads it.
 *
 * `read` may give a batch without records (count 0, baseOffset = nextOffset): the offsets up to there hold none, and that is
 * explained: markers of transactions, records of aborted ones, or holes that a batch's own header tells of. Before and behind the
 * records of any batch there may be such offsets as well; between its records there are none. It rejects with `log_damaged`, after
 * which `resumeAfter` says where it goes on, where a batch does not match its checksum or cannot be unpacked, where offsets are missing,
 * below the log's start and beyond its end, and where the topic was made anew; a broker that is away, or a leader that moves, is
 * waited for, and told of in `problems`. It rejects with `records_dropped` where records were left out under pressure (`resumeAfter`
 * again): they are not given any more by this reader, read from there on.
 */
export type KafkaReader = PartitionReader & {
  readonly pressure: boolean;
  /** Where the partition ended when it was last heard of; 0 before. */
  readonly knownEnd: number;
  /**
   * Where the log goes on after damage at `position`. Not above `position` where the log ends before it, or the topic was made anew:
   * then the log that the position belongs to is gone, and reading begins at the start of another one.
   */
  resumeAfter(position: number): number;
  arrivalFrom(position: number): undefined;
  /** Kafka's log ends where it ends: rejects with `log_damaged` when that is before `offset`. */
  openAt(offset: number, formerLogId: string | undefined, signal: AbortSignal): Promise<void>;
  /** Others write to it, and it may be made anew under its name. */
  readonly isOwn: false;
  /** What is not as it should be with this partition now; undefined: nothing. */
  readonly problem: string | undefined;
  /** Whose clock set the arrival of the records read last: the broker's (LogAppendTime) or their producer's; undefined before the first. */
  readonly arrivalClock: "broker" | "producer" | "reader" | undefined;
  readonly numbers: KafkaNumbers;
};

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

export type TopicIdentity = {
  /** A topic that is made anew under the same name has another id. Hex. */
  readonly topicId: string;
  readonly partitions: number;
};

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
