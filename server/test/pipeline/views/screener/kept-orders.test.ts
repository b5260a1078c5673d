import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { screenerLimits } from "@swapstats/protocol/limits.ts";
import { KeptOrders, ORDERS_BYTES_MAX } from "../../../../src/pipeline/views/screener/kept-orders.ts";

const { orderKeptMs, ordersMax } = screenerLimits;

/** Orders of some bytes, in place of those of real partitions. */
const orderOf = (bytes: number, isOf = true) => ({ bytes, isOf: () => isOf });

function ordersAt(clock: { nowMs: number }) {
  const orders = new KeptOrders<ReturnType<typeof orderOf>>(() => clock.nowMs);
  const isKept = (id: string): boolean => {
    try {
      orders.get(id, []);
      return true;
    } catch (error) {
      assert.equal((error as { code: string }).code, "cursor_expired");
      return false;
    }
  };
  return { orders, isKept };
}

describe("the orders that are kept for cursors", () => {
  test("an order is kept for its time after the last use, and not longer", (t) => {
    const clock = { nowMs: 0 };
    const { orders, isKept } = ordersAt(clock);
    t.after(() => orders.close());
    orders.put("a", orderOf(1));
    clock.nowMs += orderKeptMs;
    assert.ok(isKept("a"));
    clock.nowMs += orderKeptMs;
    assert.ok(isKept("a"));
    clock.nowMs += orderKeptMs + 1;
    assert.ok(!isKept("a"));
    assert.equal(orders.size, 0);
  });

  test("beyond their number the least recently used one goes", (t) => {
    const { orders, isKept } = ordersAt({ nowMs: 0 });
    t.after(() => orders.close());
    for (let i = 0; i < ordersMax; i++) orders.put(`${i}`, orderOf(1));
    assert.equal(orders.size, ordersMax);
    assert.ok(isKept("0"));
    orders.put("next", orderOf(1));
    assert.equal(orders.size, ordersMax);
    assert.ok(isKept("0"));
    assert.ok(!isKept("1"));
  });

  test("beyond their memory the least recently used ones go, and an order of other partitions does not count", (t) => {
    const { orders, isKept } = ordersAt({ nowMs: 0 });
    t.after(() => orders.close());
    orders.put("a", orderOf(ORDERS_BYTES_MAX / 2));
    orders.put("b", orderOf(ORDERS_BYTES_MAX / 2));
    assert.ok(isKept("a"));
    orders.put("c", orderOf(1));
    assert.ok(!isKept("b"));
    assert.ok(isKept("a"));
    assert.ok(isKept("c"));
    orders.put("d", orderOf(1, false));
    assert.ok(!isKept("d"));
  });
});
