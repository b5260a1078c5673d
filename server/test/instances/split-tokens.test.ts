/** A producer that does not key by token. The service detects the tokens that it splits, and says so wherever it serves their figures. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { waitFor } from "../../../scripts/servers/process.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, produce } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { instanceServers, instanceSettings } from "./instance-servers.ts";

const PARTITIONS = 4;

type Answer = { id: string; split?: true; windows: { "5m": { trades: number } } };
type Overview = { items: { id: string; split?: true; stats: { trades: number } }[] };
type RankingData = { order: string[]; rows: Record<string, { split?: true }> };
type Status = { partitions: { state: string; lag: number; next_offset: number; problems: string[] }[] };

function tokensOf(partition: number, count: number): string[] {
  const ids = Array.from({ length: 200 }, (_, i) => `1:0x${(i + 1).toString(16)}`);
  return ids.filter((id) => partitionOfTokenId(id, PARTITIONS) === partition).slice(0, count);
}

function swapOf(id: string, serial: number): string {
  const token = id.slice("1:".length);
  const place = { chain_id: 1, tx_hash: `0x${serial.toString(16)}`, log_index: 0, token, side: "buy" };
  return JSON.stringify({ ...place, amount_token: "2", amount_usd: "1.5", event_time: Date.now() - 60_000 });
}

requires("a producer that splits tokens", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("a producer that splits tokens", () => {
    const servers = instanceServers("split");

    function start(t: TestContext, topic: string, instance: string): Promise<RunningApp> {
      return new TestApps(t).start(instanceSettings(servers, topic, instance));
    }

    async function answersOf(app: RunningApp, ids: readonly string[]): Promise<Answer[]> {
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify({ ids }) };
      const { json } = await app.call("/api/tokens/stats", init);
      return (json as { items?: Answer[] }).items ?? [];
    }

    test("every instance reports tokens in two partitions, and does not report those that are whole in another partition", async (t) => {
      const topic = await newTopic(servers.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      const [split, elsewhere, right] = tokensOf(0, 3) as [string, string, string];
      // Two of one thread, and one of another: threads have partitions of equal parity.
      await produce(servers.kafka, topic, [swapOf(split, 1), swapOf(right, 2)], { partition: 0 });
      await produce(servers.kafka, topic, [swapOf(split, 3)], { partition: 2 });
      await produce(servers.kafka, topic, [swapOf(split, 4), swapOf(elsewhere, 5)], { partition: 1 });
      const apps = [await start(t, topic, "a"), await start(t, topic, "b")];
      for (const app of apps) {
        await waitFor("both tell of it", async () => {
          const items = await answersOf(app, [split, elsewhere, right]);
          return items.length === 3 && items.every((item) => item.windows !== undefined) && items[0]?.split === true;
        });
        const items = await answersOf(app, [split, elsewhere, right]);
        assert.deepEqual(
          items.map((item) => [item.id, item.split, item.windows["5m"].trades]),
          [
            [split, true, 1],
            [elsewhere, undefined, 1],
            [right, undefined, 1],
          ],
        );
        const sentence = `1 tokens of partition 2 are in other partitions too, such as ${split}`;
        await waitFor("it is in status", async () => {
          const { partitions } = (await app.call("/api/status")).json as Status;
          return (partitions[2]?.problems ?? []).some((problem) => problem.startsWith(sentence));
        });
        await waitFor("a channel says so", () => channelSays(app, split));
        await waitFor("a ranking has the token once, marked", async () => {
          const { items } = (await app.call("/api/overview?window=5m&sort=trades")).json as Overview;
          const ids = items.map(({ id }) => id);
          assert.equal(new Set(ids).size, ids.length, "never twice, not even before the mark");
          return ids.length === 3 && items.every((item) => (item.split === true) === (item.id === split));
        });
        await waitFor("the channel of the ranking has it once, marked", async () => {
          const data = await rankingOf(app);
          assert.equal(new Set(data.order).size, data.order.length);
          const marked = Object.entries(data.rows).filter(([, row]) => row.split === true);
          return data.order.length === 3 && marked.length === 1 && marked[0]?.[0] === split;
        });
        for (const path of [
          `/stats?token=${split}`,
          `/api/tokens/${split}/candles?interval=1m`,
          `/api/tokens/${split}/swaps`,
        ]) {
          assert.equal((await app.call(path)).json.split, true, path);
        }
        assert.equal((await app.call(`/stats?token=${right}`)).json.split, undefined);
        // The figures of the ranking equal those of the token's response.
        const stats = (await app.call(`/api/tokens/${split}/stats?windows=5m`)).json as Answer;
        const ranked = ((await app.call("/api/overview?window=5m")).json as Overview).items.find(
          ({ id }) => id === split,
        );
        assert.equal(ranked?.stats.trades, stats.windows["5m"].trades);
      }
      await waitFor("it is in the problems of readiness", async () => {
        const bodies = await Promise.all(apps.map(async (app) => JSON.stringify((await app.call("/readyz")).json)));
        return bodies.join().includes("are in other partitions too");
      });
    });
  });
});

/** Whether the first data of a channel carries the mark. */
async function channelSays(app: RunningApp, id: string): Promise<boolean> {
  const data = (await firstData(app, `token:${id}`)) as { split?: true } | undefined;
  return data?.split === true;
}

async function rankingOf(app: RunningApp): Promise<RankingData> {
  return ((await firstData(app, "overview:5m:trades")) as RankingData | undefined) ?? { order: [], rows: {} };
}

/** Returns the data of the first snapshot of a channel, or undefined. */
async function firstData(app: RunningApp, channel: string): Promise<unknown> {
  const socket = new WebSocket(`${app.base.replace("http", "ws")}/ws`);
  try {
    return await new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("open", () => socket.send(JSON.stringify({ subscribe: [channel] })));
      socket.on("message", (data) => {
        const message = JSON.parse(String(data)) as { type: string; data?: unknown };
        if (message.type === "snapshot") resolve(message.data);
        if (message.type === "error") resolve(undefined);
      });
    });
  } finally {
    socket.terminate();
  }
}
