/** Channels of candles, swaps and the market at one of two instances, while the partitions of the other are handed over and come back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { agree, candlesOverHttp, marketOverHttp, newestSwaps } from "../serving/live/channel-agreement.ts";
import { connect } from "../serving/websocket/support/client.ts";
import { SwapMaker } from "../serving/websocket/support/swap-maker.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, produce } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { instanceServers, instanceSettings } from "./instance-servers.ts";

const PARTITIONS = 4;
const ROUNDS = 4;
const TOKENS = ["1:aa", "1:bb", "56:cc", "56:dd"];

requires("channels over instances", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("channels over instances", () => {
    const servers = instanceServers("channels");

    test("candles, swaps and the market hold what HTTP answers, before, during and after hand-overs", async (t) => {
      const random = randomFrom(seedOf(t));
      const topic = await newTopic(servers.kafka, PARTITIONS, { "message.timestamp.type": "LogAppendTime" });
      await createTopic(servers.kafka, `${topic}.dlq`, 1);
      const maker = new SwapMaker(TOKENS, random);
      const send = async (swaps: readonly Record<string, unknown>[]): Promise<void> => {
        for (const swap of swaps) {
          const partition = partitionOfTokenId(`${swap.chain_id}:${swap.token}`, PARTITIONS);
          await produce(servers.kafka, topic, [{ value: Buffer.from(JSON.stringify(swap)) }], { partition });
        }
      };
      const start = (name: string): Promise<RunningApp> =>
        new TestApps(t).start({ ...instanceSettings(servers, topic, name), "windows.list": "1m,5m,1h" });
      const settled = async (app: RunningApp, owners: number): Promise<void> => {
        for (;;) {
          const { status, json } = await app.call("/api/status");
          const partitions = status === 200 ? (json.partitions as { owner: string; state: string; lag: number }[]) : [];
          const isRead = partitions.every(({ state, lag }) => state === "running" && lag === 0);
          if (
            partitions.length === PARTITIONS &&
            isRead &&
            new Set(partitions.map(({ owner }) => owner)).size === owners
          )
            return;
        }
      };
      await send(TOKENS.map((id) => maker.swap(id, 5_000)));
      const stays = await start("a");
      let other = await start("b");
      await settled(stays, 2);
      const client = await connect(t, `${stays.base.replace("http", "ws")}/ws`);
      const ready = client.next("subscribed");
      const channels = TOKENS.flatMap((id) => [`candles:${id}:1m`, `swaps:${id}`]);
      client.send({ subscribe: [...channels, "market"], limit: 5 });
      await ready;
      const follow = async (about: string): Promise<void> => {
        for (let round = 0; round < ROUNDS; round++) {
          await send(maker.batch(1 + random.below(8)));
          await settled(stays, about === "alone" ? 1 : 2);
          for (const id of TOKENS) {
            const held = (): unknown => client.held.get(`candles:${id}:1m`)?.data;
            await agree(client, `candles of ${id}, ${about}`, held, () => candlesOverHttp(stays, id));
            const swaps = newestSwaps(client, stays, id, 5);
            await agree(client, `swaps of ${id}, ${about}`, swaps.held, swaps.ask);
          }
          await agree(
            client,
            `market, ${about}`,
            () => client.held.get("market")?.data,
            () => marketOverHttp(stays),
          );
        }
      };
      await follow("both");
      await other.app.stop();
      await follow("alone");
      other = await start("b");
      await settled(stays, 2);
      await follow("both again");
      assert.deepEqual(client.faults, []);
    });
  });
});
