import type { PartitionReader, RecordBatch } from "../../../../src/ports/source.ts";
import { SwapstatsError } from "../../../../src/shared/errors.ts";
import type { PastLog } from "../../../../src/sources/open-source.ts";

/** A log of these records, from the one at this index of `batches` on. */
export function logOf(batches: readonly RecordBatch[], first = 0): PastLog {
  const held = batches.slice(first);
  const startOffset = held[0]?.baseOffset ?? 0;
  const endOffset = held.at(-1)?.nextOffset ?? 0;
  const read = async (position: number): Promise<RecordBatch> => {
    const batch = held.find(({ baseOffset, nextOffset }) => baseOffset <= position && position < nextOffset);
    if (batch === undefined) throw new SwapstatsError("log_damaged", `position ${position} is not there`);
    const skipped = position - batch.baseOffset;
    if (skipped === 0) return batch;
    const start = batch.ends[skipped - 1] as number;
    return {
      ...batch,
      baseOffset: position,
      count: batch.count - skipped,
      payload: batch.payload.subarray(start),
      ends: batch.ends.slice(skipped).map((end) => end - start),
      arrivalsMs: typeof batch.arrivalsMs === "number" ? batch.arrivalsMs : batch.arrivalsMs.subarray(skipped),
    };
  };
  const reader = {
    range: async () => ({ startOffset, endOffset, logId: "log", formerLogIds: [] }),
    read,
    resumeAfter: (position: number) => position,
    close: async () => {},
  };
  return { open: () => reader as unknown as PartitionReader, openMapper: undefined, close: async () => {} };
}
