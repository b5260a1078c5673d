/**
 * A topic as a log for stores: records are appended and read by position, one call at a time.
 *
 * **A batch is sent once.** It is never sent again, whatever the broker answered: a batch that a leader refused while
 * it stepped down, or did not answer, may be stored all the same. A copy of it would be behind the records that came in
 * between, and compaction keeps the later one. A caller of `append` must cope with not knowing.
 *
 * Reads are retried a few times when another broker leads.
 */

import { type Connection, ConnectionPool, listOffsetsV5, type MessageRecord, produceV7 } from "@platformatic/kafka";
import { retrying } from "../../shared/retry.ts";
import { clientOptions, isKafkaError, kafkaError, kafkaErrorName } from "./client.ts";
import type { KafkaConnection } from "./connection.ts";
import { type FetchedPartition, fetchVersionOf, sendFetch } from "./fetch-protocol.ts";
import { MemoryPool } from "./memory-pool.ts";
import { type OnRecord, readRecords } from "./record-reader.ts";
import { type Leader, TopicView } from "./topic-view.ts";

export type LogRecord = {
  readonly key: string;
  /** Undefined: a tombstone, by which compaction removes earlier records of this key. */
  readonly value: Buffer | undefined;
};

export type LogEnds = {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Changes when the topic is re-created, or another leader is elected, which may lack acknowledged records. */
  readonly history: string;
};

export type ReadTo = {
  /** Offset at which the next read begins. */
  readonly nextOffset: number;
  readonly endOffset: number;
  readonly history: string;
};

const ALL_REPLICAS = -1;
const READ_COMMITTED = 1;
const CLIENT = -1;
const EARLIEST = -2n;
const LATEST = -1n;
const RETRIES = 3;
const BACKOFF = { firstMs: 200, longestMs: 1_000 };
/** Time for which the broker waits for replicas. The timeout of the connection is a little longer. */
const APPEND_WAIT_SHARE = 0.9;
/**
 * An empty response although the log continues is requested once more, with this wait: the broker may have throttled
 * us.
 */
const EMPTY_WAIT_MS = 100;
const MOVED: readonly string[] = [
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
  "UNKNOWN_TOPIC_ID",
  "INCONSISTENT_TOPIC_ID",
];

export class TopicLog {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #view: TopicView;
  readonly #pool: ConnectionPool;
  /** Connections for fetches alone, one at a time, as `sendFetch` requires. */
  readonly #fetchPool: ConnectionPool;
  readonly #versions = new WeakMap<Connection, number>();
  readonly #memory = new MemoryPool();
  #fetching: Promise<unknown> = Promise.resolve();
  #isViewStale = true;

  constructor(connection: KafkaConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
    this.#view = new TopicView(connection, topic);
    const { clientId, bootstrapBrokers: _brokers, ...options } = clientOptions(connection);
    this.#pool = new ConnectionPool(clientId, options);
    this.#fetchPool = new ConnectionPool(clientId, options);
  }

