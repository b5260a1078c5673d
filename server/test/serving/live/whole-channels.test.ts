/** Channels of candles, swaps and the market of the whole program, over several threads, compared with what HTTP answers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodingProtocols, webSocketProtocol } from "@swapstats/protocol/websocket.ts";
import { KEPT_ITEMS_MAX } from "../../../src/serving/live/swap-feed.ts";
import { type RunningApp, TestApps } from "../../support/app-harness.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { connect, type TestClient } from "../websocket/support/client.ts";
import { SwapMaker } from "../websocket/support/swap-maker.ts";
import { agree, candlesOverHttp, marketOverHttp, newestSwaps } from "./channel-agreement.ts";

const TOKENS = ["1:aa", "1:bb", "56:cc", "56:dd"];
const ADDITIVE = ["trades", "buys", "sells", "volume_usd", "buy_volume_usd", "sell_volume_usd", "net_volume_usd"];
const wsUrl = ({ base }: RunningApp): string => `${base.replace("http", "ws")}/ws`;

type Figures = Record<string, string | number>;

/** Adds up the rows of all pages. */
async function sumsOfOverview({ call }: RunningApp, window: string): Promise<Record<string, bigint>> {
  const sums: Record<string, bigint> = Object.fromEntries(ADDITIVE.map((name) => [name, 0n]));
  for (let cursor = ""; ; ) {
    const { json } = await call(`/api/overview?window=${window}&limit=1${cursor === "" ? "" : `&cursor=${cursor}`}`);
    for (const { stats } of json.items as { stats: Figures }[]) {
      for (const name of ADDITIVE) sums[name] = (sums[name] as bigint) + micro(stats[name]);
    }
    if (json.next_cursor === undefined) return sums;
    cursor = json.next_cursor as string;
  }
}

/** Millionths. */
function micro(value: string | number | undefined): bigint {
  const [whole = "0", fraction = ""] = String(value).split(".");
  const digits = BigInt(whole.replace("-", "") + fraction.padEnd(6, "0"));
  return whole.startsWith("-") ? -digits : digits;
}

