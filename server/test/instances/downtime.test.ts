/** Changes of a stream while instances run, or while none does: it grows, loses records to retention, continues for an hour. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Admin } from "@platformatic/kafka";
import { addPartitions, createTopic } from "../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import { newTopic } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { answersOf, Expected } from "./expected.ts";
import { Feed, type Swap, SwapStream } from "./feed.ts";
import { type Instance, Site } from "./site.ts";

const PARTITIONS = 4;
const HOUR_MS = 3_600_000;

function adminFor(t: TestContext, site: Site): Admin {
  const admin = new Admin({ clientId: "test", bootstrapBrokers: [...site.kafka.brokers] });
  t.after(() => admin.close());
  return admin;
}

/** With its topic of dead letters. Without it no checkpoint goes beyond the first dead letter. */
async function topicOf(site: Site, partitions: number): Promise<string> {
  const topic = await newTopic(site.kafka, partitions);
  await createTopic(site.kafka, `${topic}.dlq`, 1);
  return topic;
}

function feedFor(t: TestContext, site: Site, topic: string, expected: Expected, partitions = PARTITIONS): Feed {
  const feed = new Feed(site.kafka.brokers, topic, partitions, expected);
  t.after(() => feed.close());
  return feed;
}

async function assertAll(site: Site, topic: string, instances: readonly Instance[], expected: Expected): Promise<void> {
  for (const { counters } of await site.settled(topic, instances)) assert.deepEqual(counters, expected.counters);
  for (const instance of instances) assert.ok((await expected.compare(instance)) > 20);
}

