/**
 * This instance's membership in the consumer group. The group does one thing: it assigns partitions to this instance.
 * Positions come from checkpoints, and epochs decide about a partition that two instances hold for a while. So no step
 * here has to precede another.
 *
 * With the classic protocol membership is static (the group knows the instance by its name): an instance that restarts
 * within the session's timeout gets its own partitions back, and no others move. The assignor is the cooperative sticky
 * one: it moves as few partitions as possible, and no member stops. With the `consumer` protocol the brokers assign
 * (broker-membership.ts).
 */
import { Consumer, type GroupAssignment } from "@platformatic/kafka";
import { clientOptions, kafkaError } from "../../clients/kafka/client.ts";
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import type { GroupNumbers } from "../../observability/source-metrics.ts";
import type { SwapstatsError } from "../../shared/errors.ts";
import { backoffMs } from "../../shared/retry.ts";
import { BrokerMembership } from "./broker-membership.ts";

type GroupMemberOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  readonly protocol: "classic" | "consumer";
  /** Names this instance in the group; two instances with one name displace each other. */
  readonly instanceId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** The partitions of this instance from now on, ascending. Called on each change, and after each rebalance. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  /** Why this instance is not in the group. Called for each failed attempt to join. */
  readonly onProblem: (sentence: string) => void;
  /** The topic has another number of partitions than before. */
  readonly onPartitions: (count: number) => void;
};

/** Heartbeats in a session: some may be lost. */
const HEARTBEATS_PER_SESSION = 4;
/** A heartbeat tells a member of a rebalance. With one every 2.5 s a handover took 1.4 s in addition to its restore. */
const HEARTBEAT_MS_MAX = 500;
/** Interval at which the number of partitions is checked. */
const PARTITIONS_LOOK_MS = 10_000;
const REJOIN = { firstMs: 300, longestMs: 5_000 };

