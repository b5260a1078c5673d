/**
 * Apache Kafka for tests and benchmarks: one process or several. Each is a broker and a controller (KRaft) with its own data folder.
 * Listeners with SASL and with TLS can be added to the plain one.
 *
 * const kafka = await startKafka({ folder });
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import { findProgram, requireServer } from "./install.ts";
import { archiveOptions, classPathOf, copyFormatted, newKafkaId } from "./kafka-prepared.ts";
import { freePorts } from "./ports.ts";
import { endOfLog, HOST, type ServerProcess, startProcess, waitFor, waitUntilReady } from "./process.ts";

type KafkaSaslUser = { readonly name: string; readonly password: string };

/** PEM files. */
type KafkaTlsFiles = {
  readonly ca: string;
  /** Certificate and key of the brokers, concatenated in one file. */
  readonly certAndKey: string;
  /** Authority of client certificates. If set, clients must present one. */
  readonly isMutual: boolean;
};

type KafkaOptions = {
  /** Folder of logs and data. Each broker has a folder below it. */
  readonly folder: string;
  /** Default: 1. */
  readonly brokers?: number;
  readonly heapMb?: number;
  /** For brokers under load for minutes: fully optimised code, which costs processor time at the start. */
  readonly isForLoad?: boolean;
  /** Opens a listener for PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and (unsigned) OAUTHBEARER. */
  readonly sasl?: { readonly users: readonly KafkaSaslUser[] };
  readonly tls?: KafkaTlsFiles;
  /** A second plain listener, of one broker only, that advertises a proxy's port. Clients that connect through it stay on that path. */
  readonly relay?: { readonly port: number; readonly advertisedPort: number };
  /** Further lines of server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
};

export type KafkaBroker = {
  readonly id: number;
  /** Port of the plain listener. */
  readonly address: string;
  readonly saslAddress: string;
  readonly tlsAddress: string;
  readonly pid: number;
  /** SIGTERM: the broker hands over its leaderships and ends. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** SIGSTOP: the broker accepts connections and does not respond. */
  freeze(): void;
  thaw(): void;
  /** Starts again with its data and its addresses. Resolves when it responds. */
  restart(): Promise<void>;
};

export type Kafka = {
  /** Addresses of the plain listeners. */
  readonly brokers: readonly string[];
  readonly saslBrokers: readonly string[];
  readonly tlsBrokers: readonly string[];
  readonly nodes: readonly KafkaBroker[];
  readonly pid: number;
  /** For Kafka's own programs: the class path of all its libraries. */
  readonly classPath: string;
  stop(): Promise<void>;
  /**
   * SIGKILL to all. Resolves when they have ended. For the end of a suite: brokers that are stopped together wait for each other's votes
   * until they are killed after 10 s.
   */
  kill(): Promise<void>;
};

const ADMIN_TIMEOUT_MS = 5_000;
const PORTS_EACH = 4;

/** Resolves when all brokers respond and know each other. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const libs = requireServer("kafka");
  const count = options.brokers ?? 1;
  const ports = await freePorts(count * PORTS_EACH);
  const clusterId = newKafkaId();
  const nodes = Array.from({ length: count }, (_, index) => new Node(index + 1, options, libs, ports, clusterId));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (const node of nodes) await node.format();
    for (const node of nodes) node.start();
    await Promise.all(nodes.map((node) => node.ready(count)));
  } catch (error) {
    for (const node of nodes) node.killNow();
    throw error;
  }
  return {
    brokers: nodes.map(({ address }) => address),
    saslBrokers: nodes.map(({ saslAddress }) => saslAddress),
    tlsBrokers: nodes.map(({ tlsAddress }) => tlsAddress),
    nodes,
    pid: nodes[0]!.pid,
    classPath: classPathOf(libs),
    stop,
    kill: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
    },
  };
}

/** Creates a topic. `configs` has Kafka's names. */
export async function createTopic(
  kafka: Pick<Kafka, "brokers">,
  topic: string,
  partitions: number,
  configs: Readonly<Record<string, string>> = {},
  replicas = 1,
): Promise<void> {
  const admin = new Admin({ clientId: "test-topics", bootstrapBrokers: [...kafka.brokers] });
  try {
    const list = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [topic], partitions, replicas, configs: list });
    await awaitLeaders(admin, topic, partitions);
  } finally {
    await admin.close();
  }
}

