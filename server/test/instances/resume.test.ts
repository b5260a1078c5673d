/**
 * Clients that wander between two instances on Kafka and NATS and resume there, while partitions are handed over. What each holds at a revision is the
 * same at every instance, over HTTP and in every encoding.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodingProtocols } from "@swapstats/protocol/websocket.ts";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { CHANNELS, Revisions, TOKENS, tokenOverHttp, WINDOWS } from "../serving/websocket/support/revisions.ts";
import { SwapMaker } from "../serving/websocket/support/swap-maker.ts";
import { Wanderer } from "../serving/websocket/support/wanderer.ts";
import { type RunningApp, TestApps } from "../support/app-harness.ts";
import { newTopic, produce } from "../support/kafka-support.ts";
import { requires } from "../support/requires.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { instanceServers, instanceSettings } from "./instance-servers.ts";

const PARTITIONS = 4;
/** Of each of the four parts: both instances, one is stopped, it is back, the other is stopped. */
const ROUNDS = 10;

requires("clients that resume at other instances", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("clients that resume at other instances", () => {
    const servers = instanceServers("resume");

    test("hold the data of their revision while partitions are handed over", async (t) => {
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
        new TestApps(t).start({ ...instanceSettings(servers, topic, name), "windows.list": WINDOWS });
      /** Resolves when each instance sees that these own all partitions and have read them. */
      const settled = async (apps: readonly RunningApp[], owners: number): Promise<void> => {
        for (const app of apps) {
          for (;;) {
            const { status, json } = await app.call("/api/status");
            const partitions =
              status === 200 ? (json.partitions as { owner: string; state: string; lag: number }[]) : [];
            const isRunning = partitions.length === PARTITIONS && partitions.every((one) => one.state === "running");
            const isRead = partitions.every(({ lag }) => lag === 0);
            if (isRunning && isRead && new Set(partitions.map(({ owner }) => owner)).size === owners) break;
          }
        }
      };
      await send(TOKENS.map((id) => maker.swap(id, 5_000)));
      let running = [await start("a"), await start("b")];
      await settled(running, 2);
      const revisions = new Revisions();
      const urlOf = ({ base }: RunningApp): string => `${base.replace("http", "ws")}/ws`;
      const wanderers = await Promise.all(
        encodingProtocols.map((protocol) => Wanderer.start(() => urlOf(random.pick(running)), protocol, revisions)),
      );
      t.after(() => {
        for (const one of wanderers) one.close();
      });
      const askTokens = async (): Promise<void> => {
        for (const app of running) for (const id of TOKENS) await tokenOverHttp(app, id, revisions);
      };
      const wander = async (): Promise<void> => {
        for (let round = 0; round < ROUNDS; round++) {
          await send(maker.batch(1 + random.below(6)));
          await askTokens();
          await Promise.all(wanderers.map((one) => one.act(random)));
        }
      };
      await wander();
      const [a, b] = running as [RunningApp, RunningApp];
      running = [a];
      await b.app.stop();
      await wander();
      running = [a, await start("b")];
      await wander();
      running = running.slice(1);
      await a.app.stop();
      await wander();
      await settled(running, 1);
      await Promise.all(wanderers.map((one) => one.settle()));
      await send(TOKENS.map((id) => maker.swap(id, 0)));
      await settled(running, 1);
      for (const one of wanderers) {
        for (const [i, channel] of CHANNELS.entries()) {
          const { json } = await (running[0] as RunningApp).call(`/api/tokens/${TOKENS[i]}/stats`);
          while (one.client.held.get(channel)?.epoch !== json.epoch) await one.client.next("snapshot");
          await one.client.atRev(channel, json.rev);
        }
        await askTokens();
        one.close();
        assert.deepEqual(one.faults, []);
        assert.ok(
          (revisions.compared.get(one.protocol) ?? 0) > 5,
          `${one.protocol}: ${revisions.compared.get(one.protocol)}`,
        );
      }
      const recovered = wanderers.reduce((sum, { counts }) => sum + counts.recovered, 0);
      t.diagnostic(JSON.stringify(wanderers.map(({ counts }) => counts)));
      assert.ok(recovered > 20, `${recovered} channels continued`);
    });
  });
});
