/**
 * How to reach brokers: plain data for threads, made from the configuration. Files are read here, once. The data holds
 * secrets and is never logged.
 */
import type { BrokersConfig, KafkaConfig, KafkaSaslConfig, TlsFiles } from "../../config/build/kafka.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readTextFile } from "../../shared/read-regular-file.ts";

type KafkaTls = {
  /** PEM; undefined: the certificate authorities that Node trusts. */
  readonly ca?: string;
  /** PEM of the client's own certificate and key (mTLS); both or neither. */
  readonly cert?: string;
  readonly key?: string;
};

export type KafkaConnection = {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSaslConfig;
  readonly connectTimeoutMs: number;
  /** A response that takes longer ends the connection. Longer than a fetch waits at the broker. */
  readonly requestTimeoutMs: number;
};

const CONNECT_TIMEOUT_MS = 5_000;
/** Timeout for a broker that accepts connections and does not respond. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Throws `bad_config` where a file of ingest.tls cannot be read. `instanceId` names the client to the brokers. */
export function kafkaConnection({ brokers, tls, sasl }: BrokersConfig, instanceId: string): KafkaConnection {
  return {
    brokers,
    clientId: `swapstats-${instanceId}`.replaceAll(/[^A-Za-z0-9._-]/g, "-"),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls: readTls(tls) }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

/** Throws `bad_config` where brokers are not set. */
export function requireKafka(kafka: KafkaConfig | undefined): KafkaConfig {
  if (kafka !== undefined) return kafka;
  throw new SwapstatsError("bad_config", "ingest.brokers is not set; give HOST:PORT of a Kafka broker, or of some");
}

function readTls({ caPath, certPath, keyPath }: TlsFiles): KafkaTls {
  return {
    ...(caPath === undefined ? {} : { ca: readPem("ca", caPath) }),
    ...(certPath === undefined ? {} : { cert: readPem("cert", certPath) }),
    ...(keyPath === undefined ? {} : { key: readPem("key", keyPath) }),
  };
}

function readPem(key: string, path: string): string {
  try {
    return readTextFile(path, PEM_BYTES_MAX);
  } catch (cause) {
    const message = `ingest.tls.${key} names the file ${path}, which cannot be read (${(cause as Error).message}); check the path and its permissions`;
    throw new SwapstatsError("bad_config", message, { cause });
  }
}
