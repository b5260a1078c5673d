/** Reads a whole topic in one thread with the Kafka client only. The process loads nothing else, because it is the baseline: a consumer that does nothing with its records. */
import { Consumer } from "@platformatic/kafka";
import { FETCH_DEFAULTS } from "../../server/src/sources/kafka/setup.ts";
import type { FeedTarget } from "./feed.ts";

/** A topic with this number of records. */
export type Topic = FeedTarget & { readonly records: number };

/** Fetches by the client's own low level. `take` gets each value. Returns the bytes of the values. */
export async function byClient(
  { brokers, topic, partitions, records }: Topic,
  take: (value: Buffer) => void,
): Promise<number> {
  const consumer = new Consumer({ clientId: "bench", groupId: "bench", bootstrapBrokers: [...brokers] });
  consumer.topics.track(topic);
  const { id } = (await consumer.metadata({ topics: [topic] })).topics.get(topic)!;
  const offsets = new Array<bigint>(partitions).fill(0n);
  let left = records;
  let bytes = 0;
  while (left > 0) {
    const wanted = offsets.map((fetchOffset, partition) => ({
      partition,
      fetchOffset,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: FETCH_DEFAULTS.partitionFetchBytesMax,
    }));
    const answer = await consumer.fetch({
      node: 1,
      topics: [{ topicId: id, partitions: wanted }],
      maxBytes: FETCH_DEFAULTS.fetchBytesMax,
      maxWaitTime: FETCH_DEFAULTS.fetchWaitMs,
      minBytes: 1,
    });
    for (const { partitionIndex, records: batches } of answer.responses.flatMap((response) => response.partitions)) {
      for (const batch of batches ?? []) {
        for (const { value } of batch.records) {
          bytes += value!.length;
          take(value!);
        }
        left -= batch.records.length;
        offsets[partitionIndex] = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
      }
    }
  }
  await consumer.close(true);
  return bytes;
}
