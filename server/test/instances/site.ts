/** One broker, one Redis and one NATS for the tests of a file, and instances of the real program on them as separate processes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { type NatsServer, startNats } from "../../../scripts/servers/nats.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { type RedisServer, startRedis } from "../../../scripts/servers/redis.ts";
import { TopicAdmin } from "../../src/clients/kafka/topic-admin.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { ServiceProcess, type Settings } from "../crash/service-process.ts";
import { connectionTo } from "../support/kafka-support.ts";
import { tempDir } from "../support/tmp.ts";

/** Far beyond any real duration. */
export const SETTLE_LIMIT_MS = 150_000;
/** The shortest that the broker allows. */
const SESSION_TIMEOUT = "6s";

type Cleaning = { after(run: () => Promise<void>): void };

type PartitionView = {
  partition: number;
  owner: string;
  epoch: string;
  next_offset: number;
  end_offset: number;
  lag: number;
  state: string;
  seen_since?: number;
  checkpoint?: { offset: number };
  problems: string[];
};

type StatusView = {
  partitions: PartitionView[];
  counters: Record<string, unknown>;
  problems?: string[];
};

/** A process of the program, by its name in the group. */
export class Instance {
  readonly name: string;
  readonly process: ServiceProcess;
  readonly #headers: Readonly<Record<string, string>>;

  /** `headers`: credentials that may ask for the status. */
  constructor(name: string, process: ServiceProcess, headers: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.process = process;
    this.#headers = headers;
  }

  get url(): string {
    return this.process.url;
  }

  /** Undefined while its response is not complete. */
  async status(): Promise<StatusView | undefined> {
    assert.ok(!this.process.hasExited, `instance ${this.name} ended by itself:\n${this.process.log}`);
    const answer = await fetch(`${this.url}/api/status`, { headers: this.#headers }).catch(() => undefined);
    if (answer === undefined) return undefined;
    const body = (await answer.json()) as StatusView;
    return answer.status === 200 ? body : undefined;
  }

  /** SIGTERM. Rejects unless it ended as it should. */
  async stop(): Promise<void> {
    const { code } = await this.process.kill("SIGTERM");
    assert.equal(code, 0, `instance ${this.name}:\n${this.process.log}`);
  }

  async kill(): Promise<void> {
    await this.process.kill("SIGKILL");
  }
}

export class Site {
  readonly kafka: Kafka;
  readonly redis: RedisServer;
  readonly nats: NatsServer;

  private constructor(kafka: Kafka, redis: RedisServer, nats: NatsServer) {
    this.kafka = kafka;
    this.redis = redis;
    this.nats = nats;
  }

  static async start(folder: string): Promise<Site> {
    const [kafka, redis, nats] = await Promise.all([
      startKafka({ folder: join(folder, "kafka") }),
      startRedis({ folder: join(folder, "redis") }),
      startNats({ folder: join(folder, "nats") }),
    ]);
    return new Site(kafka, redis, nats);
  }

  async stop(): Promise<void> {
    await Promise.all([this.kafka.kill(), this.redis.stop(), this.nats.stop()]);
  }

  /** As environment variables. The clock is that of events, so the figures stand still with the stream. */
  settings(topic: string, name: string, more: Settings = {}): Settings {
    return {
      SWAPSTATS_WINDOWS_CLOCK: "event",
      SWAPSTATS_APP_INSTANCE_ID: name,
      SWAPSTATS_APP_WORKERS: "2",
      SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms",
      SWAPSTATS_INGEST_SOURCE: "kafka",
      SWAPSTATS_INGEST_BROKERS: this.kafka.brokers.join(","),
      SWAPSTATS_INGEST_TOPIC: topic,
      SWAPSTATS_INGEST_GROUP_ID: topic,
      SWAPSTATS_INGEST_SESSION_TIMEOUT: SESSION_TIMEOUT,
      SWAPSTATS_PUBSUB_NATS_URL: this.nats.url,
      SWAPSTATS_STORES_CHECKPOINT: "redis",
      SWAPSTATS_STORES_REDIS_ADDR: `${this.redis.host}:${this.redis.port}`,
      SWAPSTATS_STORES_REDIS_PREFIX: `${topic}:`,
      ...more,
    };
  }

  engineConfig(topic: string, more: Settings = {}): EngineConfig {
    return toEngineConfig(loadConfig({ env: this.settings(topic, "model", more) }).config);
  }

  /** Starts an instance, and kills it after the test. */
  async start(t: Cleaning, topic: string, name: string, more: Settings = {}): Promise<Instance> {
    const folder = tempDir(t, name);
    const settings = this.settings(topic, name, more);
    const instance = new Instance(name, new ServiceProcess(await freePort(), folder, settings));
    t.after(() => instance.kill());
    return instance;
  }

  /** Returns where each partition of the topic ends according to the broker: after the last readable record. */
  async ends(topic: string): Promise<number[]> {
    const admin = new TopicAdmin(connectionTo(this.kafka.brokers));
    try {
      return (await admin.ranges(topic)).map(({ endOffset }) => endOffset);
    } finally {
      await admin.close();
    }
  }

  /**
   * Resolves when each of these instances sees all partitions of the topic assigned to the same one of them, up to their ends according to
   * the broker, and each of them has at least one. Rejects with the last seen state.
   */
  async settled(topic: string, instances: readonly Instance[]): Promise<StatusView[]> {
    const ends = await this.ends(topic);
    const names = new Set(instances.map(({ name }) => name));
    let seen: (StatusView | undefined)[] = [];
    const isSettled = async (): Promise<boolean> => {
      seen = await Promise.all(instances.map((instance) => instance.status()));
      const owners = new Set(
        seen.map((status) => status?.partitions.map(({ owner, epoch }) => `${owner} ${epoch}`).join()),
      );
      return owners.size === 1 && seen.every((status) => status !== undefined && isAtEnd(status, names, ends));
    };
    try {
      await waitFor("instances to settle", isSettled, SETTLE_LIMIT_MS);
    } catch (cause) {
      const logs = instances.map(({ name, process }) => `${name}: ${process.log.slice(-2_000)}`).join("\n");
      throw new Error(`not settled at ${ends}: ${JSON.stringify(seen)}\n${logs}`, { cause });
    }
    return seen as StatusView[];
  }
}

function isAtEnd({ partitions }: StatusView, names: ReadonlySet<string>, ends: readonly number[]): boolean {
  const owners = new Set(partitions.map(({ owner }) => owner));
  return (
    partitions.length === ends.length &&
    owners.size === names.size &&
    partitions.every(
      ({ owner, state, lag, next_offset }, i) =>
        names.has(owner) && state === "running" && lag === 0 && next_offset === ends[i],
    )
  );
}
