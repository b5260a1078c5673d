/** The stores in the configuration: a union by where checkpoints are kept, and one by where the newest statistics go. */
import { TABLE, type TableValues } from "../keys.ts";
import { buildHistoryStore, type HistoryStoreConfig } from "./history.ts";
import type { KafkaConfig, TlsFiles } from "./kafka.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

const KEYS = TABLE.stores;
type StoreValues = TableValues["stores"];
type RedisValues = StoreValues["redis"];

export type RedisTls = TlsFiles & Pick<RedisValues["tls"], "serverName">;

/** How Redis is reached. */
export type RedisServer = Omit<RedisValues, "addresses" | "tls" | "isCluster" | "prefix"> & {
  readonly mode: "single" | "sentinel" | "cluster";
  /** Address of one server, of Sentinels, or of some nodes of a Cluster, which name the others. */
  readonly addresses: NonNullable<RedisValues["addresses"]>;
  /** Undefined: no TLS. */
  readonly tls: RedisTls | undefined;
};

export type RedisConfig = { readonly server: RedisServer; readonly prefix: string };

export type S3Config = Omit<StoreValues["s3"], "bucket"> & { readonly bucket: string };

type CheckpointConfig =
  | { readonly kind: "embedded" }
  | { readonly kind: "redis"; readonly redis: RedisConfig }
  | { readonly kind: "s3"; readonly s3: S3Config }
  | {
      readonly kind: "kafka";
      readonly brokers: KafkaConfig;
      readonly topic: string;
      /** Replication of a topic that is created. Undefined: the default of the brokers. */
      readonly replication: number | undefined;
    };

/** The hot store for the newest figures. */
type HotConfig =
  | { readonly kind: "none" }
  | ({ readonly kind: "redis"; readonly redis: RedisConfig } & Omit<StoreValues["hot"], "kind">);

export type StoresConfig = {
  readonly checkpoint: CheckpointConfig;
  readonly hot: HotConfig;
  readonly history: HistoryStoreConfig;
  /** Undefined: there is no Redis. */
  readonly redis: RedisConfig | undefined;
};

/** After a problem was reported, the result is of no use. */
export function buildStores(
  values: StoreValues,
  source: TableValues["ingest"]["source"],
  kafka: KafkaConfig | undefined,
  report: Report,
): StoresConfig {
  const redis = buildRedis(values.redis, report);
  const s3 = buildS3(values.s3, report);
  return {
    checkpoint: buildCheckpoint(values, { redis, s3, kafka }, source === "kafka", report),
    hot: buildHot(values.hot, redis, report),
    history: buildHistoryStore(values, source, s3, report),
    redis,
  };
}

type Backends = {
  readonly redis: RedisConfig | undefined;
  readonly s3: S3Config | undefined;
  readonly kafka: KafkaConfig | undefined;
};

function buildCheckpoint(
  { checkpoint, kafka: { topic } }: StoreValues,
  { redis, s3, kafka }: Backends,
  isKafkaSource: boolean,
  report: Report,
): CheckpointConfig {
  switch (checkpoint) {
    case "embedded":
      break;
    case "redis":
      if (redis !== undefined) return { kind: "redis", redis };
      report(KEYS.redis.addresses, "is not set, and stores.checkpoint is redis; give HOST:PORT of the Redis server");
      break;
    case "s3":
      if (s3 !== undefined) return { kind: "s3", s3 };
      report(KEYS.s3.bucket, "is not set, and stores.checkpoint is s3; give the name of a bucket");
      break;
    case "kafka":
      if (kafka !== undefined) return buildKafkaStore(topic, kafka, report);
      // With the source on Kafka, the check of the source reports the missing brokers.
      if (!isKafkaSource) {
        const message = "is not set, and stores.checkpoint is kafka; give HOST:PORT of a broker, or of some";
        report(TABLE.ingest.kafka.brokers, message);
      }
      break;
  }
  return { kind: "embedded" };
}