  /**
   * Appends the records as one batch, all or none, and returns the offset of the first one. After a rejection they may
   * be stored all the same, or be stored later. All bytes are copied before it returns.
   */
  async append(partition: number, records: readonly LogRecord[]): Promise<number> {
    const messages: MessageRecord[] = records.map(({ key, value }) => ({
      topic: this.#topic,
      partition,
      key: Buffer.from(key),
      value: (value === undefined ? null : Buffer.from(value)) as Buffer,
    }));
    try {
      const { node } = await this.#leader(partition);
      const connection = await this.#pool.get(this.#view.brokerOf(node)!);
      const waitMs = Math.round(this.#connection.requestTimeoutMs * APPEND_WAIT_SHARE);
      const response = await produceV7.api.async(connection, ALL_REPLICAS, waitMs, messages, {});
      if (typeof response !== "object") throw new Error("the broker did not respond");
      return Number(response.responses[0]!.partitionResponses[0]!.baseOffset);
    } catch (error) {
      this.#isViewStale = true;
      throw kafkaError(error, `writing to topic ${this.#topic}`, this.#connection);
    }
  }

  /** Returns what the partition holds now; no acknowledged record is beyond its end. */
  ends(partition: number): Promise<LogEnds> {
    return this.#retried(`asking for the end of topic ${this.#topic}`, async () => {
      const { node, epoch } = await this.#leader(partition);
      const history = this.#history(epoch);
      const connection = await this.#pool.get(this.#view.brokerOf(node)!);
      const ask = async (timestamp: bigint): Promise<number> => {
        const partitions = [{ partitionIndex: partition, currentLeaderEpoch: epoch, timestamp }];
        const topics = [{ name: this.#topic, partitions }];
        const response = await listOffsetsV5.api.async(connection, CLIENT, READ_COMMITTED, topics);
        return Number(response.topics[0]!.partitions[0]!.offset);
      };
      const [startOffset, endOffset] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
      return { startOffset, endOffset, history };
    });
  }

  /** Hands over records from `offset` on, of about `bytesMax`, as far as there are any; see `readRecords`. */
  read(partition: number, offset: number, bytesMax: number, onRecord: OnRecord): Promise<ReadTo> {
    const run = async (): Promise<ReadTo> => {
      const turn = this.#fetching.then(() => this.#read(partition, offset, bytesMax, onRecord));
      this.#fetching = turn.catch(() => {});
      return turn;
    };
    return this.#retried(`reading topic ${this.#topic}`, run);
  }

  /** Returns the topic's current number of partitions. */
  async partitions(): Promise<number> {
    const { partitions } = await this.#view.refresh();
    this.#isViewStale = false;
    return partitions;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#pool.close(), this.#fetchPool.close(), this.#view.close()]);
  }

  async #read(partition: number, offset: number, bytesMax: number, onRecord: OnRecord): Promise<ReadTo> {
    const first = await this.#fetch(partition, offset, bytesMax, 0, onRecord);
    const { nextOffset, endOffset, history } = first;
    if (nextOffset !== undefined || offset >= endOffset)
      return { nextOffset: nextOffset ?? offset, endOffset, history };
    const again = await this.#fetch(partition, offset, bytesMax, EMPTY_WAIT_MS, onRecord);
    // Compaction has removed everything up to the end.
    return { ...again, nextOffset: again.nextOffset ?? again.endOffset };
  }

  async #fetch(partition: number, offset: number, bytesMax: number, waitMs: number, onRecord: OnRecord) {
    const { node, epoch } = await this.#leader(partition);
    const history = this.#history(epoch);
    const connection = await this.#fetchPool.get(this.#view.brokerOf(node)!);
    const version = this.#versions.get(connection) ?? (await fetchVersionOf(connection));
    this.#versions.set(connection, version);
    const targets = [{ partition, leaderEpoch: epoch, offset, bytesMax }];
    const topicId = this.#view.identity?.topicId ?? "";
    const request = { topic: this.#topic, topicId, waitMs, bytesMax, targets };
    const response = await sendFetch(connection, version, request, this.#memory);
    try {
      if (response.error !== 0) throw brokerError(response.error);
      const fetched = response.partitions.find((one) => one.partition === partition);
      // A broker that throttles a client responds without any partition.
      if (fetched === undefined) throw new Error("the broker sent an empty response");
      const { nextOffset, endOffset } = handOver(fetched, offset, onRecord);
      return { nextOffset, endOffset, history };
    } finally {
      this.#memory.giveBack(response.bytes);
    }
  }

  async #retried<T>(what: string, run: () => Promise<T>): Promise<T> {
    const attempt = async (): Promise<T> => {
      try {
        return await run();
      } catch (error) {
        this.#isViewStale = true;
        throw error;
      }
    };
    try {
      return await retrying(BACKOFF, RETRIES, isLeaderMoved).execute(attempt);
    } catch (error) {
      throw kafkaError(error, what, this.#connection);
    }
  }

  async #leader(partition: number): Promise<Leader> {
    if (this.#isViewStale) {
      await this.#view.refresh();
      this.#isViewStale = false;
    }
    const leader = this.#view.leaderOf(partition);
    if (leader === undefined) throw new Error(`no broker leads partition ${partition} of topic ${this.#topic} now`);
    return leader;
  }

  #history(epoch: number): string {
    return `${this.#view.identity?.topicId}/${epoch}`;
  }
}

function isLeaderMoved(error: unknown): boolean {
  return MOVED.some((name) => isKafkaError(error, name));
}

function handOver({ error, lastStableOffset, records }: FetchedPartition, offset: number, onRecord: OnRecord) {
  if (error !== 0) throw brokerError(error);
  return { nextOffset: readRecords(records, offset, onRecord), endOffset: lastStableOffset };
}

/** Recognised like an error of the client itself. */
function brokerError(code: number): Error {
  const name = kafkaErrorName(code);
  return Object.assign(new Error(`the broker responded with ${name}`), { apiId: name });
}
