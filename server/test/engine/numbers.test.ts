import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { differenceText, ExactSum, LIMB } from "../../src/engine/decimal.ts";
import { amountMax, priceFrom, usdMax } from "../model/log-builder.ts";
import { itemOf, newYear2026, plainEvent } from "../model/plain-events.ts";
import { randomAmount, randomUsd } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { propertyOptions, randomFrom, seedOf } from "../support/seed.ts";
import { EngineRun, Pair } from "./pair.ts";

const at = newYear2026 + 500;
const noon = newYear2026 + 43_200_000;

describe("numbers at their limits", () => {
  test("sums of the largest amounts, far beyond what a double holds", () => {
    const run = new EngineRun(defaultConfig);
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      const side = i % 2 === 0 ? "buy" : "sell";
      run.take(
        itemOf(
          plainEvent(i, at + Math.floor((i * 80_000_000) / count), {
            amount: amountMax,
            usd: usdMax,
            side,
            who: "one",
          }),
        ),
      );
    }
    const ref = run.ref({ chainId: 1, token: "token" }) as number;
    const stats = run.engine.windowStats(ref, 6, run.engine.maxHighMs() as number);
    assert.equal(stats.volume_usd, "180143985094819.82");
    assert.equal(stats.buy_volume_usd, "90071992547409.91");
    assert.equal(stats.net_volume_usd, "0");
    assert.equal(stats.volume_token, "1999999999999999999999999.99999999999998");
    assert.equal(stats.vwap, "0.0000000000900719925474099");
    const later = run.engine.windowStats(ref, 6, at + 200_000_000);
    assert.deepEqual([later.volume_usd, later.volume_token, later.trades, later.vwap], ["0", "0", 0, undefined]);
  });

  test("the average trade is rounded to the even neighbour of a tie", (t) => {
    const random = randomFrom(seedOf(t));
    const averageOf = (micros: readonly bigint[]): string | undefined => {
      const pair = new Pair(defaultConfig);
      for (const [i, usd] of micros.entries()) pair.take(itemOf(plainEvent(i, at + i, { usd, amount: 10n ** 18n })));
      pair.compareAt(pair.highMs());
      const ref = pair.run.ref({ chainId: 1, token: "token" }) as number;
      return pair.run.engine.windowStats(ref, 0, pair.highMs()).avg_trade_usd;
    };
    for (const [micros, average] of [
      [[1n, 0n], "0"],
      [[1n, 2n], "0.000002"],
      [[2n, 3n], "0.000002"],
      [[3n, 4n], "0.000004"],
      [[1n, 1n, 0n], "0.000001"],
      [[0n], "0"],
      [[usdMax, usdMax - 1n], "9007199254.74099"],
      [[usdMax, usdMax, usdMax - 1n], "9007199254.740991"],
    ] as const) {
      assert.equal(averageOf(micros), average, micros.join());
    }
    for (let i = 0; i < 100; i++) averageOf(Array.from({ length: 1 + random.below(7) }, () => randomUsd(random)));
  });

  test("a day of all magnitudes, removed in part, then gone: exactly zero", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair(defaultConfig);
    for (let i = 0; i < 12_000; i++) {
      const eventTimeMs = at + Math.floor((i * 86_400_000) / 12_000);
      const side = random.chance(0.5) ? "buy" : "sell";
      const event = plainEvent(i, eventTimeMs, {
        amount: randomAmount(random),
        usd: randomUsd(random),
        side,
        who: `w${i % 50}`,
      });
      pair.take(itemOf(event));
      if (random.chance(0.1)) pair.take(itemOf({ ...event, removed: true }));
      if (i % 3_000 === 2_999) pair.compareAt(pair.highMs());
    }
    for (const hours of [1, 5, 12, 20, 23.99, 24.1]) pair.compareAt(pair.highMs() + hours * 3_600_000);
    const ref = pair.run.ref({ chainId: 1, token: "token" }) as number;
    pair.take(itemOf(plainEvent(99_999, pair.highMs() + 90_000_000, { token: "another" })));
    for (const [index] of defaultConfig.windows.entries()) {
      const { volume_usd, volume_token, net_volume_usd, trades } = pair.engine.windowStats(ref, index, pair.highMs());
      assert.deepEqual(
        { volume_usd, volume_token, net_volume_usd, trades },
        { volume_usd: "0", volume_token: "0", net_volume_usd: "0", trades: 0 },
      );
    }
  });

  test("all removed again: exactly zero, and no prices", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair(defaultConfig);
    const events = Array.from({ length: 2_000 }, (_, i) =>
      plainEvent(i, noon + random.below(100_000), { amount: randomAmount(random), usd: randomUsd(random) }),
    );
    for (const event of events) pair.take(itemOf(event, noon + 100_000));
    pair.compareAt(noon + 100_000);
    for (const event of random.shuffled(events)) pair.take(itemOf({ ...event, removed: true }, noon + 100_000));
    pair.compareAt(noon + 100_000);
    assert.equal(pair.model.stats("1:token", 6, noon).sums.trades, 0);
  });

  const cases: Readonly<Record<string, readonly (readonly [usd: bigint, amount: bigint, price?: string])[]>> = {
    "prices from 1e-60 to 1e60": [
      [1n, 1n, "1e-60"],
      [1n, 1n, "1e60"],
    ],
    "prices from 1e60 to 1e-60": [
      [1n, 1n, "1e60"],
      [1n, 1n, "1e-60"],
    ],
    "the smallest derived price": [
      [1n, amountMax],
      [usdMax, 1n],
    ],
    "the greatest derived price": [
      [usdMax, 1n],
      [1n, amountMax],
    ],
    "nothing paid": [
      [0n, 5n],
      [0n, amountMax],
    ],
    "nothing paid, price given": [
      [0n, 5n, "0.3"],
      [0n, 6n],
    ],
    thirds: [
      [1_000_000n, 3n * 10n ** 18n],
      [2_000_000n, 3n * 10n ** 18n],
      [1n, 7n],
    ],
    "15 digits": [
      [1n, 1n, "999999999999999"],
      [1n, 1n, "0.999999999999999"],
      [1n, 1n, "0.1"],
    ],
    "a change in the 15th digit": [
      [1n, 1n, "1.00000000000001"],
      [1n, 1n, "1"],
    ],
    "38 digits": [
      [usdMax, 12345678901234567890123456789012345678n],
      [1n, 98765432109876543210987654321098765432n],
    ],
    "limbs that carry": [
      [1n, 10n ** 15n - 1n],
      [1n, 1n],
      [1n, 10n ** 30n - 1n],
      [1n, 1n],
      [1n, 10n ** 30n - 10n ** 15n],
    ],
    "half of the last place": [
      [1n, 2n],
      [1n, 3n],
      [5n, 10n ** 18n * 3n],
    ],
  };
  for (const [name, swaps] of Object.entries(cases)) {
    test(name, () => {
      const pair = new Pair(defaultConfig);
      swaps.forEach(([usd, amount, price], i) => {
        const side = i % 2 === 0 ? "sell" : "buy";
        pair.take(
          itemOf(
            plainEvent(i, at + i, { usd, amount, side, price: price === undefined ? undefined : priceFrom(price) }),
          ),
        );
        pair.compareAt(at + 1_000);
      });
      pair.compareAt(at + 400_000);
    });
  }

  test("sums of sums, up to the limit of the highest limb", (t) => {
    const limb = fc.oneof(fc.constantFrom(0, 1, LIMB - 1), fc.integer({ min: 0, max: LIMB - 1 }));
    const top = fc.oneof(limb, fc.integer({ min: 0, max: 2 ** 53 - 1 - LIMB }));
    const addends = fc.array(fc.tuple(limb, limb, top), { minLength: 1, maxLength: 12 });
    const property = fc.property(addends, addends, (all, others) => {
      const [sum, other] = [all, others].map((list) => {
        const exact = new ExactSum();
        for (const limbs of list) exact.add(...limbs);
        return exact;
      }) as [ExactSum, ExactSum];
      const base = BigInt(LIMB);
      const total = (list: typeof all) =>
        list.reduce((a, [l0, l1, l2]) => a + BigInt(l0) + base * (BigInt(l1) + base * BigInt(l2)), 0n);
      assert.equal(sum.toBigInt(), total(all));
      assert.equal(differenceText(sum, other, 0), String(total(all) - total(others)));
      sum.addSum(other);
      assert.equal(sum.text(0), String(total(all) + total(others)));
    });
    fc.assert(property, propertyOptions(t, 200));
  });

  test("given prices are served to the digit", (t) => {
    const random = randomFrom(seedOf(t));
    const pair = new Pair(defaultConfig);
    for (let i = 0; i < 3_000; i++) {
      const digits = Array.from({ length: 1 + random.below(15) }, () => random.below(10)).join("");
      const price = priceFrom(`${digits.replace(/^0+/, "") || "7"}e${random.below(100) - 59}`);
      if (price.coefficient.toString().length + price.exponent > 60) continue;
      pair.take(itemOf(plainEvent(i, at + i * 1_000, { price, usd: randomUsd(random), amount: randomAmount(random) })));
      if (i % 50 === 0) pair.compareAt(pair.highMs());
    }
  });

  test("log indexes, blocks, revisions, chains and ids at their limits", () => {
    const pair = new Pair(defaultConfig);
    const greatest = { logIndex: 4_294_967_295, blockNumber: Number.MAX_SAFE_INTEGER, chainId: 4_294_967_295 };
    const long = {
      txHash: "h".repeat(128),
      who: "é".repeat(64),
      pool: "p".repeat(128),
      symbol: "s".repeat(64),
      token: "t".repeat(128),
    };
    pair.take(itemOf(plainEvent(1, at, { ...greatest, ...long })));
    pair.take(
      itemOf(
        plainEvent(2, at, {
          ...greatest,
          ...long,
          eventId: "e".repeat(128),
          blockHash: "b".repeat(128),
          revision: Number.MAX_SAFE_INTEGER,
        }),
      ),
    );
    pair.take(
      itemOf(
        plainEvent(3, at, {
          ...greatest,
          ...long,
          eventId: "e".repeat(128),
          blockHash: "b".repeat(127),
          revision: Number.MAX_SAFE_INTEGER - 1,
          usd: 3n,
        }),
      ),
    );
    pair.take(
      itemOf(plainEvent(4, at, { chainId: 0, blockNumber: 0, logIndex: 0, eventId: "0", who: "0", token: "0" })),
    );
    pair.compareAt(at);
    pair.compareState();
  });
});
