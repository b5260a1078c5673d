/** Keys of the stores: checkpoints, and the newest statistics for other readers. */
import { key, ofPart, type Section } from "../key.ts";
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
      "`HOST:PORT` of the Redis server; with `sentinel_master` of the Sentinels, with `cluster` of some nodes, separated by commas.",
    ),
    username: key("stores.redis.username", PRINTABLE, "", "User of Redis. Not set: `default`."),
    password: key("stores.redis.password", SECRET, "", "Password of Redis."),
    tls: {
      isOn: key("stores.redis.tls", SWITCH, "off", "TLS to Redis and to its Sentinels."),
      caPath: key(
        "stores.redis.tls_ca",
        PATH,
        "",
        "File (PEM) of the authorities that certificates of Redis may come from. Not set: the usual ones.",
      ),
      certPath: key("stores.redis.tls_cert", PATH, "", "File (PEM) of the client's own certificate."),
      keyPath: key("stores.redis.tls_key", PATH, "", "File (PEM) of the key of `tls_cert`."),
      serverName: key(
        "stores.redis.tls_server_name",
        text(253, /^[A-Za-z0-9._-]+$/, "a host name"),
        "",
        "Name that certificates of Redis must have. Not set: that of the address which is connected to.",
      ),
    },
    db: key("stores.redis.db", integer(0, 1_000_000), "0", "Number of the database in Redis."),
    prefix: key(
      "stores.redis.prefix",
      text(128, /^[A-Za-z0-9._:/-]+$/, "letters, digits and . _ : / -"),
      "swapstats:",
      "Begins every key in Redis. Installations that share a Redis have different ones.",
    ),
    sentinelMaster: key(
      "stores.redis.sentinel_master",
      text(128, /^[A-Za-z0-9._-]+$/, "letters, digits and . _ -"),
      "",
      "What the Sentinels call the master. Set: `addr` names Sentinels.",
    ),
    sentinelUsername: key(
      "stores.redis.sentinel_username",
      PRINTABLE,
      "",
      "User of the Sentinels, where they have users.",
    ),
    sentinelPassword: key(
      "stores.redis.sentinel_password",
      SECRET,
      "",
      "Password of the Sentinels, where they have one.",
    ),
    isCluster: key("stores.redis.cluster", SWITCH, "off", "`addr` names nodes of a Redis Cluster."),
  }),
  hot: {
    kind: key(
      "stores.hot",
      choice(["none", "redis"]),
      "none",
      "`redis`: the newest statistics of every token are written to the Redis of `stores.redis` as well, for readers of [its keys](redis-keys.md).",
    ),
    ...ofPart("hot store", {
      intervalMs: key(
        "stores.hot_interval",
        duration(100, 60_000),
        "1s",
        "Least time between two rounds of writing what changed.",
      ),
      ttlMs: key(
        "stores.hot_ttl",
        duration(10_000, 30 * DAY_MS),
        "1h",
        "Lifetime of a key, from its last writing; at least ten times `stores.hot_interval`. What did not change is written again at half of it.",
      ),
    }),
  },
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
      "Bucket; it must exist.",
    ),
    prefix: key(
      "stores.s3.prefix",
      text(256, /^[A-Za-z0-9._/-]+$/, "letters, digits and . _ / -"),
      "swapstats/",
      "Begins the key of every object. Installations that share a bucket have different ones.",
    ),
    accessKey: key(
      "stores.s3.access_key",
      SECRET,
      "",
      "Access key. Not set: the usual chain of AWS (environment, profile, role of the machine).",
    ),
    secretKey: key("stores.s3.secret_key", SECRET, "", "Secret key of `access_key`."),
  }),
  kafka: ofPart("checkpoint topic", {
    topic: key(
      "stores.kafka.topic",
      topicName(249),
      "",
      "Compacted topic that checkpoints are kept in, at the brokers of `ingest.brokers`. Not set: that of `ingest.topic` with `.checkpoints`.",
    ),
  }),
} satisfies Section;
