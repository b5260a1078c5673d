import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Figures } from "../../../src/engine/buckets/bucket-row.ts";
import type { SettledSwap } from "../../../src/engine/reads/past-sums.ts";
import { hostileLogs } from "../../model/arbitraries.ts";
import { buildStream, plainStream } from "../../model/streams.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { propertyOptions, type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { explained, Pair } from "../pair.ts";
import { SettledRun } from "../settled-run.ts";

function compareRows(a: SettledSwap, b: SettledSwap): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    (a.blockNumber ?? 0) - (b.blockNumber ?? 0) ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId))
  );
}

/** The same sums from rows, one by one. */
function foldOf(rows: readonly SettledSwap[]): object {
  const sorted = [...rows].sort(compareRows);
  const side = (isBuy: boolean) => sorted.filter((row) => row.isBuy === isBuy);
  const sum = (isBuy: boolean, of: (row: SettledSwap) => bigint) => side(isBuy).reduce((n, row) => n + of(row), 0n);
  const prices = sorted.flatMap(({ price }) => (price === undefined ? [] : [price]));
  return {
    counts: [side(true).length, side(false).length],
    usd: [true, false].map((isBuy) => sum(isBuy, ({ usdMicro }) => BigInt(usdMicro))),
    tokens: [true, false].map((isBuy) => sum(isBuy, ({ amountUnits }) => amountUnits)),
    prices: prices.length === 0 ? [] : [prices[0], Math.max(...prices), Math.min(...prices), prices.at(-1)],
    times: sorted.length === 0 ? [] : [sorted[0]?.eventTimeMs, sorted.at(-1)?.eventTimeMs],
  };
}

function sumsOf(f: Figures): object {
  return {
    counts: [f.buys, f.sells],
    usd: [f.usdBuy.toBigInt(), f.usdSell.toBigInt()],
    tokens: [f.tokenBuy.toBigInt(), f.tokenSell.toBigInt()],
    prices: Number.isNaN(f.open) ? [] : [f.open, f.high, f.low, f.close],
    times: f.trades === 0 ? [] : [f.firstMs, f.lastMs],
  };
}

function walletsOf(rows: readonly SettledSwap[], isBuy: boolean): string[] {
  return [...new Set(rows.flatMap((row) => (row.isBuy === isBuy && row.who !== undefined ? [row.who] : [])))].sort();
}

function assertSpans(settled: SettledRun, random: Random): void {
  const { engine } = settled;
  const figures = new Figures();
  for (const ref of engine.tokens()) {
    const [chain, ...token] = engine.info(ref).id.split(":");
    const of = { chainId: Number(chain), token: token.join(":") };
    const all = settled.unsettled(of);
    const times = all.map(({ eventTimeMs }) => eventTimeMs);
    const edge = (): number => {
      const near = times.length === 0 ? 0 : random.pick(times) + random.below(3) - 1;
      return Math.max(0, random.chance(0.3) ? Math.floor(near / 60_000) * 60_000 : near);
    };
    for (let i = 0; i < 4; i++) {
      const [fromMs, toMs] = [edge(), random.chance(0.2) ? Number.MAX_SAFE_INTEGER : edge()];
      const wanted = all.filter(({ eventTimeMs }) => eventTimeMs >= fromMs && eventTimeMs < toMs);
      assert.deepEqual(settled.unsettled(of, fromMs, toMs), wanted);
      engine.unsettled.figures(ref, fromMs, toMs, figures);
      assert.deepEqual(sumsOf(figures), foldOf(wanted), `${of.token} from ${fromMs} to ${toMs}`);
      const { buyers, sellers } = engine.unsettled.traders(ref, fromMs, toMs);
      assert.deepEqual([buyers.sort(), sellers.sort()], [walletsOf(wanted, true), walletsOf(wanted, false)]);
    }
  }
}

describe("unsettled swaps of a span", () => {
  test("small hostile logs", (t) => {
    const property = fc.property(hostileLogs(60), fc.nat(), (log, seed) => {
      const { pair, items } = Pair.of(log);
      const settled = new SettledRun(pair.config, pair.engine);
      explained(items, () => {
        items.forEach((item, i) => {
          settled.run.take(item);
          if (i % 20 === 19) assertSpans(settled, randomFrom(seed + i));
        });
        assertSpans(settled, randomFrom(seed));
      });
    });
    fc.assert(property, propertyOptions(t, 80));
  });

  test("a market", (t) => {
    const seed = seedOf(t);
    const config = { ...defaultConfig, reorgHorizonMs: 3_600_000 };
    const items = buildStream({ ...plainStream, seed, tokens: 8, count: 6_000, spanMs: 2 * 3_600_000, removals: 0.1 });
    const settled = new SettledRun(config);
    items.forEach((item, i) => {
      settled.run.take(item);
      if (i % 1_500 === 1_499) assertSpans(settled, randomFrom(seed + i));
    });
  });
});
