/** Reads a whole topic in one thread by our readers. */
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { openKafkaReaders } from "../../server/src/sources/kafka/readers.ts";
import { FETCH_DEFAULTS, type KafkaReader } from "../../server/src/sources/kafka/setup.ts";
import type { Topic } from "./client-loop.ts";

export type TakeBatch = (batch: RecordBatch, partition: number) => void;

const READ_BYTES = 1024 * 1024;

/** Reads by our readers: checksums, transactions, batches. `take` gets each batch. Returns the bytes of the values. */
export async function byReaders({ brokers, topic, partitions, records }: Topic, take: TakeBatch): Promise<number> {
  const connection = { brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 };
  const readers = openKafkaReaders({ connection, topic, ...FETCH_DEFAULTS });
  let left = records;
  let bytes = 0;
  const stop = new AbortController();
  const readAll = async (reader: KafkaReader, partition: number): Promise<void> => {
    for (let position = 0; left > 0; ) {
      const batch = await reader.read(position, READ_BYTES, stop.signal);
      take(batch, partition);
      bytes += batch.payload.length;
      left -= batch.count;
      position = batch.nextOffset;
    }
    // The others would wait for further records.
    stop.abort();
  };
  const ended = await Promise.allSettled(Array.from({ length: partitions }, (_, i) => readAll(readers.reader(i), i)));
  if (left > 0) throw (ended.find(({ status }) => status === "rejected") as PromiseRejectedResult).reason;
  await readers.close();
  return bytes;
}