function buildKafkaStore(given: string | undefined, brokers: KafkaConfig, report: Report): CheckpointConfig {
  const topic = given ?? `${brokers.topic}.checkpoints`;
  if (topic === brokers.topic || topic === brokers.deadLetterTopic) {
    report(KEYS.kafka.topic, "is the topic of swaps, or of dead letters; checkpoints need one of their own");
  }
  return { kind: "kafka", brokers, topic, replication: brokers.topicSettings.replication };
}

/** A key in the store must outlive several late rounds. */
const INTERVALS_PER_TTL_MIN = 10;

function buildHot(
  { kind, intervalMs, ttlMs }: StoreValues["hot"],
  redis: RedisConfig | undefined,
  report: Report,
): HotConfig {
  if (kind === "redis" && redis === undefined) {
    report(KEYS.redis.addresses, "is not set, and stores.hot is redis; give HOST:PORT of the Redis server");
  }
  if (ttlMs < INTERVALS_PER_TTL_MIN * intervalMs) {
    report(KEYS.hot.ttlMs, `is less than ${INTERVALS_PER_TTL_MIN} times stores.hot_interval; make it longer`);
  }
  return kind === "none" || redis === undefined ? { kind: "none" } : { kind, redis, intervalMs, ttlMs };
}

/** Undefined where no address is set. */
function buildRedis(values: RedisValues, report: Report): RedisConfig | undefined {
  const { addresses = [], tls, isCluster, prefix, ...login } = values;
  const mode = values.sentinelMaster !== undefined ? "sentinel" : isCluster ? "cluster" : "single";
  checkRedis(values, mode, report);
  if (addresses.length === 0) return undefined;
  const { isOn, ...files } = tls;
  return { server: { mode, addresses, ...login, tls: isOn ? files : undefined }, prefix };
}

function checkRedis(values: RedisValues, mode: RedisServer["mode"], report: Report): void {
  const { addresses = [], db, username, password, sentinelUsername, sentinelPassword } = values;
  const keys = KEYS.redis;
  if (mode === "sentinel" && values.isCluster) {
    report(keys.isCluster, "is on, and sentinel_master is set; a Cluster has no Sentinels, so keep one of the two");
  }
  if (mode === "single" && addresses.length > 1) {
    report(keys.addresses, `names ${addresses.length} addresses; give one, or set sentinel_master or cluster`);
  }
  if (mode === "cluster" && db !== 0) report(keys.db, "is not 0, and a Cluster has database 0 alone; remove it");
  if (username !== undefined && password === undefined) report(keys.username, "is set without password; give both");
  if (sentinelUsername !== undefined && sentinelPassword === undefined) {
    report(keys.sentinelUsername, "is set without sentinel_password; give both");
  }
  if (mode !== "sentinel") {
    const given = [
      [keys.sentinelUsername, sentinelUsername],
      [keys.sentinelPassword, sentinelPassword],
    ] as const;
    refuseEach(given, report, "is set without sentinel_master; remove it");
  }
  checkRedisTls(values.tls, report);
}

function checkRedisTls({ isOn, caPath, certPath, keyPath, serverName }: RedisValues["tls"], report: Report): void {
  const keys = KEYS.redis.tls;
  if (!isOn) {
    const given = [
      [keys.caPath, caPath],
      [keys.certPath, certPath],
      [keys.keyPath, keyPath],
      [keys.serverName, serverName],
    ] as const;
    refuseEach(given, report, "is set, and tls is off; set tls to on");
  }
  checkBothOrNeither([keys.certPath, certPath, "tls_cert"], [keys.keyPath, keyPath, "tls_key"], report);
}

/** Undefined where no bucket is set. */
function buildS3({ bucket, ...values }: StoreValues["s3"], report: Report): S3Config | undefined {
  checkBothOrNeither(
    [KEYS.s3.accessKey, values.accessKey, "access_key"],
    [KEYS.s3.secretKey, values.secretKey, "secret_key"],
    report,
    "give both, or neither for the usual chain of AWS",
  );
  return bucket === undefined ? undefined : { ...values, bucket };
}
