/**
 * Owns partitions in the caller's thread as a worker thread of the service does: readers of the topic, and for each partition the real
 * runner with its state, its windows and its checkpoints in Redis. It serves no requests.
 */
import { mkdirSync } from "node:fs";
import { createSharedClock, SharedClock } from "../../server/src/bus/shared-clock.ts";
import { type Config, toEngineConfig } from "../../server/src/config/config.ts";
import { loadConfig } from "../../server/src/config/load.ts";
import { DeadLetterBuffer } from "../../server/src/pipeline/dead-letter-buffer.ts";
import { PartitionRunner } from "../../server/src/pipeline/partition-runner.ts";
import { ThreadShare } from "../../server/src/pipeline/thread-share.ts";
import { createVersionBoard, VersionBoard } from "../../server/src/shared/version-board.ts";
import { openKafkaReaders } from "../../server/src/sources/kafka/readers.ts";
import { FETCH_DEFAULTS, type KafkaReader } from "../../server/src/sources/kafka/setup.ts";
import { DeadLetterStore } from "../../server/src/stores/dead-letter-store.ts";
import { checkpointStoreSetup, openCheckpointStore } from "../../server/src/stores/open-checkpoint-store.ts";
import type { FeedTarget } from "./feed.ts";

export type OwnerOptions = FeedTarget & {
  readonly dataDir: string;
  /** `host:port` */
  readonly redis: string;
};

/** The default configuration, with checkpoints in this Redis. */
export function configWith(redis: string): Config {
  return loadConfig({ env: {}, overrides: { "stores.checkpoint": "redis", "stores.redis.addr": redis } }).config;
}

/** Restores all partitions, reads and applies. Resolves when each has reached the end that its log had at the takeover. */
export async function ownAll({ brokers, topic, partitions, dataDir, redis }: OwnerOptions): Promise<{ bytes: number }> {
  mkdirSync(dataDir, { recursive: true });
  const config = configWith(redis);
  const { app } = config;
  const connection = { brokers, clientId: "bench", connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 };
  const readers = openKafkaReaders({ connection, topic, ...FETCH_DEFAULTS });
  const { store } = await openCheckpointStore(checkpointStoreSetup(config, dataDir));
  const clock = new SharedClock(createSharedClock("live", app.maxSkewMs));
  const deadLetters = new DeadLetterBuffer(new DeadLetterStore(dataDir, Date.now));
  const opened: KafkaReader[] = [];
  const share = new ThreadShare();
  const runners = Array.from({ length: partitions }, (_, partition) => {
    const reader = readers.reader(partition);
    opened.push(reader);
    const current = Promise.withResolvers<void>();
    const runner = new PartitionRunner({
      partition,
      owner: "bench",
      engine: toEngineConfig(config),
      reader,
      store,
      isStoreExclusive: false,
      circuit: undefined,
      board: new VersionBoard(createVersionBoard()),
      clock,
      deadLetters,
      history: undefined,
      openPast: undefined,
      mapper: undefined,
      share,
      snapshotIntervalMs: app.snapshotIntervalMs,
      seenSinceMs: undefined,
      begin: { start: "earliest", committedOffset: undefined },
      sourceProblems: () => [],
      onCurrent: () => current.resolve(),
      onServedChanged: () => {},
      onCheckpoint: () => {},
      onFailed: (message) => current.reject(new Error(message)),
    });
    return { runner, current: current.promise };
  });
  await Promise.all(runners.map(({ runner }) => runner.start()));
  await Promise.all(runners.map(({ current }) => current));
  return { bytes: opened.reduce((sum, { numbers }) => sum + numbers.counters.bytes, 0) };
}
