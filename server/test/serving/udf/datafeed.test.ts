/**
 * The calls of TradingView's UDF-compatible datafeed in its order, with its parameters, against the whole program. The datafeed is part of the
 * charting library, which no registry has. The order and the parameters are those of its source (charting_library, datafeeds/udf/src):
 * udf-compatible-datafeed-base.ts (configuration, search, symbols), history-provider.ts (pages of bars), data-pulse-provider.ts (the two newest
 * bars, again and again) and requester.ts (addresses).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { intervalOf } from "../../../src/serving/udf/resolutions.ts";
import { type Json, type RunningApp, TestApps } from "../../support/app-harness.ts";

const WETH = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const SEARCH_LIMIT = 30;
/** Periods that a pulse goes back. */
const PULSE_PERIODS = 10;
const PULSE_BARS = 2;

type Bar = { time: number; open: number; high: number; low: number; close: number; volume: number };

class Datafeed {
  /** Paths of the requests. */
  readonly sent: string[] = [];
  readonly #url: string;
  #config: Json;

  constructor(url: string) {
    this.#url = url;
  }

  async onReady(): Promise<Json> {
    this.#config = await this.#send("config");
    assert.ok(this.#config.supports_search || this.#config.supports_group_request);
    // With groups, the datafeed would load all symbols at its start.
    assert.equal(this.#config.supports_group_request, false);
    return this.#config;
  }

  serverTime(): Promise<number> {
    assert.equal(this.#config.supports_time, true);
    return this.#send("time");
  }

  async searchSymbols(userInput: string, exchange: string, symbolType: string): Promise<Json[]> {
    const query = userInput.toUpperCase();
    const found = await this.#send("search", { limit: SEARCH_LIMIT, query, type: symbolType, exchange });
    assert.equal(found.s, undefined);
    return found;
  }

  async resolveSymbol(symbol: string): Promise<Json> {
    const response = await this.#send("symbols", { symbol });
    if (response.s !== undefined) throw new Error("unknown_symbol");
    return { ...response, supported_resolutions: response.supported_resolutions ?? this.#config.supported_resolutions };
  }

  async getBars(
    symbolInfo: Json,
    resolution: string,
    {
      from,
      to,
      countBack,
      firstDataRequest,
    }: { from: number; to: number; countBack: number; firstDataRequest: boolean },
  ): Promise<{ bars: Bar[]; noData: boolean; nextTime: number | undefined }> {
    const symbol = symbolInfo.ticker;
    const currency = symbolInfo.currency_code === undefined ? {} : { currencyCode: symbolInfo.currency_code };
    const params = { symbol, resolution, from, to, countback: countBack, firstDataRequest, ...currency };
    const response = await this.#send("history", params);
    if (response.s !== "ok" && response.s !== "no_data") throw new Error(response.errmsg);
    if (response.s === "no_data") return { bars: [], noData: true, nextTime: response.nextTime };
    const bars = response.t.map((seconds: number, i: number) => ({
      ...{ time: seconds * 1_000, open: Number.parseFloat(response.o[i]), high: Number.parseFloat(response.h[i]) },
      ...{ low: Number.parseFloat(response.l[i]), close: Number.parseFloat(response.c[i]) },
      volume: Number.parseFloat(response.v[i]),
    }));
    return { bars, noData: false, nextTime: undefined };
  }

  /** One pulse: returns the bars that a subscriber is told, which has had the bar of `lastBarTime`. */
  async pulse(symbolInfo: Json, resolution: string, lastBarTime: number | null): Promise<Bar[]> {
    const to = Number.parseInt((Date.now() / 1_000).toString(), 10);
    // The datafeed takes the number of seconds in the name of a resolution for minutes.
    const days = resolution === "1D" ? PULSE_PERIODS : (PULSE_PERIODS * Number.parseInt(resolution, 10)) / (24 * 60);
    const from = to - days * 24 * 60 * 60;
    const period = { from, to, countBack: PULSE_BARS, firstDataRequest: false };
    const { bars } = await this.getBars(symbolInfo, resolution, period);
    const last = bars.at(-1);
    if (last === undefined || (lastBarTime !== null && last.time < lastBarTime)) return [];
    const isNewBar = lastBarTime !== null && last.time > lastBarTime;
    if (isNewBar) assert.ok(bars.length >= PULSE_BARS, "the bar before the new one is told once more");
    return isNewBar ? bars.slice(-PULSE_BARS) : [last];
  }

  async #send(path: string, params: Readonly<Record<string, unknown>> = {}): Promise<Json> {
    const names = Object.entries(params).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const whole = names.length === 0 ? path : `${path}?${names.join("&")}`;
    this.sent.push(path);
    const response = await fetch(`${this.#url}/${whole}`);
    assert.equal(response.status, 200, whole);
    return JSON.parse(await response.text());
  }
}

let swaps = 0;
const swapAt = (timeMs: number, price: number) => ({
  ...{ chain_id: 1, tx_hash: `0x${++swaps}`, log_index: 1, token: WETH.slice(2), token_symbol: "WETH", side: "buy" },
  ...{ who: "0x1", amount_token: "2", amount_usd: String(2 * price), event_time: timeMs },
});

/** Returns the candles of HTTP as bars. */
async function barsOverHttp({ call }: RunningApp, interval: string): Promise<Bar[]> {
  const { json } = await call(`/api/tokens/${WETH}/candles?interval=${interval}&limit=1000`);
  return json.items.map(({ open_time: time, open, high, low, close, volume_usd: volume }: Json) => ({
    ...{ time, open: Number(open), high: Number(high), low: Number(low), close: Number(close) },
    volume: Number(volume),
  }));
}

test("a chart is opened, goes back to the first bar, and follows the newest ones", async (t) => {
  const app = await new TestApps(t).start({ "api.udf": "on" });
  const nowMs = Date.now();
  await app.post(Array.from({ length: 90 }, (_, i) => swapAt(nowMs - 1_000 * (100 - i), 1_800 + (i % 7) / 4)));
  await app.caughtUp();
  const datafeed = new Datafeed(`${app.base}/udf`);
  const config = await datafeed.onReady();
  assert.ok(Math.abs((await datafeed.serverTime()) - Date.now() / 1_000) < 60);
  const [found] = await datafeed.searchSymbols("weth", "", "");
  const symbol = await datafeed.resolveSymbol(found?.ticker ?? found?.symbol);
  assert.equal(symbol.ticker, WETH);
  assert.deepEqual(symbol.supported_resolutions, config.supported_resolutions);
  await assert.rejects(datafeed.resolveSymbol("1:NOPE"), /unknown_symbol/);
  for (const resolution of config.supported_resolutions) {
    const interval = intervalOf(resolution) ?? "";
    const pages: Bar[][] = [];
    let to = Math.floor(nowMs / 1_000) + 60;
    for (let isFirst = true; ; isFirst = false) {
      const period = { from: to - 40, to, countBack: 40, firstDataRequest: isFirst };
      const { bars, noData, nextTime } = await datafeed.getBars(symbol, resolution, period);
      if (noData && nextTime === undefined) break;
      assert.ok(bars.length > 0);
      assert.ok(bars.every(({ time }) => time < to * 1_000));
      pages.unshift(bars);
      to = (bars[0] as Bar).time / 1_000;
    }
    const all = pages.flat();
    assert.deepEqual(all, await barsOverHttp(app, interval), resolution);
    assert.equal(new Set(all.map(({ time }) => time)).size, all.length);
  }

  const [before] = await datafeed.pulse(symbol, "1S", null);
  const held = await barsOverHttp(app, "1s");
  assert.deepEqual(before, held.at(-1));
  await app.post([swapAt(Date.now() - 2_000, 1_900), swapAt(Date.now() - 2_000, 1_901)]);
  await app.caughtUp();
  const told = await datafeed.pulse(symbol, "1S", before?.time ?? null);
  assert.deepEqual(told, (await barsOverHttp(app, "1s")).slice(-PULSE_BARS));
  assert.equal(told.at(-1)?.close, 1_901);
  assert.deepEqual(await datafeed.pulse(symbol, "1S", told.at(-1)?.time ?? null), told.slice(-1));
  assert.deepEqual([...new Set(datafeed.sent)], ["config", "time", "search", "symbols", "history"]);
});
