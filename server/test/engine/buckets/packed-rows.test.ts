import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BucketRow, Figures } from "../../../src/engine/buckets/bucket-row.ts";
import { ColdBlobs } from "../../../src/engine/buckets/cold-blob.ts";
import { Heap } from "../../../src/engine/memory/heap.ts";
import { priceOf } from "../../../src/engine/swaps/record-view.ts";
import { newYear2026 } from "../../model/plain-events.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";

const stepMs = 15_000;
const limb = 1e15;

/** The style of the rows of one blob: a token's prices and amounts are mostly of one kind. */
type Habit = { readonly places: number; readonly level: number; readonly unit: number; readonly lone: number };

function randomPrice(random: Random, habit: Habit): number {
  if (random.chance(0.05)) return 10 ** (random.next() * 120 - 60);
  const price = 10 ** habit.level * (1 + random.next());
  return habit.places > 15 ? price : Number(price.toPrecision(habit.places));
}

function randomLimb(random: Random, unit: number): number {
  if (random.chance(0.05)) return random.pick([0, limb - unit]);
  return Math.floor((random.next() * limb) / unit) * unit;
}

/** A row with the given trades of each side; figures of a side without trades are 0, as sums are. */
function fillSides(row: BucketRow, random: Random, unit: number): void {
  const huge = random.chance(0.02);
  const high = (): number => (huge ? random.pick([1, 9_007_199, 2 ** 53 - 1]) : 0);
  const usd = (): number => (random.chance(0.05) ? 0 : Math.floor(random.next() * 10 ** (3 + random.below(13))));
  const whole = (): number => Math.floor(random.next() * 10 ** random.below(16));
  if (row.buys > 0) {
    row.usdBuy0 = usd();
    row.usdBuy1 = row.buys > 1 ? high() : 0;
    row.tokenBuy0 = randomLimb(random, unit);
    row.tokenBuy1 = whole();
    row.tokenBuy2 = high();
  }
  if (row.sells > 0) {
    row.usdSell0 = usd();
    row.usdSell1 = row.sells > 1 ? high() : 0;
    row.tokenSell0 = randomLimb(random, unit);
    row.tokenSell1 = whole();
    row.tokenSell2 = high();
  }
}

/** Sets the amount of a row's only swap to what its dollars and price give, except for the last few digits. */
function fitAmount(row: BucketRow, random: Random, price: number): void {
  const usd = row.usdBuy0 + row.usdSell0;
  const whole = Math.floor(usd / (price * 1000));
  if (!(whole < limb)) return;
  const rest = Math.floor((usd / (price * 1000) - whole) * limb) + random.below(2001) - 1000;
  const low = ((rest % limb) + limb) % limb;
  const middle = Math.min(Math.max(whole + Math.floor(rest / limb), 0), limb - 1);
  if (row.buys > 0) {
    row.tokenBuy0 = low;
    row.tokenBuy1 = middle;
  } else {
    row.tokenSell0 = low;
    row.tokenSell1 = middle;
  }
}

/** The price that is served for a swap without a given price. */
function derived(row: BucketRow): number {
  return priceOf({
    price: Number.NaN,
    usdMicro: row.usdBuy0 + row.usdSell0,
    amount0: row.tokenBuy0 + row.tokenSell0,
    amount1: row.tokenBuy1 + row.tokenSell1,
    amount2: row.tokenBuy2 + row.tokenSell2,
  });
}

function setPrices(row: BucketRow, random: Random, prices: readonly number[]): void {
  row.open = prices[0]!;
  row.close = prices[prices.length - 1]!;
  row.high = random.chance(0.5) ? Math.max(row.open, row.close) : Math.max(...prices);
  row.low = random.chance(0.5) ? Math.min(row.open, row.close) : Math.min(...prices);
}

function randomRow(random: Random, habit: Habit, startMs: number): BucketRow {
  const row = new BucketRow();
  row.startMs = startMs;
  const isLone = random.chance(habit.lone);
  const trades = isLone ? 1 : random.pick([2, 3, 40, 70_000, 4_000_000_000]);
  row.buys = random.pick([0, trades, random.below(trades + 1)]);
  row.sells = trades - row.buys;
  fillSides(row, random, random.chance(0.05) ? 1 : habit.unit);
  row.firstMs = startMs + random.below(stepMs);
  row.lastMs = isLone ? row.firstMs : row.firstMs + random.below(startMs + stepMs - row.firstMs);
  if (random.chance(0.1)) return row;
  const prices = Array.from({ length: isLone ? 1 : 4 }, () => randomPrice(random, habit));
  if (isLone && random.chance(0.3)) fitAmount(row, random, prices[0]!);
  if (isLone && random.chance(0.3) && Number.isFinite(derived(row))) prices[0] = derived(row);
  setPrices(row, random, prices);
  return row;
}

/** Appends rows as a store does: to a new blob when the last one is full. */
function pack(blobs: ColdBlobs, rows: readonly BucketRow[]): number[] {
  const list: number[] = [];
  for (const row of rows) {
    const last = list.at(-1);
    const moved = last === undefined ? 0 : blobs.append(last, row);
    if (moved === 0) list.push(blobs.append(blobs.create(0), row));
    else list[list.length - 1] = moved;
  }
  return list;
}

function randomRows(random: Random, count: number): BucketRow[] {
  const habit: Habit = {
    places: random.pick([1, 4, 12, 15, 17]),
    level: random.below(24) - 14,
    unit: random.pick([1, 1, 1e9, 1e10, 1e12]),
    lone: random.pick([0, 0.5, 1]),
  };
  let startMs = Math.floor(newYear2026 / stepMs) * stepMs;
  return Array.from({ length: count }, () => {
    startMs += random.pick([0, 1, 1, 1, 1, 2, 1_000_000]) * stepMs;
    return randomRow(random, habit, startMs);
  });
}

describe("settled buckets in packed form", () => {
  test("every field of every row is restored to the bit, and the header is their sum", (t) => {
    const random = randomFrom(seedOf(t));
    for (let round = 0; round < 300; round++) {
      const heap = new Heap();
      const blobs = new ColdBlobs(heap, [stepMs]);
      const emptyBytes = heap.inUseBytes;
      const rows = randomRows(random, 1 + random.below(200));
      const list = pack(blobs, rows);
      assert.equal(blobs.rows, rows.length);
      assert.equal(heap.inUseBytes - emptyBytes, blobs.bytes);
      let at = 0;
      for (const blob of list) {
        const sum = new Figures();
        const first = rows[at]!;
        assert.equal(blobs.startMs(blob), first.startMs);
        blobs.unpack(blob, new BucketRow(), (row) => {
          assert.deepEqual({ ...row }, { ...rows[at++] });
          sum.add(row);
        });
        assert.equal(blobs.endMs(blob), rows[at - 1]!.startMs + stepMs);
        const total = new BucketRow();
        blobs.total(blob, total);
        const { open, high, low, close, firstMs, lastMs } = total;
        assert.deepEqual(
          { open, high, low, close, firstMs, lastMs },
          { open: sum.open, high: sum.high, low: sum.low, close: sum.close, firstMs: sum.firstMs, lastMs: sum.lastMs },
        );
        blobs.free(blob);
      }
      assert.equal(at, rows.length);
      assert.equal(heap.inUseBytes, emptyBytes);
      assert.equal(blobs.bytes, 0);
    }
  });
});
