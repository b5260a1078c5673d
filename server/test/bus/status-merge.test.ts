import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CircuitStatus } from "@swapstats/protocol/schemas/service.ts";
import { emptyCounters, mergeCircuits, mergeStatus } from "../../src/bus/status-merge.ts";

const circuit = (
  instance: string,
  dependency: string,
  state: CircuitStatus["state"],
  since?: number,
): CircuitStatus => ({ instance, dependency, state, ...(since === undefined ? {} : { since }) });

describe("circuits of several threads and instances", () => {
  test("each instance and dependency has one circuit, in this order", () => {
    const merged = mergeCircuits([
      circuit("b", "s3", "closed"),
      circuit("b", "redis_hot", "closed"),
      circuit("a", "s3", "open", 5),
      circuit("b", "s3", "closed"),
    ]);
    assert.deepEqual(merged, [
      circuit("a", "s3", "open", 5),
      circuit("b", "redis_hot", "closed"),
      circuit("b", "s3", "closed"),
    ]);
  });

  test("the worst state counts, since the first failure", () => {
    const parts = [circuit("a", "s3", "closed", 9), circuit("a", "s3", "open", 7), circuit("a", "s3", "half_open", 4)];
    for (const order of [parts, [...parts].reverse()]) {
      assert.deepEqual(mergeCircuits(order), [circuit("a", "s3", "open", 4)]);
    }
  });

  test("all closed: since the last one closed, or without a time if none was ever open", () => {
    const parts = [circuit("a", "s3", "closed", 3), circuit("a", "s3", "closed"), circuit("a", "s3", "closed", 8)];
    assert.deepEqual(mergeCircuits(parts), [circuit("a", "s3", "closed", 8)]);
    assert.deepEqual(mergeCircuits([circuit("a", "s3", "closed")]), [circuit("a", "s3", "closed")]);
  });

  test("an instance of an earlier build has no circuits", () => {
    const part = { partitions: [], counters: emptyCounters(), tokens: 1, totals: [] };
    const merged = mergeStatus([part, { ...part, circuits: [circuit("a", "s3", "closed")] }]);
    assert.deepEqual(merged.circuits, [circuit("a", "s3", "closed")]);
    assert.equal(merged.tokens, 2);
  });
});
