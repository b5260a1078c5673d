import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordBatch } from "../../server/src/ports/source.ts";

// The sizes are read when the module is loaded.
process.env.SWAPSTATS_BENCH_RECORDS = "1600";
const { measureInTurn, RECORDS_PER_ROUND, ROUNDS } = await import("../../bench/support/in-turn.ts");

/** A side that takes note of its calls in a common list, and takes no time but the number of its call. */
function fakeSide(name: string, calls: { name: string; batches: readonly RecordBatch[] }[], taken = 1) {
  const side = {
    accepted: 0,
    apply: (batches: readonly RecordBatch[]): number => {
      side.accepted += taken * batches.reduce((sum, { count }) => sum + count, 0);
      return calls.push({ name, batches });
    },
  };
  return side;
}

test("both sides get the same batches, after a warm-up, in the order ABBA, and each time is in its round", () => {
  const calls: Parameters<typeof fakeSide>[1] = [];
  const { firstMs, secondMs } = measureInTurn(fakeSide("a", calls), fakeSide("b", calls));
  assert.deepEqual(
    calls
      .slice(0, 6)
      .map(({ name }) => name)
      .join(""),
    "ababba",
  );
  assert.equal(calls.length, 2 + 2 * ROUNDS);
  assert.deepEqual([firstMs.length, secondMs.length], [ROUNDS, ROUNDS]);
  assert.deepEqual(
    [firstMs.slice(0, 2), secondMs.slice(0, 2)],
    [
      [3, 6],
      [4, 5],
    ],
  );
  for (let round = 0; round <= ROUNDS; round++) {
    assert.deepEqual(calls[2 * round]!.batches, calls[2 * round + 1]!.batches);
    const records = calls[2 * round]!.batches.reduce((sum, { count }) => sum + count, 0);
    assert.equal(records, round === 0 ? 1600 : RECORDS_PER_ROUND);
  }
});

test("a program that does not take all records is an error", () => {
  assert.throws(() => measureInTurn(fakeSide("a", [], 0.5), fakeSide("b", [])), /of 411200 records were taken/);
});
