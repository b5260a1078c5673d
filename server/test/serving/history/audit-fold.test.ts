import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { previousFields, statsFields } from "@swapstats/protocol/figures.ts";
import type { WindowFigures } from "@swapstats/protocol/schemas/figures.ts";
import fc from "fast-check";
import { differencesOf } from "../../../src/serving/history/audit-differences.ts";
import { AuditFold, type Recomputed } from "../../../src/serving/history/audit-fold.ts";
import { Pair } from "../../engine/pair.ts";
import { rowOf } from "../../engine/settled-run.ts";
import { hostileLogs } from "../../model/arbitraries.ts";
import { buildStream, plainStream } from "../../model/streams.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { propertyOptions, randomFrom, seedOf } from "../../support/seed.ts";

type Audited = { readonly served: WindowFigures; readonly recomputed: Recomputed };

/** The figures of every token and window at an as-of: served by the engine, and recomputed from the swaps that count in the model. */
function* auditsOf({ engine, model, config, run }: Pair, asOfMs: number, order: <T>(items: T[]) => T[]) {
  for (const token of model.known.values()) {
    const rows = order(model.counted(token.id).map((event) => rowOf(event, model.priceMinUsdMicro(token.chainId))));
    const ref = run.ref(token)!;
    for (const [index, { lengthMs }] of config.windows.entries()) {
      const served = engine.windowStats(ref, index, asOfMs) as WindowFigures;
      const { open_time: fromMs, close_time: toMs } = served;
      const before = served.previous === undefined ? undefined : { fromMs: fromMs - lengthMs, toMs: fromMs };
      const fold = new AuditFold({ fromMs, toMs }, before);
      for (const row of rows) fold.add(row);
      yield { served, recomputed: fold.result(served.complete) } satisfies Audited;
    }
  }
}

describe("the audit's fold over rows", () => {
  test("recomputes what an engine serves, whatever the log and the order of the rows", (t) => {
    const options = propertyOptions(t, 120);
    const random = randomFrom(options.seed);
    const property = fc.property(hostileLogs(90), (log) => {
      const { pair, items } = Pair.of(log);
      for (const item of items) pair.take(item);
      for (const offset of log.offsets) {
        for (const { served, recomputed } of auditsOf(pair, pair.highMs() + offset, random.shuffled)) {
          assert.deepEqual(differencesOf(served, recomputed), []);
        }
      }
    });
    fc.assert(property, options);
  });

  test("recomputes a market of a day", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const pair = new Pair(defaultConfig);
    let compared = 0;
    for (const item of buildStream({ ...plainStream, seed, count: 8_000, spanMs: 26 * 3_600_000 })) pair.take(item);
    for (const { served, recomputed } of auditsOf(pair, pair.highMs(), random.shuffled)) {
      assert.deepEqual(differencesOf(served, recomputed), []);
      compared += served.trades ?? 0;
    }
    assert.ok(compared > 8_000);
  });

  test("finds each figure that is wrong, missing or too many", (t) => {
    const seed = seedOf(t);
    const pair = new Pair(defaultConfig);
    for (const item of buildStream({ ...plainStream, seed, tokens: 2, count: 600, spanMs: 1_800_000 })) pair.take(item);
    const found = new Set<string>();
    for (const { served, recomputed } of auditsOf(pair, pair.highMs(), (rows) => rows)) {
      for (const name of statsFields) {
        const value = served[name];
        if (name === "complete" || name === "previous" || value === undefined) continue;
        const wrong = { ...served, [name]: altered(value) };
        assert.ok(names(wrong, recomputed).includes(name), `${name}: ${altered(value)} instead of ${value}`);
        const without = { ...served, [name]: undefined };
        assert.ok(names(without, recomputed).includes(name), `${name} is missing`);
        found.add(name);
      }
      for (const name of served.previous === undefined ? [] : previousFields) {
        const previous = { ...served.previous!, [name]: altered(served.previous![name]) };
        assert.deepEqual(names({ ...served, previous }, recomputed), [`previous.${name}`]);
        found.add(`previous.${name}`);
      }
    }
    assert.equal(found.size, statsFields.length - 4 + previousFields.length, [...found].join());
  });

  test("finds a swap that is missing, one that is there twice, and one that differs", () => {
    const row = rowOf(
      buildStream({ ...plainStream, seed: 7, count: 1, spanMs: 1, removals: 0, copies: 0 })
        .flatMap((item) => (item.kind === "event" ? [{ ...item.event, usd: 5_000_000n, price: undefined }] : []))
        .at(0)!,
      0,
    );
    const window = { fromMs: row.eventTimeMs, toMs: row.eventTimeMs + 1 };
    const resultOf = (rows: readonly (typeof row)[]): Recomputed => {
      const fold = new AuditFold(window, undefined);
      for (const one of rows) fold.add(one);
      return fold.result(true);
    };
    const served = resultOf([row]).figures;
    assert.deepEqual(names(served, resultOf([row])), []);
    assert.ok(names(served, resultOf([])).includes("trades"));
    assert.ok(names(served, resultOf([row, row])).includes("trades"));
    assert.deepEqual(names(served, resultOf([{ ...row, who: `${row.who}0` }])), []);
    assert.ok(names(served, resultOf([{ ...row, amountUnits: row.amountUnits + 1n }])).includes("volume_token"));
    assert.ok(names(served, resultOf([{ ...row, usdMicro: row.usdMicro + 1 }])).includes("volume_usd"));
    assert.ok(names(served, resultOf([{ ...row, eventTimeMs: row.eventTimeMs + 1 }])).includes("trades"));
  });

  test("accepts estimated wallets within the stated error, and no others", () => {
    const fold = new AuditFold({ fromMs: 0, toMs: 1 }, undefined);
    const { figures, ...rest } = fold.result(true);
    const recomputed = { figures: { ...figures, traders: 100_000, buyers: 1_000, sellers: 0 }, ...rest };
    const served = (traders: number): WindowFigures => ({
      ...recomputed.figures,
      traders,
      traders_estimated: true,
      traders_error: "0.01",
    });
    for (const traders of [94_498, 100_000, 105_502]) assert.deepEqual(names(served(traders), recomputed), []);
    for (const traders of [94_497, 105_503]) assert.deepEqual(names(served(traders), recomputed), ["traders"]);
  });
});

const names = (served: WindowFigures, recomputed: Recomputed): string[] =>
  differencesOf(served, recomputed).map(({ field }) => field);

/** Another value of the same form: its first digit differs. */
function altered(value: string | number | boolean | object): unknown {
  if (typeof value === "number") return value + 1;
  const text = String(value);
  // Percentages may differ by one in the sixth place.
  return text === "0"
    ? "0.000002"
    : text.replace(/[1-9]/, (digit) => (digit === "9" ? "7" : String(Number(digit) + 1)));
}
