/** From the configuration to setups of plain data, which threads can be given. Files are read here, once. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import {
  FETCH_DEFAULTS,
  type KafkaConnection,
  type KafkaPressure,
  type KafkaSourceSetup,
  type KafkaTls,
} from "./kafka-setup.ts";

type KafkaSettings = NonNullable<Config["ingest"]["kafka"]>;

const CONNECT_TIMEOUT_MS = 5_000;
/** A broker that accepts and never answers is given up after it. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Four partitions share an answer; see FETCH_DEFAULTS. */
const PARTITIONS_OF_A_FETCH = 4;
const SPILL_FOLDER = "spill";

/** Throws `bad_config` where brokers are not set, or a file of ingest.tls cannot be read. */
export function kafkaConnection({ ingest, app }: Config): KafkaConnection {
  const kafka = requireKafka(ingest.kafka);
  const { brokers, tls, sasl } = kafka;
  return {
    brokers,
    clientId: `swapstats-${app.instanceId}`.replaceAll(/[^A-Za-z0-9._-]/g, "-"),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls: readTls(tls) }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

export function kafkaSourceSetup(config: Config): KafkaSourceSetup {
  const kafka = requireKafka(config.ingest.kafka);
  return {
    connection: kafkaConnection(config),
    topic: kafka.topic,
    fetchBytesMax: kafka.fetchBytesMax,
    partitionFetchBytesMax: Math.ceil(kafka.fetchBytesMax / PARTITIONS_OF_A_FETCH),
    bufferBytesMax: kafka.bufferBytesMax,
    fetchWaitMs: FETCH_DEFAULTS.fetchWaitMs,
    pressure: pressureOf(kafka, config.dataDir),
  };
}

/** Where what does not fit into memory is kept, with `ingest.backpressure: buffer`. */
export function spillFolder(dataDir: string): string {
  return join(resolve(dataDir), SPILL_FOLDER);
}

function pressureOf(kafka: KafkaSettings, dataDir: string): KafkaPressure {
  const { backpressure: mode, backpressureAfterMs: afterMs, spillBytesMax } = kafka;
  if (mode === "buffer") return { mode, afterMs, folder: spillFolder(dataDir), spillBytesMax };
  return mode === "drop" ? { mode, afterMs } : { mode };
}

/** Throws `bad_config` where brokers are not set. */
export function requireKafka(kafka: KafkaSettings | undefined): KafkaSettings {
  if (kafka !== undefined) return kafka;
  throw new SwapstatsError("bad_config", "ingest.brokers is not set; give HOST:PORT of a Kafka broker, or of some");
}

function readTls({ caPath, certPath, keyPath }: NonNullable<KafkaSettings["tls"]>): KafkaTls {
  return {
    ...(caPath === undefined ? {} : { ca: readPem("ca", caPath) }),
    ...(certPath === undefined ? {} : { cert: readPem("cert", certPath) }),
    ...(keyPath === undefined ? {} : { key: readPem("key", keyPath) }),
  };
}

function readPem(key: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const message = `ingest.tls.${key} names the file ${path}, which cannot be read (${(cause as Error).message}); check path and rights`;
    throw new SwapstatsError("bad_config", message, { cause });
  }
}