/** Raises the number of partitions of a topic to `partitions`. Resolves when the broker knows the new ones and leads them. */
export async function addPartitions(kafka: Pick<Kafka, "brokers">, topic: string, partitions: number): Promise<void> {
  const admin = new Admin({ clientId: "test-topics", bootstrapBrokers: [...kafka.brokers] });
  try {
    await admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] });
    await awaitLeaders(admin, topic, partitions);
  } finally {
    await admin.close();
  }
}

/** The controller responds before the brokers have learned of new partitions. */
async function awaitLeaders(admin: Admin, topic: string, partitions: number): Promise<void> {
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }));
  await waitFor(`all leaders of topic ${topic}`, async () => {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    const known = topics.get(topic)?.partitions ?? [];
    if (known.length < partitions || !known.every(({ leader }) => leader > 0)) return false;
    // A broker may be named as a leader a moment before it knows this, and may refuse requests until then.
    await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
    return true;
  });
}

class Node implements KafkaBroker {
  readonly id: number;
  readonly #folder: string;
  readonly #options: KafkaOptions;
  readonly #libs: string;
  readonly #ports: readonly number[];
  readonly #clusterId: string;
  #process: ServerProcess | undefined;

  constructor(id: number, options: KafkaOptions, libs: string, ports: readonly number[], clusterId: string) {
    this.id = id;
    this.#folder = join(options.folder, `broker-${id}`);
    this.#options = options;
    this.#libs = libs;
    this.#ports = ports;
    this.#clusterId = clusterId;
  }

  get address(): string {
    return `${HOST}:${this.#port(0)}`;
  }

  get saslAddress(): string {
    return `${HOST}:${this.#port(2)}`;
  }

  get tlsAddress(): string {
    return `${HOST}:${this.#port(3)}`;
  }

  get pid(): number {
    return this.#process!.pid;
  }

