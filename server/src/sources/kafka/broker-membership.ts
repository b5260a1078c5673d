/**
 * A member of a group of the `consumer` protocol (KIP-848, Kafka 4.0 and newer). The brokers assign the partitions. The
 * protocol is one request, repeated: the member's id, its epoch and its partitions; the response holds the epoch and
 * the partitions that it has now. The client library offers its own membership only together with its stream of
 * records.
 *
 *   outside  --a heartbeat of epoch 0 is answered--> member
 *   member   --other partitions in a response--> member      reported, and confirmed at once by the next heartbeat
 *   member   --the group has removed it--> outside           the next heartbeat joins again, without partitions
 *   any      --leave--> left
 *
 * Membership is dynamic: the name of a static member that was killed stays taken until its session ends, so a static
 * one would gain nothing. The brokers' settings say how long a session is, and how often a member sends heartbeats.
 */

import { randomUUID } from "node:crypto";
import {
  apiVersionsV3,
  type Broker,
  type Connection,
  ConnectionPool,
  consumerGroupHeartbeatV0,
  findCoordinatorV4,
  offsetCommitV9,
} from "@platformatic/kafka";
import { brokerOf, clientOptions, isKafkaError, kafkaErrorName } from "../../clients/kafka/client.ts";
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { backoffMs } from "../../shared/retry.ts";
import { WakeableTimer } from "../../shared/wakeable-timer.ts";

const BACKOFF = { firstMs: 100, longestMs: 2_000 };
/** Sent to the brokers; nothing here has to happen before partitions are revoked. */
const REBALANCE_TIMEOUT_MS = 60_000;
/** Used until a broker has sent its own interval. */
const HEARTBEAT_MS = 1_000;
const JOINING_EPOCH = 0;
const LEAVING_EPOCH = -1;
const KEY_OF_GROUP = 0;
const HEARTBEAT_KEY = 68;
/** The group no longer knows this member, or this epoch of it. */
const GIVEN_UP = ["UNKNOWN_MEMBER_ID", "FENCED_MEMBER_EPOCH"];

type BrokerMembershipOptions = {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly groupId: string;
  /** Called on each change, ascending. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  /** A heartbeat failed, and is retried. */
  readonly onFailure: (error: unknown) => void;
};

type MemberOffset = { readonly partition: number; readonly offset: number };

type Given = { readonly topicId: string; readonly partitions: number[] };

export class BrokerMembership {
  readonly #options: BrokerMembershipOptions;
  readonly #pool: ConnectionPool;
  readonly #memberId = randomUUID();
  readonly #timer = new WakeableTimer();
  #coordinator: Broker | undefined;
  #epoch = JOINING_EPOCH;
  #given: Given[] = [];
  /** The last report; undefined before the first. */
  #told: string | undefined;
  #intervalMs = HEARTBEAT_MS;
  #last: Promise<unknown> = Promise.resolve();
  #loop: Promise<void> | undefined;
  #isLeft = false;

  constructor(options: BrokerMembershipOptions) {
    this.#options = options;
    const { clientId, bootstrapBrokers: _brokers, ...others } = clientOptions(options.connection);
    this.#pool = new ConnectionPool(clientId, others);
  }

  get isMember(): boolean {
    return this.#epoch > JOINING_EPOCH;
  }

  /** Joins. Rejects when the first attempt fails, and keeps trying all the same until `leave`. */
  async join(): Promise<void> {
    try {
      await this.#heartbeat();
    } finally {
      this.#loop = this.#run();
    }
  }

  /** Rejects where the group refused one of them. */
  commit(offsets: readonly MemberOffset[]): Promise<void> {
    return this.#inTurn(() => this.#commit(offsets));
  }

