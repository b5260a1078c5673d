/** The stores of the configuration, with the checks that look at more than one of their keys. */
import type { KafkaConfig } from "./build-ingest.ts";
import type { ConfigProblem } from "./load.ts";
import type { ListenAddress } from "./units.ts";
import type { KeyValue } from "./values.ts";

/** Has the shape of the stores' own `RedisSettings`, and the prefix. */
export type RedisConfig = {
  readonly mode: "single" | "sentinel" | "cluster";
  readonly addresses: readonly ListenAddress[];
  readonly sentinelMaster: string | undefined;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls:
    | {
        readonly caPath: string | undefined;
        readonly certPath: string | undefined;
        readonly keyPath: string | undefined;
        readonly serverName: string | undefined;
      }
    | undefined;
  readonly prefix: string;
};

/** Has the shape of the stores' own `S3Settings`. */
export type S3Config = {
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly accessKey: string | undefined;
  readonly secretKey: string | undefined;
};

/** Where the newest figures are written for others to read. */
export type HotConfig = { readonly kind: "none" | "redis"; readonly intervalMs: number; readonly ttlMs: number };

/** The brokers are those of `ingest`. */
export type KafkaStoreConfig = {
  readonly topic: string;
  /** Of a topic that is made; undefined: as the brokers have it. */
  readonly replication: number | undefined;
};

export type StoresConfig = {
  readonly checkpoint: "embedded" | "redis" | "s3" | "kafka";
  /** Undefined where `stores.redis.addr` is not set. */
  readonly redis: RedisConfig | undefined;
  readonly hot: HotConfig;
  /** Undefined where `stores.s3.bucket` is not set. */
  readonly s3: S3Config | undefined;
  /** Undefined where `ingest.brokers` is not set. */
  readonly kafka: KafkaStoreConfig | undefined;
};

type Values = ReadonlyMap<string, KeyValue>;

/** Adds what is wrong to `problems`; what it returns then is of no use. */
export function buildStores(values: Values, ingest: KafkaConfig | undefined, problems: ConfigProblem[]): StoresConfig {
  const checkpoint = values.get("stores.checkpoint") as StoresConfig["checkpoint"];
  const report = (path: string, message: string): void => {
    problems.push({ path, where: "", message });
  };
  const redis = buildRedis(values, report);
  const s3 = buildS3(values, report);
  if (checkpoint === "redis" && redis === undefined) {
    report("stores.redis.addr", "is not set, and stores.checkpoint is redis; give HOST:PORT of the Redis server");
  }
  if (checkpoint === "s3" && s3 === undefined) {
    report("stores.s3.bucket", "is not set, and stores.checkpoint is s3; give the name of a bucket");
  }
  const kafka = ingest === undefined ? undefined : buildKafkaStore(values, ingest);
  if (checkpoint === "kafka") checkKafka(kafka, ingest, values.get("ingest.source") === "kafka", report);
  const hot = buildHot(values, redis, report);
  return { checkpoint, redis, hot, s3, kafka };
}

function buildKafkaStore(values: Values, ingest: KafkaConfig): KafkaStoreConfig {
  const topic = (values.get("stores.kafka.topic") as string | undefined) ?? `${ingest.topic}.checkpoints`;
  return { topic, replication: ingest.topicSettings.replication };
}

function checkKafka(
  kafka: KafkaStoreConfig | undefined,
  ingest: KafkaConfig | undefined,
  isSource: boolean,
  report: Report,
): void {
  if (kafka === undefined) {
    const message = "is not set, and stores.checkpoint is kafka; give HOST:PORT of a broker, or of some";
    // With the source on Kafka its own check says so.
    if (!isSource) report("ingest.brokers", message);
  } else if (kafka.topic === ingest?.topic || kafka.topic === ingest?.deadLetterTopic) {
    report("stores.kafka.topic", "is the topic of swaps, or of dead letters; checkpoints need one of their own");
  }
}

type Report = (path: string, message: string) => void;

/** A value must outlive some turns that come late. */
const INTERVALS_PER_TTL_MIN = 10;

