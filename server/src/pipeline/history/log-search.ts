/** Finds positions of a log by the arrivals of its records. */
import type { OffsetRange, PartitionReader } from "../../ports/source.ts";

/** Bytes of a read that looks for the arrival at a position. */
const PROBE_BYTES = 1;

type LogSearch = {
  readonly log: Pick<PartitionReader, "read">;
  readonly range: OffsetRange;
  readonly signal: AbortSignal;
};

/**
 * Returns the last position whose record arrived at or before this time, by halving: arrivals grow with positions. Undefined when the first
 * record is later, when there is none, and where arrivals are unknown.
 */
export async function lastOffsetArrivedBy(search: LogSearch, timeMs: number): Promise<number | undefined> {
  const { startOffset, endOffset } = search.range;
  if (startOffset >= endOffset || !((await arrivalAt(search, startOffset)) <= timeMs)) return undefined;
  let [low, high] = [startOffset, endOffset];
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if ((await arrivalAt(search, middle)) <= timeMs) low = middle;
    else high = middle;
  }
  return low;
}

async function arrivalAt({ log, range, signal }: LogSearch, position: number): Promise<number> {
  const batch = await log.read(position, PROBE_BYTES, signal);
  // Positions without a record at the end of the log.
  if (batch.count === 0) return position >= range.endOffset ? Number.POSITIVE_INFINITY : Number.NaN;
  return typeof batch.arrivalsMs === "number" ? batch.arrivalsMs : (batch.arrivalsMs[0] ?? Number.NaN);
}
