import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IdOrder } from "../../../src/pipeline/views/id-order.ts";
import { RankList } from "../../../src/pipeline/views/rank-list.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

function entriesOf(list: RankList): number[] {
  const entries: number[] = [];
  const place = { block: 0, at: 0 };
  for (let index = list.at(place); index !== undefined; index = list.at(place)) {
    entries.push(index);
    list.forward(place);
  }
  return entries;
}

describe("an ordered list", () => {
  test("the list equals a sorted array after any insertions and removals", (t) => {
    const random = randomFrom(seedOf(t));
    const list = new RankList((a, b) => a - b);
    const held = new Set<number>();
    for (let round = 0; round < 30; round++) {
      const grows = random.chance(0.6);
      for (let i = 0; i < 1_000; i++) {
        const index = random.pick([random.below(6_000), round * 100 + i, 9_000 - i]);
        if (grows && !held.has(index)) {
          held.add(index);
          list.insert(index);
        } else if (!grows && held.delete(index)) list.remove(index);
      }
      const sorted = [...held].sort((a, b) => a - b);
      assert.equal(list.size, held.size);
      assert.deepEqual(entriesOf(list), sorted);
      const wanted = random.below(9_000);
      assert.equal(
        list.at(list.seek((index) => index < wanted)),
        sorted.find((index) => index >= wanted),
      );
      const before = list.previous(list.seek((index) => index < wanted));
      assert.equal(
        before === undefined ? undefined : list.at(before),
        sorted.findLast((index) => index < wanted),
      );
    }
    for (const index of held) list.remove(index);
    assert.deepEqual(entriesOf(list), []);
    assert.equal(list.bytes, 0);
  });

  test("the removal of an entry that is not in the list throws", () => {
    const list = new RankList((a, b) => a - b);
    list.insert(5);
    assert.throws(() => list.remove(4), RangeError);
  });
});

describe("numbers for ids", () => {
  for (const [name, keyOf] of [
    ["ascending", (i: number) => i],
    ["descending", (i: number) => -i],
    ["each between the last two", (i: number) => (i % 2 === 0 ? 1 - 1 / (i + 2) : 1 + 1 / (i + 2))],
    ["at random", (i: number) => Math.imul(i + 1, 0x9e3779b1) >>> 0],
  ] as const) {
    test(`the numbers have the order of the ids, which arrive ${name}`, () => {
      const order = new IdOrder((a, b) => keyOf(a) - keyOf(b));
      const count = 3_000;
      for (let i = 0; i < count; i++) {
        order.add(i);
        order.add(i);
      }
      const byKey = Array.from({ length: count }, (_, i) => i).sort((a, b) => keyOf(a) - keyOf(b));
      const numbers = byKey.map((index) => order.numbers[index] as number);
      for (let i = 1; i < count; i++) assert.ok((numbers[i] as number) > (numbers[i - 1] as number), `at ${i}`);
    });
  }
});
