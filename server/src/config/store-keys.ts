/** The part of the table of keys that is about stores beside the data folder: Redis, S3 and Kafka. */
import type { KeyKind, KeySpec } from "./keys.ts";

const text = (bytesMax: number, pattern: RegExp, patternHint: string): KeyKind => ({
  type: "text",
  bytesMax,
  pattern,
  patternHint,
});
const PRINTABLE = /^[\x21-\x7e]+$/;
const ON_OR_OFF: KeyKind = { type: "choice", values: ["off", "on"], later: [] };

export const STORE_KEYS: readonly KeySpec[] = [
  {
    path: "stores.checkpoint",
    kind: { type: "choice", values: ["embedded", "redis", "s3", "kafka"], later: [] },
    defaultText: "embedded",
    meaning:
      "Where checkpoints are kept. `embedded`: in the data folder. See [checkpoint stores](checkpoint-stores.md).",
  },
  {
    path: "stores.redis.addr",
    kind: { type: "endpoints", countMax: 32 },
    defaultText: "",
    meaning:
      "`HOST:PORT` of the Redis server; with `sentinel_master` of the Sentinels, with `cluster` of some nodes, separated by commas.",
  },
  {
    path: "stores.redis.username",
    kind: text(256, PRINTABLE, "printable ASCII without spaces"),
    defaultText: "",
    meaning: "User of Redis. Not set: `default`.",
  },
  { path: "stores.redis.password", kind: { type: "secret" }, defaultText: "", meaning: "Password of Redis." },
  { path: "stores.redis.tls", kind: ON_OR_OFF, defaultText: "off", meaning: "TLS to Redis and to its Sentinels." },
  {
    path: "stores.redis.tls_ca",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the authorities that certificates of Redis may come from. Not set: the usual ones.",
  },
  {
    path: "stores.redis.tls_cert",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the client's own certificate.",
  },
  {
    path: "stores.redis.tls_key",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the key of `tls_cert`.",
  },
  {
    path: "stores.redis.tls_server_name",
    kind: text(253, /^[A-Za-z0-9._-]+$/, "a host name"),
    defaultText: "",
    meaning: "Name that certificates of Redis must have. Not set: that of the address which is connected to.",
  },
  {
    path: "stores.redis.db",
    kind: { type: "integer", min: 0, max: 1_000_000 },
    defaultText: "0",
    meaning: "Number of the database in Redis.",
  },
  {
    path: "stores.redis.prefix",
    kind: text(128, /^[A-Za-z0-9._:/-]+$/, "letters, digits and . _ : / -"),
    defaultText: "swapstats:",
    meaning: "Begins every key in Redis. Installations that share a Redis have different ones.",
  },
  {
    path: "stores.redis.sentinel_master",
    kind: text(128, /^[A-Za-z0-9._-]+$/, "letters, digits and . _ -"),
    defaultText: "",
    meaning: "What the Sentinels call the master. Set: `addr` names Sentinels.",
  },
  {
    path: "stores.redis.sentinel_username",
    kind: text(256, PRINTABLE, "printable ASCII without spaces"),
    defaultText: "",
    meaning: "User of the Sentinels, where they have users.",
  },
  {
    path: "stores.redis.sentinel_password",
    kind: { type: "secret" },
    defaultText: "",
    meaning: "Password of the Sentinels, where they have one.",
  },
  {
    path: "stores.redis.cluster",
    kind: ON_OR_OFF,
    defaultText: "off",
    meaning: "`addr` names nodes of a Redis Cluster.",
  },

  {
    path: "stores.hot",
    kind: { type: "choice", values: ["none", "redis"], later: [] },
    defaultText: "none",
    meaning:
      "`redis`: the newest statistics of every token are written to the Redis of `stores.redis` as well, for readers of [its keys](redis-keys.md).",
  },
  {
    path: "stores.hot_interval",
    kind: { type: "duration", minMs: 100, maxMs: 60_000 },
    defaultText: "1s",
    meaning: "Least time between two rounds of writing what changed.",
  },
  {
    path: "stores.hot_ttl",
    kind: { type: "duration", minMs: 10_000, maxMs: 30 * 24 * 3_600_000 },
    defaultText: "1h",
    meaning:
      "Lifetime of a key, from its last writing; at least ten times `stores.hot_interval`. What did not change is written again at half of it.",
  },

  {
    path: "stores.s3.endpoint",
    kind: text(1024, /^https?:\/\/[^\s/?#@]+\/?$/, "an address such as https://s3.example.com:9000"),
    defaultText: "",
    meaning: "Address of the S3 store. Not set: AWS.",
  },
  {
    path: "stores.s3.region",
    kind: text(64, /^[a-z0-9-]+$/, "lower-case letters, digits and -"),
    defaultText: "us-east-1",
    meaning: "Region of the bucket.",
  },
  {
    path: "stores.s3.bucket",
    kind: text(63, /^[a-z0-9][a-z0-9.-]+[a-z0-9]$/, "lower-case letters, digits, . and -, three or more"),
    defaultText: "",
    meaning: "Bucket; it must exist.",
  },
  {
    path: "stores.s3.prefix",
    kind: text(256, /^[A-Za-z0-9._/-]+$/, "letters, digits and . _ / -"),
    defaultText: "swapstats/",
    meaning: "Begins the key of every object. Installations that share a bucket have different ones.",
  },
  {
    path: "stores.s3.access_key",
    kind: { type: "secret" },
    defaultText: "",
    meaning: "Access key. Not set: the usual chain of AWS (environment, profile, role of the machine).",
  },
  {
    path: "stores.s3.secret_key",
    kind: { type: "secret" },
    defaultText: "",
    meaning: "Secret key of `access_key`.",
  },

  {
    path: "stores.kafka.topic",
    kind: text(249, /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/, "letters, digits and . _ -, as Kafka takes for a topic"),
    defaultText: "",
    meaning:
      "Compacted topic that checkpoints are kept in, at the brokers of `ingest.brokers`. Not set: that of `ingest.topic` with `.checkpoints`.",
  },
];
