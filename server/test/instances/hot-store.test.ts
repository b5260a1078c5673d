/** Two instances on one topic write their figures into one Redis, while partitions move between them. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { waitFor } from "../../../scripts/servers/process.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { figuresOf, HotReader } from "../pipeline/hot/hot-harness.ts";
import { redisSettings } from "../stores/backends.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, produce } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { instanceServers, instanceSettings } from "./instance-servers.ts";

const PARTITIONS = 4;
const IDS = Array.from({ length: 24 }, (_, i) => `1:0xtoken${i}`);
const STARTED_MS = Date.now() - 600_000;

/** Reads all tokens repeatedly until the test ends, and fails it when one went back. */
class Watcher {
  readonly #seen = new Map<string, [epoch: number, rev: number]>();
  readonly #reader: HotReader;
  #isEnding = false;
  #looks: Promise<void>;
  looks = 0;

  constructor(reader: HotReader) {
    this.#reader = reader;
    this.#looks = this.#run();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#looks;
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const texts = await this.#reader.call((client) => client.mget(IDS.map((id) => `swapstats:stats:${id}`)));
      for (const [i, text] of texts.entries()) {
        if (text === null) continue;
        const { epoch, rev } = JSON.parse(text) as { epoch: string; rev: number };
        const [id, before] = [IDS[i] as string, this.#seen.get(IDS[i] as string)];
        const now: [number, number] = [Number(epoch), rev];
        const isForth = before === undefined || now[0] > before[0] || (now[0] === before[0] && now[1] >= before[1]);
        assert.ok(isForth, `${id} went from ${before} back to ${now}`);
        this.#seen.set(id, now);
      }
      this.looks += 1;
    }
  }
}

requires("figures in Redis of several instances", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("figures in Redis of several instances", () => {
    const servers = instanceServers("hot-instances");

    let sent = 0;

    async function send(topic: string, count: number): Promise<void> {
      const byPartition: { value: Buffer }[][] = Array.from({ length: PARTITIONS }, () => []);
      for (let i = 0; i < count; i++) {
        const n = sent++;
        const id = IDS[n % IDS.length] as string;
        const swap = {
          ...{ chain_id: 1, token: id.slice(2), tx_hash: `0x${n}`, log_index: 0, who: `0x${n % 5}`, side: "buy" },
          ...{ amount_usd: "1.5", amount_token: "3", event_time: STARTED_MS + 100 * n },
        };
        byPartition[partitionOfTokenId(id, PARTITIONS)]?.push({ value: Buffer.from(JSON.stringify(swap)) });
      }
      for (const [partition, batch] of byPartition.entries()) await produce(servers.kafka, topic, batch, { partition });
    }

    async function start(t: TestContext, topic: string, instance: string): Promise<RunningApp> {
      return new TestApps(t).start({
        ...instanceSettings(servers, topic, instance),
        "stores.redis.prefix": "swapstats:",
        "stores.hot": "redis",
        "stores.hot_interval": "100ms",
      });
    }

    async function settled(app: RunningApp, owners: Readonly<Record<string, number>>): Promise<void> {
      await waitFor(`the partitions are owned as ${JSON.stringify(owners)}`, async () => {
        const { json } = await app.call("/api/status");
        const all = json.partitions as { owner: string; state: string; lag: number }[];
        const counts = Object.entries(owners).map(([owner, n]) => all.filter((p) => p.owner === owner).length === n);
        return counts.every(Boolean) && all.every((one) => one.state === "running" && one.lag === 0);
      });
    }

    /** Asserts that Redis holds the response of this instance for every token, whoever owns it. */
    async function same(app: RunningApp, reader: HotReader): Promise<void> {
      for (const id of IDS) {
        let pair: [unknown, unknown] = [undefined, undefined];
        await waitFor(`Redis has the figures of ${id} that are answered`, async () => {
          const text = await reader.call((client) => client.get(`swapstats:stats:${id}`));
          const { status, json } = await app.call(`/api/tokens/${id}/stats`);
          if (text === null || status !== 200 || json.stale === true) return false;
          const found = JSON.parse(text);
          pair = [figuresOf(found), figuresOf(json)];
          // A cached response may carry an earlier revision of the same figures.
          return found.epoch === json.epoch && found.rev >= json.rev && isDeepStrictEqual(pair[0], pair[1]);
        }).catch(() => assert.deepEqual(pair[0], pair[1]));
      }
    }

    test("figures in Redis are those of the owners while partitions move, and no reader sees a token go back", async (t) => {
      const topic = await newTopic(servers.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      const reader = new HotReader(t, redisSettings([servers.redis]));
      const watcher = new Watcher(new HotReader(t, redisSettings([servers.redis])));
      await send(topic, 500);
      const a = await start(t, topic, "a");
      await settled(a, { a: 4 });
      await same(a, reader);
      const b = await start(t, topic, "b");
      await send(topic, 500);
      await settled(a, { a: 2, b: 2 });
      await same(a, reader);
      await same(b, reader);
      await send(topic, 500);
      await b.app.stop();
      await send(topic, 100);
      await settled(a, { a: 4 });
      await same(a, reader);
      assert.deepEqual(
        (await a.call("/api/status")).json.partitions.flatMap((p: { problems: string[] }) => p.problems),
        [],
      );
      await watcher.end();
      assert.ok(watcher.looks > 10);
    });
  });
});
