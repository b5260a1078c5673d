/** A day of real swaps in the producer's own form, one record a row with two swaps each, through every way in of a service: to the totals of the file. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import avsc from "avsc";
import protobufjs from "protobufjs";
import { type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { ServiceProcess } from "../crash/service-process.ts";
import { TestApps } from "../support/app-harness.ts";
import { newTopic, produce } from "../support/kafka-support.ts";
import { assertRealTotals, REAL_EVENTS, REAL_MAPPING, type RealRow, realRows } from "../support/real-file.ts";
import { requires } from "../support/requires.ts";
import { StandInRegistry } from "../support/stand-in-registry.ts";
import { tempDir } from "../support/tmp.ts";

const BATCH = 400;

/** The columns that the mapping reads. */
const TEXTS = [
  ...["block_time", "tx_hash", "from_addr", "token_bought_amount", "token_sold_amount"],
  ...["token_bought_contract", "token_sold_contract", "token_bought_symbol", "token_sold_symbol"],
];
const AVRO: avsc.Schema = {
  type: "record",
  name: "Trade",
  fields: [
    { name: "block_number", type: "long" },
    { name: "volume", type: "double" },
    ...TEXTS.map((name) => ({ name, type: "string" as const })),
  ],
};
const PROTOBUF = `syntax = "proto3"; package trades;
message Trade {
  uint64 block_number = 1;
  string volume = 2;
  ${TEXTS.map((name, i) => `string ${name} = ${i + 3};`).join(" ")}
}`;

/** The beginning of a record whose schema has this id. */
function framing(id: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return head;
}

function* batchesOf<T>(items: readonly T[]): Generator<T[]> {
  for (let at = 0; at < items.length; at += BATCH) yield items.slice(at, at + BATCH);
}

