import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { changePercent } from "../../../src/screener/model/decimals.ts";
import { type Field, findField } from "../../../src/screener/model/fields.ts";
import { columnValue, direction, isEstimated, isPartial, type ScreenerRow } from "../../../src/screener/model/rows.ts";

const column = (name: string, window = "1h") => ({ field: findField(name) as Field, window });
const row: ScreenerRow = {
  symbol: "PEPE",
  windows: {
    "1h": {
      complete: false,
      traders_estimated: true,
      trades: 12,
      volume_usd: "300.5",
      previous: { trades: 8, volume_usd: "100" },
    },
  },
};

describe("figures of a row", () => {
  test("a column has the figure, that of the span before, or the change against it", () => {
    assert.equal(columnValue(row, column("trades")), 12);
    assert.equal(columnValue(row, column("previous.volume_usd")), "100");
    assert.equal(columnValue(row, column("change.volume_usd")), "200.5");
    assert.equal(columnValue(row, column("change.trades")), "50");
  });

  test("what the token does not have is undefined", () => {
    assert.equal(columnValue(row, column("close")), undefined);
    assert.equal(columnValue(row, column("trades", "5m")), undefined);
    assert.equal(columnValue(row, column("change.buys")), undefined);
  });

  test("a window that began before the service, and estimated traders, are told apart", () => {
    assert.equal(isPartial(row, "1h"), true);
    assert.equal(isEstimated(row, "1h"), true);
    assert.equal(isPartial(row, "5m"), false);
  });

  test("a change has a direction, unless one side is missing", () => {
    assert.equal(direction("1.5", "1.6"), 1);
    assert.equal(direction(10, 9), -1);
    assert.equal(direction("9.99", "10"), 1);
    assert.equal(direction("1", "1"), 0);
    assert.equal(direction(undefined, 4), 0);
  });
});

describe("change in percent", () => {
  test("it has at most six places, rounded half to even, and none against 0", () => {
    assert.equal(changePercent("1", "3"), "-66.666667");
    assert.equal(changePercent("5", "-10"), "150");
    assert.equal(changePercent("1.000000005", "1"), "0");
    assert.equal(changePercent("1.000000015", "1"), "0.000002");
    assert.equal(changePercent("4", "0"), undefined);
    assert.equal(changePercent("x", "1"), undefined);
  });

  test("it is within half a unit of the exact quotient for any decimals", () => {
    const amount = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n });
    fc.assert(
      fc.property(amount, amount, (now, before) => {
        fc.pre(before !== 0n);
        const text = changePercent(String(now), String(before)) as string;
        const [whole = "", fraction = ""] = text.split(".");
        const millionths = BigInt(whole + fraction.padEnd(6, "0"));
        const size = before < 0n ? -before : before;
        const error = millionths * size - (now - before) * 100_000_000n;
        assert.ok(2n * (error < 0n ? -error : error) <= size, text);
      }),
    );
  });
});
