import assert from "node:assert/strict";
import { test } from "node:test";
import { runSetting } from "../../bench/scaling/run.ts";
import { partitionedBatches, SKEWS } from "../../bench/scaling/stream.ts";
import { quantile } from "../../bench/support/spread.ts";
import { SwapDecoder } from "../../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../server/src/engine/swaps/swap-event.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { partitionOfToken } from "../../server/src/shared/token-partition.ts";

const RECORDS = 3_000;

/** Calls `visit` with each swap of the batches, and how far the batch's arrival lies behind its event. */
function eachSwap(batches: readonly RecordBatch[], visit: (event: SwapEvent, behindMs: number) => void): void {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  for (const { payload, ends, arrivalsMs } of batches) {
    let start = 0;
    for (const end of ends) {
      assert.equal(decoder.decode(payload, start, end, event), undefined);
      visit(event, Number(arrivalsMs) - event.eventTimeMs);
      start = end;
    }
  }
}

/** Share of all swaps that the token with most of them has. */
function shareOfBusiest(partitions: readonly (readonly RecordBatch[])[]): number {
  const counts = new Map<string, number>();
  eachSwap(partitions.flat(), ({ bytes, tokenStart, tokenEnd }) => {
    const token = Buffer.from(bytes.subarray(tokenStart, tokenEnd)).toString();
    counts.set(token, (counts.get(token) ?? 0) + 1);
  });
  return Math.max(...counts.values()) / RECORDS;
}

for (const skew of SKEWS) {
  test(`${skew.name}: every swap is in the partition of its token, in batches without gaps`, () => {
    const partitions = partitionedBatches(skew, 4, RECORDS);
    assert.equal(partitions.length, 4);
    assert.equal(
      partitions.flat().reduce((sum, { count }) => sum + count, 0),
      RECORDS,
    );
    partitions.forEach((batches, partition) => {
      let next = 0;
      for (const { baseOffset, nextOffset, count, payload, ends } of batches) {
        assert.equal(baseOffset, next);
        assert.equal(nextOffset, baseOffset + count);
        assert.equal(ends.at(-1), payload.length);
        assert.ok(payload.buffer instanceof SharedArrayBuffer && ends.buffer instanceof SharedArrayBuffer);
        next = nextOffset;
      }
      eachSwap(batches, ({ chainId, bytes, tokenStart, tokenEnd }, behindMs) => {
        assert.equal(partitionOfToken(chainId, bytes, tokenStart, tokenEnd, 4), partition);
        assert.ok(behindMs >= 0);
      });
    });
  });
}

test("the streams differ in the share of their busiest token", () => {
  const [alike, zipf, half] = SKEWS.map((skew) => shareOfBusiest(partitionedBatches(skew, 1, RECORDS)));
  assert.ok(alike! < 0.01, `${alike}`);
  assert.ok(zipf! > 0.07 && zipf! < 0.15, `${zipf}`);
  assert.ok(half! > 0.45 && half! < 0.6, `${half}`);
});

test("threads apply all measured swaps, and a partition keeps one thread busy at most", async () => {
  for (const [threads, partitions] of [
    [2, 4],
    [2, 1],
  ] as const) {
    const measured = await runSetting({ threads, partitions, skew: SKEWS[0]! }, RECORDS, RECORDS);
    assert.ok(partitions === 1 ? measured.shareOfBusiest === 1 : measured.shareOfBusiest < 0.75);
    assert.ok(measured.cpuUs > 0 && measured.perSecond > 0);
    assert.ok(measured.perSecondOfBusiest <= (1e6 / measured.cpuUs) * threads * 1.01);
  }
});

test("quantiles lie between values by their distance", () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantile([4, 0], 0.25), 1);
  assert.deepEqual([quantile([5, 7], 0), quantile([5, 7], 1), quantile([9], 0.3)], [5, 7, 9]);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});
