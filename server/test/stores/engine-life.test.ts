import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Kafka, startKafka } from "../../../scripts/servers/kafka.ts";
import { freePort } from "../../../scripts/servers/ports.ts";
import { startRedis } from "../../../scripts/servers/redis.ts";
import { startS3 } from "../../../scripts/servers/s3.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import { applierOf, CONFIG, imageOf, live, streamOf } from "../pipeline/checkpoint/engine-life.ts";
import { START_MS } from "../sources/embedded/log-support.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { connectionTo } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { kafkaBackend, redisBackend, s3Backend } from "./backends.ts";
import type { StoreBackend } from "./store-contract.ts";

type Server = { kill(): void; stop(): Promise<void>; readonly exited: Promise<void> };
type Running = { readonly server: Server; readonly backend: StoreBackend };

const RECORDS = 4_000;

/** Owners that end at any moment, over a server that is killed now and then and restarted with its durable data. */
async function livesEqualOneRun(t: TestContext, start: () => Promise<Running>, lives = 6): Promise<void> {
  const seed = seedOf(t);
  const random = randomFrom(seed);
  const batches = streamOf(seed, RECORDS, random);
  const whole = new PartitionEngine(CONFIG, TEST_SEED);
  whole.setSeenSince(START_MS);
  for (const batch of batches) applierOf(whole).applySlice(batch, 0, Number.POSITIVE_INFINITY);
  const expected = imageOf(whole);
  let running = await start();
  t.after(() => running.server.stop());
  const open = async (): Promise<CheckpointStore> => {
    const store = await running.backend.open("life");
    t.after(() => store.close());
    return store;
  };
  const ends = Array.from({ length: lives }, () => random.below(RECORDS)).sort((a, b) => a - b);
  for (const [i, until] of ends.entries()) {
    const store = await open();
    const { server } = running;
    const killAt = i % 2 === 0 ? undefined : random.below(8);
    let turn = 0;
    await live(store, batches, until, random, () => {
      if (turn++ === killAt) server.kill();
    });
    await store.close();
    server.kill();
    await server.exited;
    running = await start();
  }
  const store = await open();
  const engine = await live(store, batches, Number.POSITIVE_INFINITY, random);
  await store.close();
  assert.deepEqual(engine.counters, whole.counters);
  assert.ok(imageOf(engine).equals(expected), "the images differ");
}

requires("lives of an owner over Redis", { servers: ["redis"] }, () => {
  test("with checkpoints in Redis and kills of owner and server, the state equals that of one run", async (t) => {
    const folder = tempDir(t, "redis");
    const port = await freePort();
    await livesEqualOneRun(t, async () => {
      const server = await startRedis({ folder, port, durable: true });
      return { server, backend: redisBackend([server]) };
    });
  });
});

requires("lives of an owner over S3", { servers: ["versitygw"] }, () => {
  test("with checkpoints in S3 and kills of owner and server, the state equals that of one run", async (t) => {
    const folder = tempDir(t, "s3");
    const port = await freePort();
    await livesEqualOneRun(t, async () => {
      const server = await startS3({ folder, port });
      return { server, backend: s3Backend(server) };
    });
  });
});

requires("lives of an owner over Kafka", { servers: ["kafka"] }, () => {
  test("with checkpoints in Kafka and kills of owner and broker, the state equals that of one run", async (t) => {
    const folder = tempDir(t, "kafka");
    let kafka: Kafka | undefined;
    // A broker takes seconds to start.
    const lives = 3;
    await livesEqualOneRun(
      t,
      async () => {
        if (kafka === undefined) kafka = await startKafka({ folder });
        else await kafka.nodes[0]!.restart();
        const { brokers, kill } = kafka;
        const exited = Promise.withResolvers<void>();
        const server = { kill: () => exited.resolve(kill()), stop: kill, exited: exited.promise };
        return { server, backend: kafkaBackend(connectionTo(brokers)) };
      },
      lives,
    );
  });
});
