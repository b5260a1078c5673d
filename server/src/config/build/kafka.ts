/** Kafka in the configuration: the brokers, the source, and its topics. */
import { TABLE, type TableValues } from "../keys.ts";
import { formatListenAddress } from "../units.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

const KEYS = TABLE.ingest.kafka;
type KafkaValues = TableValues["ingest"]["kafka"];

/** Paths of files in PEM. Undefined: the usual authorities, no certificate of the client. */
export type TlsFiles = Omit<KafkaValues["tls"], "isOn">;

export type KafkaSaslConfig =
  | {
      readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "OAUTHBEARER"; readonly token: string };

/** How brokers are reached. */
export type BrokersConfig = {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  /** Undefined: no TLS. */
  readonly tls: TlsFiles | undefined;
  /** Undefined: no authentication. */
  readonly sasl: KafkaSaslConfig | undefined;
};

export type KafkaConfig = Omit<KafkaValues, keyof BrokersConfig | "brokerType"> &
  BrokersConfig & { readonly deadLetterTopic: string };

/** Undefined where `ingest.brokers` is not set. After a problem was reported, the result is of no use. */
export function buildKafka({ source, kafka }: TableValues["ingest"], report: Report): KafkaConfig | undefined {
  const tls = buildTls(kafka.tls, report);
  const sasl = buildSasl(kafka.sasl, report);
  const { brokers, brokerType, deadLetterTopic = `${kafka.topic}.dlq`, ...values } = kafka;
  if (brokers === undefined) {
    if (source === "kafka") {
      report(KEYS.brokers, "is needed with `ingest.source: kafka`: HOST:PORT of a broker, or of some");
    }
    return undefined;
  }
  if (brokerType === "redpanda" && kafka.groupProtocol === "consumer") {
    const message = "is consumer, and ingest.broker_type is redpanda, which has classic groups only; set it to classic";
    report(KEYS.groupProtocol, message);
  }
  return { ...values, brokers: brokers.map(formatListenAddress), tls, sasl, deadLetterTopic };
}

function buildTls({ isOn, ...files }: KafkaValues["tls"], report: Report): TlsFiles | undefined {
  const { caPath, certPath, keyPath } = KEYS.tls;
  if (!isOn) {
    const given = [
      [caPath, files.caPath] as const,
      [certPath, files.certPath] as const,
      [keyPath, files.keyPath] as const,
    ];
    refuseEach(given, report, "is set, and ingest.tls.enabled is off; set it to on");
  }
  checkBothOrNeither([certPath, files.certPath, certPath.path], [keyPath, files.keyPath, keyPath.path], report);
  return isOn ? files : undefined;
}

function buildSasl(values: KafkaValues["sasl"], report: Report): KafkaSaslConfig | undefined {
  const { mechanism, username = "", password = "", token = "" } = values;
  const needed = mechanism === "none" ? [] : mechanism === "OAUTHBEARER" ? ["token"] : ["username", "password"];
  for (const name of ["username", "password", "token"] as const) {
    const isNeeded = needed.includes(name);
    if (values[name] !== undefined && !isNeeded) {
      report(KEYS.sasl[name], `is set, and ingest.sasl.mechanism is ${mechanism}, which has none; remove it`);
    }
    if (values[name] === undefined && isNeeded) {
      report(KEYS.sasl[name], `is not set, and ingest.sasl.mechanism ${mechanism} needs it; give it`);
    }
  }
  if (mechanism === "none") return undefined;
  return mechanism === "OAUTHBEARER" ? { mechanism, token } : { mechanism, username, password };
}
