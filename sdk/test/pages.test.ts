import assert from "node:assert/strict";
import { test } from "node:test";
import { allCandles, allSwaps, type Candle, type Candles, type Swap, type Swaps } from "../src/index.ts";

const ID = "1:0xa";

/** Answers page by page, and notes what was asked for. */
function paged<T>(lists: readonly (readonly unknown[])[]) {
  const asked: unknown[] = [];
  const call = async (id: string, query: object = {}): Promise<T> => {
    asked.push({ id, ...query });
    const at = Number((query as { cursor?: string }).cursor ?? 0);
    return { id: ID, items: lists[at], ...(at + 1 < lists.length ? { next_cursor: String(at + 1) } : {}) } as T;
  };
  return { asked, call };
}

test("all swaps come page by page, by the id that the first page told", async () => {
  const { asked, call } = paged<Swaps>([["a", "b"], [], ["c"]]);
  const found: Swap[] = [];
  for await (const swap of allSwaps({ swaps: call }, "WETH", { from: 1, limit: 2 })) found.push(swap);
  assert.deepEqual(found, ["a", "b", "c"]);
  const query = { from: 1, limit: 2, order: "desc" };
  assert.deepEqual(asked, [
    { id: "WETH", ...query, cursor: undefined },
    { id: ID, ...query, cursor: "1" },
    { id: ID, ...query, cursor: "2" },
  ]);
});

test("all candles come from the newest to the oldest", async () => {
  const { asked, call } = paged<Candles>([
    [3, 4],
    [1, 2],
  ]);
  const found: Candle[] = [];
  for await (const candle of allCandles({ candles: call }, ID, { interval: "1M" })) found.push(candle);
  assert.deepEqual(found, [4, 3, 2, 1]);
  assert.deepEqual(asked[0], { id: ID, interval: "1M", limit: 5_000, cursor: undefined });
});

test("a loop that is left asks for no further page", async () => {
  const { asked, call } = paged<Swaps>([["a"], ["b"]]);
  for await (const _ of allSwaps({ swaps: call }, ID)) break;
  assert.equal(asked.length, 1);
});

test("a failure ends the loop with the error", async () => {
  const failing = async (): Promise<never> => {
    throw new Error("away");
  };
  await assert.rejects(async () => {
    for await (const _ of allSwaps({ swaps: failing }, ID)) assert.fail();
  }, /away/);
});
