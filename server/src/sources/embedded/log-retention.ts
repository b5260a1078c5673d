/** Determines which batches retention may remove from the embedded log: those that are old enough and that no checkpoint needs. */
import type { LogRow } from "./log-database.ts";

export type PartitionState = {
  startOffset: number;
  endOffset: number;
  /** Batches that reach beyond it stay. */
  floor: number;
  /** The oldest batch; undefined when there is none. */
  oldest: LogRow | undefined;
};

/** Returns the partition whose oldest batch is the oldest of those that nothing needs. */
export function oldestRemovable(partitions: readonly PartitionState[]): number | undefined {
  let found: number | undefined;
  let arrivalMs = Number.POSITIVE_INFINITY;
  for (const [partition, { oldest, floor }] of partitions.entries()) {
    if (oldest === undefined || oldest.baseOffset + oldest.count > floor || oldest.arrivalMs >= arrivalMs) continue;
    arrivalMs = oldest.arrivalMs;
    found = partition;
  }
  return found;
}

/** Whether the oldest batch of the partition arrived before this time, and nothing needs it. */
export function isExpired({ oldest, floor }: PartitionState, beforeMs: number): boolean {
  if (oldest === undefined || oldest.baseOffset + oldest.count > floor) return false;
  return oldest.arrivalMs < beforeMs;
}

/** Returns the share of the log's records that checkpoints keep from being removed, 0 to 1. */
export function pinnedShare(partitions: readonly PartitionState[]): number {
  let records = 0;
  let pinned = 0;
  for (const { startOffset, endOffset, floor } of partitions) {
    records += endOffset - startOffset;
    pinned += endOffset - Math.max(startOffset, floor);
  }
  return records === 0 ? 0 : pinned / records;
}
