/** Merges the status of several workers: their partitions in order, and the sums of their counters. */
import type { Counters } from "../engine/types.ts";
import type { StatusResponse } from "../ports/stats-bus.ts";

export function emptyCounters(): Counters {
  return {
    accepted: 0,
    applied: 0,
    duplicates: 0,
    late: 0,
    quarantined: 0,
    removed: 0,
    unresolved: 0,
    conflicts: 0,
    replaced: 0,
    removals_unmatched: 0,
    labels_dropped: 0,
    dead_letters: {},
  };
}

export function addCounters(sum: Counters, more: Readonly<Counters>): void {
  sum.accepted += more.accepted;
  sum.applied += more.applied;
  sum.duplicates += more.duplicates;
  sum.late += more.late;
  sum.quarantined += more.quarantined;
  sum.removed += more.removed;
  sum.unresolved += more.unresolved;
  sum.conflicts += more.conflicts;
  // Instances of earlier builds do not have these counters.
  sum.replaced += more.replaced ?? 0;
  sum.removals_unmatched += more.removals_unmatched ?? 0;
  sum.labels_dropped += more.labels_dropped ?? 0;
  for (const [code, count] of Object.entries(more.dead_letters)) {
    sum.dead_letters[code] = (sum.dead_letters[code] ?? 0) + count;
  }
}

export function mergeStatus(parts: readonly StatusResponse[]): StatusResponse {
  const counters = emptyCounters();
  for (const part of parts) addCounters(counters, part.counters);
  return {
    partitions: parts.flatMap((part) => part.partitions).sort((a, b) => a.partition - b.partition),
    counters,
    tokens: parts.reduce((sum, part) => sum + part.tokens, 0),
    totals: parts.flatMap((part) => part.totals),
  };
}