requires("the real file as records of its producer", { realData: true, servers: ["kafka"] }, ({ realDataFile }) => {
  describe("the real file as records of its producer", () => {
    let kafka: Kafka;
    let rows: RealRow[];
    after(() => kafka.kill());
    const folder = tempDir({ after }, "mapped");
    before(async () => {
      kafka = await startKafka({ folder });
      rows = realRows(realDataFile);
    });

    test("as JSON by POST with a mapping", async (t) => {
      const apps = new TestApps(t);
      const mappings = join(apps.dataDir, "mappings");
      mkdirSync(mappings);
      copyFileSync(REAL_MAPPING, join(mappings, "eth-dex.yaml"));
      const app = await apps.start({ "windows.clock": "event", "ingest.mappings": mappings });
      for (const batch of batchesOf(rows)) {
        const headers = { "content-type": "application/json" };
        const init = { method: "POST", headers, body: JSON.stringify(batch) };
        const { json } = await app.call("/api/swaps?mapping=eth-dex", init);
        assert.deepEqual([json.accepted, json.rejected, json.records], [2 * batch.length, [], batch.length]);
      }
      const { counters } = await app.caughtUp();
      assert.deepEqual([counters.accepted, counters.applied], [REAL_EVENTS, REAL_EVENTS]);
      await assertRealTotals(app.base);
    });

    type Way = {
      /** Path of the mapping. */
      readonly mapping: string;
      readonly recordOf: (row: RealRow) => Buffer;
      readonly settings?: Record<string, string>;
      /** Called when the first service has records to read. */
      readonly afterStart?: (service: ServiceProcess) => Promise<void>;
    };

    /** Sends the rows to a topic, to a service that is killed in the middle and started again. */
    async function throughKafka(t: TestContext, way: Way): Promise<void> {
      const { mapping, recordOf, settings: more, afterStart } = way;
      // Both tokens of a record are in its partition, so there is one partition.
      const topic = await newTopic(kafka, 1, { "message.timestamp.type": "LogAppendTime" });
      const settings = {
        SWAPSTATS_WINDOWS_CLOCK: "event",
        SWAPSTATS_APP_SNAPSHOT_INTERVAL: "100ms",
        SWAPSTATS_INGEST_SOURCE: "kafka",
        SWAPSTATS_INGEST_BROKERS: kafka.brokers.join(","),
        SWAPSTATS_INGEST_TOPIC: topic,
        SWAPSTATS_INGEST_GROUP_ID: topic,
        SWAPSTATS_INGEST_SESSION_TIMEOUT: "6s",
        SWAPSTATS_INGEST_MAPPING: mapping,
        ...more,
      };
      const dataDir = tempDir(t, "mapped-data");
      const port = await freePort();
      const start = (): ServiceProcess => {
        const service = new ServiceProcess(port, dataDir, settings);
        t.after(() => void service.kill("SIGKILL"));
        return service;
      };
      const send = async (part: readonly RealRow[]): Promise<void> => {
        for (const batch of batchesOf(part))
          await produce(
            kafka,
            topic,
            batch.map((row) => ({ value: recordOf(row) })),
          );
      };
      const first = start();
      await send(rows.slice(0, rows.length / 2));
      await afterStart?.(first);
      await waitFor("a checkpoint of the first half", async () => {
        const status = await first.status().catch(() => undefined);
        return (status?.partitions[0]?.checkpoint?.offset ?? 0) > 0;
      });
      await send(rows.slice(rows.length / 2, rows.length * 0.6));
      await first.kill("SIGKILL");
      await send(rows.slice(rows.length * 0.6));
      const second = start();
      const { counters, partitions } = await second.caughtUp();
      assert.deepEqual(partitions[0]?.problems, []);
      assert.deepEqual([counters.accepted, counters.applied], [REAL_EVENTS, REAL_EVENTS]);
      await assertRealTotals(second.url);
    }

    test("as JSON through Kafka, with a kill in the middle", async (t) => {
      await throughKafka(t, { mapping: REAL_MAPPING, recordOf: (row) => Buffer.from(JSON.stringify(row)) });
    });

    /** Writes the mapping for another format of the same records. */
    function mappingOf(t: TestContext, format: string): string {
      const path = join(tempDir(t, format), "mapping.yaml");
      const text = readFileSync(REAL_MAPPING, "utf8");
      assert.match(text, /^delimiter:.*$/m);
      writeFileSync(path, text.replace(/^delimiter:.*$/m, `format: ${format}`));
      return path;
    }

    test("as Avro through Kafka, with a registry that is away at first", async (t) => {
      await using registry = await StandInRegistry.start();
      registry.register(7, "trades-value", { schema: JSON.stringify(AVRO) });
      registry.authorization = `Basic ${Buffer.from("reader:secret").toString("base64")}`;
      await registry.stop();
      const type = avsc.Type.forSchema(AVRO);
      const head = framing(7);
      const numbers = (row: RealRow) => ({ block_number: Number(row.block_number), volume: Number(row.volume) });
      await throughKafka(t, {
        mapping: mappingOf(t, "avro"),
        recordOf: (row) => Buffer.concat([head, type.toBuffer({ ...row, ...numbers(row) })]),
        settings: {
          SWAPSTATS_INGEST_REGISTRY_URL: registry.url,
          SWAPSTATS_INGEST_REGISTRY_USERNAME: "reader",
          SWAPSTATS_INGEST_REGISTRY_PASSWORD: "secret",
        },
        afterStart: async (service) => {
          await waitFor("the problem of the registry", async () => {
            const ready = await fetch(`${service.url}/readyz`).catch(() => undefined);
            const text = (await ready?.text()) ?? "";
            return text.includes(registry.url);
          });
          const { partitions, counters } = await service.status();
          assert.match(partitions[0]?.problems.join() ?? "", /registry/);
          assert.deepEqual([counters.accepted, counters.dead_letters], [0, {}]);
          await registry.listen();
        },
      });
      assert.ok(registry.requests.length > 0 && registry.requests.length < 10, "a schema is loaded once");
    });

    test("as Protobuf through Kafka, with a registry", async (t) => {
      await using registry = await StandInRegistry.start();
      registry.register(70_000, "trades-value", { schemaType: "PROTOBUF", schema: PROTOBUF });
      const type = protobufjs.parse(PROTOBUF, { keepCase: true }).root.lookupType("trades.Trade");
      // The first message of the schema.
      const head = Buffer.concat([framing(70_000), Buffer.from([0])]);
      await throughKafka(t, {
        mapping: mappingOf(t, "protobuf"),
        recordOf: (row) =>
          Buffer.concat([head, type.encode({ ...row, block_number: Number(row.block_number) }).finish()]),
        settings: { SWAPSTATS_INGEST_REGISTRY_URL: registry.url },
      });
    });
  });
});
