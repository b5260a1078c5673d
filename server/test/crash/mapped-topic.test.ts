/**
 * A service that maps the records of a topic is killed with SIGKILL again and again while they come. After each restart position, counters and all
 * figures equal those of an uninterrupted run over the events that the records stand for. That run knows no mapping.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createTopic, type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { RecordEnvelope } from "../../src/mapping/formats/envelope.ts";
import { newTopic, openFor, produce, setupOf, waitLimit } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { mappedEvent, PRODUCER_MAPPING, producerRecord } from "./producer-form.ts";
import { ServiceProcess } from "./service-process.ts";
import { Shadow } from "./shadow.ts";

const KILLS = 6;
const BATCH_RECORDS = 150;
const RUN_MS_MAX = 600;

/** Records of none to a few swaps, among them copies, late ones, removals, and some that are no JSON. */
class Records {
  readonly #generator: SwapGenerator;
  readonly #bytes = Buffer.alloc(RECORD_BYTES_MAX);
  readonly #random: Random;
  /** Records that cannot be read. */
  readonly refused: string[] = [];
  /** The texts of the events of each record. */
  readonly events = new Map<string, readonly string[]>();

  constructor(random: Random) {
    this.#random = random;
    const shares = { duplicates: 0.03, late: 0.01, future: 0.002, removed: 0.03 };
    const options = { ...GENERATOR_DEFAULTS, ...shares, ratePerSecond: 2, tokens: 40, traders: 90 };
    this.#generator = new SwapGenerator({ ...options, seed: random.below(2 ** 31), startMs: Date.now() - 3_600_000 });
  }

  next(): string {
    if (this.#random.chance(0.02)) {
      const broken = `{${"[".repeat(this.refused.length)}`;
      this.refused.push(broken);
      return this.#noted(broken, [broken]);
    }
    const lines = Array.from({ length: this.#random.below(5) }, () => {
      const end = this.#generator.write(this.#bytes, 0);
      return this.#bytes.toString("utf8", 0, end - 1);
    });
    return this.#noted(producerRecord(lines), lines.map(mappedEvent));
  }

  #noted(record: string, events: readonly string[]): string {
    this.events.set(record, events);
    return record;
  }
}

requires("a mapped topic and kills", { servers: ["kafka"] }, () => {
  describe("a mapped topic and kills", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "mapped-topic");
    before(async () => {
      kafka = await startKafka({ folder });
    });

    test("nothing is lost and nothing counted twice", async (t) => {
      const random = randomFrom(seedOf(t));
      const topic = await newTopic(kafka, 1, { "message.timestamp.type": "LogAppendTime" });
      await createTopic(kafka, `${topic}.dlq`, 1);
      const dataDir = tempDir(t, "mapped-topic-data");
      const mapping = join(folder, "producer.yaml");
      writeFileSync(mapping, PRODUCER_MAPPING);
      const settings = {
        SWAPSTATS_WINDOWS_CLOCK: "event",
        SWAPSTATS_APP_SNAPSHOT_INTERVAL: "100ms",
        SWAPSTATS_INGEST_SOURCE: "kafka",
        SWAPSTATS_INGEST_BROKERS: kafka.brokers.join(","),
        SWAPSTATS_INGEST_TOPIC: topic,
        SWAPSTATS_INGEST_GROUP_ID: topic,
        SWAPSTATS_INGEST_SESSION_TIMEOUT: "6s",
        SWAPSTATS_INGEST_MAPPING: mapping,
      };
      const records = new Records(random);
      const readers = openFor(t, setupOf(kafka.brokers, topic));
      const engine = toEngineConfig(loadConfig({ env: settings }).config);
      const eventsOf = (record: string): readonly string[] => records.events.get(record) as readonly string[];
      const shadow = new Shadow(() => readers.reader(0), engine, eventsOf);
      const port = await freePort();
      let checkpoints = 0;
      for (let kill = 0; kill <= KILLS; kill++) {
        const service = new ServiceProcess(port, dataDir, settings);
        try {
          const status = await service.caughtUp();
          await shadow.compare(service, status);
          checkpoints += status.partitions[0]?.checkpoint === undefined ? 0 : 1;
          if (kill === KILLS) break;
          const sending = send(topic, records, 2 + random.below(3));
          await pause(random.below(RUN_MS_MAX));
          await service.kill("SIGKILL");
          await sending;
        } finally {
          await service.kill("SIGKILL");
        }
      }
      t.diagnostic(JSON.stringify({ kills: KILLS, records: shadow.position, checkpoints }));
      assert.ok(checkpoints > 2, "too few restarts began from a checkpoint to show anything");
      assert.ok((shadow.engine.counters.dead_letters.malformed_json ?? 0) > 0 && shadow.engine.counters.duplicates > 0);
      const letters = await lettersOf(t, topic);
      const { refused } = records;
      assert.deepEqual(
        [...letters.keys()].filter((value) => !records.events.has(value)),
        [],
      );
      assert.deepEqual(
        refused.filter((record) => !letters.has(record)),
        [],
      );
      assert.deepEqual(letters.get("{"), "malformed_json");
    });

    /** The codes of the dead letters of the topic, by the producer's own bytes. */
    async function lettersOf(t: TestContext, topic: string): Promise<Map<string, string>> {
      const reader = openFor(t, setupOf(kafka.brokers, `${topic}.dlq`, { hasEnvelopes: true })).reader(0);
      const envelope = new RecordEnvelope();
      const letters = new Map<string, string>();
      const { endOffset } = await reader.range();
      for (let position = 0; position < endOffset; ) {
        const { payload, ends, count, nextOffset } = await reader.read(position, 1024 * 1024, waitLimit());
        const bytes = Buffer.from(payload);
        for (let i = 0; i < count; i++) {
          envelope.read(bytes, i === 0 ? 0 : ends[i - 1]!, ends[i]!);
          const value = bytes.toString("utf8", envelope.valueStart, envelope.valueEnd);
          letters.set(value, Buffer.from(envelope.header("code") ?? []).toString());
        }
        position = nextOffset;
      }
      return letters;
    }

    async function send(topic: string, records: Records, batches: number): Promise<void> {
      for (let i = 0; i < batches; i++) {
        await produce(
          kafka,
          topic,
          Array.from({ length: BATCH_RECORDS }, () => records.next()),
          {
            compression: i % 2 === 0 ? "lz4" : "none",
          },
        );
      }
    }
  });
});
