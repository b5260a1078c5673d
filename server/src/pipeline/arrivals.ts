import type { RecordBatch } from "../ports/source.ts";

/** Returns the arrival of a record of the batch in ms. */
export function arrivalOf({ arrivalsMs }: RecordBatch, index: number): number {
  return typeof arrivalsMs === "number" ? arrivalsMs : (arrivalsMs[index] as number);
}
