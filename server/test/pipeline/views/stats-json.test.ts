import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { WindowStats } from "../../../src/engine/types.ts";
import {
  ALL_FIGURES,
  figureFilter,
  TOPIC_FIGURES,
  tokenHeadJson,
  windowJson,
} from "../../../src/pipeline/views/stats-json.ts";
import { propertyOptions } from "../../support/seed.ts";

const count = fc.nat({ max: 1_000_000 });
const time = fc.integer({ min: 0, max: 253402300799999 });
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 10n ** 18n }))
  .map(([negative, whole, fraction]) => `${negative ? "-" : ""}${whole}${fraction === 0n ? "" : `.${fraction}`}`);

const volumes = {
  trades: count,
  buys: count,
  sells: count,
  volume_usd: decimal,
  buy_volume_usd: decimal,
  sell_volume_usd: decimal,
  net_volume_usd: decimal,
  volume_token: decimal,
  buy_volume_token: decimal,
  sell_volume_token: decimal,
};
const required = fc.record({ open_time: time, close_time: time, complete: fc.boolean(), ...volumes });
const prices = fc.record(
  {
    open: decimal,
    high: decimal,
    low: decimal,
    close: decimal,
    price_change: decimal,
    price_change_pct: decimal,
    vwap: decimal,
  },
  { requiredKeys: [] },
);
const traders = fc.record({ traders: count, buyers: count, sellers: count });
const rest = fc.record(
  {
    traders_estimated: fc.constant(true as const),
    traders_error: decimal,
    first_trade_time: time,
    last_trade_time: time,
    previous: fc.record(volumes),
  },
  { requiredKeys: [] },
);
/** In the order of service, which the engine's objects have too. */
const windowStats: fc.Arbitrary<WindowStats> = fc
  .tuple(required, prices, traders, rest)
  .map(([a, b, c, d]) => ({ ...a, ...b, ...c, ...d }) as WindowStats);

describe("figures as JSON text", () => {
  test("equal JSON.stringify of the figures", (t) => {
    fc.assert(
      fc.property(windowStats, (stats) => {
        assert.equal(windowJson(stats, ALL_FIGURES), JSON.stringify(stats));
      }),
      propertyOptions(t, 300),
    );
  });

  test("leave both edges out of a topic", (t) => {
    fc.assert(
      fc.property(windowStats, (stats) => {
        const { open_time: _open, close_time: _close, ...figures } = stats;
        assert.equal(windowJson(stats, TOPIC_FIGURES), JSON.stringify(figures));
      }),
      propertyOptions(t, 300),
    );
  });

  test("with fields hold these, the edges, and what says that traders are estimated", (t) => {
    fc.assert(
      fc.property(windowStats, (stats) => {
        const text = windowJson(stats, figureFilter(["volume_usd", "buyers", "previous"]));
        const wanted = new Set(
          ["open_time", "close_time", "complete", "volume_usd", "buyers"].concat([
            "traders_estimated",
            "traders_error",
            "previous",
          ]),
        );
        const kept = Object.fromEntries(Object.entries(stats).filter(([name]) => wanted.has(name)));
        assert.equal(text, JSON.stringify(kept));
      }),
      propertyOptions(t, 300),
    );
  });

  test("escape what a token or a symbol may hold", (t) => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
        (id, symbol) => {
          const counters = { late: 2, removed: 3, unresolved: 4, replaced: 5 };
          const info = { id, symbol, chainId: 1, ...counters, removalsUnmatched: 6 };
          for (const isSplit of [false, true]) {
            const split = isSplit ? true : undefined;
            const expected = { id, symbol, split, ...counters, removals_unmatched: 6, end: 1 };
            assert.equal(`{${tokenHeadJson(info, isSplit)}"end":1}`, JSON.stringify(expected));
          }
        },
      ),
      propertyOptions(t, 300),
    );
  });
});
