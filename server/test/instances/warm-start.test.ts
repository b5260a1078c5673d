/** A service without a checkpoint whose topic lost its first records: the history in ClickHouse fills the state. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { HistoryServer } from "../chaos/history-server.ts";
import type { Settings } from "../crash/service-process.ts";
import { newProducer, newTopic, sendToPartitions } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";
import { SwapStream } from "./feed.ts";
import { type Instance, Site } from "./site.ts";

const PARTITIONS = 2;
const SWAPS = 6_000;
const MORE = 50;
const TRIES_MAX = 200;
const TOKENS = 12;
/** Twice the margin of a warm start for clocks. */
const MARGIN_MS = 120_000;
const SETTINGS: Settings = {
  SWAPSTATS_APP_GRACE: "10s",
  SWAPSTATS_APP_REORG_HORIZON: "10s",
  SWAPSTATS_APP_MAX_SKEW: "10s",
  SWAPSTATS_WINDOWS_LIST: "1m,5m",
};

class Feed {
  /** Times of arrival of the records, by partition. */
  readonly arrivals: number[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly #counts = new Map<string, number>();
  readonly #topic: string;
  readonly #producer: ReturnType<typeof newProducer>;
  readonly #stream: SwapStream;

  constructor(t: TestContext, site: Site, topic: string) {
    this.#topic = topic;
    this.#producer = newProducer(site.kafka.brokers);
    t.after(() => this.#producer.close());
    const startMs = Date.now() - 3_600_000;
    this.#stream = new SwapStream({ seed: seedOf(t), startMs, ratePerSecond: 10, disorderMs: 5_000 });
  }

  async send(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 500) {
      const messages = this.#stream.next(Math.min(left, 500)).map(({ id, value, arrivalMs }) => {
        const partition = partitionOfTokenId(id, PARTITIONS);
        this.arrivals[partition]!.push(arrivalMs);
        this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
        return { topic: this.#topic, partition, value: Buffer.from(value), timestamp: BigInt(arrivalMs) };
      });
      await sendToPartitions(this.#producer, this.#topic, messages);
    }
  }

  busiest(): string[] {
    const byCount = [...this.#counts].sort(([, a], [, b]) => b - a);
    return byCount.slice(0, TOKENS).map(([id]) => id);
  }
}

async function figuresOf(instance: Instance, ids: readonly string[]): Promise<unknown[]> {
  return Promise.all(
    ids.map(async (id) => {
      const { windows } = (await (await fetch(`${instance.url}/api/tokens/${id}/stats`)).json()) as {
        windows: Record<string, { complete: boolean }>;
      };
      for (const [name, { complete }] of Object.entries(windows)) assert.equal(complete, true, `${name} of ${id}`);
      return { id, windows };
    }),
  );
}

requires("a warm start over Kafka and ClickHouse", { servers: ["kafka", "redis", "nats", "clickhouse"] }, () => {
  describe("a warm start over Kafka and ClickHouse", () => {
    let site: Site;
    after(() => site.stop());
    const folder = tempDir({ after }, "warm");
    before(async () => {
      site = await Site.start(folder);
    });

    test("without a checkpoint the history fills the state, and windows are complete", async (t) => {
      const store = await HistoryServer.start(join(folder, "clickhouse"));
      t.after(() => store.close());
      const topic = await newTopic(site.kafka, PARTITIONS);
      await createTopic(site.kafka, `${topic}.dlq`, 1);
      const feed = new Feed(t, site, topic);
      await feed.send(SWAPS);
      const settings = { ...store.settings(store.port), ...SETTINGS };
      const first = await site.start(t, topic, "a", settings);
      await site.settled(topic, [first]);
      const marks = async (): Promise<number[]> => {
        const { streams } = await store.reader.status();
        return [...Array(PARTITIONS).keys()].map(
          (own) => streams.find((s) => s.partition === own)?.settledBeforeMs ?? 0,
        );
      };
      for (let tries = 0; (await marks()).some((ms) => ms === 0); tries++) {
        assert.ok(tries < TRIES_MAX, "no time is final");
        await feed.send(MORE);
        await site.settled(topic, [first]);
      }
      const ids = feed.busiest();
      const expected = await figuresOf(first, ids);
      await first.stop();

      const partitions = (await marks()).map((ms, partition) => {
        const offset = feed.arrivals[partition]!.findIndex((arrivalMs) => arrivalMs > ms - MARGIN_MS);
        assert.ok(offset > 0, `the log of partition ${partition} has too little`);
        return { partition, offset: BigInt(offset) };
      });
      const admin = new Admin({ clientId: "test", bootstrapBrokers: [...site.kafka.brokers] });
      t.after(() => admin.close());
      await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
      const other = { SWAPSTATS_STORES_REDIS_PREFIX: `${topic}-warm:`, SWAPSTATS_APP_BOOTSTRAP: "history" };
      const second = await site.start(t, topic, "b", { ...settings, ...other });
      await site.settled(topic, [second]);
      assert.deepEqual(await figuresOf(second, ids), expected);
    });
  });
});
