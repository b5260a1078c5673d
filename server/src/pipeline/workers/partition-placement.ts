/**
 * Which of the threads of this process has which of its partitions. Partitions differ in their swaps, so they are divided by weight: the
 * heaviest first, each to the thread with the least weight (Graham's longest processing time first, at most a third worse than the
 * best division). A partition that comes back has the same thread again: what a thread sends about a partition, such as its rows for
 * the history, keeps its order.
 */
export class PartitionPlacement {
  readonly #threads: number;
  /** Weights of the partitions that this process is to have. */
  #weights = new Map<number, number>();
  readonly #threadOf = new Map<number, number>();

  constructor(threads: number) {
    this.#threads = threads;
  }

  /** Tells all partitions that this process is to have, with their weights. Those that never had a thread get one. */
  expect(weights: ReadonlyMap<number, number>): void {
    this.#weights = new Map(weights);
    const missing = [...weights].filter(([partition]) => !this.#threadOf.has(partition));
    missing.sort(([a, aWeight], [b, bWeight]) => bWeight - aWeight || a - b);
    for (const [partition] of missing) this.#threadOf.set(partition, this.#lightest());
  }

  /** Returns the thread of a partition that is being assigned. One that was not expected has the weight 1. */
  take(partition: number): number {
    const known = this.#threadOf.get(partition);
    if (known !== undefined) return known;
    const thread = this.#lightest();
    this.#weights.set(partition, 1);
    this.#threadOf.set(partition, thread);
    return thread;
  }

  /** Returns the thread of a partition; of one that this process never had, any thread. */
  threadOf(partition: number): number {
    return this.#threadOf.get(partition) ?? partition % this.#threads;
  }

  /** The thread with the least weight; of equal ones that with the fewest partitions, then the first. */
  #lightest(): number {
    const loads = Array.from({ length: this.#threads }, (_, thread) => ({ thread, weight: 0, partitions: 0 }));
    for (const [partition, weight] of this.#weights) {
      const thread = this.#threadOf.get(partition);
      if (thread === undefined) continue;
      const load = loads[thread] as (typeof loads)[number];
      load.weight += weight;
      load.partitions += 1;
    }
    loads.sort((a, b) => a.weight - b.weight || a.partitions - b.partitions || a.thread - b.thread);
    return (loads[0] as (typeof loads)[number]).thread;
  }
}
