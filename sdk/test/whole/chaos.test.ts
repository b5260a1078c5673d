/**
 * Stores of clients whose connections are cut, delayed, cut into pieces and blocked, and whose messages come twice and in another order, between two
 * instances on Kafka, Redis and NATS that hand partitions over. In the end every store equals what HTTP answers. No store ever shows an older revision
 * after a newer one of the same epoch, and what is shown at a revision is the same everywhere. SWAPSTATS_CHAOS_SECONDS makes it longer.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Json } from "@swapstats/protocol/json.ts";
import { createTopic } from "../../../scripts/servers/kafka.ts";
import { partitionOfTokenId } from "../../../server/src/shared/token-partition.ts";
import { instanceServers, instanceSettings } from "../../../server/test/instances/instance-servers.ts";
import { truthOf } from "../../../server/test/instances/live-truth.ts";
import { Revisions } from "../../../server/test/serving/websocket/support/revisions.ts";
import { SwapMaker } from "../../../server/test/serving/websocket/support/swap-maker.ts";
import { type RunningApp, TestApps } from "../../../server/test/support/app-harness.ts";
import { newTopic, produce } from "../../../server/test/support/kafka-support.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { type Random, randomFrom, seedOf } from "../../../server/test/support/seed.ts";
import { TcpProxy } from "../../../server/test/support/tcp-proxy.ts";
import { type Client, type ClientOptions, createClient, type LiveStore, type LiveSwapsData } from "../../src/index.ts";
import { MessageProxy } from "../support/message-proxy.ts";

const PARTITIONS = 4;
const WINDOWS = "10s,1m";
const TOKENS = ["1:aa", "1:bb", "56:cc"];
const QUERY = { sort: [{ field: "trades" as const, window: "1m" }], windows: ["10s", "1m"], limit: 50 };
const SECONDS = Number(process.env.SWAPSTATS_CHAOS_SECONDS ?? 20);
const SETTLE_MS = 90_000;
const SWAPS_COMPARED = 10;

type Watched = {
  readonly channel: string;
  readonly query?: object;
  readonly store: LiveStore<object>;
  changes: number;
};

/** Opens a store of every kind, and checks what each shows. */
function watchAll(client: Client, way: string, revisions: Revisions, faults: string[]): Watched[] {
  const list: Omit<Watched, "changes">[] = [
    ...TOKENS.map((id) => ({ channel: `token:${id}`, store: client.token(id) })),
    { channel: "overview:10s:volume_usd", store: client.overview({ window: "10s", sort: "volume_usd" }) },
    { channel: "screener", query: QUERY, store: client.screener(QUERY) },
    { channel: `candles:${TOKENS[0]}:5s`, store: client.candles(TOKENS[0] as string, "5s") },
    { channel: `swaps:${TOKENS[0]}`, store: client.swaps(TOKENS[0] as string, { limit: 100 }) },
    { channel: "market", store: client.market() },
  ];
  return list.map((one) => {
    const watched: Watched = { ...one, changes: 0 };
    const newest = new Map<string, number>();
    one.store.subscribe((data) => {
      const { meta } = one.store;
      if (data === undefined || meta === undefined) return;
      const { epoch, rev } = meta;
      watched.changes += 1;
      if (rev < (newest.get(epoch) ?? 0)) faults.push(`${way}: ${one.channel} went back to ${rev} of ${epoch}`);
      newest.set(epoch, rev);
      // The list of swaps depends on when it was begun.
      if (one.channel.startsWith("swaps:")) return;
      try {
        revisions.add(one.channel, epoch, rev, data as Json, way);
      } catch (error) {
        faults.push(`${way}: ${(error as Error).message}`);
      }
    });
    return watched;
  });
}

/** Resolves when the store equals what HTTP answers at an instance. */
async function settle({ channel, query, store }: Watched, base: () => string, way: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const site = {
    call: async (path: string, init: RequestInit = {}) =>
      await (await fetch(base() + path, { headers, ...init })).json(),
  };
  const untilMs = Date.now() + SETTLE_MS;
  for (;;) {
    const truth = await truthOf(site, { channel, query } as never).catch(() => undefined);
    const shown = comparedOf(channel, store);
    try {
      assert.deepEqual(shown, truth?.data);
      assert.equal(store.stale, false);
      return;
    } catch (error) {
      if (Date.now() < untilMs) await pause(50);
      else throw new Error(`${way}: ${channel} at ${JSON.stringify(store.meta)}`, { cause: error });
    }
  }
}

