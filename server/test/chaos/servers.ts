/** The real servers of a chaos run, each of which can be killed and brought back where it was. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { type NatsServer, startNats } from "../../../scripts/servers/nats.ts";
import { freePort } from "../../../scripts/servers/process.ts";
import { type RedisServer, startRedis } from "../../../scripts/servers/redis.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

export class ChaosServers {
  readonly kafka: Kafka;
  readonly topic = "swaps";
  /** To a listener of the broker of its own; undefined with several brokers. */
  readonly kafkaProxy: TcpProxy | undefined;
  readonly #folder: string;
  #redis: RedisServer;
  #nats: NatsServer;

  private constructor(folder: string, kafka: Kafka, proxy: TcpProxy | undefined, redis: RedisServer, nats: NatsServer) {
    this.#folder = folder;
    this.kafka = kafka;
    this.kafkaProxy = proxy;
    this.#redis = redis;
    this.#nats = nats;
  }

  static async start(folder: string, brokers: number, partitions: number): Promise<ChaosServers> {
    const redis = await startRedis({ folder: join(folder, "redis"), durable: true });
    const nats = await startNats({ folder: join(folder, "nats") });
    const relayPort = await freePort();
    const proxy = brokers === 1 ? await TcpProxy.start(relayPort) : undefined;
    const kafka = await startKafka({
      folder: join(folder, "kafka"),
      brokers,
      heapMb: 384,
      ...(proxy === undefined ? {} : { relay: { port: relayPort, advertisedPort: proxy.port } }),
    });
    const configs = { "message.timestamp.type": "LogAppendTime", "retention.ms": "-1" };
    const servers = new ChaosServers(folder, kafka, proxy, redis, nats);
    await createTopic(kafka, servers.topic, partitions, configs, Math.min(brokers, 3));
    return servers;
  }

  get redisPort(): number {
    return this.#redis.port;
  }

  get natsPort(): number {
    return this.#nats.port;
  }

  async killRedis(): Promise<void> {
    this.#redis.kill();
    await this.#redis.exited;
  }

  /** On its port, with its data or without. */
  async restartRedis(keepsData: boolean): Promise<void> {
    const folder = join(this.#folder, "redis");
    if (!keepsData) rmSync(join(folder, "appendonlydir"), { recursive: true, force: true });
    this.#redis = await startRedis({ folder, durable: true, port: this.redisPort });
  }

  async killNats(): Promise<void> {
    this.#nats.kill();
    await this.#nats.exited;
  }

  async restartNats(): Promise<void> {
    this.#nats = await startNats({ folder: join(this.#folder, "nats"), port: this.natsPort });
  }

  async close(): Promise<void> {
    this.kafkaProxy?.close();
    await Promise.all([this.#redis.stop(), this.#nats.stop(), this.kafka.kill()]);
  }
}
