import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALL_FIGURES, figureFilter, windowJson } from "@swapstats/protocol/figure-text.ts";
import { edgeFields, type FigureKind, figures, previousFields, statsFields } from "@swapstats/protocol/figures.ts";
import fc from "fast-check";
import type { WindowStats } from "../../../src/engine/reads/figures.ts";
import { tokenHeadJson, windowData } from "../../../src/pipeline/views/stats-json.ts";
import { propertyOptions } from "../../support/seed.ts";

const count = fc.nat({ max: 1_000_000 });
const time = fc.integer({ min: 0, max: 253402300799999 });
const decimal = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 10n ** 18n }))
  .map(([negative, whole, fraction]) => `${negative ? "-" : ""}${whole}${fraction === 0n ? "" : `.${fraction}`}`);

const valueOfKind: Readonly<Record<FigureKind, fc.Arbitrary<unknown>>> = {
  flag: fc.boolean(),
  mark: fc.constant(true),
  time,
  count,
  usd: decimal,
  amount: decimal,
  price: decimal,
  percent: decimal,
  share: decimal,
  span: fc.record(
    Object.fromEntries(previousFields.map((name) => [name, figures[name].kind === "count" ? count : decimal])),
  ),
};
/** Figures in the order of the table; optional ones may be absent. */
const windowStats = fc.record(Object.fromEntries(statsFields.map((name) => [name, valueOfKind[figures[name].kind]])), {
  requiredKeys: [...edgeFields, ...previousFields],
}) as unknown as fc.Arbitrary<WindowStats>;

const isMarkOf = (name: string, fields: readonly string[]): boolean =>
  name.startsWith("traders_e") && fields.some((field) => ["traders", "buyers", "sellers"].includes(field));

describe("the JSON text of figures", () => {
  test("the text equals JSON.stringify of the figures", (t) => {
    fc.assert(
      fc.property(windowStats, (stats) => {
        assert.equal(windowJson(stats, ALL_FIGURES), JSON.stringify(stats));
        assert.deepEqual(windowData(stats, ALL_FIGURES), { ...stats });
      }),
      propertyOptions(t, 300),
    );
  });

  test("the text has the order of the table, whatever the order of the object", (t) => {
    fc.assert(
      fc.property(windowStats, (stats) => {
        const reversed = Object.fromEntries(Object.entries(stats).reverse()) as WindowStats;
        assert.equal(windowJson(reversed, ALL_FIGURES), windowJson(stats, ALL_FIGURES));
      }),
      propertyOptions(t, 300),
    );
  });

  test("a channel's text omits both edges, whatever fields are requested", (t) => {
    fc.assert(
      fc.property(windowStats, fc.subarray([...statsFields]), (stats, fields) => {
        const { open_time: _open, close_time: _close, ...all } = stats;
        const names = new Set<string>([...fields, "complete"]);
        const kept = Object.entries(all).filter(
          ([name]) => fields.length === 0 || names.has(name) || isMarkOf(name, fields),
        );
        const filter = figureFilter(fields, false);
        assert.equal(windowJson(stats, filter), JSON.stringify(Object.fromEntries(kept)));
        assert.deepEqual(windowData(stats, filter), Object.fromEntries(kept));
      }),
      propertyOptions(t, 300),
    );
  });

  test("a text with fields holds these, the edges, and the marks of estimated traders", (t) => {
    fc.assert(
      fc.property(windowStats, (stats) => {
        const text = windowJson(stats, figureFilter(["volume_usd", "buyers", "previous"]));
        const wanted = ["open_time", "close_time", "complete", "volume_usd", "buyers"];
        const marks = ["traders_estimated", "traders_error", "previous"];
        const kept = Object.entries(stats).filter(([name]) => [...wanted, ...marks].includes(name));
        assert.equal(text, JSON.stringify(Object.fromEntries(kept)));
      }),
      propertyOptions(t, 300),
    );
  });

  test("characters of ids and symbols are escaped", (t) => {
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
