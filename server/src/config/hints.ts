/** Suggestions for unknown keys and variables: names that other programs use, wrong sections, typing errors. */
import { didYouMean, nearestName } from "../shared/nearest.ts";

const HOST_AND_PORT = "write HOST:PORT into one key: api.http.addr for the API, metrics.prometheus for metrics";

/**
 * Names that other programs use, without case and punctuation, and what to write instead. The longest matching end of a path
 * decides: `kafka.ssl.ca_file` is found by `cafile`.
 */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  allowedlateness: "write app.grace",
  allowedorigins: "write api.cors",
  autooffsetreset: "write ingest.start",
  bootstrapservers: "write ingest.brokers",
  brokerlist: "write ingest.brokers",
  cafile: "write tls.ca below ingest or pubsub.nats, or stores.redis.tls_ca",
  capath: "write tls.ca below ingest or pubsub.nats, or stores.redis.tls_ca",
  certfile: "write tls.cert below ingest or pubsub.nats, or stores.redis.tls_cert",
  certpath: "write tls.cert below ingest or pubsub.nats, or stores.redis.tls_cert",
  checkpointinterval: "write app.snapshot_interval",
  clientid: "there is none; app.instance_id names the instance",
  commitinterval: "write app.snapshot_interval; offsets are committed with each checkpoint",
  compression:
    "there is nothing to set; every codec of Kafka is read, and HTTP responses are compressed as the client asks",
  consumergroup: "write ingest.group_id",
  corsorigins: "write api.cors",
  deadlettertopic: "write ingest.dead_letter",
  dedupettl: "write app.reorg_horizon: copies of a swap are recognised for so long",
  dedupettlsec: "write app.reorg_horizon: copies of a swap are recognised for so long",
  dedupewindow: "write app.reorg_horizon: copies of a swap are recognised for so long",
  dedupttl: "write app.reorg_horizon: copies of a swap are recognised for so long",
  dlq: "write ingest.dead_letter",
  flushinterval: "write app.snapshot_interval, or api.ws.coalesce_ms for updates of clients",
  groupid: "write ingest.group_id",
  host: HOST_AND_PORT,
  httpaddr: "write api.http.addr: HOST:PORT",
  httpport: "write api.http.addr: HOST:PORT",
  insecure: "there is none; name the authority that signed the certificate by tls.ca",
  kafkagroup: "write ingest.group_id",
  kafkatopic: "write ingest.topic",
  httphost: "write api.http.addr: HOST:PORT",
  keyfile: "write tls.key below ingest or pubsub.nats, or stores.redis.tls_key",
  keypath: "write tls.key below ingest or pubsub.nats, or stores.redis.tls_key",
  lateness: "write app.grace",
  listen: "write api.http.addr: HOST:PORT",
  listenaddr: "write api.http.addr: HOST:PORT",
  loglevel: "write logging.level",
  logformat: "write logging.format",
  maxconnections: "write api.ws.max_conn",
  metricsenabled: 'remove it: metrics.prometheus: "" turns the listener of metrics off',
  metricshost: "write metrics.prometheus: HOST:PORT",
  metricsport: "write metrics.prometheus: HOST:PORT",
  natshost: "write pubsub.nats.url",
  natsport: "write pubsub.nats.url",
  natsurl: "write pubsub.nats.url",
  offsetreset: "write ingest.start",
  parallelism: "write app.workers",
  port: HOST_AND_PORT,
  prometheusenabled: 'remove it: metrics.prometheus: "" turns the listener of metrics off',
  prometheusport: "write metrics.prometheus: HOST:PORT",
  redishost: "write stores.redis.addr: HOST:PORT",
  redisport: "write stores.redis.addr: HOST:PORT",
  redisurl: "write stores.redis.addr: HOST:PORT; user and password are keys of their own",
  s3host: "write stores.s3.endpoint",
  s3port: "write stores.s3.endpoint",
  saslenabled: "remove it: SASL is on where ingest.sasl.mechanism is not none",
  securityprotocol: "write ingest.tls.enabled and ingest.sasl.mechanism",
  serveraddr: "write api.http.addr: HOST:PORT",
  serverport: "write api.http.addr: HOST:PORT",
  skipverify: "there is none; name the authority that signed the certificate by tls.ca",
  insecureskipverify: "there is none; name the authority that signed the certificate by tls.ca",
  snapshotdir: "write data_dir",
  sslcalocation: "write ingest.tls.ca",
  statedir: "write data_dir",
  storagepath: "write data_dir",
  threads: "write app.workers",
  watermarkdelay: "write app.grace",
  windowsizes: "write windows.list",
};

