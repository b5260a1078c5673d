import { after, before, describe } from "node:test";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import { createTopic, startKafka } from "../../../scripts/servers/kafka.ts";
import { startRedis, startRedisCluster, startRedisSentinels } from "../../../scripts/servers/redis.ts";
import { startS3 } from "../../../scripts/servers/s3.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import { EmbeddedCheckpointStore } from "../../src/stores/embedded-checkpoint-store.ts";
import { realFileSystem } from "../../src/stores/file-system.ts";
import { connectionTo } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { clusterBackend, kafkaBackend, redisBackend, s3Backend, sentinelBackend } from "./backends.ts";
import { type StoreBackend, storeContract } from "./store-contract.ts";

type Started = StoreBackend & { stop(): Promise<void> };

const USER = { name: "swapstats", password: "secret-of-tests" };
const REMOTE = { hasManyWriters: true };

/** Starts the servers, runs the contract, and stops them. */
function contractOver(start: (folder: string) => Promise<Started>): void {
  let started: Started | undefined;
  // It is also closed here for failed tests, because an open client retries without limit.
  const opened: CheckpointStore[] = [];
  after(async () => {
    for (const store of opened) await store.close();
    await started?.stop();
  });
  const folder = tempDir({ after }, "store");
  before(async () => {
    started = await start(folder);
  });
  const open = async (space: string): Promise<CheckpointStore> => {
    const store = await started!.open(space);
    opened.push(store);
    return store;
  };
  storeContract(() => ({ open }), REMOTE);
}

describe("embedded", () => {
  const folder = tempDir({ after }, "store");
  const open = async (space: string) => new EmbeddedCheckpointStore(`${folder}/${space}`, realFileSystem);
  storeContract(() => ({ open }), { hasManyWriters: false });
});

requires("checkpoints in Redis", { servers: ["redis"] }, () => {
  describe("one Redis", () => {
    contractOver(async (folder) => {
      const server = await startRedis({ folder });
      return { ...redisBackend([server]), stop: server.stop };
    });
  });

  describe("one Redis with TLS and a user", () => {
    contractOver(async (folder) => {
      const tls = makeCertificates(`${folder}/certificates`);
      const server = await startRedis({ folder: `${folder}/redis`, tls, user: USER });
      return { ...redisBackend([server], { user: USER, tls, db: 5 }), stop: server.stop };
    });
  });

  describe("Redis with Sentinels, TLS and a user", () => {
    contractOver(async (folder) => {
      const tls = makeCertificates(`${folder}/certificates`);
      const servers = await startRedisSentinels({ folder: `${folder}/redis`, tls, user: USER });
      return { ...sentinelBackend(servers, { user: USER, tls }), stop: servers.stop };
    });
  });

  describe("Redis Cluster", () => {
    contractOver(async (folder) => {
      const servers = await startRedisCluster({ folder });
      return { ...clusterBackend(servers), stop: servers.stop };
    });
  });

  describe("Redis Cluster with TLS and a user", () => {
    contractOver(async (folder) => {
      const tls = makeCertificates(`${folder}/certificates`);
      const servers = await startRedisCluster({ folder: `${folder}/redis`, tls, user: USER });
      return { ...clusterBackend(servers, { user: USER, tls }), stop: servers.stop };
    });
  });
});

requires("checkpoints in S3", { servers: ["versitygw"] }, () => {
  describe("S3", () => {
    contractOver(async (folder) => {
      const server = await startS3({ folder });
      return { ...s3Backend(server), stop: server.stop };
    });
  });
});

requires("checkpoints in Kafka", { servers: ["kafka"] }, () => {
  describe("one Kafka", () => {
    contractOver(async (folder) => {
      const kafka = await startKafka({ folder });
      return { ...kafkaBackend(connectionTo(kafka.brokers)), stop: kafka.kill };
    });
  });

  describe("three brokers of Kafka with topics of one partition", () => {
    contractOver(async (folder) => {
      const kafka = await startKafka({ folder, brokers: 3 });
      for (const space of ["swaps", "races", "parts", "lists", "space", "space2"]) {
        await createTopic(kafka, space, 1, { "cleanup.policy": "compact", "min.insync.replicas": "2" }, 3);
      }
      return { ...kafkaBackend(connectionTo(kafka.brokers)), stop: kafka.kill };
    });
  });
});
