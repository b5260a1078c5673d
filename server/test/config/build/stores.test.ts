import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RedisConfig } from "../../../src/config/build/stores.ts";
import { defaultConfig, loadConfig } from "../../../src/config/load.ts";
import { showJson, showYaml } from "../../../src/config/show.ts";
import { fromEnv, fromYaml, problemsOf } from "../loading.ts";

describe("stores", () => {
  const REDIS = { SWAPSTATS_STORES_CHECKPOINT: "redis", SWAPSTATS_STORES_REDIS_ADDR: "redis-1:6379" };

  function redisOf(env: Record<string, string>): RedisConfig {
    const { checkpoint } = fromEnv({ ...REDIS, ...env }).stores;
    assert.ok(checkpoint.kind === "redis");
    return checkpoint.redis;
  }

  test("the settings choose one server, Sentinels or a Cluster of Redis", () => {
    const one = redisOf({ SWAPSTATS_STORES_REDIS_PASSWORD: "p", SWAPSTATS_STORES_REDIS_DB: "3" });
    assert.equal(one.prefix, "swapstats:");
    assert.deepEqual(one.server, {
      ...{ mode: "single", addresses: [{ host: "redis-1", port: 6379 }], username: undefined, password: "p", db: 3 },
      ...{ sentinelMaster: undefined, sentinelUsername: undefined, sentinelPassword: undefined, tls: undefined },
    });
    const { server: sentinels } = redisOf({
      SWAPSTATS_STORES_REDIS_ADDR: "a:1, [::1]:2",
      SWAPSTATS_STORES_REDIS_SENTINEL_MASTER: "main",
      SWAPSTATS_STORES_REDIS_TLS: "on",
      SWAPSTATS_STORES_REDIS_TLS_CA: "ca.pem",
    });
    assert.deepEqual([sentinels.mode, sentinels.sentinelMaster, sentinels.addresses.length], ["sentinel", "main", 2]);
    const files = { caPath: "ca.pem", certPath: undefined, keyPath: undefined, serverName: undefined };
    assert.deepEqual(sentinels.tls, files);
    assert.equal(redisOf({ SWAPSTATS_STORES_REDIS_CLUSTER: "on" }).server.mode, "cluster");
    assert.deepEqual(defaultConfig().stores, {
      ...{ checkpoint: { kind: "embedded" }, hot: { kind: "none" }, history: { kind: "none" }, redis: undefined },
    });
  });

  test("figures in Redis require an address, and a lifetime of several intervals", () => {
    const hot = { SWAPSTATS_STORES_HOT: "redis", SWAPSTATS_STORES_HOT_INTERVAL: "5s", SWAPSTATS_STORES_HOT_TTL: "50s" };
    const address = { SWAPSTATS_STORES_REDIS_ADDR: "redis-1:6379" };
    const { checkpoint, hot: built } = fromEnv({ ...hot, ...address }).stores;
    assert.deepEqual(checkpoint, { kind: "embedded" });
    assert.deepEqual(built, { kind: "redis", redis: redisOf({}), intervalMs: 5_000, ttlMs: 50_000 });
    assert.match(
      problemsOf({ env: hot }).join(),
      /stores.redis.addr( \([A-Z_]+\))?: is not set, and stores.hot is redis/,
    );
    const short = { ...hot, ...address, SWAPSTATS_STORES_HOT_TTL: "49s" };
    assert.match(
      problemsOf({ env: short }).join(),
      /stores.hot_ttl \([A-Z_]+\): is less than 10 times stores.hot_interval/,
    );
  });

  test("S3 accepts both keys, or neither for the default chain of credentials", () => {
    const s3 = { SWAPSTATS_STORES_CHECKPOINT: "s3", SWAPSTATS_STORES_S3_BUCKET: "checkpoints" };
    const built = {
      endpoint: undefined,
      region: "us-east-1",
      bucket: "checkpoints",
      prefix: "swapstats/",
      accessKey: undefined,
      secretKey: undefined,
    };
    assert.deepEqual(fromEnv(s3).stores.checkpoint, { kind: "s3", s3: built });
    const endpoint = { SWAPSTATS_STORES_S3_ENDPOINT: "http://127.0.0.1:9000" };
    const elsewhere = { ...built, endpoint: "http://127.0.0.1:9000" };
    assert.deepEqual(fromEnv({ ...s3, ...endpoint }).stores.checkpoint, { kind: "s3", s3: elsewhere });
    const half = problemsOf({ env: { ...s3, SWAPSTATS_STORES_S3_ACCESS_KEY: "a" } }).join();
    assert.match(half, /stores.s3.secret_key( \([A-Z_]+\))?: is not set, and access_key is/);
    assert.match(
      problemsOf({ env: { SWAPSTATS_STORES_CHECKPOINT: "s3" } }).join(),
      /stores.s3.bucket( \([A-Z_]+\))?: is not set/,
    );
    const bad = problemsOf({ env: { ...s3, SWAPSTATS_STORES_S3_ENDPOINT: "minio:9000" } }).join();
    assert.match(bad, /stores.s3.endpoint .*an address such as/);
  });

  test("checkpoints in Kafka use the brokers of the source and their own topic", () => {
    const kafka = { SWAPSTATS_STORES_CHECKPOINT: "kafka", SWAPSTATS_INGEST_BROKERS: "a:1,b:2" };
    const storeOf = (env: Record<string, string>): unknown[] => {
      const { checkpoint } = fromEnv({ ...kafka, ...env }).stores;
      assert.ok(checkpoint.kind === "kafka");
      return [checkpoint.topic, checkpoint.replication, checkpoint.brokers.brokers];
    };
    assert.deepEqual(storeOf({}), ["raw-swaps.checkpoints", undefined, ["a:1", "b:2"]]);
    const more = {
      SWAPSTATS_INGEST_TOPIC: "trades",
      SWAPSTATS_INGEST_TOPIC_CFG_REPLICATION: "3",
      SWAPSTATS_STORES_KAFKA_TOPIC: "state",
    };
    assert.deepEqual(storeOf(more), ["state", 3, ["a:1", "b:2"]]);
    const alone = problemsOf({ env: { SWAPSTATS_STORES_CHECKPOINT: "kafka" } }).join();
    assert.match(alone, /ingest.brokers( \([A-Z_]+\))?: is not set, and stores.checkpoint is kafka; give HOST:PORT/);
    for (const taken of ["raw-swaps", "raw-swaps.dlq"]) {
      const problems = problemsOf({ env: { ...kafka, SWAPSTATS_STORES_KAFKA_TOPIC: taken } }).join();
      assert.match(problems, /stores.kafka.topic( \([A-Z_]+\))?: is the topic of swaps, or of dead letters/);
    }
  });

  test("impossible combinations are refused, each with a solution", () => {
    const refused = (env: Record<string, string>): string => problemsOf({ env: { ...REDIS, ...env } }).join("; ");
    assert.match(
      refused({ SWAPSTATS_STORES_REDIS_ADDR: "" }),
      /stores.redis.addr( \([A-Z_]+\))?: is not set, and stores.checkpoint is/,
    );
    assert.match(refused({ SWAPSTATS_STORES_REDIS_ADDR: "redis-1" }), /"redis-1" is not an address; write HOST:PORT/);
    assert.match(refused({ SWAPSTATS_STORES_REDIS_ADDR: "a:1,b:2" }), /names 2 addresses; give one, or set sentinel/);
    const cluster = { SWAPSTATS_STORES_REDIS_CLUSTER: "on" };
    assert.match(refused({ ...cluster, SWAPSTATS_STORES_REDIS_DB: "1" }), /a Cluster has database 0 alone/);
    assert.match(refused({ ...cluster, SWAPSTATS_STORES_REDIS_SENTINEL_MASTER: "m" }), /keep one of the two/);
    assert.match(refused({ SWAPSTATS_STORES_REDIS_SENTINEL_PASSWORD: "x" }), /is set without sentinel_master/);
    assert.match(refused({ SWAPSTATS_STORES_REDIS_USERNAME: "u" }), /is set without password; give both/);
    assert.match(refused({ SWAPSTATS_STORES_REDIS_TLS_CA: "ca.pem" }), /tls_ca( \([A-Z_]+\))?: is set, and tls is off/);
    const half = { SWAPSTATS_STORES_REDIS_TLS: "on", SWAPSTATS_STORES_REDIS_TLS_CERT: "c.pem" };
    assert.match(refused(half), /tls_key( \([A-Z_]+\))?: is not set, and tls_cert is/);
  });

  test("a file holds secrets of stores by reference only, and they are never shown", (t) => {
    const inClear = fromYaml(t, "stores: {redis: {addr: a:1, password: hunter2}, s3: {secret_key: hunter2}}");
    const problems = problemsOf({ ...inClear, env: {} }).join();
    assert.match(problems, /stores.redis.password .*in clear/);
    assert.doesNotMatch(problems, /hunter2/);
    const env = { ...REDIS, SECRET: "hunter2", SWAPSTATS_STORES_REDIS_PASSWORD: "env:SECRET" };
    const { config, settings } = loadConfig({ env });
    assert.ok(config.stores.checkpoint.kind === "redis");
    assert.equal(config.stores.checkpoint.redis.server.password, "hunter2");
    for (const shown of [showYaml(settings), showJson(settings)]) {
      assert.doesNotMatch(shown, /hunter2/);
      assert.match(shown, /"?addr"?: \[\s*"redis-1:6379"/);
    }
  });
});
