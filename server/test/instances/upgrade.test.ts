/**
 * Two instances, one of them of the next version, whose checkpoints have another format: upgrade and downgrade, with exact figures
 * throughout.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Admin } from "@platformatic/kafka";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { waitFor } from "../../../scripts/servers/process.ts";
import type { Settings } from "../crash/service-process.ts";
import { newTopic } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { Expected } from "./expected.ts";
import { Feed, SwapStream } from "./feed.ts";
import { type Instance, Site } from "./site.ts";

const PARTITIONS = 4;
const HOOKS = pathToFileURL(join(import.meta.dirname, "next-version.ts")).href;

/** Settings of a process that is the next version in this respect (next-version.ts). */
function nextVersion(what: "reads" | "manifest" | "image"): Settings {
  return { NODE_OPTIONS: `--import ${HOOKS}`, NEXT_VERSION_OF: what };
}

class Run {
  readonly topic: string;
  readonly #t: TestContext;
  readonly #site: Site;
  readonly #expected: Expected;
  readonly #feed: Feed;
  readonly #stream: SwapStream;

  private constructor(t: TestContext, site: Site, topic: string) {
    this.topic = topic;
    this.#t = t;
    this.#site = site;
    this.#expected = new Expected(site.engineConfig(topic), PARTITIONS);
    this.#feed = new Feed(site.kafka.brokers, topic, PARTITIONS, this.#expected);
    t.after(() => this.#feed.close());
    this.#stream = new SwapStream({ seed: seedOf(t), startMs: Date.now() - 3_600_000 });
  }

  static async prepare(t: TestContext, site: Site): Promise<Run> {
    const topic = await newTopic(site.kafka, PARTITIONS);
    await createTopic(site.kafka, `${topic}.dlq`, 1);
    return new Run(t, site, topic);
  }

  start(name: string, version: Settings = {}): Promise<Instance> {
    return this.#site.start(this.#t, this.topic, name, version);
  }

  feed(count: number): Promise<void> {
    return this.#feed.send(this.#stream.next(count));
  }

  /**
   * Asserts that all responses of these instances equal the model, before and after some more swaps. Returns the problems that they
   * reported.
   */
  async check(...instances: readonly Instance[]): Promise<string[]> {
    await this.#compare(instances);
    await this.feed(400);
    return this.#compare(instances);
  }

  async #compare(instances: readonly Instance[]): Promise<string[]> {
    const statuses = await this.#site.settled(this.topic, instances);
    for (const { counters } of statuses) assert.deepEqual(counters, this.#expected.counters);
    for (const instance of instances) assert.ok((await this.#expected.compare(instance)) > 20);
    return statuses[0]?.partitions.flatMap(({ problems }) => problems) ?? [];
  }

  /** Deletes from the topic the records that all checkpoints hold. */
  async forgetRecords(): Promise<void> {
    const admin = new Admin({ clientId: "test", bootstrapBrokers: [...this.#site.kafka.brokers] });
    this.#t.after(() => admin.close());
    const partitions = (await this.#site.ends(this.topic)).map((end, partition) => ({
      partition,
      offset: BigInt(end),
    }));
    await admin.deleteRecords({ topics: [{ name: this.topic, partitions }] });
  }
}

async function assertRefused(instance: Instance, reason: RegExp): Promise<void> {
  await waitFor(`instance ${instance.name} to end`, async () => instance.process.hasExited);
  assert.equal((await instance.process.exited).code, 1);
  assert.match(instance.process.log, reason);
}

requires("versions with another format of checkpoints", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("versions with another format of checkpoints", () => {
    let site: Site;
    after(() => site.stop());
    const folder = tempDir({ after }, "upgrade");
    before(async () => {
      site = await Site.start(folder);
    });

    test("one version up or down at a time, instance by instance, nothing is lost", async (t) => {
      const run = await Run.prepare(t, site);
      await run.feed(1_000);
      const problems: string[] = [];
      const now = await run.start("a");
      const reads = await run.start("b", nextVersion("reads"));
      problems.push(...(await run.check(now, reads)));
      await now.stop();
      const writes = await run.start("c", nextVersion("manifest"));
      problems.push(...(await run.check(reads, writes)));
      await reads.stop();
      const readsAgain = await run.start("d", nextVersion("reads"));
      problems.push(...(await run.check(writes, readsAgain)));
      await writes.stop();
      const nowAgain = await run.start("e");
      problems.push(...(await run.check(readsAgain, nowAgain)));
      assert.deepEqual(problems, []);
    });

    test("a version that does not know the manifest's format refuses, and the others continue", async (t) => {
      const run = await Run.prepare(t, site);
      await run.feed(1_000);
      const next = await run.start("a", nextVersion("manifest"));
      await run.check(next);
      const now = await run.start("b");
      await assertRefused(now, /has format 3, and this version knows formats up to 2. Start the version that wrote it/);
      await run.check(next);
      await next.stop();
      await assertRefused(await run.start("b"), /has format 3/);
      assert.deepEqual(await run.check(await run.start("a", nextVersion("manifest"))), []);
    });

    test("a version that does not know the image's format rebuilds the state where the topic has all of it, and refuses otherwise", async (t) => {
      const run = await Run.prepare(t, site);
      await run.feed(1_000);
      const next = await run.start("a", nextVersion("image"));
      await run.check(next);
      const now = await run.start("b");
      const problems = await run.check(next, now);
      const anew =
        /^The checkpoint of partition \d has another format than this version's. The state is rebuilt from the log/;
      assert.ok(problems.length > 0 && problems.every((problem) => anew.test(problem)), problems.join(" "));
      await now.stop();
      await run.check(next);
      await next.stop();
      await run.forgetRecords();
      await assertRefused(await run.start("b"), /has another format than this version's/);
      assert.deepEqual(await run.check(await run.start("a", nextVersion("image"))), []);
    });
  });
});
