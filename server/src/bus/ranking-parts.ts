/**
 * A ranking that is combined by partition. It holds the newest rows of each partition, whichever owner sent them. A partition that moves, or whose
 * owner is away, therefore keeps its place in the ranking.
 */
import type { PartRevision, RankedRow } from "./responses.ts";

export type PartRows = {
  readonly partition: number;
  readonly epoch: string;
  readonly rev: number;
  readonly asOf: number;
  readonly lagMs: number;
  readonly rows: readonly RankedRow[];
  /** Whether there are rows behind the last one. */
  readonly more: boolean;
};

export type PartedRows = {
  readonly parts: readonly PartRevision[];
  readonly asOf: number;
  readonly lagMs: number;
  readonly rows: readonly RankedRow[];
  readonly more: boolean;
};

export class RankingParts {
  readonly #parts = new Map<number, PartRows>();

  /** Stores a worker's rows, except for partitions that `isCurrent` refuses or that have newer rows of the same epoch. */
  put(given: PartedRows, isCurrent: (partition: number, epoch: string) => boolean): void {
    const { asOf, lagMs, more } = given;
    const byPartition = Map.groupBy(given.rows, (row) => row.partition);
    for (const { partition, epoch, rev } of given.parts) {
      const known = this.#parts.get(partition);
      if (!isCurrent(partition, epoch) || (known?.epoch === epoch && rev < known.rev)) continue;
      const rows = byPartition.get(partition) ?? [];
      this.#parts.set(partition, { partition, epoch, rev, asOf, lagMs, rows, more });
    }
  }

  /** Returns the parts of these partitions in their order. Returns undefined if one is not known, or if there are none. */
  of(partitions: Iterable<number>): PartRows[] | undefined {
    const parts: PartRows[] = [];
    for (const partition of partitions) {
      const part = this.#parts.get(partition);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return parts.length === 0 ? undefined : parts;
  }
}

/** Returns the partitions 0 to count - 1. */
export function* upTo(count: number): Iterable<number> {
  for (let partition = 0; partition < count; partition++) yield partition;
}
