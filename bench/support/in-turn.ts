/** Two sides in one process apply the same batches in turn, so that a drift of the machine affects both alike. */
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { recordsOf } from "../kafka/site.ts";
import type { AppliedSide } from "./applied-side.ts";
import { BatchStream } from "./batches.ts";

/** What a side must have. Its class may be of a copy of the program, or of another commit. */
type Side = Pick<AppliedSide, "apply" | "accepted">;

/** Processor time of the thread in ms, by round. */
export type TurnTimes = { readonly firstMs: readonly number[]; readonly secondMs: readonly number[] };

/** At 1,000 swaps/s the horizon is full after 900,000, and swaps settle as fast as they arrive. */
const WARM_UP_RECORDS = recordsOf(950_000);
export const ROUNDS = 16;
const BATCHES_PER_ROUND = 16;
/** About 1 MiB, as a fetch has. */
const RECORDS_PER_BATCH = 1_600;
export const RECORDS_PER_ROUND = BATCHES_PER_ROUND * RECORDS_PER_BATCH;

/** Returns the times of both with a full horizon. The order alternates: first, second, second, first. */
export function measureInTurn(first: Side, second: Side): TurnTimes {
  const stream = new BatchStream();
  const firstMs: number[] = [];
  const secondMs: number[] = [];
  let records = 0;
  const next = (): RecordBatch => {
    records += RECORDS_PER_BATCH;
    return stream.next(RECORDS_PER_BATCH);
  };
  while (records < WARM_UP_RECORDS) {
    const batch = next();
    first.apply([batch]);
    second.apply([batch]);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const batches = Array.from({ length: BATCHES_PER_ROUND }, next);
    if (round % 2 === 0) firstMs.push(first.apply(batches));
    secondMs.push(second.apply(batches));
    if (round % 2 === 1) firstMs.push(first.apply(batches));
  }
  if (first.accepted !== records) throw new Error(`${first.accepted} of ${records} records were taken`);
  return { firstMs, secondMs };
}