  /** Prepares the data folder. A broker refuses to start without it. */
  async format(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const properties = join(this.#folder, "server.properties");
    writeFileSync(properties, this.#properties());
    // Formatting also creates the users.
    const isPlain = this.#options.sasl === undefined;
    if (isPlain && copyFormatted(this.#libs, join(this.#folder, "data"), this.id, this.#clusterId)) return;
    const scram = (this.#options.sasl?.users ?? []).flatMap(({ name, password }) =>
      ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((kind) => [
        "--add-scram",
        `${kind}=[name=${name},password=${password}]`,
      ]),
    );
    const args = ["kafka.tools.StorageTool", "format", "-t", this.#clusterId, "-c", properties, ...scram];
    const format = this.#java("format", 128, args);
    await waitFor("the data folder of a broker", async () => format.hasExited());
    if (existsSync(join(this.#folder, "data", "meta.properties"))) return;
    throw new Error(`the data folder of a broker could not be made:\n${endOfLog(format.logFile)}`);
  }

  start(): void {
    const properties = join(this.#folder, "server.properties");
    this.#process = this.#java("kafka", this.#options.heapMb ?? 512, ["kafka.Kafka", properties]);
  }

  async ready(brokers: number): Promise<void> {
    await waitUntilReady(this.#process!, async () => {
      const admin = new Admin({
        clientId: "test-ready",
        bootstrapBrokers: [this.address],
        retries: 0,
        timeout: ADMIN_TIMEOUT_MS,
      });
      try {
        return (await admin.metadata({ topics: [] })).brokers.size >= brokers;
      } finally {
        await admin.close();
      }
    });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async kill(): Promise<void> {
    this.killNow();
    // Waits and keeps this process alive meanwhile.
    await this.#process?.stop();
  }

  killNow(): void {
    this.#process?.kill();
  }

  freeze(): void {
    this.#process?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#process?.signal("SIGCONT");
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
    await this.ready(1);
  }

  #java(name: string, heapMb: number, args: readonly string[]): ServerProcess {
    // The fast compiler alone is best for a short life. A measured broker gets both compilers.
    const compiler = `-XX:TieredStopAtLevel=${this.#options.isForLoad ? 4 : 1}`;
    const archive = archiveOptions(this.#libs);
    const options = ["-XX:+UseSerialGC", compiler, ...archive, `-Xmx${heapMb}m`, "-cp", classPathOf(this.#libs)];
    return startProcess({ name, command: findProgram("java")!, args: [...options, ...args], folder: this.#folder });
  }

  #port(index: number, id = this.id): number {
    return this.#ports[(id - 1) * PORTS_EACH + index]!;
  }

  #properties(): string {
    const { sasl, tls, relay, properties } = this.#options;
    const ids = Array.from({ length: this.#ports.length / PORTS_EACH }, (_, index) => index + 1);
    const listeners = [
      `PLAINTEXT://${this.address}`,
      ...(sasl === undefined ? [] : [`SASL_PLAINTEXT://${this.saslAddress}`]),
      ...(tls === undefined ? [] : [`SSL://${this.tlsAddress}`]),
    ];
    const relayed = (port: number | undefined): string[] => (port === undefined ? [] : [`RELAY://${HOST}:${port}`]);
    const replicas = String(Math.min(ids.length, 3));
    const all: Record<string, string> = {
      "process.roles": "broker,controller",
      "node.id": String(this.id),
      "controller.quorum.voters": ids.map((id) => `${id}@${HOST}:${this.#port(1, id)}`).join(","),
      "controller.listener.names": "CONTROLLER",
      listeners: [...listeners, ...relayed(relay?.port), `CONTROLLER://${HOST}:${this.#port(1)}`].join(","),
      "advertised.listeners": [...listeners, ...relayed(relay?.advertisedPort)].join(","),
      "listener.security.protocol.map":
        "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,RELAY:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL",
      "inter.broker.listener.name": "PLAINTEXT",
      "log.dirs": join(this.#folder, "data"),
      "num.partitions": "1",
      "offsets.topic.replication.factor": replicas,
      "offsets.topic.num.partitions": "3",
      "transaction.state.log.replication.factor": replicas,
      "transaction.state.log.num.partitions": "3",
      "transaction.state.log.min.isr": "1",
      "min.insync.replicas": "1",
      "group.initial.rebalance.delay.ms": "0",
      "auto.create.topics.enable": "false",
      // A killed broker is declared dead soon, so that tests of its absence are short.
      "broker.session.timeout.ms": "3000",
      "broker.heartbeat.interval.ms": "500",
      "replica.lag.time.max.ms": "5000",
      ...(sasl === undefined ? {} : saslProperties(sasl.users)),
      ...(tls === undefined ? {} : tlsProperties(tls)),
      ...properties,
    };
    return Object.entries(all)
      .map(([name, value]) => `${name}=${value}\n`)
      .join("");
  }
}

function saslProperties(users: readonly KafkaSaslUser[]): Record<string, string> {
  const listener = "listener.name.sasl_plaintext";
  const modules = "org.apache.kafka.common.security";
  const known = users.map(({ name, password }) => `user_${name}="${password}"`).join(" ");
  return {
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`${listener}.plain.sasl.jaas.config`]: `${modules}.plain.PlainLoginModule required ${known};`,
    [`${listener}.scram-sha-256.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: `${modules}.scram.ScramLoginModule required;`,
    [`${listener}.oauthbearer.sasl.jaas.config`]: `${modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  };
}

function tlsProperties({ ca, certAndKey, isMutual }: KafkaTlsFiles): Record<string, string> {
  return {
    "listener.name.ssl.ssl.keystore.type": "PEM",
    "listener.name.ssl.ssl.keystore.location": certAndKey,
    "listener.name.ssl.ssl.truststore.type": "PEM",
    "listener.name.ssl.ssl.truststore.location": ca,
    "listener.name.ssl.ssl.client.auth": isMutual ? "required" : "none",
  };
}
