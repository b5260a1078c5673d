import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PartitionPlacement } from "../../../src/pipeline/workers/partition-placement.ts";
import { propertyOptions } from "../../support/seed.ts";

const equalWeights = (...partitions: number[]): Map<number, number> => new Map(partitions.map((one) => [one, 1]));
const threadsOf = (placement: PartitionPlacement, ...partitions: number[]): number[] =>
  partitions.map((partition) => placement.take(partition));

describe("the threads of partitions", () => {
  test("partitions without weights go to the threads in turn", () => {
    assert.deepEqual(threadsOf(new PartitionPlacement(3), 0, 1, 2, 3, 4), [0, 1, 2, 0, 1]);
  });

  test("partitions with gaps in their numbers use all threads", () => {
    const placement = new PartitionPlacement(2);
    placement.expect(equalWeights(0, 2, 4, 6));
    assert.deepEqual(threadsOf(placement, 6, 4, 2, 0), [1, 0, 1, 0]);
  });

  test("the heaviest partitions get their threads first, in any order of assignment", () => {
    const weights = new Map([10, 50, 20, 70].map((weight, partition) => [partition, weight]));
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
    ]) {
      const placement = new PartitionPlacement(2);
      placement.expect(weights);
      threadsOf(placement, ...order);
      assert.deepEqual(
        [0, 1, 2, 3].map((partition) => placement.threadOf(partition)),
        [0, 1, 1, 0],
      );
    }
  });

  test("a partition that comes back has the same thread again, and others are placed by what is there meanwhile", () => {
    const placement = new PartitionPlacement(2);
    placement.expect(equalWeights(0, 1));
    assert.deepEqual(threadsOf(placement, 0, 1), [0, 1]);
    placement.expect(
      new Map([
        [0, 5],
        [2, 1],
      ]),
    );
    assert.equal(placement.take(2), 1);
    placement.expect(
      new Map([
        [1, 9],
        [2, 1],
        [3, 1],
      ]),
    );
    assert.deepEqual(threadsOf(placement, 3, 2, 1), [0, 1, 1]);
  });

  test("the busiest thread has at most its even share and the heaviest partition, and no partition changes its thread", (t) => {
    const weights = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 24 });
    const property = fc.property(
      weights,
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.nat(23)),
      (given, threads, moves) => {
        const placement = new PartitionPlacement(threads);
        placement.expect(new Map(given.map((weight, partition) => [partition, weight])));
        const loads = new Array<number>(threads).fill(0);
        for (const [partition, weight] of given.entries()) {
          const thread = placement.take(partition);
          loads[thread] = (loads[thread] as number) + weight;
        }
        const total = given.reduce((sum, weight) => sum + weight, 0);
        assert.ok(Math.max(...loads) <= total / threads + Math.max(...given));
        const threadsBefore = given.map((_, partition) => placement.threadOf(partition));
        for (const partition of moves) {
          placement.expect(
            new Map(given.map((weight, one): [number, number] => [one, weight]).filter(([one]) => one !== partition)),
          );
        }
        assert.deepEqual(threadsOf(placement, ...given.keys()), threadsBefore);
      },
    );
    fc.assert(property, propertyOptions(t, 300));
  });
});
