/**
 * Ingestion from Kafka, as the main thread runs it: the membership in the group, and the ownership that follows from it. The
 * records themselves are read by the threads that own the partitions.
 */
import type { IngestPort, IngestResult } from "../bus/stats-bus.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { GroupMember } from "../sources/kafka/group-member.ts";
import type { KafkaConnection } from "../sources/kafka/kafka-setup.ts";
import { PartitionOwnership } from "./partition-ownership.ts";
import type { PartitionWorkers } from "./partition-workers.ts";

export type KafkaIngestOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly instanceId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** How long a partition that is let go may take to be brought up and saved. */
  readonly handOverLimitMs: number;
  readonly onProblem: (sentence: string) => void;
  /** A state cannot be taken over: the process must end. */
  readonly onFatal: (error: Error) => void;
  /** The partitions that this instance answers for, with their epochs. */
  readonly onServing: (serving: ReadonlyMap<number, string>) => void;
};

export class KafkaIngest implements IngestPort {
  readonly #options: KafkaIngestOptions;
  readonly #member: GroupMember;
  #ownership: PartitionOwnership | undefined;

  constructor(options: KafkaIngestOptions) {
    const { connection, topic, groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = options;
    this.#options = options;
    this.#member = new GroupMember({
      connection,
      topic,
      groupId,
      instanceId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      onAssigned: (partitions) => this.#ownership?.want(partitions),
    });
  }

  /** Joins the group; from then on the workers own what it assigns. Rejects with `bad_config` where no retry helps. */
  async start(workers: PartitionWorkers): Promise<void> {
    const { handOverLimitMs: limitMs, onProblem, onFatal: onRefused, onServing } = this.#options;
    const committedOffset = async (partition: number): Promise<number | undefined> =>
      (await this.#member.committed([partition])).get(partition);
    this.#ownership = new PartitionOwnership({ workers, committedOffset, limitMs, onProblem, onRefused, onServing });
    await this.#member.start();
  }

  /** A worker says that a partition's state is up to date. */
  current(partition: number, epoch: string): void {
    this.#ownership?.current(partition, epoch);
  }

  /** A worker says that a partition does not go on. */
  failed(partition: number, message: string): void {
    this.#ownership?.failed(partition, message);
  }

  /** A worker says that a checkpoint is durable. */
  checkpointed(partition: number, nextOffset: number): void {
    this.#member.commit(partition, nextOffset);
  }

  /** Plain sentences for status and readiness. */
  get problems(): readonly string[] {
    return this.#member.problem === undefined ? [] : [this.#member.problem];
  }

  get rebalances(): number {
    return this.#member.rebalances;
  }

  /** Takes nothing over any more. The workers then save what they own, and `leave` follows. */
  async stopTaking(): Promise<void> {
    await this.#ownership?.stop();
  }

  /** Tells the group that others may take over. */
  async leave(): Promise<void> {
    await this.#member.leave();
  }

  ingest(): Promise<IngestResult> {
    const message = `this service reads its swaps from the Kafka topic ${this.#options.topic}; produce them there`;
    return Promise.reject(new SwapstatsError("not_found", message));
  }
}
