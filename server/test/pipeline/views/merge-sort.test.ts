import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IdOrder } from "../../../src/pipeline/views/id-order.ts";
import { MergeSort } from "../../../src/pipeline/views/merge-sort.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

describe("sorting in pieces", () => {
  test("the order is that of one stable sort, and each piece does bounded work", (t) => {
    const random = randomFrom(seedOf(t));
    for (const size of [0, 1, 2, 3, 31, 32, 33, 1_000, 4_097, random.below(9_000)]) {
      for (const distinct of [1, 3, 1_000_000]) {
        const keys = Array.from({ length: size }, () => random.below(distinct));
        const ties = Array.from({ length: size }, () => random.below(3));
        const indexes = Array.from({ length: size }, (_, i) => i);
        const compareTies = (a: number, b: number): number => (ties[a] as number) - (ties[b] as number);
        const sort = new MergeSort(Uint32Array.from(indexes), Float64Array.from(keys), compareTies);
        const units = 1 + random.below(20);
        for (let isDone = false; !isDone; ) {
          const before = sort.steps;
          isDone = sort.sortSome({ left: units });
          assert.ok(sort.steps - before <= units * 32 + 32, `${sort.steps - before} merged with ${units} units`);
        }
        const wanted = indexes.sort((a, b) => (keys[a] as number) - (keys[b] as number) || compareTies(a, b));
        assert.deepEqual([...sort.sorted], wanted, `${size} entries of ${distinct} keys`);
        assert.ok(sort.steps <= size * Math.ceil(Math.log2(size + 1)));
      }
    }
  });
});

describe("numbers for many new ids", () => {
  test("the numbers, also those of later ids, have the order of the texts, whatever their characters", (t) => {
    const random = randomFrom(seedOf(t));
    const letters = ["", "\0", "0", "a", "z", "~", "\u007f", "é", "ü", "\ud83d\ude00", "0x0000000"];
    const text = (): string => Array.from({ length: random.below(12) }, () => random.pick(letters)).join("");
    const ids = [...new Set(Array.from({ length: 4_000 }, text))];
    const order = new IdOrder((a, b) => ((ids[a] as string) < (ids[b] as string) ? -1 : 1));
    const atOnce = ids.length - 500;
    const idAt = (index: number): string => ids[index] as string;
    let pieces = 1;
    // Later tokens do not count.
    while (!order.buildSome(atOnce + Math.min(pieces, 100), idAt, { left: 50 })) pieces += 1;
    assert.ok(pieces > 100);
    for (let index = 0; index < ids.length; index++) order.add(index);
    const sorted = ids.map((_, i) => i).sort((a, b) => ((ids[a] as string) < (ids[b] as string) ? -1 : 1));
    assert.deepEqual([...order.behind(undefined, ids.length + 1)], sorted);
    const numbers = sorted.map((index) => order.numbers[index] as number);
    for (let i = 1; i < ids.length; i++) assert.ok((numbers[i] as number) > (numbers[i - 1] as number), `at ${i}`);
    assert.deepEqual([...order.behind(sorted[7], 3)], sorted.slice(8, 11));
  });
});
