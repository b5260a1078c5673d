import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Certificates, makeCertificates } from "../../../../scripts/servers/certificates.ts";
import { type Kafka, startKafka } from "../../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../../scripts/servers/process.ts";
import type { KafkaConnection } from "../../../src/clients/kafka/connection.ts";
import { TopicAdmin } from "../../../src/clients/kafka/topic-admin.ts";
import type { KafkaSaslConfig } from "../../../src/config/build/kafka.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { kafkaSourceSetup } from "../../../src/sources/kafka/config.ts";
import { connectionTo, newTopic, openFor, produce, readOn, setupOf } from "../../support/kafka-support.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";

const USER = { name: "swapstats", password: "right-secret" };
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** A token that this broker takes: it is unsigned, and says who it is for and until when. */
function unsignedToken(): string {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString("base64url");
  const nowSeconds = Math.floor(Date.now() / 1000);
  return `${part({ alg: "none" })}.${part({ sub: USER.name, iat: nowSeconds, exp: nowSeconds + 3_600 })}.`;
}

requires("Kafka with SASL and TLS", { servers: ["kafka"] }, () => {
  describe("Kafka with SASL and TLS", () => {
    let kafka: Kafka;
    let topic: string;
    let certificates: Certificates;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "kafka-security");
    before(async () => {
      certificates = makeCertificates(join(folder, "certificates"));
      const certAndKey = join(folder, "broker.pem");
      writeFileSync(certAndKey, readFileSync(certificates.key, "utf8") + readFileSync(certificates.cert, "utf8"));
      const tls = { ca: certificates.ca, certAndKey, isMutual: true };
      kafka = await startKafka({ folder, sasl: { users: [USER] }, tls });
      topic = await newTopic(kafka);
      await produce(kafka, topic, ["secret swap"]);
    });

    const withSasl = (sasl: KafkaSaslConfig): KafkaConnection => ({ ...connectionTo(kafka.saslBrokers), sasl });

    for (const mechanism of MECHANISMS) {
      test(`${mechanism} reads with the right password, and a wrong one is refused with a message`, async (t) => {
        const right = withSasl({ mechanism, username: USER.name, password: USER.password });
        const readers = openFor(t, { ...setupOf([], topic), connection: right });
        assert.equal((await readOn(readers.reader(0), 0, { count: 1 })).seen[0]?.value, "secret swap");
        const wrong = withSasl({ mechanism, username: USER.name, password: "wrong-secret" });
        const refused = openFor(t, { ...setupOf([], topic), connection: wrong });
        await assert.rejects(refused.topic(), (error: Error) => {
          assert.match(error.message, /the credentials were refused .*; check ingest.sasl/);
          assert.doesNotMatch(error.message, /wrong-secret/);
          return true;
        });
        const admin = new TopicAdmin(wrong);
        t.after(() => admin.close());
        await assert.rejects(admin.describe(topic), { code: "bad_config" });
      });
    }

    test("OAUTHBEARER reads with a token, and is refused without a valid one", async (t) => {
      const readers = openFor(t, {
        ...setupOf([], topic),
        connection: withSasl({ mechanism: "OAUTHBEARER", token: unsignedToken() }),
      });
      assert.equal((await readOn(readers.reader(0), 0, { count: 1 })).seen[0]?.value, "secret swap");
      const refused = openFor(t, {
        ...setupOf([], topic),
        connection: withSasl({ mechanism: "OAUTHBEARER", token: "no" }),
      });
      await assert.rejects(refused.topic(), /ingest.sasl/);
    });

    test("TLS with a client certificate works from the configuration", async (t) => {
      const env = {
        SWAPSTATS_INGEST_BROKERS: kafka.tlsBrokers.join(","),
        SWAPSTATS_INGEST_TOPIC: topic,
        SWAPSTATS_INGEST_TLS_ENABLED: "on",
        SWAPSTATS_INGEST_TLS_CA: certificates.ca,
        SWAPSTATS_INGEST_TLS_CERT: certificates.clientCert,
        SWAPSTATS_INGEST_TLS_KEY: certificates.clientKey,
      };
      const { config } = loadConfig({ env });
      const setup = kafkaSourceSetup(config.ingest.kafka!, config);
      const readers = openFor(t, structuredClone(setup));
      assert.equal((await readOn(readers.reader(0), 0, { count: 1 })).seen[0]?.value, "secret swap");
    });

    test("without the client certificate, or with another authority, there is a problem and no record", async (t) => {
      const ca = readFileSync(certificates.ca, "utf8");
      for (const tls of [{ ca }, {}]) {
        const connection = { ...connectionTo(kafka.tlsBrokers), tls };
        const readers = openFor(t, { ...setupOf([], topic), connection });
        await assert.rejects(readers.topic(), { code: "unavailable" });
        readers.reader(0);
        await waitFor("a problem", async () => readers.problems.length > 0);
      }
    });

    test("the message names TLS files that cannot be read", () => {
      const env = {
        SWAPSTATS_INGEST_BROKERS: "127.0.0.1:1",
        SWAPSTATS_INGEST_TLS_ENABLED: "on",
        SWAPSTATS_INGEST_TLS_CA: join(folder, "nowhere.pem"),
      };
      const { config } = loadConfig({ env });
      assert.throws(() => kafkaSourceSetup(config.ingest.kafka!, config), {
        code: "bad_config",
        message: /ingest.tls.ca names the file/,
      });
    });
  });
});
