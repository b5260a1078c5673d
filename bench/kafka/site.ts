/** The servers of a benchmark in a separate folder: Kafka with one topic, and further servers on request. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTopic, type Kafka, startKafka } from "../../scripts/servers/kafka.ts";
import { type NatsServer, startNats } from "../../scripts/servers/nats.ts";
import { type RedisServer, startRedis } from "../../scripts/servers/redis.ts";

/** As in the table of goals. */
export const PARTITIONS = 4;
export const TOPIC = "bench-swaps";
const BROKER_HEAP_MB = 1024;

export type Site = {
  readonly folder: string;
  readonly kafka: Kafka;
  readonly redis: RedisServer;
  readonly nats: NatsServer;
  readonly target: { readonly brokers: readonly string[]; readonly topic: string; readonly partitions: number };
};

/** Runs `work` with the servers, and always stops them. */
export async function withSite(work: (site: Site) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "swapstats-bench-kafka-"));
  const closing: (() => Promise<void>)[] = [];
  try {
    const kafka = await startKafka({ folder: join(folder, "kafka"), heapMb: BROKER_HEAP_MB, isForLoad: true });
    closing.push(() => kafka.stop());
    const redis = await startRedis({ folder: join(folder, "redis") });
    closing.push(() => redis.stop());
    const nats = await startNats({ folder: join(folder, "nats") });
    closing.push(() => nats.stop());
    await createTopic(kafka, TOPIC, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
    await work({
      folder,
      kafka,
      redis,
      nats,
      target: { brokers: kafka.brokers, topic: TOPIC, partitions: PARTITIONS },
    });
  } finally {
    await Promise.allSettled(closing.map((close) => close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Number of records: a size for trials, or the full number. */
export function recordsOf(full: number): number {
  const asked = process.env.SWAPSTATS_BENCH_RECORDS;
  return asked === undefined ? full : Math.min(full, Number(asked));
}

/** Seconds of a measurement: for trials, or the full time. */
export function secondsOf(full: number): number {
  const asked = process.env.SWAPSTATS_BENCH_SECONDS;
  return asked === undefined ? full : Math.min(full, Number(asked));
}
