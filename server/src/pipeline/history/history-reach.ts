/** How far back a history knows all swaps of a partition, counted from the newest time that is final. */
import type { HistoryStatus, StreamStatus } from "../../ports/history-store.ts";

/** All swaps of the partition in [fromMs, toMs) have settled and are in the store. */
type HistoryReach = { readonly fromMs: number; readonly toMs: number };

type Key = Pick<StreamStatus, "logId" | "partition" | "epoch">;

const MINUTE_MS = 60_000;
/** Imported files belong to no partition. */
const IMPORTS = "import:";

/** Returns undefined when the history has nothing of the partition. */
export function historyReach({ streams, gaps, fromMs }: HistoryStatus, partition: number): HistoryReach | undefined {
  const own = streams.filter((stream) => isOfPartition(stream, partition));
  const newest = own
    .filter((stream) => stream.rows > 0 && stream.settledBeforeMs > stream.span.fromMs)
    .sort((a, b) => settledTo(a) - settledTo(b))
    .at(-1);
  if (newest === undefined || fromMs === undefined) return undefined;
  const toMs = endOf(own, newest);
  let reachedMs = toMs;
  for (;;) {
    const stream = validBefore(own, newest.logId, reachedMs);
    // Between the mark of a stream and the next one swaps are missing.
    if (stream === undefined || settledTo(stream) < reachedMs) break;
    const holes = gaps.filter((gap) => isOf(gap, stream) && gap.fromMs < reachedMs && gap.toMs > stream.span.fromMs);
    const laterMs = own
      .filter(({ logId, epoch, span }) => logId === stream.logId && epoch > stream.epoch && span.toMs < reachedMs)
      .map(({ span }) => span.toMs);
    const beginsMs = Math.max(stream.span.fromMs, ...laterMs, ...holes.map((gap) => Math.min(gap.toMs, reachedMs)));
    if (beginsMs >= reachedMs) break;
    reachedMs = beginsMs;
    if (reachedMs <= fromMs) break;
  }
  return reachedMs < toMs
    ? { fromMs: Math.max(reachedMs, Math.floor(fromMs / MINUTE_MS) * MINUTE_MS), toMs }
    : undefined;
}

export function isOfPartition({ logId, partition: own }: Key, partition: number): boolean {
  return own === partition && !logId.startsWith(IMPORTS);
}

/** The end of the whole minutes of the stream that are final. */
const settledTo = ({ settledBeforeMs, span }: StreamStatus): number =>
  Math.floor(Math.min(settledBeforeMs, span.toMs) / MINUTE_MS) * MINUTE_MS;

/** Returns the last time before which all is final. A stream that began later is not final at first, and what lies before its begin is that of others. */
function endOf(streams: readonly StreamStatus[], newest: StreamStatus): number {
  let endMs = settledTo(newest);
  for (;;) {
    const stream = validBefore(streams, newest.logId, endMs);
    if (stream === undefined || settledTo(stream) >= endMs) return endMs;
    endMs = Math.max(settledTo(stream), stream.span.fromMs);
  }
}

/** Returns the stream whose rows are valid right before the time. */
function validBefore(streams: readonly StreamStatus[], logId: string, timeMs: number): StreamStatus | undefined {
  return streams
    .filter((stream) => stream.logId === logId && stream.span.fromMs < timeMs && timeMs <= stream.span.toMs)
    .sort((a, b) => a.epoch - b.epoch)
    .at(-1);
}

const isOf = (a: Key, b: Key): boolean => a.logId === b.logId && a.partition === b.partition && a.epoch === b.epoch;
