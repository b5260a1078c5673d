/** Checkpoints in an S3 store that fails in every way, under load, with instances that are killed and take over meanwhile. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { startS3 } from "../../../scripts/servers/s3.ts";
import { newTopic } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { Expected } from "./expected.ts";
import { FaultyS3, S3_FAULTS } from "./faulty-s3.ts";
import { Feed, SwapStream } from "./feed.ts";
import { Site } from "./site.ts";

const PARTITIONS = 4;
const FAULTY_SHARE = 0.25;

requires("S3 that fails, under load", { servers: ["kafka", "redis", "nats", "versitygw"] }, () => {
  describe("S3 that fails, under load", () => {
    let site: Site;
    after(() => site.stop());
    const folder = tempDir({ after }, "cluster-s3");
    before(async () => {
      site = await Site.start(folder);
    });

    test("with 500, 503, slow, cut off and silently applied requests no figure is wrong, and checkpoints continue", async (t) => {
      const seed = seedOf(t);
      const s3 = await startS3({ folder: join(folder, "s3") });
      t.after(() => s3.stop());
      const way = await FaultyS3.start(s3.port, randomFrom(seed));
      t.after(() => way.close());
      const topic = await newTopic(site.kafka, PARTITIONS);
      await createTopic(site.kafka, `${topic}.dlq`, 1);
      const expected = new Expected(site.engineConfig(topic), PARTITIONS);
      const feed = new Feed(site.kafka.brokers, topic, PARTITIONS, expected);
      t.after(() => feed.close());
      const settings = {
        SWAPSTATS_STORES_CHECKPOINT: "s3",
        SWAPSTATS_STORES_S3_ENDPOINT: way.endpoint,
        SWAPSTATS_STORES_S3_REGION: s3.region,
        SWAPSTATS_STORES_S3_BUCKET: s3.bucket,
        SWAPSTATS_STORES_S3_ACCESS_KEY: s3.accessKey,
        SWAPSTATS_STORES_S3_SECRET_KEY: s3.secretKey,
      };
      const a = await site.start(t, topic, "a", settings);
      const b = await site.start(t, topic, "b", settings);
      await site.settled(topic, [a, b]);

      way.share = FAULTY_SHARE;
      const stream = new SwapStream({ seed, startMs: Date.now() - 3_600_000, ratePerSecond: 10 });
      /** Sends until the store has failed this many more times. */
      const underLoad = async (failures: number): Promise<void> => {
        const goal = way.failed + failures;
        await waitFor("the store to fail", async () => {
          await feed.send(stream.next(10));
          return way.failed >= goal;
        });
      };
      await underLoad(12);
      await b.kill();
      const c = await site.start(t, topic, "c", settings);
      await underLoad(12);
      await a.kill();
      const d = await site.start(t, topic, "d", settings);
      await waitFor("every fault", async () => {
        await feed.send(stream.next(10));
        return S3_FAULTS.every((fault) => way.counts[fault] > 0);
      });
      way.share = 0;

      const statuses = await site.settled(topic, [c, d]);
      for (const { counters } of statuses) assert.deepEqual(counters, expected.counters);
      for (const instance of [c, d]) assert.ok((await expected.compare(instance)) > 20);
      // Nothing remains of the failures: everything applied is saved, and the next instance continues from there.
      const ends = await site.ends(topic);
      await waitFor("checkpoints of everything", async () => {
        const partitions = (await c.status())?.partitions ?? [];
        return partitions.every(
          ({ checkpoint, problems }, i) => checkpoint?.offset === ends[i] && problems.length === 0,
        );
      });
      await c.kill();
      await d.kill();
      const e = await site.start(t, topic, "e", settings);
      const [status] = await site.settled(topic, [e]);
      assert.deepEqual(status?.counters, expected.counters);
      assert.deepEqual(
        status?.partitions.flatMap(({ problems }) => problems),
        [],
      );
      await expected.compare(e);
      t.diagnostic(`${expected.counters.accepted} records, failures ${JSON.stringify(way.counts)}`);
    });
  });
});
