/** The contract of a source, held by a topic of a real broker. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { Admin } from "@platformatic/kafka";
import { type Kafka, startKafka } from "../../../../scripts/servers/kafka.ts";
import { openReaders } from "../../../src/sources/open-source.ts";
import { newTopic, produce, setupOf } from "../../support/kafka-support.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import {
  type CreateStream,
  type DamagedStream,
  damageContract,
  type InterruptedStream,
  interruptionContract,
  sourceContract,
  type TrimmedStream,
  trimContract,
} from "../source-contract.ts";

requires("the contract of a source over Kafka", { servers: ["kafka"] }, () => {
  describe("the contract of a source over Kafka", () => {
    let kafka: Kafka;
    after(() => kafka.kill());
    const folder = tempDir({ after }, "source-contract");
    before(async () => {
      kafka = await startKafka({ folder });
    });

    const create: CreateStream<TrimmedStream & DamagedStream & InterruptedStream> = async (t) => {
      const topic = await newTopic(kafka);
      const setup = { ...setupOf(kafka.brokers, topic), deadLetterTopic: `${topic}.dlq` };
      const readers = await openReaders({ kind: "kafka", setup });
      const admin = new Admin({ clientId: "test-admin", bootstrapBrokers: [...kafka.brokers] });
      t.after(async () => {
        await Promise.all([readers.close(), readers.deadLetters?.close(), admin.close()]);
      });
      return {
        open: () => readers.open(0, undefined, () => {}),
        append: (swaps) => produce(kafka, topic, swaps),
        trim: async (before) => {
          const partitions = [{ partition: 0, offset: BigInt(before) }];
          await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
        },
        damage: async (swap) => {
          const [node] = kafka.nodes;
          await node!.stop();
          const partition = join(folder, "broker-1", "data", `${topic}-0`);
          const segment = join(partition, readdirSync(partition).find((name) => name.endsWith(".log"))!);
          const bytes = readFileSync(segment);
          bytes[bytes.indexOf(swap)]! ^= 1;
          writeFileSync(segment, bytes);
          await node!.restart();
        },
        interrupt: () => kafka.nodes[0]!.restart(),
      };
    };

    sourceContract(create);
    trimContract(create);
    damageContract(create);
    interruptionContract(create);
  });
});
