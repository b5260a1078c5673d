/** Applies the mapped records of a redo again. Neither the mapping nor the producer's bytes are needed for it. */
import type { RecordBatch } from "../../ports/source.ts";
import { arrivalOf } from "../arrivals.ts";
import type { KeepLetter } from "../batch-applier.ts";
import type { EventApplier } from "../event-applier.ts";
import { readKept } from "./kept-records.ts";

/** Throws RangeError when `KeptRecords` did not write the payload. */
export function applyKept(batch: RecordBatch, events: EventApplier, keepLetter: KeepLetter): void {
  const { partition, baseOffset, payload, ends, count } = batch;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  let start = 0;
  for (let i = 0; i < count; i++) {
    const arrival = arrivalOf(batch, i);
    const end = ends[i] as number;
    let index = 0;
    const refusal = readKept(bytes, start, end, (from, to) => {
      events.apply(bytes, from, to, arrival, baseOffset + i, index);
      index += 1;
    });
    start = end;
    if (refusal === undefined) continue;
    const { isUnreadable, code, message } = refusal;
    if (isUnreadable) events.deadLetter(code);
    keepLetter({ code, message, partition, offset: baseOffset + i, arrival }, bytes, refusal.start, refusal.end);
  }
  events.release();
}
