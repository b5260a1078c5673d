/** The Kafka source of the configuration, with the checks that look at more than one of its keys. */
import type { ConfigProblem } from "./load.ts";
import { formatListenAddress, type ListenAddress } from "./units.ts";
import type { KeyValue } from "./values.ts";

export type KafkaSaslConfig =
  | {
      readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "OAUTHBEARER"; readonly token: string };

export type KafkaConfig = {
  readonly brokerType: "kafka" | "redpanda";
  /** `host:port`. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly groupId: string;
  readonly groupProtocol: "classic" | "consumer";
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly start: "earliest" | "latest";
  readonly fetchBytesMax: number;
  readonly bufferBytesMax: number;
  readonly backpressure: "block" | "drop" | "buffer";
  readonly backpressureAfterMs: number;
  readonly spillBytesMax: number;
  /** Paths; undefined: no TLS. */
  readonly tls:
    | {
        readonly caPath: string | undefined;
        readonly certPath: string | undefined;
        readonly keyPath: string | undefined;
      }
    | undefined;
  readonly sasl: KafkaSaslConfig | undefined;
  readonly topicSettings: {
    readonly partitions: number;
    /** Undefined: as the brokers have it. */
    readonly replication: number | undefined;
    readonly retentionMs: number;
    readonly segmentMs: number;
  };
  readonly deadLetterTopic: string;
};

type Values = ReadonlyMap<string, KeyValue>;
type Report = (path: string, message: string) => void;

/** Undefined where `ingest.brokers` is not set. Adds what is wrong to `problems`; what it returns then is of no use. */
export function buildKafka(values: Values, problems: ConfigProblem[]): KafkaConfig | undefined {
  const word = (key: string): string | undefined => values.get(`ingest.${key}`) as string | undefined;
  const num = (key: string): number => values.get(`ingest.${key}`) as number;
  const report: Report = (key, message) => {
    problems.push({ path: `ingest.${key}`, where: "", message });
  };
  const brokers = (values.get("ingest.brokers") ?? []) as readonly ListenAddress[];
  const tls = buildTls(word, report);
  const sasl = buildSasl(word, report);
  if (brokers.length === 0) {
    if (values.get("ingest.source") === "kafka")
      report("brokers", "is needed with `ingest.source: kafka`: HOST:PORT of a broker, or of some");
    return undefined;
  }
  const topic = word("topic") as string;
  return {
    brokerType: word("broker_type") as KafkaConfig["brokerType"],
    brokers: brokers.map(formatListenAddress),
    topic,
    groupId: word("group_id") as string,
    groupProtocol: word("group_protocol") as KafkaConfig["groupProtocol"],
    sessionTimeoutMs: num("session_timeout"),
    rebalanceTimeoutMs: num("rebalance_timeout"),
    start: word("start") as KafkaConfig["start"],
    fetchBytesMax: num("max_bytes"),
    bufferBytesMax: num("max_inflight"),
    backpressure: word("backpressure") as KafkaConfig["backpressure"],
    backpressureAfterMs: num("backpressure_after"),
    spillBytesMax: num("spill_bytes"),
    tls,
    sasl,
    topicSettings: {
      partitions: num("topic_cfg.partitions"),
      replication: values.get("ingest.topic_cfg.replication") as number | undefined,
      retentionMs: num("topic_cfg.retention_ms"),
      segmentMs: num("topic_cfg.segment_ms"),
    },
    deadLetterTopic: word("dead_letter") ?? `${topic}.dlq`,
  };
}

function buildTls(word: (key: string) => string | undefined, report: Report): KafkaConfig["tls"] {
  const isOn = word("tls.enabled") === "on";
  for (const key of ["tls.ca", "tls.cert", "tls.key"]) {
    if (!isOn && word(key) !== undefined) report(key, "is set, and ingest.tls.enabled is off; set it to on");
  }
  if ((word("tls.cert") === undefined) !== (word("tls.key") === undefined)) {
    const [missing, given] = word("tls.key") === undefined ? ["tls.key", "tls.cert"] : ["tls.cert", "tls.key"];
    report(missing, `is not set, and ingest.${given} is; give both`);
  }
  return isOn ? { caPath: word("tls.ca"), certPath: word("tls.cert"), keyPath: word("tls.key") } : undefined;
}

function buildSasl(word: (key: string) => string | undefined, report: Report): KafkaSaslConfig | undefined {
  const mechanism = word("sasl.mechanism") as "none" | KafkaSaslConfig["mechanism"];
  const needed = mechanism === "none" ? [] : mechanism === "OAUTHBEARER" ? ["token"] : ["username", "password"];
  for (const key of ["username", "password", "token"]) {
    const isSet = word(`sasl.${key}`) !== undefined;
    if (isSet && !needed.includes(key)) {
      report(`sasl.${key}`, `is set, and ingest.sasl.mechanism is ${mechanism}, which has none; remove it`);
    }
    if (!isSet && needed.includes(key)) {
      report(`sasl.${key}`, `is not set, and ingest.sasl.mechanism ${mechanism} needs it; give it`);
    }
  }
  if (mechanism === "none") return undefined;
  if (mechanism === "OAUTHBEARER") return { mechanism, token: word("sasl.token") ?? "" };
  return { mechanism, username: word("sasl.username") ?? "", password: word("sasl.password") ?? "" };
}
