/** Makes the setup of the source from the configuration: plain data for threads. */
import { join, resolve } from "node:path";
import { kafkaConnection } from "../../clients/kafka/connection.ts";
import type { KafkaConfig } from "../../config/build/kafka.ts";
import type { Config } from "../../config/config.ts";
import { FETCH_DEFAULTS, type KafkaPressure, type KafkaSourceSetup } from "./setup.ts";

/** Four partitions share a response; see FETCH_DEFAULTS. */
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
    hasEnvelopes: FETCH_DEFAULTS.hasEnvelopes,
    pressure: pressureOf(kafka, dataDir),
  };
}

/** Returns the folder for fetched records that have no room in memory, with `ingest.backpressure: buffer`. */
export function spillFolder(dataDir: string): string {
  return join(resolve(dataDir), SPILL_FOLDER);
}

function pressureOf(kafka: KafkaConfig, dataDir: string): KafkaPressure {
  const { backpressure: mode, backpressureAfterMs: afterMs, spillBytesMax } = kafka;
  if (mode === "buffer") return { mode, afterMs, folder: spillFolder(dataDir), spillBytesMax };
  return mode === "drop" ? { mode, afterMs } : { mode };
}
