import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { propertyOptions } from "../../../server/test/support/seed.ts";
import { applySwaps, itemsOfSnapshot } from "../../src/live/swap-items.ts";
import type { SwapChange } from "../../src/wire/server-messages.ts";
import type { Swap } from "../../src/wire/tokens.ts";

const swap = (n: number, eventTime = n): Swap => ({
  chain_id: 1,
  tx_hash: `0x${n}`,
  log_index: n,
  event_id: `e${n}`,
  token: "0xa",
  side: "buy",
  amount_token: "1",
  amount_usd: "1",
  event_time: eventTime,
});
const change = (action: "applied" | "removed", one: Swap): SwapChange => ({ action, ...one });

describe("the list of swaps", () => {
  test("has the newest first, late ones at their place, and removed ones struck through", (t) => {
    const step = fc.record({ n: fc.nat({ max: 12 }), action: fc.constantFrom("applied" as const, "removed" as const) });
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 20 }),
        (batches, limit) => {
          let data = itemsOfSnapshot(undefined, [], 0);
          let seq = 0;
          /** Present swaps by id, and whether they were removed. */
          const present = new Map<number, boolean>();
          for (const batch of batches) {
            seq += batch.length;
            data = applySwaps(
              data,
              batch.map(({ n, action }) => change(action, swap(n, n % 5))),
              seq,
              limit,
            );
            for (const { n, action } of batch)
              if (action === "applied" || present.has(n)) present.set(n, action === "removed");
            const { items } = data;
            assert.ok(items.length <= limit);
            for (const [i, item] of items.entries()) {
              const n = item.log_index;
              assert.equal(item.removed === true, present.get(n), `removed of ${n}`);
              assert.ok(item.seq >= 1 && item.seq <= seq);
              const next = items[i + 1];
              if (next !== undefined) {
                assert.ok(
                  item.event_time > next.event_time || (item.event_time === next.event_time && n > next.log_index),
                );
              }
            }
            assert.equal(new Set(items.map(({ event_id }) => event_id)).size, items.length);
            // What fell out of a full list is forgotten.
            for (const n of present.keys()) if (!items.some((item) => item.log_index === n)) present.delete(n);
          }
        },
      ),
      propertyOptions(t, 300),
    );
  });

  test("each item has the number of its change", () => {
    const data = applySwaps({ items: [] }, [change("applied", swap(1)), change("applied", swap(2))], 7, 20);
    assert.deepEqual(
      data.items.map(({ event_id, seq }) => [event_id, seq]),
      [
        ["e2", 7],
        ["e1", 6],
      ],
    );
  });

  test("a snapshot keeps items that did not change, and those that were removed and count again are new", () => {
    const first = itemsOfSnapshot(undefined, [swap(2), swap(1)], 5);
    assert.equal(itemsOfSnapshot(first, [swap(2), swap(1)], 9), first);
    const removed = applySwaps(first, [change("removed", swap(2))], 6, 20);
    assert.equal(removed.items[0]?.removed, true);
    assert.equal(removed.items[1], first.items[1]);
    const again = itemsOfSnapshot(removed, [swap(2), swap(1)], 7);
    assert.equal(again.items[0]?.removed, undefined);
    assert.equal(again.items[0]?.seq, 7);
    assert.equal(again.items[1], first.items[1]);
  });
});