function buildHot(values: Values, redis: RedisConfig | undefined, report: Report): HotConfig {
  const kind = values.get("stores.hot") as HotConfig["kind"];
  const intervalMs = values.get("stores.hot_interval") as number;
  const ttlMs = values.get("stores.hot_ttl") as number;
  if (kind === "redis" && redis === undefined) {
    report("stores.redis.addr", "is not set, and stores.hot is redis; give HOST:PORT of the Redis server");
  }
  if (ttlMs < INTERVALS_PER_TTL_MIN * intervalMs) {
    report("stores.hot_ttl", `is less than ${INTERVALS_PER_TTL_MIN} times stores.hot_interval; make it longer`);
  }
  return { kind, intervalMs, ttlMs };
}

function buildRedis(values: Values, report: Report): RedisConfig | undefined {
  const word = (key: string): string | undefined => values.get(`stores.redis.${key}`) as string | undefined;
  const addresses = (values.get("stores.redis.addr") ?? []) as readonly ListenAddress[];
  const config: RedisConfig = {
    mode: word("sentinel_master") !== undefined ? "sentinel" : word("cluster") === "on" ? "cluster" : "single",
    addresses,
    sentinelMaster: word("sentinel_master"),
    sentinelUsername: word("sentinel_username"),
    sentinelPassword: word("sentinel_password"),
    username: word("username"),
    password: word("password"),
    db: values.get("stores.redis.db") as number,
    tls:
      word("tls") === "on"
        ? {
            caPath: word("tls_ca"),
            certPath: word("tls_cert"),
            keyPath: word("tls_key"),
            serverName: word("tls_server_name"),
          }
        : undefined,
    prefix: word("prefix") as string,
  };
  checkRedis(config, word, report);
  return addresses.length === 0 ? undefined : config;
}

function checkRedis(config: RedisConfig, word: (key: string) => string | undefined, report: Report): void {
  const { mode, addresses } = config;
  const refuse = (key: string, message: string): void => report(`stores.redis.${key}`, message);
  if (mode === "sentinel" && word("cluster") === "on") {
    refuse("cluster", "is on, and sentinel_master is set; a Cluster has no Sentinels, so keep one of the two");
  }
  if (mode === "single" && addresses.length > 1) {
    const message = `names ${addresses.length} addresses; give one, or set sentinel_master or cluster`;
    refuse("addr", message);
  }
  if (mode === "cluster" && config.db !== 0) refuse("db", "is not 0, and a Cluster has database 0 alone; remove it");
  if (config.username !== undefined && config.password === undefined) {
    refuse("username", "is set without password; give both");
  }
  if (config.sentinelUsername !== undefined && config.sentinelPassword === undefined) {
    refuse("sentinel_username", "is set without sentinel_password; give both");
  }
  for (const key of ["sentinel_username", "sentinel_password"]) {
    if (mode !== "sentinel" && word(key) !== undefined) refuse(key, "is set without sentinel_master; remove it");
  }
  for (const key of ["tls_ca", "tls_cert", "tls_key", "tls_server_name"]) {
    if (config.tls === undefined && word(key) !== undefined) refuse(key, "is set, and tls is off; set tls to on");
  }
  if ((word("tls_cert") === undefined) !== (word("tls_key") === undefined)) {
    const [missing, given] = word("tls_key") === undefined ? ["tls_key", "tls_cert"] : ["tls_cert", "tls_key"];
    refuse(missing, `is not set, and ${given} is; give both`);
  }
}

function buildS3(values: Values, report: Report): S3Config | undefined {
  const word = (key: string): string | undefined => values.get(`stores.s3.${key}`) as string | undefined;
  const accessKey = word("access_key");
  const secretKey = word("secret_key");
  if ((accessKey === undefined) !== (secretKey === undefined)) {
    const [missing, given] = secretKey === undefined ? ["secret_key", "access_key"] : ["access_key", "secret_key"];
    report(`stores.s3.${missing}`, `is not set, and ${given} is; give both, or neither for the usual chain of AWS`);
  }
  const bucket = word("bucket");
  if (bucket === undefined) return undefined;
  const region = word("region") as string;
  return { endpoint: word("endpoint"), region, bucket, prefix: word("prefix") as string, accessKey, secretKey };
}
