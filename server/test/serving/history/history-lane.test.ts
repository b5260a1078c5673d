import assert from "node:assert/strict";
import { test } from "node:test";
import { HistoryLane } from "../../../src/serving/history/history-lane.ts";
import { ProblemError } from "../../../src/serving/problems.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";

const codeIs = (code: string) => (error: unknown) => error instanceof ProblemError && error.code === code;

test("as many requests run and wait as the limits say, and one more is refused", async () => {
  const lane = new HistoryLane({ runningMax: 2, waitingMax: 1, timeoutMs: 60_000 });
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const begun: number[] = [];
  const results = gates.map(({ promise }, i) =>
    lane.run(async () => {
      begun.push(i);
      await promise;
      return i;
    }),
  );
  await assert.rejects(
    lane.run(async () => 3),
    codeIs("overloaded"),
  );
  assert.deepEqual(begun, [0, 1]);
  gates[1]?.resolve();
  assert.equal(await results[1], 1);
  gates[0]?.resolve();
  gates[2]?.resolve();
  assert.deepEqual(await Promise.all(results), [0, 1, 2]);
  assert.equal(await lane.run(async () => 4), 4);
});

test("work that times out is answered with unavailable, and keeps its place until it ends", async () => {
  const lane = new HistoryLane({ runningMax: 1, waitingMax: 0, timeoutMs: 1 });
  const gate = Promise.withResolvers<void>();
  await assert.rejects(
    lane.run(() => gate.promise),
    codeIs("unavailable"),
  );
  await assert.rejects(
    lane.run(async () => 1),
    codeIs("overloaded"),
  );
  gate.resolve();
  await gate.promise;
  await new Promise(setImmediate);
  assert.equal(await lane.run(async () => 2), 2);
});

test("a store that cannot be read is unavailable, and a problem stays as it is", async () => {
  const lane = new HistoryLane();
  const failing = async (): Promise<never> => {
    throw new SwapstatsError("storage_failed", "the disk is gone", { retryable: true });
  };
  await assert.rejects(lane.run(failing), codeIs("unavailable"));
  const refusing = async (): Promise<never> => {
    throw new ProblemError("unknown_token", "none");
  };
  await assert.rejects(lane.run(refusing), codeIs("unknown_token"));
});