export class GroupMember {
  readonly #options: GroupMemberOptions;
  /**
   * With the `consumer` protocol. The client's consumer then joins no group, and reads metadata and committed offsets.
   */
  readonly #membership: BrokerMembership | undefined;
  #consumer: Consumer | undefined;
  #rejoinTimer: NodeJS.Timeout | undefined;
  /** Failures to join in a row. */
  #failures = 0;
  #isEnding = false;
  /** Offsets that wait to be committed, by partition. */
  readonly #waiting = new Map<number, number>();
  #committing: Promise<void> | undefined;
  #partitionCount = 0;
  #partitionsTimer: NodeJS.Timeout | undefined;
  #assigned = 0;
  #rebalances = 0;
  /** When the current rebalance began; undefined: there is none. */
  #meetsSinceMs: number | undefined;
  #lastRebalanceMs = 0;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    if (options.protocol === "classic") return;
    this.#membership = new BrokerMembership({
      ...options,
      onAssigned: (partitions) => this.#assign(partitions),
      onFailure: (error) => this.#tellFailure(kafkaError(error, "staying in the group", options.connection)),
    });
  }

  /** Partitions of the topic; 0 before the first response. */
  get partitionCount(): number {
    return this.#partitionCount;
  }

  get numbers(): GroupNumbers {
    const isMember = this.#membership?.isMember ?? this.#consumer?.isActive() ?? false;
    const rebalances = this.#rebalances;
    return { isMember, assigned: isMember ? this.#assigned : 0, rebalances, lastRebalanceMs: this.#lastRebalanceMs };
  }

  /**
   * Joins. Rejects with `bad_config` where no retry helps (refused credentials, missing permission); otherwise retries
   * until it succeeds.
   */
  async start(): Promise<void> {
    this.#partitionsTimer = setInterval(() => void this.#lookAtPartitions(), PARTITIONS_LOOK_MS);
    await this.#lookAtPartitions();
    try {
      await this.#join();
    } catch (error) {
      const failure = kafkaError(error, "joining the group", this.#options.connection);
      if (!failure.retryable) {
        await this.leave();
        throw failure;
      }
      if (this.#membership === undefined) this.#rejoinLater(failure);
      else this.#tellFailure(failure);
    }
  }

  /**
   * Returns what the group has committed for these partitions; partitions without a commit are absent. Rejects with
   * `unavailable` (retryable).
   */
  async committed(partitions: readonly number[]): Promise<Map<number, number>> {
    const { topic, connection } = this.#options;
    try {
      const offsets = await this.#open().listCommittedOffsets({
        topics: [{ topic, partitions: [...partitions] }],
      });
      const found = offsets.get(topic) ?? [];
      return new Map(
        partitions.flatMap((partition): [number, number][] => {
          // The client's list has an entry for every lower partition, requested or not.
          const offset = Number(found[partition] ?? -1n);
          return offset < 0 ? [] : [[partition, offset]];
        }),
      );
    } catch (error) {
      throw kafkaError(error, "reading the committed offsets", connection);
    }
  }

  /**
   * Commits the position of a durable checkpoint, for tools that show lag, and as a proof that there was a checkpoint.
   * The next commit replaces one that failed.
   */
  commit(partition: number, nextOffset: number): void {
    this.#waiting.set(partition, nextOffset);
    this.#committing ??= this.#commitWaiting().finally(() => {
      this.#committing = undefined;
    });
  }

  /** Commits what waits, and leaves the group at once, so that others take over before the session ends. */
  async leave(): Promise<void> {
    this.#isEnding = true;
    clearInterval(this.#partitionsTimer);
    clearTimeout(this.#rejoinTimer);
    await this.#committing;
    await this.#commitWaiting();
    await this.#membership?.leave();
    try {
      if (this.#membership === undefined) await this.#consumer?.leaveGroup(true);
    } catch {
      // The session then ends by its timeout.
    }
    await this.#close();
  }

  #open(): Consumer {
    if (this.#consumer !== undefined) return this.#consumer;
    const { connection, groupId, instanceId, topic } = this.#options;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const consumer = new Consumer({
      ...clientOptions(connection),
      groupId,
      groupInstanceId: instanceId,
      autocommit: false,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(rebalanceTimeoutMs, sessionTimeoutMs),
      heartbeatInterval: Math.min(HEARTBEAT_MS_MAX, Math.floor(sessionTimeoutMs / HEARTBEATS_PER_SESSION)),
      protocols: [{ name: "cooperative-sticky", version: 1 }],
    });
    consumer.topics.trackAll(topic);
    consumer.on("consumer:group:rebalance", () => this.#meets());
    consumer.on("consumer:group:join", (joined) => this.#joined(joined.assignments ?? []));
    // The client gives up after a failed rejoin, and reports it here.
    consumer.on("error", (error: Error) => this.#rejoinLater(kafkaError(error, "staying in the group", connection)));
    this.#consumer = consumer;
    return consumer;
  }

  async #join(): Promise<void> {
    this.#meets();
    if (this.#membership === undefined) await this.#open().joinGroup();
    else await this.#membership.join();
    this.#failures = 0;
  }

  #joined(assignments: readonly GroupAssignment[]): void {
    const mine = assignments.find((assignment) => assignment.topic === this.#options.topic)?.partitions ?? [];
    this.#assign([...mine].sort((a, b) => a - b));
  }

  #assign(partitions: readonly number[]): void {
    if (this.#isEnding) return;
    this.#rebalances++;
    const nowMs = performance.now();
    this.#lastRebalanceMs = nowMs - (this.#meetsSinceMs ?? nowMs);
    this.#meetsSinceMs = undefined;
    this.#assigned = partitions.length;
    this.#options.onAssigned(partitions);
  }

  #tellFailure(failure: SwapstatsError): void {
    if (!this.#isEnding) this.#options.onProblem(`This instance is not in the group: ${failure.message}`);
  }

  #meets(): void {
    this.#meetsSinceMs ??= performance.now();
  }

  #rejoinLater(failure: SwapstatsError): void {
    if (this.#isEnding || this.#rejoinTimer !== undefined) return;
    this.#tellFailure(failure);
    this.#failures++;
    this.#rejoinTimer = setTimeout(
      () => {
        this.#rejoinTimer = undefined;
        this.#join().catch((error) =>
          this.#rejoinLater(kafkaError(error, "joining the group", this.#options.connection)),
        );
      },
      backoffMs(REJOIN, this.#failures),
    );
  }

  /**
   * The client's leader assigns the partitions that it knew at the last rebalance: more partitions need another one.
   */
  async #lookAtPartitions(): Promise<void> {
    const { topic, onPartitions } = this.#options;
    try {
      const { topics } = await this.#open().metadata({ topics: [topic], forceUpdate: true });
      const count = topics.get(topic)?.partitionsCount ?? 0;
      const before = this.#partitionCount;
      if (count === before || this.#isEnding) return;
      this.#partitionCount = count;
      onPartitions(count);
      const isOurMeeting = this.#membership === undefined && this.#consumer?.isActive();
      if (before > 0 && isOurMeeting) await this.#join();
    } catch {
      // Checked again later. A failure to join is reported by joining.
    }
  }

  async #commitWaiting(): Promise<void> {
    const { topic } = this.#options;
    while (this.#waiting.size > 0) {
      const waiting = [...this.#waiting].map(([partition, offset]) => ({ partition, offset }));
      this.#waiting.clear();
      const offsets = waiting.map(({ partition, offset }) => {
        return { topic, partition, offset: BigInt(offset), leaderEpoch: -1 };
      });
      try {
        if (this.#membership === undefined) await this.#consumer?.commit({ offsets });
        else await this.#membership.commit(waiting);
      } catch {
        return;
      }
    }
  }

  async #close(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    try {
      await consumer?.close(true);
    } catch {
      // Errors while the connections end are irrelevant.
    }
  }
}