/** Variables that other programs read, and the variable of this program for the same setting. */
const FOREIGN_VARIABLES: Readonly<Record<string, string>> = {
  DATA_DIR: "SWAPSTATS_DATA_DIR",
  GROUP_ID: "SWAPSTATS_INGEST_GROUP_ID",
  HTTP_ADDR: "SWAPSTATS_API_HTTP_ADDR",
  HTTP_PORT: "SWAPSTATS_API_HTTP_ADDR",
  KAFKA_BROKERS: "SWAPSTATS_INGEST_BROKERS",
  KAFKA_BOOTSTRAP_SERVERS: "SWAPSTATS_INGEST_BROKERS",
  KAFKA_GROUP_ID: "SWAPSTATS_INGEST_GROUP_ID",
  KAFKA_TOPIC: "SWAPSTATS_INGEST_TOPIC",
  LOG_FORMAT: "SWAPSTATS_LOGGING_FORMAT",
  LOG_LEVEL: "SWAPSTATS_LOGGING_LEVEL",
  NATS_URL: "SWAPSTATS_PUBSUB_NATS_URL",
  PORT: "SWAPSTATS_API_HTTP_ADDR",
  REDIS_ADDR: "SWAPSTATS_STORES_REDIS_ADDR",
  REDIS_HOST: "SWAPSTATS_STORES_REDIS_ADDR",
  REDIS_PASSWORD: "SWAPSTATS_STORES_REDIS_PASSWORD",
  REDIS_URL: "SWAPSTATS_STORES_REDIS_ADDR",
  S3_BUCKET: "SWAPSTATS_STORES_S3_BUCKET",
};

/** Returns what to do about an unknown key of the file. `keys` are all known keys. */
export function keyHint(path: string, keys: readonly string[]): string {
  const foreign = foreignHint(path.split("."));
  if (foreign !== undefined) return foreign;
  const near = nearestName(path, keys) ?? otherSection(path, keys);
  return near === undefined ? "remove it (docs/configuration.md lists all keys)" : `did you mean ${near}?`;
}

/** Returns what to do about an unknown variable with the prefix. `names` are all known variables. */
export function variableHint(name: string, names: readonly string[]): string {
  const foreign = foreignHint(name.replace(/^SWAPSTATS_/, "").split("_"));
  if (foreign !== undefined) return foreign;
  const near = didYouMean(name, names);
  return near === "" ? "unset it (docs/configuration.md lists all keys)" : `${near.slice(2, -1)}`;
}

/** Returns the variables of other programs that are set, each with the variable that this program reads instead. */
export function foreignVariables(env: Readonly<Record<string, string | undefined>>): [string, string][] {
  return Object.entries(FOREIGN_VARIABLES).filter(
    ([name, ours]) => (env[name] ?? "") !== "" && (env[ours] ?? "") === "",
  );
}

function foreignHint(parts: readonly string[]): string | undefined {
  for (let from = 0; from < parts.length; from++) {
    const end = parts
      .slice(from)
      .join("")
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, "");
    const hint = Object.hasOwn(FOREIGN_NAMES, end) ? FOREIGN_NAMES[end] : undefined;
    if (hint !== undefined) return hint;
  }
  return undefined;
}

/** Returns the first key with the same end in another section. */
function otherSection(path: string, keys: readonly string[]): string | undefined {
  const parts = path.split(".");
  for (let from = 0; from < parts.length; from++) {
    const end = `.${parts.slice(from).join(".")}`;
    const found = keys.find((key) => `.${key}`.endsWith(end));
    if (found !== undefined) return found;
  }
  return undefined;
}
