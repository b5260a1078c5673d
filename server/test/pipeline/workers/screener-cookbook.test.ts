/** The queries of docs/screener.md, on a small market that has something for each of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { finished } from "../../../src/pipeline/thread-share.ts";
import { ScreenerRequests } from "../../../src/serving/screener-requests.ts";
import { naiveScreen } from "../../model/naive-screener.ts";
import { randomFrom } from "../../support/seed.ts";
import { FedWorker, START_MS } from "./fed-worker.ts";
import { servedTokens } from "./worker-reads.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const HOURS = 26;
const PAGE = readFileSync(resolve(import.meta.dirname, "../../../../docs/screener.md"), "utf8");
const WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

/** What a token does in a minute, by the minutes that are left of the day. */
type Habit = {
  readonly token: string;
  readonly symbol?: string;
  readonly chain?: number;
  /** Trades of the minute. */
  readonly trades: (left: number) => number;
  readonly usd: number;
  readonly price?: (left: number) => number;
  readonly buys?: (left: number) => boolean;
};

const every = (minutes: number) => (left: number) => (left % minutes === 0 ? 1 : 0);
const HABITS: readonly Habit[] = [
  { token: WETH, symbol: "WETH", trades: () => 2, usd: 900, price: () => 1850.2 },
  { token: "0xrise", symbol: "UP", trades: every(2), usd: 1200, price: (left) => (left < 60 ? 1.5 - left / 200 : 1.2) },
  { token: "0xfall", symbol: "DOWN", trades: every(5), usd: 80, price: (left) => 1 + left / 2000 },
  { token: "0xloud", symbol: "LOUD", trades: (left) => (left < 60 ? 3 : every(3)(left)), usd: 100 },
  { token: "0xdry", symbol: "DRY", trades: (left) => (left > 60 ? 1 : 0), usd: 50 },
  { token: "0xbase", symbol: "BasePEPE", chain: 8453, trades: every(7), usd: 20, price: () => 0.05 },
  { token: "0xdump", symbol: "DUMP", trades: every(2), usd: 300, buys: () => false },
  { token: "0xwhale", symbol: "WHALE", trades: every(20), usd: 9_000 },
  { token: "0xcrowd", symbol: "CROWD", trades: () => 4, usd: 12 },
];

function market(): FedWorker {
  const random = randomFrom(1);
  const host = new FedWorker();
  host.engine.setSeenSince(START_MS - HOURS * HOUR_MS);
  let serial = 0;
  for (let left = HOURS * 60; left > 0; left--) {
    host.nowMs = START_MS + HOUR_MS - left * MINUTE_MS;
    const swaps = HABITS.flatMap(({ token, symbol, chain = 1, trades, usd, price = () => 3, buys }) =>
      Array.from({ length: trades(left) }, () => ({
        ...{ chain_id: chain, token, tx_hash: `0xc${serial++}`, who: `w${random.below(200)}`, event_time: host.nowMs },
        side: (buys?.(left) ?? random.chance(0.6)) ? ("buy" as const) : ("sell" as const),
        amount_usd: String(usd),
        amount_token: (usd / price(left)).toFixed(12),
        ...(symbol === undefined ? {} : { token_symbol: symbol }),
      })),
    );
    if (swaps.length > 0) host.feed(...swaps);
    if (left === 30) host.feed({ token: "0xnew", event_time: host.nowMs });
    if (left === 10) host.feed({ ...swaps[0], removed: true, event_time: host.nowMs } as never);
  }
  host.nowMs = START_MS + HOUR_MS;
  return host;
}

function cookbook(): { readonly title: string; readonly query: unknown }[] {
  const section = PAGE.slice(PAGE.indexOf("## Cookbook"));
  const recipes = [...section.matchAll(/\*\*(\d+\. [^*]+)\*\*[^`]*?(?:`[^`]+`[^`]*?)*\n```json\n(.+)\n```/g)];
  return recipes.map(([, title = "", text = ""]) => ({ title, query: JSON.parse(text) }));
}

describe("the cookbook of the screener", () => {
  const host = market();
  const tokens = servedTokens(host);
  const requests = new ScreenerRequests(host.engine.config.windows, new Map());

  test("there are twenty queries", () => {
    assert.deepEqual(
      cookbook().map(({ title }) => Number.parseInt(title, 10)),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  for (const { title, query: written } of cookbook()) {
    test(title, () => {
      const { query } = requests.query(written);
      const asked = {
        kind: "screener",
        query,
        order: title,
        position: undefined,
        isPart: false,
        at: undefined,
      } as const;
      const { rows } = finished(host.screener.page(asked));
      const expected = naiveScreen(query, tokens);
      assert.deepEqual(
        rows.map(({ key }) => key.id),
        expected.map(({ id }) => id),
      );
      assert.ok(rows.length > 0, "it finds something");
      if (query.filter !== undefined) assert.ok(rows.length < tokens.length, "it leaves something out");
    });
  }
});
