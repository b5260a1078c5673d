import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryGap, HistoryStatus, StreamStatus } from "../../../src/ports/history-store.ts";
import type { OwnedPart } from "../../../src/ports/owned-history.ts";
import { coverageOf, covers } from "../../../src/serving/history/coverage.ts";

const END = Number.MAX_SAFE_INTEGER;

function stream(epoch: number, fromMs: number, settledBeforeMs: number, partition = 0): StreamStatus {
  const span = { fromMs, toMs: END };
  return { ...{ logId: "log", partition, epoch, span, settledBeforeMs }, firstSequence: 0, nextSequence: 9, rows: 9 };
}

function status(streams: readonly StreamStatus[], gaps: readonly HistoryGap[] = []): HistoryStatus {
  return { schemaVersion: 1, streams, gaps, rows: 9, bytes: 0, fromMs: 1_000, toMs: 9_000 };
}

function part(epoch: number, partition = 0, isWhole = true): OwnedPart {
  const edge = { logId: "log", partition, epoch, sequence: 5 };
  return { partition, owner: "7", edge, isWhole, seenSinceMs: 1_500, tokens: [] };
}

function gap(epoch: number, fromMs: number, toMs: number): HistoryGap {
  return { logId: "log", partition: 0, epoch, fromMs, toMs, cause: "the buffer was full", isRepairable: true };
}

describe("the times of which all swaps are known", () => {
  test("a stream that goes on has no end while its owner answers", () => {
    const spans = coverageOf(status([stream(1, 2_000, 5_000)]), [part(1)], undefined);
    assert.deepEqual(spans, [{ fromMs: 2_000, toMs: END }]);
  });

  test("without its owner, or while rows are on their way, a stream is known up to its mark", () => {
    const held = status([stream(1, 2_000, 5_000)]);
    assert.deepEqual(coverageOf(held, [], undefined), [{ fromMs: 2_000, toMs: 5_000 }]);
    assert.deepEqual(coverageOf(held, [part(1, 0, false)], undefined), [{ fromMs: 2_000, toMs: 5_000 }]);
  });

  test("a stream from the start of its log begins with what was seen", () => {
    assert.equal(coverageOf(status([stream(1, 0, 5_000)]), [part(1)], undefined)[0]?.fromMs, 1_000);
  });

  test("between the mark of a stream and the next one there is a hole, and gaps are holes, too", () => {
    const spans = coverageOf(
      status([stream(1, 2_000, 5_000), stream(2, 7_000, 8_000)], [gap(1, 3_000, 4_000)]),
      [part(2)],
      undefined,
    );
    assert.deepEqual(spans, [
      { fromMs: 2_000, toMs: 3_000 },
      { fromMs: 4_000, toMs: 5_000 },
      { fromMs: 7_000, toMs: END },
    ]);
    assert.ok(covers(spans, { fromMs: 4_000, toMs: 5_000 }));
    assert.ok(!covers(spans, { fromMs: 4_000, toMs: 5_001 }));
  });

  test("a later stream over a gap closes it", () => {
    const spans = coverageOf(
      status([stream(1, 2_000, 5_000), stream(2, 2_000, 8_000)], [gap(1, 3_000, 4_000)]),
      [part(2)],
      undefined,
    );
    assert.deepEqual(spans, [{ fromMs: 2_000, toMs: END }]);
  });

  test("all partitions must be known, or those of the token", () => {
    const held = status([stream(1, 2_000, 5_000), stream(1, 3_000, 5_000, 1)]);
    const parts = [part(1), part(1, 1)];
    assert.equal(coverageOf(held, parts, undefined)[0]?.fromMs, 3_000);
    assert.equal(coverageOf(held, parts, new Set([0]))[0]?.fromMs, 2_000);
  });

  test("a partition whose first rows wait is known from seen_since on, and one without a history not at all", () => {
    assert.deepEqual(coverageOf(status([]), [part(1)], undefined), [{ fromMs: 1_500, toMs: END }]);
    assert.deepEqual(coverageOf(status([]), [{ ...part(1), edge: undefined }], undefined), []);
  });
});
