/** From the configuration to the setup of the source: plain data, which threads can be given. */
import { join, resolve } from "node:path";
import { kafkaConnection } from "../../clients/kafka/connection.ts";
import type { KafkaConfig } from "../../config/build/kafka.ts";
import type { Config } from "../../config/config.ts";
import { FETCH_DEFAULTS, type KafkaPressure, type KafkaSourceSetup } from "./setup.ts";

/** Four partitions share an answer; see FETCH_DEFAULTS. */
const PARTITIONS_OF_A_FETCH = 4;
const SPILL_FOLDER = "spill";

export function kafkaSourceSetup(kafka: KafkaConfig, { app, dataDir }: Config): KafkaSourceSetup {
  return {
    connection: kafkaConnection(kafka, app.instanceId),
    topic: kafka.topic,
    fetchBytesMax: kafka.fetchBytesMax,
    partitionFetchBytesMax: Math.ceil(kafka.fetchBytesMax / PARTITIONS_OF_A_FETCH),
    bufferBytesMax: kafka.bufferBytesMax,
    fetchWaitMs: FETCH_DEFAULTS.fetchWaitMs,
    pressure: pressureOf(kafka, dataDir),
  };
}

/** Where what does not fit into memory is kept, with `ingest.backpressure: buffer`. */
export function spillFolder(dataDir: string): string {
  return join(resolve(dataDir), SPILL_FOLDER);
}

function pressureOf(kafka: KafkaConfig, dataDir: string): KafkaPressure {
  const { backpressure: mode, backpressureAfterMs: afterMs, spillBytesMax } = kafka;
  if (mode === "buffer") return { mode, afterMs, folder: spillFolder(dataDir), spillBytesMax };
  return mode === "drop" ? { mode, afterMs } : { mode };
}
