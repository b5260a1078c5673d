import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { amountText, dollarText, priceText, readPrice } from "../../../../src/sources/feeders/evm-rpc/prices.ts";
import { decodeSwap, SWAP_TOPICS } from "../../../../src/sources/feeders/evm-rpc/swap-logs.ts";
import { divideHalfEven, parseDecimal, toPlaces } from "../../../model/decimal.ts";
import { propertyOptions } from "../../../support/seed.ts";

const SENDER = `0x${"00".repeat(12)}${"Ab".repeat(20)}`;
const RECIPIENT = `0x${"00".repeat(12)}${"cd".repeat(20)}`;
const LARGEST = 2n ** 255n - 1n;
const SMALLEST = -(2n ** 255n);

const words = (...values: readonly bigint[]): string =>
  `0x${values.map((value) => (value < 0n ? value + 2n ** 256n : value).toString(16).padStart(64, "0")).join("")}`;
const logOf = (version: "v2" | "v3", data: string) => ({ topics: [SWAP_TOPICS[version], SENDER, RECIPIENT], data });

describe("a Swap event", () => {
  test("of v3: amounts in two's complement, to the limits of the type", () => {
    for (const [amount0, amount1] of [
      [1n, -1n],
      [LARGEST, SMALLEST],
      [0n, 0n],
      [-1n, 2n ** 128n],
    ] as const) {
      const swap = decodeSwap("v3", logOf("v3", words(amount0, amount1, 2n ** 160n - 1n, 1n, -887_272n)));
      assert.deepEqual(swap, {
        ...{ amount0, amount1, sqrtPrice: 2n ** 160n - 1n },
        ...{ sender: `0x${"ab".repeat(20)}`, recipient: `0x${"cd".repeat(20)}` },
      });
    }
  });

  test("of v2: what went in less what came out, of both tokens", () => {
    const swap = decodeSwap("v2", logOf("v2", words(100n, 7n, 30n, 2n ** 112n)));
    assert.equal(swap?.amount0, 70n);
    assert.equal(swap?.amount1, 7n - 2n ** 112n);
    assert.equal(swap?.sqrtPrice, undefined);
  });

  test("of another form is none", () => {
    const data = words(1n, -1n, 1n, 1n, 1n);
    const good = logOf("v3", data);
    assert.notEqual(decodeSwap("v3", good), undefined);
    const wrong = [
      { ...good, data: `${data}00` },
      { ...good, data: data.slice(0, -2) },
      { ...good, data: "0x" },
      { ...good, data: data.replace("1", "g") },
      { ...good, topics: good.topics.slice(0, 2) },
      { ...good, topics: [...good.topics, SENDER] },
      { ...good, topics: [SWAP_TOPICS.v2, SENDER, RECIPIENT] },
      { ...good, topics: [SWAP_TOPICS.v3, "0x12", RECIPIENT] },
      { ...good, topics: [] },
    ];
    for (const log of wrong) assert.equal(decodeSwap("v3", log), undefined, JSON.stringify(log));
    assert.equal(decodeSwap("v2", good), undefined);
  });
});

describe("amounts and dollars are exact", () => {
  test("an amount is shifted by its decimals", () => {
    assert.equal(amountText(-1_500_000n, 6), "1.5");
    assert.equal(amountText(1n, 18), "0.000000000000000001");
    assert.equal(amountText(7n, 0), "7");
    assert.equal(amountText(0n, 6), "0");
    assert.equal(amountText(10n ** 20n, 18), "100");
    assert.ok(amountText(LARGEST, 77).length <= 100, "a decimal in a text has at most 100 characters");
    assert.ok(amountText(SMALLEST, 0).length <= 100);
  });

  test("dollars are rounded to 18 places, half to even", () => {
    const half = { dollars: 1n, units: 2n };
    assert.equal(dollarText(1n, half, 18), "0");
    assert.equal(dollarText(3n, half, 18), "0.000000000000000002");
    assert.equal(dollarText(-5n, half, 18), "0.000000000000000002");
    assert.equal(dollarText(1_234_567n, { dollars: 1n, units: 1n }, 6), "1.234567");
  });

  test("the price of a swap survives its short text, for both versions and both places of the dollar", (t) => {
    const amount = fc.bigInt({ min: 1n, max: 2n ** 200n });
    const property = fc.property(
      fc.record({ amount0: amount, amount1: amount, sqrt: fc.bigInt({ min: 1n, max: 2n ** 160n - 1n }) }),
      fc.record({ isV3: fc.boolean(), dollarIs0: fc.boolean(), decimals: fc.nat(24), traded: amount }),
      ({ amount0, amount1, sqrt }, { isV3, dollarIs0, decimals, traded }) => {
        const swap = { amount0, amount1: -amount1, sqrtPrice: isV3 ? sqrt : undefined, sender: "", recipient: "" };
        const text = dollarText(traded, readPrice(priceText(swap, dollarIs0)!, dollarIs0), decimals);
        const [one, zero] = isV3 ? [sqrt * sqrt, 2n ** 192n] : [amount1, amount0];
        const [dollars, units] = dollarIs0 ? [zero, one] : [one, zero];
        const wanted = divideHalfEven(traded * dollars * 10n ** 18n, units * 10n ** BigInt(decimals));
        assert.equal(toPlaces(parseDecimal(text), 18), wanted);
        assert.match(text, /^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$/);
      },
    );
    fc.assert(property, propertyOptions(t, 300));
  });

  test("a swap that moved nothing of one token gives no price", () => {
    const parties = { sender: "", recipient: "" };
    assert.equal(priceText({ amount0: 0n, amount1: -5n, sqrtPrice: undefined, ...parties }, true), undefined);
    assert.equal(priceText({ amount0: 5n, amount1: 0n, sqrtPrice: undefined, ...parties }, true), undefined);
    assert.equal(priceText({ amount0: 5n, amount1: -5n, sqrtPrice: 0n, ...parties }, true), undefined);
  });
});
