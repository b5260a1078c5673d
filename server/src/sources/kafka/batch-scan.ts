/** Scans fetched batches by their headers only, before the owner reads their records. */
import { batchBytesAt, batchDefect, readBatchHeader } from "../../clients/kafka/batch-header.ts";

/** Content of a fetch: the offset behind the last whole batch, and the numbers of batches and records, without markers. */
type FoundBatches = { readonly end: number; readonly batches: number; readonly records: number };

/**
 * Returns undefined when there is no whole batch, and an end of 0 when the first one is damaged. Headers are believed, because the
 * records are checked when they are read. `isChecked` checks them here, for records that nobody will read.
 */
export function scanBatches(records: Buffer, isChecked: boolean): FoundBatches | undefined {
  let found: FoundBatches | undefined;
  let at = 0;
  for (;;) {
    const size = batchBytesAt(records, at);
    if (size === undefined || at + size > records.length) return found;
    const header = size === 0 ? undefined : readBatchHeader(records, at);
    const isDamaged = header === undefined || (isChecked && batchDefect(records, header) !== undefined);
    // The reader reports the damage when it comes to it. Batches behind it cannot be found.
    if (isDamaged) return found ?? { end: 0, batches: 0, records: 0 };
    const { lastOffset, isControl, count } = header;
    const { batches, records: before } = found ?? { batches: 0, records: 0 };
    found = { end: lastOffset + 1, batches: batches + (isControl ? 0 : 1), records: before + (isControl ? 0 : count) };
    at += size;
  }
}
