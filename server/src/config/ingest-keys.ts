/** The part of the table of keys that is about the Kafka source. */
import type { KeyKind, KeySpec } from "./keys.ts";

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

const text = (bytesMax: number, pattern: RegExp, patternHint: string): KeyKind => ({
  type: "text",
  bytesMax,
  pattern,
  patternHint,
});
const TOPIC = text(245, /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/, "letters, digits and . _ -, as Kafka takes for a topic");
const PRINTABLE = text(256, /^[\x21-\x7e]+$/, "printable ASCII without spaces");
const ON_OR_OFF: KeyKind = { type: "choice", values: ["off", "on"], later: [] };
const size = (minBytes: number, maxBytes: number): KeyKind => ({ type: "size", minBytes, maxBytes });
const integer = (min: number, max: number): KeyKind => ({ type: "integer", min, max });

export const INGEST_KAFKA_KEYS: readonly KeySpec[] = [
  {
    path: "ingest.broker_type",
    kind: { type: "choice", values: ["kafka", "redpanda"], later: [] },
    defaultText: "kafka",
    meaning: "What the brokers are. Both speak the same protocol; see [running on Kafka](kafka.md).",
  },
  {
    path: "ingest.brokers",
    kind: { type: "endpoints", countMax: 64 },
    defaultText: "",
    meaning: "`HOST:PORT` of some brokers, separated by commas; the others are found through them.",
  },
  { path: "ingest.topic", kind: TOPIC, defaultText: "raw-swaps", meaning: "Topic that swaps are read from." },
  {
    path: "ingest.group_id",
    kind: PRINTABLE,
    defaultText: "swapstats",
    meaning:
      "Consumer group. Instances of one installation share it; two installations on one topic have different ones.",
  },
  {
    path: "ingest.group_protocol",
    kind: { type: "choice", values: ["classic", "consumer"], later: [] },
    defaultText: "classic",
    meaning:
      "How the group shares partitions. `consumer`: by the brokers, from Kafka 4.0 on; how long a session is, is then a setting of theirs. See [running on Kafka](kafka.md#the-group).",
  },
  {
    path: "ingest.session_timeout",
    kind: { type: "duration", minMs: 1_000, maxMs: 1_800_000 },
    defaultText: "10s",
    meaning: "An instance that is not heard of for so long loses its partitions to others.",
  },
  {
    path: "ingest.rebalance_timeout",
    kind: { type: "duration", minMs: 1_000, maxMs: 1_800_000 },
    defaultText: "30s",
    meaning: "How long the group waits for a member that has to say that it is still there when others come or go.",
  },
  {
    path: "ingest.start",
    kind: { type: "choice", values: ["earliest", "latest"], later: [] },
    defaultText: "earliest",
    meaning:
      "Where partitions begin at the first start of a group, which has neither checkpoints nor committed offsets. One that is added later begins at its earliest record. With a committed offset and no checkpoint the checkpoint store was lost: then it is the earliest record, whatever stands here.",
  },
  {
    path: "ingest.max_bytes",
    kind: size(64 * 1024, 64 * MIB),
    defaultText: "1MiB",
    meaning: "Size of one answer to a fetch. More is slower: at 10 MiB a third of the speed was measured.",
  },
  {
    path: "ingest.max_inflight",
    kind: size(64 * 1024, 1024 * MIB),
    defaultText: "1MiB",
    meaning:
      "What is fetched ahead for one partition, in memory. While so much waits to be applied nothing more is fetched for it, unless `backpressure` says otherwise.",
  },
  {
    path: "ingest.backpressure",
    kind: { type: "choice", values: ["block", "drop", "buffer"], later: [] },
    defaultText: "block",
    meaning:
      "What happens when `max_inflight` waits and the state stands still, such as while dead letters cannot be written. `block`: nothing more is fetched. `drop`: what comes is left out, counted, and recorded as a gap. `buffer`: it goes to a file of `spill_bytes`. See [running on Kafka](kafka.md#when-the-state-stands-still).",
  },
  {
    path: "ingest.backpressure_after",
    kind: { type: "duration", minMs: 0, maxMs: 3_600_000 },
    defaultText: "5s",
    meaning:
      "How long the state must have taken nothing before `drop` or `buffer` begins. `0s`: as soon as `max_inflight` waits, also in a catch-up.",
  },
  {
    path: "ingest.spill_bytes",
    kind: size(16 * MIB, 1024 * 1024 * MIB),
    defaultText: "1GiB",
    meaning: "Size of the file of one partition below `data_dir`, with `buffer`. Full: nothing more is fetched.",
  },
  { path: "ingest.tls.enabled", kind: ON_OR_OFF, defaultText: "off", meaning: "TLS to the brokers." },
  {
    path: "ingest.tls.ca",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the authorities that certificates of brokers may come from. Not set: the usual ones.",
  },
  {
    path: "ingest.tls.cert",
    kind: { type: "path" },
    defaultText: "",
    meaning: "File (PEM) of the client's own certificate, where brokers ask for one (mTLS).",
  },
  { path: "ingest.tls.key", kind: { type: "path" }, defaultText: "", meaning: "File (PEM) of the key of `cert`." },
  {
    path: "ingest.sasl.mechanism",
    kind: { type: "choice", values: ["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"], later: [] },
    defaultText: "none",
    meaning: "How the service shows the brokers who it is. `PLAIN` and `OAUTHBEARER` send secrets: use TLS with them.",
  },
  { path: "ingest.sasl.username", kind: PRINTABLE, defaultText: "", meaning: "User, with all but `OAUTHBEARER`." },
  { path: "ingest.sasl.password", kind: { type: "secret" }, defaultText: "", meaning: "Password of `username`." },
  { path: "ingest.sasl.token", kind: { type: "secret" }, defaultText: "", meaning: "Token, with `OAUTHBEARER`." },
  {
    path: "ingest.topic_cfg.partitions",
    kind: integer(1, 10_000),
    defaultText: "12",
    meaning:
      "Partitions of a topic that `topic ensure` makes: the most threads, over all instances, that can share the work.",
  },
  {
    path: "ingest.topic_cfg.replication",
    kind: integer(1, 32),
    defaultText: "",
    meaning: "Brokers that hold each record, of a topic that `topic ensure` makes. Not set: as the brokers have it.",
  },
  {
    path: "ingest.topic_cfg.retention_ms",
    kind: integer(60_000, 3_650 * DAY_MS),
    defaultText: String(2 * DAY_MS),
    meaning:
      "How long the topic keeps records, in milliseconds. Longer than the longest window and `app.reorg_horizon`.",
  },
  {
    path: "ingest.topic_cfg.segment_ms",
    kind: integer(60_000, 365 * DAY_MS),
    defaultText: "3600000",
    meaning: "Retention removes records in segments of about so many milliseconds.",
  },
  {
    path: "ingest.topic_cfg.cleanup_policy",
    kind: { type: "choice", values: ["delete"], later: [] },
    defaultText: "delete",
    meaning: "`delete` alone: compaction removes swaps that are to count, and a compacted topic is refused.",
  },
  {
    path: "ingest.dead_letter",
    kind: TOPIC,
    defaultText: "",
    meaning: "Topic that dead letters of the Kafka source go to. Not set: that of `ingest.topic` with `.dlq`.",
  },
];
