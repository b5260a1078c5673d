/** The command `topic ensure`: the configured topics of swaps, of dead letters, and of checkpoints. */

import { kafkaConnection, requireKafka } from "../clients/kafka/connection.ts";
import { TopicAdmin } from "../clients/kafka/topic-admin.ts";
import type { Config } from "../config/config.ts";
import { checkpointTopicSettings } from "../stores/kafka/checkpoint-topic.ts";
import type { Output } from "./output.ts";

/** Dead letters are few, and people read them. */
const DEAD_LETTER_PARTITIONS = 1;
/** Upper bound for the headers of a dead letter. The largest record of the topic of swaps must fit together with them. */
const DEAD_LETTER_HEADER_BYTES = 64 * 1024;

export async function runTopicEnsure(config: Config, addsPartitions: boolean, output: Output): Promise<void> {
  const kafka = requireKafka(config.ingest.kafka);
  const { topic, deadLetterTopic, topicSettings } = kafka;
  const { checkpoint } = config.stores;
  const admin = new TopicAdmin(kafkaConnection(kafka, config.app.instanceId));
  try {
    const settings = { topic, ...topicSettings };
    const said = await admin.ensure(settings, addsPartitions);
    const batchBytesMin = (await admin.describe(topic)).recordBytesMax + DEAD_LETTER_HEADER_BYTES;
    const letters = { ...settings, topic: deadLetterTopic, partitions: DEAD_LETTER_PARTITIONS, batchBytesMin };
    const known = [...said, ...(await admin.ensure(letters, false))];
    const topics = [topic, deadLetterTopic];
    if (checkpoint.kind === "kafka") {
      known.push(...(await admin.ensureCompacted(checkpointTopicSettings(checkpoint.topic, checkpoint.replication))));
      topics.push(checkpoint.topic);
    }
    const fine = `Topics ${topics.slice(0, -1).join(", ")} and ${topics.at(-1)} are as configured.`;
    output.out(`${(known.length === 0 ? [fine] : known).join("\n")}\n`);
  } finally {
    await admin.close();
  }
}
