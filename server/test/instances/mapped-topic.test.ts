/** Instances that share a topic of mapped records take partitions over from each other: nothing of the mapping is lost or repeated. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { mappedEvent, PRODUCER_MAPPING, producerRecord } from "../crash/producer-form.ts";
import { Shadow } from "../crash/shadow.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, openFor, produce, setupOf } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { SwapStream } from "./feed.ts";
import { instanceServers, instanceSettings } from "./instance-servers.ts";

const PARTITIONS = 4;
/** Swaps of one record. All of them are of its partition. */
const RECORD_SWAPS = 3;

requires("instances that share a mapped topic", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("instances that share a mapped topic", () => {
    const servers = instanceServers("mapped-instances");

    test("partitions are handed over, and the figures are those of an uninterrupted run without a mapping", async (t) => {
      const topic = await newTopic(servers.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      const mapping = join(tempDir(t, "mapping"), "producer.yaml");
      writeFileSync(mapping, PRODUCER_MAPPING);
      const settingsOf = (name: string) => ({ ...instanceSettings(servers, topic, name), "ingest.mapping": mapping });
      const stream = new SwapStream({ seed: seedOf(t), startMs: Date.now() - 3_600_000 });
      const events = new Map<string, readonly string[]>();
      const send = async (count: number): Promise<void> => {
        const swaps = stream.next(count);
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const lines = swaps
            .filter(({ id }) => partitionOfTokenId(id, PARTITIONS) === partition)
            .map(({ value }) => value);
          const records: string[] = [];
          for (let at = 0; at < lines.length; at += RECORD_SWAPS) {
            const record = producerRecord(lines.slice(at, at + RECORD_SWAPS));
            events.set(record, lines.slice(at, at + RECORD_SWAPS).map(mappedEvent));
            records.push(record);
          }
          await produce(servers.kafka, topic, records, { partition });
        }
      };
      const ownedBy = async (app: RunningApp, owners: Readonly<Record<string, number>>): Promise<void> => {
        for (;;) {
          const { status, json } = await app.call("/api/status");
          // 503: a partition did not report its state in time on a busy machine.
          if (status !== 200) continue;
          const partitions = json.partitions as { owner: string; state: string; lag: number }[];
          const isSettled = partitions.every((one) => one.state === "running" && one.lag === 0);
          const isShared = Object.entries(owners).every(
            ([owner, count]) => partitions.filter((one) => one.owner === owner).length === count,
          );
          if (isSettled && isShared && partitions.length === PARTITIONS) return;
        }
      };
      await send(300);
      const a = await new TestApps(t).start(settingsOf("a"));
      await ownedBy(a, { a: 4 });
      const b = await new TestApps(t).start(settingsOf("b"));
      await ownedBy(b, { a: 2, b: 2 });
      await send(300);
      await a.app.stop();
      await send(300);
      await ownedBy(b, { b: 4 });

      const { config } = loadConfig({ env: {}, overrides: settingsOf("shadow") });
      const readers = openFor(t, setupOf(servers.kafka.brokers, topic));
      const eventsOf = (record: string): readonly string[] => events.get(record) as readonly string[];
      let accepted = 0;
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const shadow = new Shadow(() => readers.reader(partition), toEngineConfig(config), eventsOf);
        await shadow.follow();
        assert.ok((await shadow.compareFigures({ url: b.base })) > 0);
        accepted += shadow.engine.counters.accepted;
      }
      const { json } = await b.call("/api/status");
      assert.equal(json.counters.accepted, accepted);
      assert.equal(accepted, 900);
    });
  });
});
