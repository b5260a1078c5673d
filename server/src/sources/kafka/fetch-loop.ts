/**
 * Fetches the partitions of one thread. Each broker that leads some of them gets one fetch at a time, for all
 * partitions that want records, and the next one as soon as it has answered. Records are on their way while earlier
 * ones are applied.
 *
 * A broker that is away or no longer leads is retried after a growing pause with jitter, after the leaders were
 * requested again. Readers wait meanwhile; `problems` says why.
 */

import { setTimeout as pause } from "node:timers/promises";
import { type Connection, ConnectionPool } from "@platformatic/kafka";
import { clientOptions, kafkaError, kafkaErrorName } from "../../clients/kafka/client.ts";
import {
  type FetchedPartition,
  type FetchResponse,
  type FetchTarget,
  fetchVersionOf,
  sendFetch,
} from "../../clients/kafka/fetch-protocol.ts";
import { MemoryPool } from "../../clients/kafka/memory-pool.ts";
import { TopicView } from "../../clients/kafka/topic-view.ts";
import { backoffMs } from "../../shared/retry.ts";
import type { KafkaCounters, KafkaSourceSetup } from "./setup.ts";

/**
 * While a partition's buffer is full, the fetch of the others waits no longer than this, so that the partition can join
 * the next one soon.
 */
const SHORT_WAIT_MS = 10;
const BACKOFF = { firstMs: 50, longestMs: 2_000 };
/** Without topic ids in fetches, a re-created topic is noticed after at most this long. */
const REFRESH_MS = 30_000;

const OFFSET_OUT_OF_RANGE = 1;
/** Errors of a broker that does not lead, or of another topic of this name: the leaders are requested again. */
const STALE_VIEW = new Set([3, 5, 6, 9, 74, 75, 100, 103]);

/** Memory of a response, shared by several partitions; returned to the pool when all have released it. */
export type ResponseMemory = { readonly bytes: Buffer; readonly pool: MemoryPool; shares: number };

/** A partition of the loop. */
export type FetchSink = {
  readonly partition: number;
  readonly counters: KafkaCounters;
  /** The topic that its position belongs to; undefined before the first response of the brokers. */
  readonly topicId: string | undefined;
  /** Returns the next fetch, or undefined if there is none now. */
  wanted(): { readonly offset: number; readonly bytesMax: number } | undefined;
  isFull(): boolean;
  begin(topicId: string): void;
  /** Receives the records that were requested at this offset, as a view of the memory. */
  take(offset: number, fetched: FetchedPartition, memory: ResponseMemory): void;
  outOfRange(offset: number): void;
  recreated(topicId: string): void;
};

export class FetchLoop {
  readonly view: TopicView;
  readonly #setup: KafkaSourceSetup;
  readonly #pool: ConnectionPool;
  readonly #sinks = new Map<number, FetchSink>();
  /** Leaders with a loop of their own. */
  readonly #serving = new Set<number>();
  readonly #versions = new WeakMap<Connection, number>();
  /** By their subject; a success removes the problem. */
  readonly #problems = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #memory = new MemoryPool();
  #wakeUps: (() => void)[] = [];
  #isSeeking = false;
  #refreshedMs = 0;
  #turn = 0;

  constructor(setup: KafkaSourceSetup) {
    this.#setup = setup;
    this.view = new TopicView(setup.connection, setup.topic);
    const { clientId, bootstrapBrokers: _brokers, ...options } = clientOptions(setup.connection);
    this.#pool = new ConnectionPool(clientId, options);
  }

  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  add(sink: FetchSink): void {
    this.#sinks.set(sink.partition, sink);
    const { identity } = this.view;
    if (identity !== undefined) sink.begin(identity.topicId);
    this.wake();
  }