  async #commit(offsets: readonly MemberOffset[]): Promise<void> {
    const { topic, groupId } = this.#options;
    const partitions = offsets.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
    }));
    const connection = await this.#connection();
    const topics = [{ name: topic, partitions }];
    await offsetCommitV9.api.async(connection, groupId, this.#epoch, this.#memberId, null, topics);
  }

  /** Leaves the group at once, if its coordinator can be reached. */
  async leave(): Promise<void> {
    this.#isLeft = true;
    this.#timer.wake();
    await this.#loop;
    try {
      if (this.isMember) await this.#send(LEAVING_EPOCH);
    } catch {
      // The session then ends by its timeout.
    }
    this.#epoch = JOINING_EPOCH;
    await this.#pool.close().catch(() => {});
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isLeft) {
      await this.#timer.pause(failures === 0 ? this.#intervalMs : backoffMs(BACKOFF, failures));
      if (this.#isLeft) return;
      try {
        await this.#heartbeat();
        failures = 0;
      } catch (error) {
        failures++;
        if (!this.#isLeft) this.#options.onFailure(error);
      }
    }
  }

  /** Sends a heartbeat, and further ones that confirm the assignment in its response. */
  async #heartbeat(): Promise<void> {
    while (!this.#isLeft) {
      const isChanged = await this.#beat();
      if (!isChanged) return;
    }
  }

  /** Whether the response held other partitions. */
  async #beat(): Promise<boolean> {
    try {
      const { heartbeatIntervalMs, assignment } = await this.#inTurn(async () => {
        const response = await this.#send(this.#epoch);
        this.#epoch = response.memberEpoch;
        return response;
      });
      if (heartbeatIntervalMs > 0) this.#intervalMs = heartbeatIntervalMs;
      return assignment === null ? false : this.#take(assignment.topicPartitions);
    } catch (error) {
      if (GIVEN_UP.some((name) => isKafkaError(error, name))) {
        this.#epoch = JOINING_EPOCH;
        this.#given = [];
      } else {
        this.#coordinator = undefined;
      }
      throw error;
    }
  }

  #take(given: readonly Given[]): boolean {
    const isChanged = JSON.stringify(given) !== JSON.stringify(this.#given);
    this.#given = [...given];
    const partitions = [...new Set(given.flatMap((one) => one.partitions))].sort((a, b) => a - b);
    const told = partitions.join();
    if (told !== this.#told && !this.#isLeft) {
      this.#told = told;
      this.#options.onAssigned(partitions);
    }
    return isChanged;
  }

  /** Runs one request after the other: a commit with an older epoch is refused. */
  #inTurn<T>(request: () => Promise<T>): Promise<T> {
    const done = this.#last.then(request);
    this.#last = done.catch(() => {});
    return done;
  }

  /** Always sends everything, so that a lost response does no harm. */
  async #send(epoch: number) {
    const { groupId, topic } = this.#options;
    const connection = await this.#connection();
    const { api } = consumerGroupHeartbeatV0;
    const given = epoch === LEAVING_EPOCH ? [] : this.#given;
    const [instance, rack, pattern, assignor] = [null, null, null, null];
    const member = [groupId, this.#memberId, epoch, instance, rack] as const;
    return api.async(connection, ...member, REBALANCE_TIMEOUT_MS, [topic], pattern, assignor, given);
  }

  async #connection(): Promise<Connection> {
    this.#coordinator ??= await this.#findCoordinator();
    return this.#pool.get(this.#coordinator);
  }

  async #findCoordinator(): Promise<Broker> {
    const { connection, groupId } = this.#options;
    const any = await this.#pool.getFirstAvailable(connection.brokers.map(brokerOf));
    const { apiKeys } = await apiVersionsV3.api.async(any, "swapstats", "1");
    if (!apiKeys.some(({ apiKey }) => apiKey === HEARTBEAT_KEY)) {
      const message =
        "The brokers do not know the consumer protocol of groups (Kafka 4.0 and newer do, unless it is switched off); set ingest.group_protocol: classic";
      throw new SwapstatsError("bad_config", message);
    }
    const { coordinators } = await findCoordinatorV4.api.async(any, KEY_OF_GROUP, [groupId]);
    const found = coordinators[0];
    if (found === undefined || found.errorCode !== 0) {
      throw new Error(`no broker coordinates the group ${groupId} now (${kafkaErrorName(found?.errorCode ?? -1)})`);
    }
    return { host: found.host, port: found.port };
  }
}
