/** Keys of the stores: checkpoints, and the newest statistics for other readers. */
import { key, ofPart, type Section } from "../key.ts";
import { CLICKHOUSE } from "./clickhouse.ts";
import {
  choice,
  DAY_MS,
  duration,
  endpoints,
  integer,
  PATH,
  PRINTABLE,
  SECRET,
  SWITCH,
  text,
  topicName,
} from "./kinds.ts";
import { POSTGRES } from "./postgres.ts";

export const STORES = {
  checkpoint: key(
    "stores.checkpoint",
    choice(["embedded", "redis", "s3", "kafka"]),
    "embedded",
    "Where checkpoints are kept. `embedded`: in the data folder. See [checkpoint stores](checkpoint-stores.md).",
  ),
  redis: ofPart("redis", {
    addresses: key(
      "stores.redis.addr",
      endpoints(32),
      "",
      "`HOST:PORT` of the Redis server. With `sentinel_master`: of the Sentinels. With `cluster`: of some nodes. Separated by commas.",
    ),
    username: key("stores.redis.username", PRINTABLE, "", "User of Redis. Not set: `default`."),
    password: key("stores.redis.password", SECRET, "", "Password of Redis."),
    tls: {
      isOn: key("stores.redis.tls", SWITCH, "off", "TLS to Redis and to its Sentinels."),
      caPath: key(
        "stores.redis.tls_ca",
        PATH,
        "",
        "File (PEM) with the certificate authorities for Redis. Not set: the authorities that Node trusts.",
      ),
      certPath: key("stores.redis.tls_cert", PATH, "", "File (PEM) with the client certificate."),
      keyPath: key("stores.redis.tls_key", PATH, "", "File (PEM) with the private key of `tls_cert`."),
      serverName: key(
        "stores.redis.tls_server_name",
        text(253, /^[A-Za-z0-9._-]+$/, "a host name"),
        "",
        "Name that certificates of Redis must have. Not set: the host of the address.",
      ),
    },
    db: key("stores.redis.db", integer(0, 1_000_000), "0", "Number of the database in Redis."),
    prefix: key(
      "stores.redis.prefix",
      text(128, /^[A-Za-z0-9._:/-]+$/, "letters, digits and . _ : / -"),
      "swapstats:",
      "Prefix of every key in Redis. Installations that share a Redis need different prefixes.",
    ),
    sentinelMaster: key(
      "stores.redis.sentinel_master",
      text(128, /^[A-Za-z0-9._-]+$/, "letters, digits and . _ -"),
      "",
      "Name of the master at the Sentinels. When it is set, `addr` names Sentinels.",
    ),
    sentinelUsername: key(
      "stores.redis.sentinel_username",
      PRINTABLE,
      "",
      "User of the Sentinels, if they have users.",
    ),
    sentinelPassword: key("stores.redis.sentinel_password", SECRET, "", "Password of the Sentinels, if they have one."),
    isCluster: key("stores.redis.cluster", SWITCH, "off", "`on`: `addr` names nodes of a Redis Cluster."),
  }),
  hot: {
    kind: key(
      "stores.hot",
      choice(["none", "redis"]),
      "none",
      "`redis`: the newest statistics of every token are also written to the Redis of `stores.redis`, for programs that read [its keys](redis-keys.md).",
    ),
    ...ofPart("hot store", {
      intervalMs: key(
        "stores.hot_interval",
        duration(100, 60_000),
        "1s",
        "Shortest time between two rounds of writing changed statistics.",
      ),
      ttlMs: key(
        "stores.hot_ttl",
        duration(10_000, 30 * DAY_MS),
        "1h",
        "Time to live of a key, from its last write. At least ten times `stores.hot_interval`. An unchanged key is written again after half of it.",
      ),
    }),
  },
  history: key(
    "stores.history",
    choice(["none", "embedded", "clickhouse", "postgres"]),
    "none",
    "Where settled swaps are kept beyond memory. `embedded`: as Parquet files in the data folder.",
  ),
  s3: ofPart("s3", {
    endpoint: key(
      "stores.s3.endpoint",
      text(1024, /^https?:\/\/[^\s/?#@]+\/?$/, "an address such as https://s3.example.com:9000"),
      "",
      "Address of the S3 store. Not set: AWS.",
    ),
    region: key(
      "stores.s3.region",
      text(64, /^[a-z0-9-]+$/, "lower-case letters, digits and -"),
      "us-east-1",
      "Region of the bucket.",
    ),
    bucket: key(
      "stores.s3.bucket",
      text(63, /^[a-z0-9][a-z0-9.-]+[a-z0-9]$/, "lower-case letters, digits, . and -, three or more"),
      "",
      "Bucket. It must exist.",
    ),
    prefix: key(
      "stores.s3.prefix",
      text(256, /^[A-Za-z0-9._/-]+$/, "letters, digits and . _ / -"),
      "swapstats/",
      "Prefix of the key of every object. Installations that share a bucket need different prefixes.",
    ),
    accessKey: key(
      "stores.s3.access_key",
      SECRET,
      "",
      "Access key. Not set: the default credential chain of AWS (environment, profile, role of the machine).",
    ),
    secretKey: key("stores.s3.secret_key", SECRET, "", "Secret key of `access_key`."),
  }),
  kafka: ofPart("checkpoint topic", {
    topic: key(
      "stores.kafka.topic",
      topicName(249),
      "",
      "Compacted topic for checkpoints, on the brokers of `ingest.brokers`. Not set: the name of `ingest.topic` with `.checkpoints`.",
    ),
  }),
  clickhouse: CLICKHOUSE,
  postgres: POSTGRES,
} satisfies Section;
