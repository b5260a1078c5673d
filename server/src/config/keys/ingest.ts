/** Keys of the sources: the embedded log, the generator and Kafka. */
import { key, ofPart, type Section } from "../key.ts";
import { FEEDERS } from "./feeders.ts";
import {
  choice,
  DAY_MS,
  duration,
  endpoints,
  GIB,
  HOUR_MS,
  integer,
  MIB,
  PATH,
  PRINTABLE,
  SECRET,
  SWITCH,
  size,
  topicName,
} from "./kinds.ts";
import { MAPPINGS } from "./mappings.ts";

export const INGEST = {
  source: key(
    "ingest.source",
    choice(["embedded", "generator", "kafka"], ["redis_streams", "rabbitmq", "nats_jetstream", "pulsar"]),
    "embedded",
    "Where swaps come from. `embedded`: `POST /api/swaps` into the log of the data folder. `generator`: the same log, to which the built-in generator also writes. `kafka`: a topic of Kafka or Redpanda, see [running on Kafka](kafka.md).",
  ),
  feeders: FEEDERS,
  ...MAPPINGS,
  embedded: ofPart("embedded log", {
    partitions: key(
      "ingest.embedded.partitions",
      integer(1, 64),
      "1",
      "Partitions of the embedded log. All swaps of one token are in one partition.",
    ),
    retentionMs: key(
      "ingest.embedded.retention",
      duration(60_000, 365 * DAY_MS),
      "1h",
      "How long the embedded log keeps records. Those that a restore may need are never removed.",
    ),
    retentionBytes: key(
      "ingest.embedded.retention_bytes",
      size(16 * MIB, 1024 * 1024 * GIB),
      "4GiB",
      "Size of the embedded log above which the oldest records are removed, regardless of their age. While a restore may need all of them, ingestion answers 503.",
    ),
  }),
  generator: ofPart("ingest.source: generator", {
    ratePerSecond: key(
      "ingest.generator.rate",
      { type: "number", min: 0.001, max: 1_000_000 },
      "1000",
      "Swaps per second of the built-in generator.",
    ),
    tokens: key("ingest.generator.tokens", integer(1, 1_000_000), "200", "Number of tokens of the built-in generator."),
    traders: key(
      "ingest.generator.traders",
      integer(1, 10_000_000),
      "5000",
      "Number of wallets of the built-in generator.",
    ),
    seed: key("ingest.generator.seed", integer(0, 4_294_967_295), "1", "Seed of the built-in generator."),
  }),
  kafka: ofPart("ingest.source: kafka", {
    brokerType: key(
      "ingest.broker_type",
      choice(["kafka", "redpanda"]),
      "kafka",
      "What the brokers are. Both speak the same protocol. `redpanda` refuses `group_protocol: consumer`, which Redpanda does not support.",
    ),
    ...ofPart("brokers", {
      brokers: key(
        "ingest.brokers",
        endpoints(64),
        "",
        "`HOST:PORT` of some brokers, separated by commas. The other brokers are discovered through them.",
      ),
    }),
    ...ofPart("topics", {
      topic: key("ingest.topic", topicName(245), "raw-swaps", "Topic from which swaps are read."),
    }),
    groupId: key(
      "ingest.group_id",
      PRINTABLE,
      "swapstats",
      "Consumer group. All instances of one installation share it. Two installations on one topic need different groups.",
    ),
    groupProtocol: key(
      "ingest.group_protocol",
      choice(["classic", "consumer"]),
      "classic",
      "How the group assigns partitions. `classic`: by a member of the group. `consumer`: by the brokers, from Kafka 4.0 on; the session timeout is then a setting of the brokers. See [running on Kafka](kafka.md#the-group).",
    ),
    sessionTimeoutMs: key(
      "ingest.session_timeout",
      duration(1_000, 1_800_000),
      "10s",
      "An instance that sends no heartbeat for this long loses its partitions to other instances.",
    ),
    rebalanceTimeoutMs: key(
      "ingest.rebalance_timeout",
      duration(1_000, 1_800_000),
      "30s",
      "How long the group waits for each member to rejoin when members join or leave.",
    ),
    start: key(
      "ingest.start",
      choice(["earliest", "latest"]),
      "earliest",
      "Where partitions start at the first start of a group, which has neither checkpoints nor committed offsets. A partition that is added later starts at its earliest record. A committed offset without a checkpoint means that the checkpoint store was lost; the partition then also starts at its earliest record.",
    ),
    fetchBytesMax: key(
      "ingest.max_bytes",
      size(64 * 1024, 64 * MIB),
      "1MiB",
      "Size of one fetch response. Larger responses are slower: 10 MiB was measured at a third of the speed.",
    ),
    bufferBytesMax: key(
      "ingest.max_inflight",
      size(64 * 1024, GIB),
      "1MiB",
      "Bytes that are fetched ahead for one partition, in memory. While this much waits to be applied, nothing more is fetched for the partition, unless `backpressure` says otherwise.",
    ),
    backpressure: key(
      "ingest.backpressure",
      choice(["block", "drop", "buffer"]),
      "block",
      "What happens when `max_inflight` bytes wait and the state does not move, for example because dead letters cannot be written. `block`: nothing more is fetched. `drop`: new records are dropped, counted, and recorded as a gap. `buffer`: new records go to a file of `spill_bytes`. See [running on Kafka](kafka.md#when-the-state-stands-still).",
    ),
    backpressureAfterMs: key(
      "ingest.backpressure_after",
      duration(0, HOUR_MS),
      "5s",
      "How long the state must not have moved before `drop` or `buffer` begins. `0s`: as soon as `max_inflight` bytes wait, also while catching up.",
    ),
    spillBytesMax: key(
      "ingest.spill_bytes",
      size(16 * MIB, 1024 * GIB),
      "1GiB",
      "With `buffer`: size of the file of one partition below `data_dir`. When the file is full, nothing more is fetched.",
    ),
    tls: ofPart("brokers", {
      isOn: key("ingest.tls.enabled", SWITCH, "off", "TLS to the brokers."),
      caPath: key(
        "ingest.tls.ca",
        PATH,
        "",
        "File (PEM) with the certificate authorities for the brokers. Not set: the authorities that Node trusts.",
      ),
      certPath: key(
        "ingest.tls.cert",
        PATH,
        "",
        "File (PEM) with the client certificate, for brokers that require one (mTLS).",
      ),
      keyPath: key("ingest.tls.key", PATH, "", "File (PEM) with the private key of `cert`."),
    }),
    sasl: ofPart("brokers", {
      mechanism: key(
        "ingest.sasl.mechanism",
        choice(["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
        "none",
        "How the service authenticates to the brokers. `PLAIN` and `OAUTHBEARER` send secrets: use TLS with them.",
      ),
      username: key("ingest.sasl.username", PRINTABLE, "", "User, with every mechanism but `OAUTHBEARER`."),
      password: key("ingest.sasl.password", SECRET, "", "Password of `username`."),
      token: key("ingest.sasl.token", SECRET, "", "Token, with `OAUTHBEARER`."),
    }),
    topicSettings: ofPart("topics", {
      partitions: key(
        "ingest.topic_cfg.partitions",
        integer(1, 10_000),
        "12",
        "Partitions of a topic that `topic ensure` creates. This is the largest number of threads, over all instances, that can share the work.",
      ),
      replication: key(
        "ingest.topic_cfg.replication",
        integer(1, 32),
        "",
        "Replicas of each record in a topic that `topic ensure` creates. Not set: the default of the brokers.",
      ),
      retentionMs: key(
        "ingest.topic_cfg.retention_ms",
        integer(60_000, 3650 * DAY_MS),
        "172800000",
        "How long the topic keeps records, in milliseconds. It should be longer than the longest window and `app.reorg_horizon`.",
      ),
      segmentMs: key(
        "ingest.topic_cfg.segment_ms",
        integer(60_000, 365 * DAY_MS),
        "3600000",
        "Retention removes records in segments of about this length, in milliseconds.",
      ),
      cleanupPolicy: key(
        "ingest.topic_cfg.cleanup_policy",
        choice(["delete"]),
        "delete",
        "Only `delete`: compaction would remove swaps that must count, and a compacted topic is refused.",
      ),
    }),
    deadLetterTopic: key(
      "ingest.dead_letter",
      topicName(245),
      "",
      "Topic for the dead letters of the Kafka source. Not set: the name of `ingest.topic` with `.dlq`.",
    ),
  }),
} satisfies Section;
