/**
 * Which of the threads of this process has which of its partitions. Partitions differ in their swaps, so they are divided by weight: the
 * heaviest first, each to the thread with the least weight (Graham's longest processing time first, at most a third worse than the
 * best division). A partition stays on its thread until it is revoked.
 */
export class PartitionPlacement {
  readonly #threads: number;
  readonly #weights = new Map<number, number>();
  readonly #threadOf = new Map<number, number>();
  /** Number of assignments that have not been revoked. A partition may be assigned again before its revocation has ended. */
  readonly #taken = new Map<number, number>();

  constructor(threads: number) {
    this.#threads = threads;
  }

  /** Tells all partitions that this process is to have, with their weights. Those without a thread get one. */
  expect(weights: ReadonlyMap<number, number>): void {
    for (const partition of [...this.#threadOf.keys()]) {
      if (!weights.has(partition) && !this.#taken.has(partition)) this.#threadOf.delete(partition);
    }
    for (const [partition, weight] of weights) this.#weights.set(partition, weight);
    const missing = [...weights.keys()].filter((partition) => !this.#threadOf.has(partition));
    const byWeight = (a: number, b: number): number => this.#weightOf(b) - this.#weightOf(a) || a - b;
    for (const partition of missing.sort(byWeight)) this.#threadOf.set(partition, this.#lightest());
  }

  /** Returns the thread of a partition that is being assigned. One that was not expected has the weight 1. */
  take(partition: number): number {
    this.#taken.set(partition, (this.#taken.get(partition) ?? 0) + 1);
    if (!this.#threadOf.has(partition)) this.#threadOf.set(partition, this.#lightest());
    return this.threadOf(partition);
  }

  /** Notes that a partition has been revoked, once for each `take`. */
  release(partition: number): void {
    const left = (this.#taken.get(partition) ?? 0) - 1;
    if (left > 0) {
      this.#taken.set(partition, left);
      return;
    }
    this.#taken.delete(partition);
    this.#threadOf.delete(partition);
  }

  /** Returns the thread of a partition; of one that this process does not have, any thread. */
  threadOf(partition: number): number {
    return this.#threadOf.get(partition) ?? partition % this.#threads;
  }

  #weightOf(partition: number): number {
    return this.#weights.get(partition) ?? 1;
  }

  /** The thread with the least weight; of equal ones that with the fewest partitions, then the first. */
  #lightest(): number {
    const loads = Array.from({ length: this.#threads }, (_, thread) => ({ thread, weight: 0, partitions: 0 }));
    for (const [partition, thread] of this.#threadOf) {
      const load = loads[thread] as (typeof loads)[number];
      load.weight += this.#weightOf(partition);
      load.partitions += 1;
    }
    loads.sort((a, b) => a.weight - b.weight || a.partitions - b.partitions || a.thread - b.thread);
    return (loads[0] as (typeof loads)[number]).thread;
  }
}
