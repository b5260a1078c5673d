/** Steps of a chain: batches with the position behind each, cut to the size of a batch. */
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { ORIGIN_BATCH_BYTES_MAX, ORIGIN_BATCH_RECORDS_MAX } from "../origin.ts";
import type { ChainPosition } from "./position.ts";

export type Step = {
  readonly records: readonly MappedRecord[];
  readonly position: ChainPosition;
  /** Blocks of the chain behind the position. Undefined: unknown. */
  readonly behind: number | undefined;
};

/** Every step but the last continues at `before`, with its part counted, so that all of them come again after a restart. */
export function stepsOf(
  records: readonly MappedRecord[],
  before: ChainPosition,
  after: ChainPosition,
  behind: number | undefined,
): Step[] {
  const steps: Step[] = [];
  let batch: MappedRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const length = record.end - record.start;
    if (batch.length === ORIGIN_BATCH_RECORDS_MAX || (bytes + length > ORIGIN_BATCH_BYTES_MAX && batch.length > 0)) {
      steps.push({ records: batch, position: { ...before, part: steps.length + 1 }, behind });
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += length;
  }
  steps.push({ records: batch, position: after, behind });
  return steps;
}