function comparedOf(channel: string, { current }: LiveStore<object>): object | undefined {
  if (!channel.startsWith("swaps:") || current === undefined) return current;
  const counting = (current as LiveSwapsData).items.filter(({ removed }) => removed !== true);
  return { items: counting.slice(0, SWAPS_COMPARED).map(({ seq: _, ...swap }) => swap) };
}

const FAULTS = [{ delayMs: 150 }, { pieceBytes: 7 }, { pieceBytes: 400 }, "silent", "cut", "no_answers"] as const;

/** Disturbs the connections of a proxy again and again, with times between in which they work. */
async function disturb(proxy: TcpProxy, random: Random, endMs: number): Promise<void> {
  while (Date.now() < endMs) {
    await pause(500 + random.below(2_500));
    if (random.chance(0.5)) proxy.cut();
    else {
      proxy.mode = random.pick(FAULTS);
      await pause(200 + random.below(1_000));
      const wasBlocked = proxy.mode === "no_answers";
      proxy.mode = "open";
      // What was dropped cannot come any more.
      if (wasBlocked) proxy.cut();
    }
  }
}

requires("stores of clients under chaos", { servers: ["kafka", "redis", "nats"] }, () => {
  describe("stores of clients under chaos", () => {
    const servers = instanceServers("client-chaos");

    test("show nothing wrong, never go back, and end at what HTTP answers", async (t) => {
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
      await send(TOKENS.map((id) => maker.swap(id, 5_000)));
      const a = await start("a");
      let running = [a, await start("b")];
      const portOf = (): number => Number(new URL(random.pick(running).base).port);
      const tcp = await Promise.all([TcpProxy.start(portOf), TcpProxy.start(portOf), TcpProxy.start(portOf)]);
      const messages = await MessageProxy.start(portOf, random);
      t.after(() => {
        for (const proxy of tcp) proxy.close();
        messages.close();
      });
      const [clients, watched] = open(t, tcp, messages);
      const faults = watched.faults;
      const endMs = Date.now() + SECONDS * 1_000;
      /** One of each pair of instances ends and comes back while clients are disturbed. */
      const turns = (async () => {
        for (let name = 0; Date.now() < endMs - 8_000; name++) {
          await pause(4_000);
          const leaving = running.at(-1) as RunningApp;
          running = running.slice(0, -1);
          await leaving.app.stop();
          await pause(1_000);
          running = [await start(`c${name}`), ...running];
        }
      })();
      const disturbed = tcp.map((proxy) => disturb(proxy, random, endMs));
      while (Date.now() < endMs) {
        await send(maker.batch(1 + random.below(4)));
        if (random.chance(0.03)) messages.cut();
        await pause(random.below(150));
      }
      await Promise.all([turns, ...disturbed]);
      messages.isOrderly = true;
      await send(TOKENS.map((id) => maker.swap(id, 0)));
      const base = (): string => (running[0] as RunningApp).base;
      for (const { way, stores } of watched.all) for (const store of stores) await settle(store, base, way);
      assert.deepEqual(faults, []);
      for (const { way, stores } of watched.all) {
        t.diagnostic(`${way}: ${stores.map(({ channel, changes }) => `${channel} ${changes}`).join(", ")}`);
      }
      t.diagnostic(JSON.stringify({ ...messages.counts, compared: [...watched.revisions.compared] }));
      assert.ok(messages.counts.twice > 0 && messages.counts.late > 0, "no message came twice or late");
      for (const client of clients) client.close();
      while (messages.clients > 0 || tcp.some(({ sockets }) => sockets > 0)) await pause(10);
    });
  });
});

/** A client behind each proxy, with stores of all kinds. */
function open(t: TestContext, tcp: readonly TcpProxy[], messages: MessageProxy) {
  const revisions = new Revisions();
  const faults: string[] = [];
  const clients: Client[] = [];
  const all = (
    [
      ["WebSocket", tcp[0]?.port, "websocket"],
      ["events", tcp[1]?.port, "sse"],
      ["either", tcp[2]?.port, "auto"],
      ["exchanged messages", messages.port, "websocket"],
    ] as const
  ).map(([way, port, transport]) => {
    const options: ClientOptions = { url: `http://127.0.0.1:${port}`, transport, checksum: true };
    const client = createClient(options);
    clients.push(client);
    t.after(() => client.close());
    return { way, stores: watchAll(client, way, revisions, faults) };
  });
  return [clients, { all, faults, revisions }] as const;
}
