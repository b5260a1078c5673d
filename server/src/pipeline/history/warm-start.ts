/**
 * Fills an empty state from a history, for a partition without a checkpoint whose log no longer reaches back over the longest window.
 *
 * Let `end` be a time before which every swap of the partition has settled and is in the store.
 *
 * 1. The rows of the longest window before `end` are applied as events, in the order of time. They are what counted in the end.
 * 2. `PartitionEngine.endFilling(end)`: records of the log about swaps before `end` are late from then on. They are in the history with everything
 *    that ever changed them, so applying them again could only count what the history left out.
 * 3. The log is read from a position whose predecessors are all older than `end`: their arrival plus the largest skew, and a margin for clocks, is
 *    before it. So every record about a swap at or behind `end` is read, and judged as it was the first time, because the high is the same.
 *
 * One thing is not exact: a swap that has an inclusion before `end` which does not count, and a later one that arrived more than grace behind the
 * high. The later one is late, because nothing remembers the swap. Remembering would need inclusions that do not count, and histories have none.
 *
 * If the log begins later than that, swaps between `end` and the log are missing, and no window is complete until it has left them behind.
 */
import type { PartitionEngine } from "../../engine/partition-engine.ts";
import type { EngineConfig } from "../../engine/types.ts";
import type { Edge, HistoryReader, HistoryStatus, Span } from "../../ports/history-store.ts";
import type { OffsetRange, PartitionReader } from "../../ports/source.ts";
import { historyReach, isOfPartition } from "./history-reach.ts";
import { lastOffsetArrivedBy } from "./log-search.ts";
import { SettledApplier } from "./settled-applier.ts";

/** Clocks of brokers, and the order of arrivals, may be off by this much. */
const ARRIVAL_MARGIN_MS = 60_000;

type WarmStartOptions = {
  readonly partition: number;
  readonly engine: PartitionEngine;
  readonly history: Pick<HistoryReader, "status" | "rows">;
  readonly log: Pick<PartitionReader, "read">;
  readonly range: OffsetRange;
  readonly signal: AbortSignal;
};

export type WarmStarted = {
  /** Where the log is to be read from. */
  readonly nextOffset: number;
  readonly rows: number;
  /** One sentence for status: what the windows lack. Undefined: they are complete. */
  readonly problem: string | undefined;
};

/** Resolves with undefined when the history has nothing of the partition, and the engine is unchanged. Rejects with `storage_failed`, or as `read` does. */
export async function warmStart(options: WarmStartOptions): Promise<WarmStarted | undefined> {
  const { engine, partition, history, range, signal } = options;
  const status = await history.status();
  const reach = historyReach(status, partition);
  if (reach === undefined) return undefined;
  const endMs = reach.toMs;
  const fromMs = endMs - longestMs(engine.config);
  const rows = await fill(options, { fromMs, toMs: endMs }, otherStreams(status, partition));
  engine.endFilling(endMs);
  const seenSinceMs = Math.max(reach.fromMs, fromMs);
  const lateMs = endMs - largestSkewMs(engine.config) - ARRIVAL_MARGIN_MS;
  const nextOffset = await lastOffsetArrivedBy(options, lateMs);
  if (nextOffset !== undefined) {
    engine.setSeenSince(seenSinceMs);
    return { nextOffset, rows, problem: undefined };
  }
  engine.noteGap();
  const [end, start] = [new Date(endMs).toISOString(), range.startOffset];
  signal.throwIfAborted();
  return {
    nextOffset: start,
    rows,
    problem:
      `The history of partition ${partition} is final up to ${end}, and the log begins at offset ${start}, which is later. Swaps in between are ` +
      "missing, and windows are incomplete until the stream fills them.",
  };
}

/** Returns edges that leave out all rows of other partitions, and of imported files, which belong to none. */
function otherStreams({ streams }: HistoryStatus, partition: number): Edge[] {
  return streams
    .filter((stream) => !isOfPartition(stream, partition))
    .map(({ logId, partition: other, epoch }) => ({ logId, partition: other, epoch, sequence: 0 }));
}

/** Applies the rows of the span. Returns their number. */
async function fill(
  { engine, history, signal }: WarmStartOptions,
  span: Span,
  edges: readonly Edge[],
): Promise<number> {
  const applier = new SettledApplier(engine);
  let rows = 0;
  for await (const batch of history.rows(span, undefined, edges, signal)) {
    for (const row of batch) applier.apply(row);
    rows += batch.length;
    signal.throwIfAborted();
  }
  return rows;
}

/** The time that windows reach back. */
function longestMs({ windows }: EngineConfig): number {
  return windows.reduce((longest, { lengthMs, stepMs }) => Math.max(longest, lengthMs + stepMs), 0);
}

function largestSkewMs({ maxSkewMs, chains }: EngineConfig): number {
  return Math.max(maxSkewMs, ...Array.from(chains.values(), (chain) => chain.maxSkewMs ?? 0));
}
