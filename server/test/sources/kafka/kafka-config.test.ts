import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultConfig, loadConfig } from "../../../src/config/load.ts";
import { showYaml } from "../../../src/config/show.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { kafkaSourceSetup } from "../../../src/sources/kafka/config.ts";

const BROKERS = { SWAPSTATS_INGEST_BROKERS: "kafka-1:9092,[::1]:9093" };

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig({ env });
    return [];
  } catch (error) {
    assert.ok(error instanceof SwapstatsError && error.code === "bad_config");
    return error.message.split("\n").slice(1);
  }
}

describe("configuration of Kafka", () => {
  test("without brokers there is none", () => {
    assert.equal(defaultConfig().ingest.kafka, undefined);
  });

  test("settings reach the source; the others have their defaults", () => {
    const { config } = loadConfig({ env: { ...BROKERS, SWAPSTATS_INGEST_MAX_BYTES: "2MiB" } });
    const kafka = config.ingest.kafka!;
    assert.deepEqual(kafka.brokers, ["kafka-1:9092", "[::1]:9093"]);
    assert.deepEqual([kafka.topic, kafka.groupId, kafka.deadLetterTopic], ["raw-swaps", "swapstats", "raw-swaps.dlq"]);
    assert.partialDeepStrictEqual(kafka.topicSettings, {
      partitions: 12,
      replication: undefined,
      retentionMs: 172_800_000,
      segmentMs: 3_600_000,
      cleanupPolicy: "delete",
    });
    const setup = kafkaSourceSetup(kafka, config);
    assert.equal(setup.fetchBytesMax, 2 * 1024 * 1024);
    assert.equal(setup.partitionFetchBytesMax, 512 * 1024);
    assert.deepEqual(structuredClone(setup), setup);
  });

  test("backpressure blocks by default, and its file is below the data folder", () => {
    const setupOf = (env: Record<string, string>) => {
      const { config } = loadConfig({ env: { ...BROKERS, ...env } });
      return kafkaSourceSetup(config.ingest.kafka!, config);
    };
    assert.deepEqual(setupOf({}).pressure, { mode: "block" });
    const drop = { SWAPSTATS_INGEST_BACKPRESSURE: "drop", SWAPSTATS_INGEST_BACKPRESSURE_AFTER: "0s" };
    assert.deepEqual(setupOf(drop).pressure, { mode: "drop", afterMs: 0 });
    const buffer = { SWAPSTATS_INGEST_BACKPRESSURE: "buffer", SWAPSTATS_INGEST_SPILL_BYTES: "16MiB" };
    assert.deepEqual(setupOf({ ...buffer, SWAPSTATS_DATA_DIR: "/var/lib/s" }).pressure, {
      mode: "buffer",
      afterMs: 5_000,
      folder: "/var/lib/s/spill",
      spillBytesMax: 16 * 1024 * 1024,
    });
    assert.match(
      problemsOf({ ...BROKERS, SWAPSTATS_INGEST_SPILL_BYTES: "1MiB" })[0] ?? "",
      /ingest.spill_bytes.*16MiB/,
    );
    const { config } = loadConfig({ env: { ...BROKERS, SWAPSTATS_INGEST_GROUP_PROTOCOL: "consumer" } });
    assert.equal(config.ingest.kafka?.groupProtocol, "consumer");
    assert.deepEqual(problemsOf({ ...BROKERS, SWAPSTATS_INGEST_BROKER_TYPE: "redpanda" }), []);
  });

  test("the topic of dead letters is named after the topic unless it is set", () => {
    const topic = { ...BROKERS, SWAPSTATS_INGEST_TOPIC: "trades" };
    assert.equal(loadConfig({ env: topic }).config.ingest.kafka?.deadLetterTopic, "trades.dlq");
    const named = { ...topic, SWAPSTATS_INGEST_DEAD_LETTER: "bin" };
    assert.equal(loadConfig({ env: named }).config.ingest.kafka?.deadLetterTopic, "bin");
  });

  test("incomplete credentials, and those that the mechanism does not use, are refused", () => {
    const cases: [Record<string, string>, RegExp][] = [
      [
        { SWAPSTATS_INGEST_SASL_MECHANISM: "PLAIN", SWAPSTATS_INGEST_SASL_USERNAME: "u" },
        /ingest.sasl.password.* needs it/,
      ],
      [{ SWAPSTATS_INGEST_SASL_MECHANISM: "OAUTHBEARER" }, /ingest.sasl.token.* needs it/],
      [{ SWAPSTATS_INGEST_SASL_USERNAME: "u" }, /ingest.sasl.username.*mechanism is none, which has none/],
      [{ SWAPSTATS_INGEST_SASL_MECHANISM: "GSSAPI" }, /is none of none, PLAIN/],
      [{ SWAPSTATS_INGEST_TLS_CA: "ca.pem" }, /ingest.tls.ca.*ingest.tls.enabled is off/],
      [{ SWAPSTATS_INGEST_TLS_ENABLED: "on", SWAPSTATS_INGEST_TLS_CERT: "c.pem" }, /ingest.tls.key.* give both/],
      [
        { SWAPSTATS_INGEST_BROKER_TYPE: "redpanda", SWAPSTATS_INGEST_GROUP_PROTOCOL: "consumer" },
        /ingest.group_protocol.*is redpanda, which has classic groups only; set it to classic/,
      ],
      [{ SWAPSTATS_INGEST_TOPIC: "a/b" }, /ingest.topic.*letters, digits and/],
      [{ SWAPSTATS_INGEST_TOPIC_CFG_CLEANUP_POLICY: "compact" }, /cleanup_policy.*is none of delete/],
    ];
    for (const [env, pattern] of cases) {
      const problems = problemsOf({ ...BROKERS, ...env });
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0]!, pattern);
    }
  });

  test("secrets can be references, and are not shown", () => {
    const env = {
      ...BROKERS,
      KAFKA_PASSWORD: "hidden-secret",
      SWAPSTATS_INGEST_SASL_MECHANISM: "SCRAM-SHA-512",
      SWAPSTATS_INGEST_SASL_USERNAME: "swapstats",
      SWAPSTATS_INGEST_SASL_PASSWORD: "env:KAFKA_PASSWORD",
    };
    const { config, settings } = loadConfig({ env });
    assert.deepEqual(config.ingest.kafka?.sasl, {
      mechanism: "SCRAM-SHA-512",
      username: "swapstats",
      password: "hidden-secret",
    });
    assert.doesNotMatch(showYaml(settings), /hidden-secret/);
  });
});
