/** The door `/udf/`, called in the order of TradingView's UDF-compatible datafeed, against the whole program. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Json, type RunningApp, TestApps } from "../../support/app-harness.ts";

const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const BRIDGED = "8453:0x4200000000000000000000000000000000000006";
const minuteMs = Math.floor(Date.now() / 60_000) * 60_000;

/** A swap `minutes` ago, so many dollars a token. */
function swap(id: string, minutes: number, price: string, index: number) {
  const [chain, token] = id.split(":");
  return {
    ...{
      chain_id: Number(chain),
      tx_hash: `0x${index}`,
      log_index: 1,
      token,
      token_symbol: "WETH",
      side: "buy",
      who: "0x1",
    },
    ...{ amount_token: "2", amount_usd: String(2 * Number(price)), event_time: minuteMs - 60_000 * minutes },
  };
}

const SWAPS = [
  swap(WETH, 12, "1800.5", 1),
  swap(WETH, 12, "1799.25", 2),
  swap(WETH, 10, "1810", 3),
  swap(WETH, 3, "1820.125", 4),
  swap(BRIDGED, 3, "1821", 5),
];

type Datafeed = { base: string; ask: (path: string) => Promise<Json> };

async function datafeed(t: TestContext, overrides: Record<string, string> = {}): Promise<Datafeed> {
  const app: RunningApp = await new TestApps(t).start({ "api.udf": "on", ...overrides });
  await app.post(SWAPS);
  await app.caughtUp();
  const ask = async (path: string): Promise<Json> => {
    const response = await fetch(`${app.base}/udf/${path}`);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("content-type") ?? "", path === "time" ? /^text\/plain/ : /^application\/json/);
    return response.json();
  };
  return { base: app.base, ask };
}

const history = (symbol: string, more: Record<string, string | number>): string =>
  `history?${new URLSearchParams({ symbol, resolution: "1", ...Object.fromEntries(Object.entries(more).map(([k, v]) => [k, String(v)])) })}`;

describe("charting front ends", () => {
  test("configuration, search, symbol and history come in the order of a datafeed", async (t) => {
    const { ask } = await datafeed(t);
    const config = await ask("config");
    assert.equal(config.supports_search, true);
    assert.deepEqual(config.supported_resolutions, ["1S", "5S", "15S", "1", "5", "15", "30", "60", "240", "1D"]);
    assert.ok(Math.abs((await ask("time")) - Date.now() / 1_000) < 60);
    const found = await ask("search?query=we&type=&exchange=&limit=30");
    assert.deepEqual(found.map(({ ticker }: Json) => ticker).sort(), [WETH, BRIDGED].sort());
    const onBase = await ask("search?query=weth&exchange=8453");
    assert.deepEqual([onBase.length, onBase[0].symbol, onBase[0].exchange], [1, "8453:WETH", "8453"]);
    assert.deepEqual(await ask("search?query=8453%3Awe"), onBase);
    assert.equal((await ask("search?query=")).length, 2);
    const symbol = await ask("symbols?symbol=1%3AWETH");
    assert.deepEqual(
      [symbol.name, symbol.ticker, symbol.session, symbol.timezone],
      ["1:WETH", WETH, "24x7", "Etc/UTC"],
    );
    assert.equal(symbol.pricescale, 100);
    const bars = await ask(
      history(symbol.ticker, { from: minuteMs / 1_000 - 3_600, to: minuteMs / 1_000 + 60, countback: 2 }),
    );
    assert.deepEqual(bars, {
      ...{ s: "ok", t: [minuteMs / 1_000 - 600, minuteMs / 1_000 - 180], o: [1810, 1820.125], h: [1810, 1820.125] },
      ...{ l: [1810, 1820.125], c: [1810, 1820.125], v: [3620, 3640.25] },
    });
  });

  test("a symbol may have an address, another spelling, or no chain", async (t) => {
    const { ask } = await datafeed(t);
    for (const [symbol, ticker] of [
      [BRIDGED, BRIDGED],
      [BRIDGED.toUpperCase().replace("0X", "0x"), BRIDGED],
      ["8453:weth", BRIDGED],
      ["WETH", WETH],
    ] as const) {
      assert.equal((await ask(`symbols?symbol=${encodeURIComponent(symbol)}`)).ticker, ticker, symbol);
    }
  });

  test("bars are those of the candles call, and to is exclusive", async (t) => {
    const { base, ask } = await datafeed(t);
    const candles = await (await fetch(`${base}/api/tokens/${encodeURIComponent(WETH)}/candles?interval=1m`)).json();
    const bars = await ask(history("1:WETH", { from: minuteMs / 1_000 - 720, to: minuteMs / 1_000 - 180 }));
    const { items } = candles as { items: Json[] };
    const inside = items.filter(({ open_time }) => open_time >= minuteMs - 720_000 && open_time < minuteMs - 180_000);
    assert.equal(bars.s, "ok");
    assert.deepEqual(
      bars.t,
      inside.map(({ open_time }) => open_time / 1_000),
    );
    for (const [column, figure] of Object.entries({ o: "open", h: "high", l: "low", c: "close", v: "volume_usd" })) {
      assert.deepEqual(
        bars[column],
        inside.map((candle) => Number(candle[figure])),
      );
    }
  });

  test("a range without bars names the time of the bar before it, or that there is none", async (t) => {
    const { ask } = await datafeed(t);
    const second = minuteMs / 1_000;
    const gap = await ask(history("1:WETH", { from: second - 540, to: second - 240 }));
    assert.deepEqual(gap, { s: "no_data", nextTime: second - 600 });
    assert.deepEqual(await ask(history("1:WETH", { from: second - 7_200, to: second - 3_600 })), { s: "no_data" });
    assert.deepEqual(await ask(history("1:WETH", { from: 0, to: second - 3_600, countback: 300 })), { s: "no_data" });
  });

  test("what cannot be served is told in the form of these front ends", async (t) => {
    const { ask } = await datafeed(t);
    const second = minuteMs / 1_000;
    for (const [path, message] of [
      ["symbols?symbol=1%3ANOPE", /NOPE/],
      ["symbols?symbol=7%3AWETH", /Chain 7/],
      ["search?query=we&exchange=4294967296", /exchange is 4294967296/],
      ["symbols", /symbol must have/],
      [history("1:WETH", { resolution: "1W", to: second }), /resolution must be one of 1S, /],
      [history("1:WETH", { from: second }), /to is missing/],
      [history("1:WETH", { to: "now" }), /to is now/],
      [history("1:WETH", { to: 10_000_000_000 }), /from 0 to 9999999999/],
      [history("x".repeat(257), { to: second }), /1 to 256 characters/],
    ] as const) {
      const { s, errmsg } = await ask(path);
      assert.equal(s, "error", path);
      assert.match(errmsg, message);
    }
  });

  test("a list of the symbols of a chain is a table of columns", async (t) => {
    const { ask } = await datafeed(t);
    const { symbol, ticker, type } = await ask("symbol_info?group=8453");
    assert.deepEqual([symbol, ticker, type], [["8453:WETH"], [BRIDGED], "crypto"]);
  });

  test("the paths are not there unless they are turned on", async (t) => {
    const app = await new TestApps(t).start();
    assert.equal((await fetch(`${app.base}/udf/config`)).status, 404);
  });
});
