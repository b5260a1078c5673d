/** The real servers of a chaos run. Each can be killed and restarted at its address. */
import { join } from "node:path";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { type NatsServer, startNats } from "../../../scripts/servers/nats.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { HistoryServer } from "./history-server.ts";
import { type StoreName, type StoreServers, startStore } from "./store-servers.ts";

export class ChaosServers {
  readonly kafka: Kafka;
  readonly topic = "swaps";
  /** Proxy of the broker's own listener. Undefined with several brokers. */
  readonly kafkaProxy: TcpProxy | undefined;
  readonly store: StoreServers;
  /** Undefined in runs without a history. */
  readonly history: HistoryServer | undefined;
  readonly #folder: string;
  #nats: NatsServer;

  private constructor(
    folder: string,
    kafka: Kafka,
    proxy: TcpProxy | undefined,
    store: StoreServers,
    nats: NatsServer,
    history: HistoryServer | undefined,
  ) {
    this.#folder = folder;
    this.kafka = kafka;
    this.kafkaProxy = proxy;
    this.store = store;
    this.#nats = nats;
    this.history = history;
  }

  static async start(
    folder: string,
    brokers: number,
    partitions: number,
    storeName: StoreName,
    hasHistory: boolean,
  ): Promise<ChaosServers> {
    const history = hasHistory ? await HistoryServer.start(join(folder, "clickhouse")) : undefined;
    const store = await startStore(storeName, folder);
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
    const servers = new ChaosServers(folder, kafka, proxy, store, nats, history);
    for (const topic of [servers.topic, `${servers.topic}.dlq`]) {
      await createTopic(kafka, topic, partitions, configs, Math.min(brokers, 3));
    }
    return servers;
  }

  get natsPort(): number {
    return this.#nats.port;
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
    await Promise.all([this.store.stop(), this.#nats.stop(), this.kafka.kill(), this.history?.close()]);
  }
}
