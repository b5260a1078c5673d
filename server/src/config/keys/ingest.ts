/** Keys of the sources: the embedded log, the generator and Kafka. */
import { key, ofPart, type Section } from "../key.ts";
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

export const INGEST = {
  source: key(
    "ingest.source",
    choice(["embedded", "generator", "kafka"], ["redis_streams", "rabbitmq", "nats_jetstream", "pulsar"]),
    "embedded",
    "Where swaps come from. `embedded`: `POST /api/swaps` into the log of the data folder. `generator`: the same log, fed by the built-in generator as well. `kafka`: a topic of Kafka or Redpanda, see [running on Kafka](kafka.md).",
  ),
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
      "How long the embedded log keeps records. It never removes what the previous checkpoint needs.",
    ),
    retentionBytes: key(
      "ingest.embedded.retention_bytes",
      size(16 * MIB, 1024 * 1024 * GIB),
      "4GiB",
      "Size of the embedded log above which the oldest records go, whatever their age. Where the previous checkpoint still needs them, ingestion answers 503 until it does not.",
    ),
  }),
  generator: ofPart("generator", {
    ratePerSecond: key(
      "ingest.generator.rate",
      { type: "number", min: 0.001, max: 1_000_000 },
      "1000",
      "Swaps a second of the built-in generator.",
    ),
    tokens: key("ingest.generator.tokens", integer(1, 1_000_000), "200", "Tokens of the built-in generator."),
    traders: key("ingest.generator.traders", integer(1, 10_000_000), "5000", "Wallets of the built-in generator."),
    seed: key("ingest.generator.seed", integer(0, 4_294_967_295), "1", "Seed of the built-in generator."),
  }),
  kafka: ofPart("kafka source", {
    brokerType: key(
      "ingest.broker_type",
      choice(["kafka", "redpanda"]),
      "kafka",
      "What the brokers are. Both speak the same protocol; see [running on Kafka](kafka.md).",
    ),
    ...ofPart("brokers", {
      brokers: key(
        "ingest.brokers",
        endpoints(64),
        "",
        "`HOST:PORT` of some brokers, separated by commas; the others are found through them.",
      ),
    }),
    ...ofPart("topics", { topic: key("ingest.topic", topicName(245), "raw-swaps", "Topic that swaps are read from.") }),
    groupId: key(
      "ingest.group_id",
      PRINTABLE,
      "swapstats",
      "Consumer group. Instances of one installation share it; two installations on one topic have different ones.",
    ),
    groupProtocol: key(
      "ingest.group_protocol",
      choice(["classic", "consumer"]),
      "classic",
      "How the group shares partitions. `consumer`: by the brokers, from Kafka 4.0 on; how long a session is, is then a setting of theirs. See [running on Kafka](kafka.md#the-group).",
    ),
    sessionTimeoutMs: key(
      "ingest.session_timeout",
      duration(1_000, 1_800_000),
      "10s",
      "An instance that is not heard of for so long loses its partitions to others.",
    ),
    rebalanceTimeoutMs: key(
      "ingest.rebalance_timeout",
      duration(1_000, 1_800_000),
      "30s",
      "How long the group waits for a member that has to say that it is still there when others come or go.",
    ),
    start: key(
      "ingest.start",
      choice(["earliest", "latest"]),
      "earliest",
      "Where partitions begin at the first start of a group, which has neither checkpoints nor committed offsets. One that is added later begins at its earliest record. With a committed offset and no checkpoint the checkpoint store was lost: then it is the earliest record, whatever stands here.",
    ),
    fetchBytesMax: key(
      "ingest.max_bytes",
      size(64 * 1024, 64 * MIB),
      "1MiB",
      "Size of one answer to a fetch. More is slower: at 10 MiB a third of the speed was measured.",
    ),
    bufferBytesMax: key(
      "ingest.max_inflight",
      size(64 * 1024, GIB),
      "1MiB",
      "What is fetched ahead for one partition, in memory. While so much waits to be applied nothing more is fetched for it, unless `backpressure` says otherwise.",
    ),
    backpressure: key(
      "ingest.backpressure",
      choice(["block", "drop", "buffer"]),
      "block",
      "What happens when `max_inflight` waits and the state stands still, such as while dead letters cannot be written. `block`: nothing more is fetched. `drop`: what comes is left out, counted, and recorded as a gap. `buffer`: it goes to a file of `spill_bytes`. See [running on Kafka](kafka.md#when-the-state-stands-still).",
    ),
    backpressureAfterMs: key(
      "ingest.backpressure_after",
      duration(0, HOUR_MS),
      "5s",
      "How long the state must have taken nothing before `drop` or `buffer` begins. `0s`: as soon as `max_inflight` waits, also in a catch-up.",
    ),
    spillBytesMax: key(
      "ingest.spill_bytes",
      size(16 * MIB, 1024 * GIB),
      "1GiB",
      "Size of the file of one partition below `data_dir`, with `buffer`. Full: nothing more is fetched.",
    ),
    tls: ofPart("brokers", {
      isOn: key("ingest.tls.enabled", SWITCH, "off", "TLS to the brokers."),
      caPath: key(
        "ingest.tls.ca",
        PATH,
        "",
        "File (PEM) of the authorities that certificates of brokers may come from. Not set: the usual ones.",
      ),
      certPath: key(
        "ingest.tls.cert",
        PATH,
        "",
        "File (PEM) of the client's own certificate, where brokers ask for one (mTLS).",
      ),
      keyPath: key("ingest.tls.key", PATH, "", "File (PEM) of the key of `cert`."),
    }),
    sasl: ofPart("brokers", {
      mechanism: key(
        "ingest.sasl.mechanism",
        choice(["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
        "none",
        "How the service shows the brokers who it is. `PLAIN` and `OAUTHBEARER` send secrets: use TLS with them.",
      ),
      username: key("ingest.sasl.username", PRINTABLE, "", "User, with all but `OAUTHBEARER`."),
      password: key("ingest.sasl.password", SECRET, "", "Password of `username`."),
      token: key("ingest.sasl.token", SECRET, "", "Token, with `OAUTHBEARER`."),
    }),
    topicSettings: ofPart("topics", {
      partitions: key(
        "ingest.topic_cfg.partitions",
        integer(1, 10_000),
        "12",
        "Partitions of a topic that `topic ensure` makes: the most threads, over all instances, that can share the work.",
      ),
      replication: key(
        "ingest.topic_cfg.replication",
        integer(1, 32),
        "",
        "Brokers that hold each record, of a topic that `topic ensure` makes. Not set: as the brokers have it.",
      ),
      retentionMs: key(
        "ingest.topic_cfg.retention_ms",
        integer(60_000, 3650 * DAY_MS),
        "172800000",
        "How long the topic keeps records, in milliseconds. Longer than the longest window and `app.reorg_horizon`.",
      ),
      segmentMs: key(
        "ingest.topic_cfg.segment_ms",
        integer(60_000, 365 * DAY_MS),
        "3600000",
        "Retention removes records in segments of about so many milliseconds.",
      ),
      cleanupPolicy: key(
        "ingest.topic_cfg.cleanup_policy",
        choice(["delete"]),
        "delete",
        "`delete` alone: compaction removes swaps that are to count, and a compacted topic is refused.",
      ),
    }),
    deadLetterTopic: key(
      "ingest.dead_letter",
      topicName(245),
      "",
      "Topic that dead letters of the Kafka source go to. Not set: that of `ingest.topic` with `.dlq`.",
    ),
  }),
} satisfies Section;