requires("changes of a stream, with two instances", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("changes of a stream, with two instances", () => {
    let site: Site;
    after(() => site.stop());
    const folder = tempDir({ after }, "downtime");
    before(async () => {
      site = await Site.start(folder);
    });

    const startTwo = async (t: TestContext, topic: string, names: readonly [string, string], more = {}) => {
      const instances: Instance[] = [];
      for (const name of names) instances.push(await site.start(t, topic, name, more));
      return instances;
    };

    test("after an hour of downtime only records that were late in the log are late", async (t) => {
      const topic = await topicOf(site, PARTITIONS);
      const expected = new Expected(site.engineConfig(topic), PARTITIONS);
      const feed = feedFor(t, site, topic, expected);
      const stream = new SwapStream({ seed: seedOf(t), startMs: Date.now() - 2 * HOUR_MS, ratePerSecond: 2.5 });
      await feed.send(stream.next(1_000));
      const before = await startTwo(t, topic, ["a", "b"]);
      await assertAll(site, topic, before, expected);
      for (const instance of before) await instance.stop();
      // Each has the arrival that it would have had if its producer had continued for an hour.
      await feed.send(stream.next(9_000));
      const { late, quarantined, duplicates } = expected.counters;
      assert.ok(late > 0 && quarantined > 0 && duplicates > 0, JSON.stringify(expected.counters));
      const after = await startTwo(t, topic, ["a", "c"]);
      await assertAll(site, topic, after, expected);
      for (const instance of after) {
        const problems = (await instance.status())?.partitions.flatMap((partition) => partition.problems);
        assert.deepEqual(problems, []);
      }
    });

    test("records that retention deleted during downtime are a reported gap, and figures are those of the remaining records", async (t) => {
      const topic = await topicOf(site, PARTITIONS);
      const expected = new Expected(site.engineConfig(topic), PARTITIONS);
      const feed = feedFor(t, site, topic, expected);
      const stream = new SwapStream({ seed: seedOf(t), startMs: Date.now() - HOUR_MS });
      await feed.send(stream.next(2_000));
      const first = await startTwo(t, topic, ["a", "b"]);
      await assertAll(site, topic, first, expected);
      for (const instance of first) await instance.stop();

      const saved = await site.ends(topic);
      const lost = new Expected(site.engineConfig(topic), PARTITIONS);
      await feedFor(t, site, topic, lost).send(stream.next(1_000));
      const kept = await site.ends(topic);
      const partitions = kept.map((end, partition) => ({ partition, offset: BigInt(end) }));
      await adminFor(t, site).deleteRecords({ topics: [{ name: topic, partitions }] });
      const gaps = kept.flatMap((end, partition) => (end > saved[partition]! ? [partition] : []));
      assert.ok(gaps.length > 1);
      for (const partition of gaps) expected.models[partition]?.noteGap();
      await feed.send(stream.next(2_000));

      const c = await site.start(t, topic, "c");
      const [status] = await site.settled(topic, [c]);
      const told = status?.partitions.filter(({ problems }) => problems.length > 0) ?? [];
      assert.deepEqual(
        told.map(({ partition }) => partition),
        gaps,
      );
      for (const { partition, problems } of told) {
        assert.deepEqual(problems, [
          `The log of partition ${partition} begins at offset ${kept[partition]}; the records from ${saved[partition]} on, ` +
            "which the checkpoint does not hold, are missing.",
        ]);
      }
      const second = [c, await site.start(t, topic, "d")];
      await assertAll(site, topic, second, expected);
      for (const instance of second) {
        const partitions = (await instance.status())?.partitions ?? [];
        for (const { partition, seen_since } of partitions) {
          assert.equal(seen_since, expected.models[partition]?.seenSinceMs);
        }
      }
    });

    test("swaps for partitions that the topic lacks are refused, not sent to others", async (t) => {
      const topic = await topicOf(site, 2);
      const expected = new Expected(site.engineConfig(topic), PARTITIONS);
      const feed = feedFor(t, site, topic, expected, PARTITIONS);
      const stream = new SwapStream({ seed: seedOf(t), startMs: Date.now() - HOUR_MS });
      const swaps = stream.next(200);
      await assert.rejects(feed.send(swaps), /knows 2 partitions/);
      assert.deepEqual(await site.ends(topic), [0, 0]);
      assert.equal(expected.counters.accepted, 0);
      await addPartitions(site.kafka, topic, PARTITIONS);
      await feed.repartition(PARTITIONS);
      await feed.send(swaps);
      assert.deepEqual(
        await site.ends(topic),
        expected.models.map(({ counters }) => counters.accepted),
      );
    });

    test("partitions that are added while running are read from their start, and all instances agree", async (t) => {
      const topic = await topicOf(site, 2);
      const expected = new Expected(site.engineConfig(topic), PARTITIONS);
      const feed = feedFor(t, site, topic, expected, 2);
      const seed = seedOf(t);
      const startMs = Date.now() - HOUR_MS;
      // A group that begins at the end of the topic must still read a later partition from its start. Each partition has its own thread, so
      // no two that share a token's history are searched together.
      const settings = { SWAPSTATS_INGEST_START: "latest", SWAPSTATS_APP_WORKERS: String(PARTITIONS) };
      const instances = await startTwo(t, topic, ["a", "b"], settings);
      await site.settled(topic, instances);
      const old = new SwapStream({ seed, startMs });
      await feed.send(old.next(1_500));
      await assertAll(site, topic, instances, expected);

      await addPartitions(site.kafka, topic, PARTITIONS);
      await feed.repartition(PARTITIONS);
      const fresh = new SwapStream({ seed: seed + 1, startMs: startMs + 200_000 });
      await feed.send(fresh.next(1_500));
      const moved = old.next(600);
      await feed.send(moved);
      await assertGrown(site, topic, instances, expected, moved);

      for (const instance of instances) await instance.stop();
      const again = await startTwo(t, topic, ["a", "b"], settings);
      await assertGrown(site, topic, again, expected, moved);
    });
  });
});

/** Tokens of one partition are exact. All instances agree about tokens that moved. */
async function assertGrown(
  site: Site,
  topic: string,
  instances: readonly Instance[],
  expected: Expected,
  moved: readonly Swap[],
): Promise<void> {
  const homes = (id: string): number => expected.models.filter(({ known }) => known.has(id)).length;
  for (const { counters } of await site.settled(topic, instances)) assert.deepEqual(counters, expected.counters);
  for (const instance of instances) assert.ok((await expected.compare(instance, (id) => homes(id) === 1)) > 20);
  const ids = [...new Set(moved.map(({ id }) => id))].filter((id) => homes(id) === 2);
  assert.ok(ids.length > 0);
  // The owners compare where they have tokens every second. A token found in two partitions gets a mark and a new revision in the meantime.
  let last: Awaited<ReturnType<typeof answersOf>>[] = [];
  const agree = async (): Promise<boolean> => {
    last = await Promise.all(instances.map((instance) => answersOf(instance, ids, expected.asOfMs)));
    return last.every((one) => isDeepStrictEqual(one, last[0]));
  };
  await waitFor("all instances give the same of tokens that moved", agree).catch(() => {});
  for (const one of last) assert.deepEqual(one, last[0]);
}
