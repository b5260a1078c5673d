/** One token under every spelling of its address, through every door of the whole program. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { WebSocket } from "ws";
import { loadConfig } from "../../src/config/load.ts";
import { type Json, TestApps } from "../support/app-harness.ts";

const LONG = `0x${"2".padStart(64, "0")}::sui::SUI`;
const ID = `101:${LONG}`;
const SPELLINGS = ["0x2::sui::SUI", "0X2::sui::SUI", "0x02::sui::SUI", LONG, LONG.replace("0x", "0X")];
const SETTINGS = {
  "app.chains.101.address_bytes": "32",
  "ingest.embedded.partitions": "4",
  "app.workers": "2",
};

function swaps(chainId = 101): object[] {
  return SPELLINGS.map((token, i) => ({
    chain_id: chainId,
    tx_hash: `D1GEST${i}`,
    log_index: 0,
    tx_index: i,
    token,
    pool: "0xAB",
    who: i % 2 === 0 ? "0xA" : `0x${"a".padStart(64, "0")}`,
    side: "buy",
    amount_token: "1",
    amount_usd: "2",
    event_time: Date.now() - 1_000,
  }));
}

describe("a chain with a configured length of addresses", () => {
  test("all spellings of an address are one token, and every look-up finds it", async (t) => {
    const { post, caughtUp, call, base } = await new TestApps(t).start(SETTINGS);
    await post(swaps());
    await caughtUp();
    const overview = await call("/api/overview?window=1h");
    assert.deepEqual(
      overview.json.items.map((item: Json) => [item.id, item.stats.trades, item.stats.traders]),
      [[ID, SPELLINGS.length, 1]],
    );
    for (const spelling of SPELLINGS) {
      const id = encodeURIComponent(`101:${spelling}`);
      assert.equal((await call(`/api/tokens/${id}/stats?windows=1h`)).json.id, ID, spelling);
      assert.equal((await call(`/api/tokens/${id}/stats?windows=1h`)).json.id, ID, `${spelling}, asked again`);
      assert.equal((await call(`/api/tokens/${encodeURIComponent(spelling)}/stats`)).json.id, ID, spelling);
      assert.equal((await call(`/api/tokens/${id}/candles?interval=1m`)).json.id, ID, spelling);
      assert.equal((await call(`/api/tokens/${id}/swaps`)).json.items.length, SPELLINGS.length, spelling);
      assert.equal((await call(`/stats?token=${id}`)).json.token, ID, spelling);
    }
    const body = JSON.stringify({ ids: SPELLINGS.map((spelling) => `101:${spelling}`), windows: ["1h"] });
    const headers = { "content-type": "application/json" };
    const many = await call("/api/tokens/stats", { method: "POST", headers, body });
    for (const item of many.json.items) assert.deepEqual([item.id, item.windows["1h"].trades], [ID, SPELLINGS.length]);
    const none = await call(`/api/tokens/${encodeURIComponent("1:0x2::sui::SUI")}/stats`);
    assert.equal(none.json.code, "unknown_token", "another chain has its own rule");

    const socket = new WebSocket(`${base.replace("http", "ws")}/ws`);
    t.after(() => socket.terminate());
    await once(socket, "open");
    const messages: Json[] = [];
    const answered = Promise.withResolvers<void>();
    socket.on("message", (bytes: Buffer) => {
      messages.push(JSON.parse(bytes.toString()));
      if (messages.some((message) => message.type === "snapshot")) answered.resolve();
    });
    socket.send(JSON.stringify({ id: "a", subscribe: "token:101:0X2::sui::SUI", windows: ["1h"] }));
    await answered.promise;
    assert.deepEqual(messages.find((message) => message.type === "subscribed").channels, [`token:${ID}`]);
    assert.equal(messages.find((message) => message.type === "snapshot").channel, `token:${ID}`);
  });

  test("the length may be 1 to 63 bytes, so the hexadecimal text has at most 128 bytes", () => {
    const load = (bytes: string): number | undefined => {
      const { config } = loadConfig({ env: {}, overrides: { "app.chains.7.address_bytes": bytes } });
      return config.app.chains.get(7)?.addressBytes;
    };
    assert.deepEqual([load("1"), load("32"), load("63")], [1, 32, 63]);
    const env = { SWAPSTATS_APP_CHAINS_7_ADDRESS_BYTES: "20" };
    assert.equal(loadConfig({ env, overrides: {} }).config.app.chains.get(7)?.addressBytes, 20);
    for (const bytes of ["0", "64", "-1", "1.5", "x"]) {
      assert.throws(() => load(bytes), /app\.chains\.7\.address_bytes.*1 to 63/s);
    }
  });

  test("an exact name finds the tokens of all chains, each by the rule of its chain", async (t) => {
    const { post, caughtUp, call } = await new TestApps(t).start(SETTINGS);
    const [first] = swaps() as Json[];
    await post([
      { ...first, token: "0x2" },
      { ...first, chain_id: 1, token: "0x2" },
      { ...first, chain_id: 5, token: LONG.slice(0, 66) },
    ]);
    await caughtUp();
    const idsOf = async (name: string): Promise<string[]> => {
      const { json } = await call(`/api/tokens/${name}/stats`);
      return json.id === undefined ? json.candidates.map((one: Json) => one.id ?? one).sort() : [json.id];
    };
    const long = LONG.slice(0, 66);
    assert.deepEqual(await idsOf("0X2"), [`101:${long}`, "1:0x2"].sort());
    assert.deepEqual(await idsOf(long), [`101:${long}`, `5:${long}`].sort());
  });

  test("a change of the length recomputes the state from a complete log", async (t) => {
    const apps = new TestApps(t);
    const before = await apps.start({ "ingest.embedded.partitions": "1" });
    await before.post(swaps());
    await before.caughtUp();
    const ids = async ({ call }: typeof before): Promise<string[]> => {
      const { json } = await call("/api/overview?window=1h");
      return json.items.map((item: Json) => item.id).sort();
    };
    // Without the setting a path behind hex is as given.
    assert.deepEqual(await ids(before), SPELLINGS.map((spelling) => `101:${spelling}`).sort());
    await before.app.stop();
    const after = await apps.start({ "ingest.embedded.partitions": "1", "app.chains.101.address_bytes": "32" });
    const status = await after.caughtUp();
    assert.deepEqual(await ids(after), [ID]);
    assert.match(JSON.stringify(status), /address_bytes= \(now address_bytes=101:32\)[^"]*rebuilt/);
  });
});
