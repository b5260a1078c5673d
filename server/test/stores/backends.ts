/** Clients of the real servers of scripts/servers, opened as the service opens them. */
import type { Certificates } from "../../../scripts/servers/certificates.ts";
import type { RedisCluster, RedisSentinels, RedisUser } from "../../../scripts/servers/redis.ts";
import type { S3Server } from "../../../scripts/servers/s3.ts";
import type { KafkaConnection } from "../../src/clients/kafka/connection.ts";
import type { RedisServer, S3Config } from "../../src/config/build/stores.ts";
import type { KafkaCheckpointStore } from "../../src/stores/kafka/checkpoint-store.ts";
import { openKafkaCheckpointStore } from "../../src/stores/kafka/checkpoint-topic.ts";
import { RedisCheckpointStore } from "../../src/stores/redis-checkpoint-store.ts";
import { S3CheckpointStore } from "../../src/stores/s3-checkpoint-store.ts";
import type { StoreBackend } from "./store-contract.ts";

type Address = { readonly host: string; readonly port: number };
type RedisAccess = { readonly user?: RedisUser; readonly tls?: Certificates; readonly db?: number };

/** For tests of what works; generous, because the machine may be busy. */
const LIMIT_MS = 60_000;

export function redisSettings(addresses: readonly Address[], { user, tls, db = 0 }: RedisAccess = {}): RedisServer {
  return {
    mode: "single",
    addresses: addresses.map(({ host, port }) => ({ host, port })),
    sentinelMaster: undefined,
    sentinelUsername: undefined,
    sentinelPassword: undefined,
    username: user?.name,
    password: user?.password,
    db,
    tls:
      tls === undefined
        ? undefined
        : { caPath: tls.ca, certPath: undefined, keyPath: undefined, serverName: undefined },
  };
}

export function redisStore(redis: RedisServer, space: string, limitMs = LIMIT_MS): RedisCheckpointStore {
  return new RedisCheckpointStore({ redis, prefix: `${space}:`, limitMs });
}

export function redisBackend(addresses: readonly Address[], access: RedisAccess = {}): StoreBackend {
  return { open: async (space) => redisStore(redisSettings(addresses, access), space) };
}

export function sentinelSettings({ sentinels, masterName }: RedisSentinels, access: RedisAccess = {}): RedisServer {
  const sentinelPassword = access.user?.password;
  const settings = redisSettings(sentinels, access);
  return { ...settings, mode: "sentinel", sentinelMaster: masterName, sentinelPassword };
}

export function sentinelBackend(servers: RedisSentinels, access: RedisAccess = {}): StoreBackend {
  return { open: async (space) => redisStore(sentinelSettings(servers, access), space) };
}

export function clusterSettings({ nodes }: RedisCluster, access: RedisAccess = {}): RedisServer {
  return { ...redisSettings(nodes, access), mode: "cluster" };
}

export function clusterBackend(servers: RedisCluster, access: RedisAccess = {}): StoreBackend {
  return { open: async (space) => redisStore(clusterSettings(servers, access), space) };
}

export function s3Settings({ endpoint, region, bucket, accessKey, secretKey }: S3Server, space: string): S3Config {
  return { endpoint, region, bucket, prefix: `${space}/`, accessKey, secretKey };
}

export function s3Backend(server: S3Server): StoreBackend {
  return { open: async (space) => new S3CheckpointStore({ s3: s3Settings(server, space), limitMs: LIMIT_MS }) };
}

export function kafkaStore(connection: KafkaConnection, topic: string, limitMs = LIMIT_MS): KafkaCheckpointStore {
  return openKafkaCheckpointStore({ connection, topic, replication: undefined, makesTopic: true, limitMs });
}

export function kafkaBackend(connection: KafkaConnection): StoreBackend {
  return { open: async (space) => kafkaStore(connection, space) };
}