  remove(sink: FetchSink): void {
    if (this.#sinks.get(sink.partition) === sink) this.#sinks.delete(sink.partition);
    this.wake();
  }

  /** Called when a partition needs more or other records. */
  wake(): void {
    if (this.#stop.signal.aborted) return;
    const calls = this.#wakeUps;
    this.#wakeUps = [];
    for (const call of calls) call();
    let isLeaderless = false;
    for (const { partition } of this.#sinks.values()) {
      const leader = this.view.leaderOf(partition);
      if (leader === undefined) isLeaderless = true;
      else if (!this.#serving.has(leader.node)) void this.#serve(leader.node);
    }
    if (isLeaderless && !this.#isSeeking) void this.#seekLeaders();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const call of this.#wakeUps.splice(0)) call();
    await Promise.allSettled([this.#pool.close(), this.view.close()]);
  }

  /** Requests the leaders until every partition has one. */
  async #seekLeaders(): Promise<void> {
    this.#isSeeking = true;
    for (let failures = 1; !this.#stop.signal.aborted; failures++) {
      await this.#refresh();
      const leaderless = [...this.#sinks.values()].filter(
        ({ partition }) => this.view.leaderOf(partition) === undefined,
      );
      if (leaderless.length === 0) break;
      if (!this.#problems.has("topic")) {
        const list = leaderless.map(({ partition }) => partition).join(", ");
        this.#problems.set("leaders", `Topic ${this.#setup.topic}: no broker leads partition ${list} now.`);
      }
      await this.#pause(failures);
    }
    this.#isSeeking = false;
    this.#problems.delete("leaders");
    this.wake();
  }

  /** Never rejects; a failure becomes a problem. */
  async #refresh(): Promise<void> {
    try {
      const { topicId } = await this.view.refresh();
      this.#refreshedMs = performance.now();
      this.#problems.delete("topic");
      for (const sink of this.#sinks.values()) {
        if (sink.topicId === undefined) sink.begin(topicId);
        else if (sink.topicId !== topicId) sink.recreated(topicId);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#problems.set("topic", (error as Error).message);
    }
  }

  /** Fetches from one broker for as long as it leads one of our partitions. */
  async #serve(node: number): Promise<void> {
    this.#serving.add(node);
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const led = [...this.#sinks.values()].filter(({ partition }) => this.view.leaderOf(partition)?.node === node);
      if (led.length === 0) break;
      const targets = this.#targetsOf(led);
      if (targets.length === 0) {
        await this.#nextWake();
        continue;
      }
      const isFine = await this.#fetch(node, led, targets);
      if (isFine) failures = 0;
      else {
        await this.#pause(++failures);
        await this.#refresh();
        this.wake();
      }
    }
    this.#serving.delete(node);
    this.#problems.delete(`broker ${node}`);
    this.wake();
  }

  /** Rotates the order of partitions, because a batch above the limit is returned only for the first partition of a fetch. */
  #targetsOf(led: readonly FetchSink[]): FetchTarget[] {
    const targets: FetchTarget[] = [];
    this.#turn++;
    for (let i = 0; i < led.length; i++) {
      const sink = led[(i + this.#turn) % led.length]!;
      const wanted = sink.wanted();
      if (wanted === undefined) continue;
      const leaderEpoch = this.view.leaderOf(sink.partition)?.epoch ?? -1;
      targets.push({ partition: sink.partition, leaderEpoch, ...wanted });
    }
    return targets;
  }

  /** Resolves with whether the responses covered all partitions. Never rejects. */
  async #fetch(node: number, led: readonly FetchSink[], targets: readonly FetchTarget[]): Promise<boolean> {
    const key = `broker ${node}`;
    try {
      const response = await this.#ask(node, led, targets);
      if (response.error !== 0) throw new Error(`the broker responded with ${kafkaErrorName(response.error)}`);
      const isFine = this.#hand(response, targets);
      if (isFine) this.#problems.delete(key);
      if (performance.now() - this.#refreshedMs > REFRESH_MS) await this.#refresh();
      return isFine;
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      for (const { partition } of targets) this.#count(partition, "fetchErrors");
      const broker = this.view.brokerOf(node);
      const what = `reading topic ${this.#setup.topic} from broker ${node} (${broker?.host}:${broker?.port})`;
      this.#problems.set(key, kafkaError(error, what, this.#setup.connection).message);
      return false;
    }
  }

  async #ask(node: number, led: readonly FetchSink[], targets: readonly FetchTarget[]): Promise<FetchResponse> {
    const { topic, fetchBytesMax, fetchWaitMs } = this.#setup;
    const connection = await this.#pool.get(this.view.brokerOf(node)!);
    const version = this.#versions.get(connection) ?? (await this.#negotiate(connection));
    const waitMs = led.some((sink) => sink.isFull()) ? SHORT_WAIT_MS : fetchWaitMs;
    const bytesMax = targets.reduce((max, target) => Math.max(max, target.bytesMax), fetchBytesMax);
    const topicId = this.view.identity?.topicId ?? "";
    return sendFetch(connection, version, { topic, topicId, waitMs, bytesMax, targets }, this.#memory);
  }

  async #negotiate(connection: Connection): Promise<number> {
    const version = await fetchVersionOf(connection);
    this.#versions.set(connection, version);
    return version;
  }

  /** Hands each partition its part; false when one of them has to be fetched again from another broker, or later. */
  #hand(response: FetchResponse, targets: readonly FetchTarget[]): boolean {
    // The loop keeps one share until all parts are handed over.
    const memory: ResponseMemory = { bytes: response.bytes, pool: this.#memory, shares: 1 };
    let isFine = true;
    for (const fetched of response.partitions) {
      const sink = this.#sinks.get(fetched.partition);
      const target = targets.find(({ partition }) => partition === fetched.partition);
      if (sink === undefined || target === undefined) continue;
      sink.counters.fetches++;
      sink.counters.bytes += fetched.records.length;
      if (fetched.error === 0) sink.take(target.offset, fetched, memory);
      else if (fetched.error === OFFSET_OUT_OF_RANGE) sink.outOfRange(target.offset);
      else isFine = this.#noteError(fetched);
    }
    releaseMemory(memory);
    return isFine;
  }

  #noteError({ partition, error }: FetchedPartition): false {
    this.#count(partition, STALE_VIEW.has(error) ? "leaderChanges" : "fetchErrors");
    const leader = this.view.leaderOf(partition);
    const name = kafkaErrorName(error);
    this.#problems.set(
      `broker ${leader?.node}`,
      `Topic ${this.#setup.topic}: partition ${partition} cannot be read now, its broker responds with ${name}.`,
    );
    return false;
  }

  #count(partition: number, what: "fetchErrors" | "leaderChanges"): void {
    const counters = this.#sinks.get(partition)?.counters;
    if (counters !== undefined) counters[what]++;
  }

  #nextWake(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUps.push(resolve);
    });
  }

  async #pause(failures: number): Promise<void> {
    await pause(backoffMs(BACKOFF, failures), undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

/** Releases one share; with the last one the memory can be used again. */
export function releaseMemory(memory: ResponseMemory): void {
  memory.shares--;
  if (memory.shares === 0) memory.pool.giveBack(memory.bytes);
}
