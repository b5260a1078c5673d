/** Which broker leads each partition of the topic, as the brokers said last. */
import type { Admin, Broker, metadataV12 } from "@platformatic/kafka";
import { kafkaError, newAdmin } from "./client.ts";
import type { KafkaConnection } from "./connection.ts";

type MetadataResponse = Awaited<ReturnType<typeof metadataV12.api.async>>;

export type TopicIdentity = {
  /** A topic that is re-created under the same name has another id. Hex. */
  readonly topicId: string;
  readonly partitions: number;
};

/** From the first offset that is held to the offset of the next record. */
export type TopicRange = { readonly startOffset: number; readonly endOffset: number };

export type Leader = { readonly node: number; readonly epoch: number };

const EARLIEST = -2n;
const LATEST = -1n;
const READ_COMMITTED = 1;

export class TopicView {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #admin: Admin;
  #leaders: readonly Leader[] = [];
  #brokers: ReadonlyMap<number, Broker> = new Map();
  #identity: TopicIdentity | undefined;
  #refreshing: Promise<TopicIdentity> | undefined;

  constructor(connection: KafkaConnection, topic: string) {
    this.#connection = connection;
    this.#topic = topic;
    this.#admin = newAdmin(connection);
  }

  /** As of the last `refresh`. */
  get identity(): TopicIdentity | undefined {
    return this.#identity;
  }

  /** Undefined: there is no leader now, or the partition is not known. */
  leaderOf(partition: number): Leader | undefined {
    const leader = this.#leaders[partition];
    return leader !== undefined && this.#brokers.has(leader.node) ? leader : undefined;
  }

  brokerOf(node: number): Broker | undefined {
    return this.#brokers.get(node);
  }

  /** Asks the brokers; calls at the same time share one request. */
  refresh(): Promise<TopicIdentity> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Returns the range of committed records, so that a reader reaches its end. */
  async range(partition: number): Promise<TopicRange> {
    try {
      const [startOffset, endOffset] = await Promise.all([
        this.#offset(partition, EARLIEST),
        this.#offset(partition, LATEST),
      ]);
      return { startOffset, endOffset };
    } catch (error) {
      throw kafkaError(
        error,
        `asking for the offsets of partition ${partition} of topic ${this.#topic}`,
        this.#connection,
      );
    }
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }

  async #offset(partition: number, timestamp: bigint): Promise<number> {
    const topics = [{ name: this.#topic, partitions: [{ partitionIndex: partition, timestamp }] }];
    const listed = await this.#admin.listOffsets({ topics, isolationLevel: READ_COMMITTED });
    const offset = listed[0]?.partitions[0]?.offset;
    if (offset === undefined || offset < 0n) throw new Error("the broker gave no offset");
    return Number(offset);
  }

  async #ask(): Promise<TopicIdentity> {
    try {
      const metadata = await this.#admin.metadata({ topics: [this.#topic], forceUpdate: true });
      const topic = metadata.topics.get(this.#topic)!;
      const leaders = topic.partitions.map(({ leader, leaderEpoch }) => ({ node: leader, epoch: leaderEpoch }));
      return this.#note(topic.id, leaders, metadata.brokers);
    } catch (error) {
      const partial = this.#partial(error);
      if (partial !== undefined) return partial;
      throw kafkaError(error, `asking about topic ${this.#topic}`, this.#connection);
    }
  }

  /**
   * When one partition has no leader, the client rejects the whole response. The other partitions can be read all the
   * same.
   */
  #partial(error: unknown): TopicIdentity | undefined {
    const { response } = error as { response?: Partial<MetadataResponse> };
    const topic = response?.topics?.find(({ name, errorCode }) => name === this.#topic && errorCode === 0);
    if (topic === undefined || response?.brokers === undefined) return undefined;
    const leaders: Leader[] = [];
    for (const { partitionIndex, leaderId, leaderEpoch } of topic.partitions) {
      leaders[partitionIndex] = { node: leaderId, epoch: leaderEpoch };
    }
    return this.#note(topic.topicId, leaders, new Map(response.brokers.map((broker) => [broker.nodeId, broker])));
  }

  #note(topicId: string, leaders: readonly Leader[], brokers: ReadonlyMap<number, Broker>): TopicIdentity {
    this.#leaders = leaders;
    this.#brokers = brokers;
    this.#identity = { topicId, partitions: leaders.length };
    return this.#identity;
  }
}
