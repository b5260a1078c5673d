/** Merges the status of several workers: their partitions in order, and the sums of their counters. */
import type { CircuitStatus } from "@swapstats/protocol/schemas/service.ts";
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
    circuits: mergeCircuits(parts.flatMap((part) => part.circuits ?? [])),
  };
}

const SEVERITY = { closed: 0, half_open: 1, open: 2 };

/**
 * Returns one circuit for each instance and dependency, in this order, with the worst state. A dependency is unavailable since the first of
 * its circuits left the state `closed`, and available since the last one came back.
 */
export function mergeCircuits(circuits: readonly CircuitStatus[]): CircuitStatus[] {
  const merged = new Map<string, CircuitStatus>();
  for (const circuit of circuits) {
    const key = JSON.stringify([circuit.instance, circuit.dependency]);
    const other = merged.get(key);
    merged.set(key, other === undefined ? circuit : worseOf(other, circuit));
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, circuit]) => circuit);
}

function worseOf(a: CircuitStatus, b: CircuitStatus): CircuitStatus {
  const worse = SEVERITY[b.state] > SEVERITY[a.state] ? b : a;
  const isClosed = worse.state === "closed";
  const times = [a, b].flatMap(({ state, since }) =>
    since === undefined || (state === "closed") !== isClosed ? [] : [since],
  );
  if (times.length === 0) return worse;
  return { ...worse, since: isClosed ? Math.max(...times) : Math.min(...times) };
}
