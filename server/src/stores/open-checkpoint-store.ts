/** Opens a checkpoint store from the configuration, in two steps: a setup of plain data, which can be posted to a thread, and the store. */

import { kafkaConnection } from "../clients/kafka/connection.ts";
import type { Config } from "../config/config.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import { Circuit } from "../shared/circuit.ts";
import { EmbeddedCheckpointStore } from "./embedded-checkpoint-store.ts";
import { realFileSystem } from "./file-system.ts";
import { GuardedCheckpointStore, isStoreFailure } from "./guarded-checkpoint-store.ts";
import type { KafkaCheckpointStoreOptions } from "./kafka/checkpoint-topic.ts";
import type { RedisCheckpointStoreOptions } from "./redis-checkpoint-store.ts";
import type { S3CheckpointStoreOptions } from "./s3-checkpoint-store.ts";

/** Limit of a call. A part of 8 MiB over a slow line takes the longest. */
const REDIS_CALL_LIMIT_MS = 10_000;
const S3_CALL_LIMIT_MS = 20_000;
const KAFKA_CALL_LIMIT_MS = 20_000;

export type CheckpointStoreSetup =
  | { readonly kind: "embedded"; readonly dataDir: string }
  | ({ readonly kind: "redis" } & RedisCheckpointStoreOptions)
  | ({ readonly kind: "s3" } & S3CheckpointStoreOptions)
  | ({ readonly kind: "kafka" } & KafkaCheckpointStoreOptions);

type OpenedCheckpointStore = {
  readonly store: CheckpointStore;
  /** The circuit of a remote store, for its metric and for status. */
  readonly circuit: Circuit | undefined;
};

/** `dataDir` is the resolved path of the data folder. Throws `bad_config` when a file of `ingest.tls` cannot be read. */
export function checkpointStoreSetup(config: Config, dataDir: string): CheckpointStoreSetup {
  const { checkpoint } = config.stores;
  switch (checkpoint.kind) {
    case "embedded":
      return { kind: "embedded", dataDir };
    case "redis": {
      const { server, prefix } = checkpoint.redis;
      return { kind: "redis", redis: server, prefix, limitMs: REDIS_CALL_LIMIT_MS };
    }
    case "s3":
      return { kind: "s3", s3: checkpoint.s3, limitMs: S3_CALL_LIMIT_MS };
    case "kafka": {
      const { kind, brokers, topic, replication } = checkpoint;
      const connection = kafkaConnection(brokers, config.app.instanceId);
      return { kind, connection, topic, replication, makesTopic: true, limitMs: KAFKA_CALL_LIMIT_MS };
    }
  }
}

/**
 * Connects to nothing yet: the first call does. Rejects with `bad_config` when a file of the settings cannot be read. The
 * clients are imported where they are used alone: they cost a start time that the embedded form need not pay.
 */
export async function openCheckpointStore(setup: CheckpointStoreSetup): Promise<OpenedCheckpointStore> {
  if (setup.kind === "embedded") {
    return { store: new EmbeddedCheckpointStore(setup.dataDir, realFileSystem), circuit: undefined };
  }
  const circuit = new Circuit({
    dependency: setup.kind,
    isFailure: isStoreFailure,
    openCode: "storage_failed",
    nowMs: Date.now,
  });
  return { store: new GuardedCheckpointStore(await openRemote(setup), circuit), circuit };
}

async function openRemote(setup: Exclude<CheckpointStoreSetup, { kind: "embedded" }>): Promise<CheckpointStore> {
  if (setup.kind === "redis") {
    const { RedisCheckpointStore } = await import("./redis-checkpoint-store.ts");
    return new RedisCheckpointStore(setup);
  }
  if (setup.kind === "kafka") {
    const { openKafkaCheckpointStore } = await import("./kafka/checkpoint-topic.ts");
    return openKafkaCheckpointStore(setup);
  }
  const { S3CheckpointStore } = await import("./s3-checkpoint-store.ts");
  return new S3CheckpointStore(setup);
}