describe("channels of candles, swaps and the market", () => {
  test("hold what HTTP answers, in every encoding, through late swaps, removals and re-inclusions", async (t) => {
    const random = randomFrom(seedOf(t));
    const settings = { "windows.list": "1m,5m,1h", "ingest.embedded.partitions": "4" };
    const app = await new TestApps(t).start(settings);
    const maker = new SwapMaker(TOKENS, random);
    await app.post(TOKENS.map((id) => maker.swap(id, 5_000)));
    await app.caughtUp();
    const [first = ""] = TOKENS;
    const candles = `candles:${first}:1m`;
    const swaps = `swaps:${first}`;
    const clients: TestClient[] = [];
    for (const protocol of encodingProtocols) {
      const client = await connect(t, wsUrl(app), [protocol]);
      const ready = client.next("subscribed");
      client.send({ subscribe: [{ channel: candles, limit: 5 }, { channel: swaps, limit: 10 }, "market"] });
      assert.deepEqual((await ready).channels, [candles, swaps, "market"]);
      clients.push(client);
    }
    const json = clients[encodingProtocols.indexOf(webSocketProtocol)] as TestClient;
    for (let round = 0; round < 12; round++) {
      const batch = maker.batch(1 + random.below(12));
      await app.post(batch);
      await app.caughtUp();
      for (const [i, client] of clients.entries()) {
        const about = `${encodingProtocols[i]}, round ${round}`;
        await agree(
          client,
          `${candles} ${about}`,
          () => client.held.get(candles)?.data,
          () => candlesOverHttp(app, first),
        );
        await agree(
          client,
          `market ${about}`,
          () => client.held.get("market")?.data,
          () => marketOverHttp(app),
        );
      }
      const list = newestSwaps(json, app, first, 10);
      await agree(json, `${swaps}, round ${round}`, list.held, list.ask);
    }
    for (const window of ["1m", "1h"]) {
      for (let attempt = 0; ; attempt++) {
        const market = (await app.call("/api/market")).json as { windows: Record<string, Figures> };
        const sums = Object.fromEntries(ADDITIVE.map((name) => [name, micro(market.windows[window]?.[name])]));
        const pages = await sumsOfOverview(app, window);
        // A window may lose a swap between two requests.
        if (attempt > 20 || ADDITIVE.every((name) => sums[name] === pages[name])) {
          assert.deepEqual(sums, pages, window);
          break;
        }
      }
    }
    assert.deepEqual(
      clients.flatMap(({ faults }) => faults),
      [],
    );
  });

  test("a full id that no swap has named waits, and opens with its first swap", async (t) => {
    const app = await new TestApps(t).start({ "windows.list": "1m,1h" });
    const client = await connect(t, wsUrl(app));
    const subscribed = client.next("subscribed");
    const channels = ["candles:1:0xBEEF:5m", "swaps:1:0xBEEF"];
    client.send({ subscribe: channels });
    const { channels: names, pending } = await subscribed;
    assert.deepEqual(names, ["candles:1:0xbeef:5m", "swaps:1:0xbeef"]);
    assert.deepEqual(pending, names);
    const both = names.map((channel) => client.next("snapshot", (message) => message.channel === channel));
    const swap = { chain_id: 1, tx_hash: "t1", log_index: 0, token: "0xbeef", side: "buy", amount_token: "1" };
    await app.post([{ ...swap, amount_usd: "2", event_time: Date.now() - 1_000 }]);
    const [candles, swaps] = (await Promise.all(both)).map(({ data }) => (data as unknown as { items: object }).items);
    assert.equal(Object.keys(candles ?? {}).length, 1);
    assert.equal((swaps as unknown[]).length, 1);
  });

  test("without a limit there are a hundred candles and twenty swaps, and a ranking is live in ascending order, too", async (t) => {
    const app = await new TestApps(t).start({ "windows.list": "1m,1h" });
    const nowMs = Date.now();
    const swap = (token: string, i: number, amount_usd: string) => ({
      ...{ chain_id: 1, tx_hash: `${token}${i}`, log_index: 0, token, side: "buy", amount_token: "1", amount_usd },
      event_time: nowMs - 5_000 - 1_000 * i,
    });
    const seconds = Array.from({ length: 105 }, (_, i) => swap("aa", 104 - i, "1"));
    await app.post([...seconds, swap("bb", 0, "2"), swap("cc", 0, "3")]);
    await app.caughtUp();
    const client = await connect(t, wsUrl(app));
    const ranking = "overview:1h:volume_usd";
    const channels = ["candles:1:aa:1s", "swaps:1:aa", ranking];
    const snapshots = channels.map((channel) => client.next("snapshot", (message) => message.channel === channel));
    client.send({ subscribe: [...channels.slice(0, 2), { channel: ranking, order: "asc", limit: 2 }] });
    const [candles, swaps] = (await Promise.all(snapshots)).map(({ data }) => (data as { items?: object }).items);
    assert.equal(Object.keys(candles ?? {}).length, 100);
    assert.equal((swaps as unknown[]).length, 20);
    const order = (): unknown => (client.held.get(ranking)?.data as { order: string[] } | undefined)?.order;
    const overHttp = async (): Promise<string[]> => {
      const { json } = await app.call("/api/overview?window=1h&sort=volume_usd&order=asc&limit=2");
      return (json.items as { id: string }[]).map(({ id }) => id);
    };
    assert.deepEqual(order(), ["1:bb", "1:cc"]);
    await app.post([swap("bb", 1, "500")]);
    await app.caughtUp();
    await agree(client, ranking, order, overHttp);
    assert.deepEqual(order(), ["1:cc", "1:aa"]);
    assert.deepEqual(client.faults, []);
  });

  test("limits hold at their value and are told beyond it", async (t) => {
    const app = await new TestApps(t).start({ "windows.list": "1m,1h" });
    const swap = { chain_id: 1, tx_hash: "t1", log_index: 0, token: "aa", side: "buy", amount_token: "1" };
    await app.post([{ ...swap, amount_usd: "2", event_time: Date.now() - 1_000 }]);
    await app.caughtUp();
    const client = await connect(t, wsUrl(app));
    const ask = async (channel: string, limit: number): Promise<string> => {
      const answer = Promise.race([client.next("subscribed"), client.next("error")]);
      client.send({ subscribe: [{ channel, limit }] });
      const message = await answer;
      return message.type === "error" ? `${message.code}: ${message.message}` : "ok";
    };
    assert.equal(await ask("candles:1:aa:1m", 1_000), "ok");
    assert.match(await ask("candles:1:aa:1m", 1_001), /invalid_parameters: .*1000/);
    assert.equal(await ask("swaps:1:aa", KEPT_ITEMS_MAX), "ok");
    assert.match(await ask("swaps:1:aa", KEPT_ITEMS_MAX + 1), /invalid_parameters: .*100/);
    assert.equal(await ask("overview:1m:trades", 500), "ok");
    assert.match(await ask("overview:1m:trades", 501), /invalid_parameters: .*500/);
    assert.match(await ask("candles:1:aa:2m", 5), /unknown_channel: .*1s, 5s/);
    assert.equal((await app.call("/api/tokens?query=a&limit=100")).json.items.length, 1);
    assert.equal((await app.call("/api/tokens?query=a&limit=101")).status, 400);
    assert.equal((await app.call(`/api/tokens?query=${"a".repeat(128)}`)).json.items.length, 0);
    assert.equal((await app.call(`/api/tokens?query=${"a".repeat(129)}`)).status, 400);
    assert.equal((await app.call("/api/tokens?query=a&chain_id=2")).json.items.length, 0);
    assert.equal((await app.call("/api/tokens")).status, 400);
    const { headers } = await app.call("/api/market?windows=1h");
    const cached = await app.call("/api/market?windows=1h", {
      headers: { "if-none-match": headers.get("etag") ?? "" },
    });
    assert.equal(cached.status, 304);
    assert.equal((await app.call("/api/market?windows=7m")).status, 400);
  });
});
