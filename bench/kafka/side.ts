/**
 * One side of the comparison in a separate process, started by `fork`. Reads a whole topic in one thread, and reports how long it took.
 *
 *   count   fetches by the client's own low level, and counts the bytes of values
 *   parse   the same, and JSON.parse of each value
 *   read    our readers: checksums, transactions, batches; counts the bytes
 *   apply   our readers, decoder and engine, and the copy for the redo: the whole way into state except writing checkpoints
 *   whole   the work of a worker thread of the service, with checkpoints in Redis at the service's own interval
 */
import { Consumer } from "@platformatic/kafka";
import { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import { BatchApplier } from "../../server/src/pipeline/batch-applier.ts";
import { RedoWriter } from "../../server/src/pipeline/checkpoint/redo-writer.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { freeMemory } from "../../server/src/shared/free-memory.ts";
import { openKafkaReaders } from "../../server/src/sources/kafka/readers.ts";
import { FETCH_DEFAULTS, type KafkaReader } from "../../server/src/sources/kafka/setup.ts";
import { BENCH_SEED, engineConfig } from "../support/workload.ts";
import { ownAll } from "./owner.ts";

export type SideName = "count" | "parse" | "read" | "apply" | "whole";
export type SideOrder = {
  readonly side: SideName;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly dataDir: string;
  /** `host:port`. Its database is empty. */
  readonly redis: string;
};
export type SideReport = { readonly seconds: number; readonly cpuSeconds: number; readonly bytes: number };

const READ_BYTES = 1024 * 1024;
const DELTA_BYTES = 8 * 1024 * 1024;

async function byClient({ brokers, topic, partitions, records }: SideOrder, parses: boolean): Promise<number> {
  const consumer = new Consumer({ clientId: "bench", groupId: "bench", bootstrapBrokers: [...brokers] });
  consumer.topics.track(topic);
  const { id } = (await consumer.metadata({ topics: [topic] })).topics.get(topic)!;
  const offsets = new Array<bigint>(partitions).fill(0n);
  let left = records;
  let bytes = 0;
  let sum = 0;
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
          if (parses) sum += JSON.parse(value!.toString()).event_time;
        }
        left -= batch.records.length;
        offsets[partitionIndex] = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
      }
    }
  }
  if (parses && !(sum > 0)) throw new Error("nothing was parsed");
  await consumer.close(true);
  return bytes;
}

async function byReaders({ brokers, topic, partitions, records }: SideOrder, applies: boolean): Promise<number> {
  const connection = { brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 };
  const readers = openKafkaReaders({ connection, topic, ...FETCH_DEFAULTS });
  let left = records;
  let bytes = 0;
  const stop = new AbortController();
  const readAll = async (reader: KafkaReader): Promise<void> => {
    const take = applies ? applied() : undefined;
    for (let position = 0; left > 0; ) {
      const batch = await reader.read(position, READ_BYTES, stop.signal);
      take?.(batch);
      bytes += batch.payload.length;
      left -= batch.count;
      position = batch.nextOffset;
    }
    // The others would wait for further records.
    stop.abort();
  };
  const ended = await Promise.allSettled(Array.from({ length: partitions }, (_, i) => readAll(readers.reader(i))));
  if (left > 0) throw (ended.find(({ status }) => status === "rejected") as PromiseRejectedResult).reason;
  await readers.close();
  return bytes;
}

/** Processes a batch as the owner of its partition does. */
function applied(): (batch: RecordBatch) => void {
  const engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  const applier = new BatchApplier(
    engine,
    () => {},
    () => {},
  );
  const redo = new RedoWriter();
  return (batch) => {
    applier.applySlice(batch, 0, Number.POSITIVE_INFINITY);
    if (batch.count > 0) redo.add(batch);
    if (redo.byteLength > DELTA_BYTES) freeMemory(redo.take());
  };
}

async function bytesOf(order: SideOrder): Promise<number> {
  const { side } = order;
  if (side === "whole") return (await ownAll(order)).bytes;
  if (side === "read" || side === "apply") return byReaders(order, side === "apply");
  return byClient(order, side === "parse");
}

async function run(order: SideOrder): Promise<SideReport> {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const bytes = await bytesOf(order);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6, bytes };
}

process.once("message", (order: SideOrder) => {
  void run(order).then((report) => {
    process.send!(report, () => process.exit());
  });
});
