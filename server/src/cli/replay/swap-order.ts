/** The order in which a replay feeds swaps: event time, then block number (none is 0), then log index. */
export type SwapKey = { readonly timeMs: number; readonly block: number; readonly logIndex: number };

/** Keys of many records as columns; records of equal keys keep the order in which they were added. */
export class SwapKeys {
  #timesMs = new Float64Array(1024);
  #blocks = new Float64Array(1024);
  #logIndexes = new Uint32Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes that the columns and the index of `sortedOrder` need. */
  get bytes(): number {
    return this.#timesMs.length * 24;
  }

  add(timeMs: number, block: number, logIndex: number): void {
    if (this.#count === this.#timesMs.length) this.#grow();
    this.#timesMs[this.#count] = timeMs;
    this.#blocks[this.#count] = block;
    this.#logIndexes[this.#count] = logIndex;
    this.#count++;
  }

  clear(): void {
    this.#count = 0;
  }

  timeMs(index: number): number {
    return this.#timesMs[index] as number;
  }

  block(index: number): number {
    return this.#blocks[index] as number;
  }

  logIndex(index: number): number {
    return this.#logIndexes[index] as number;
  }

  /** Indexes of the records in order; equal keys by index. */
  sortedOrder(): Uint32Array {
    const times = this.#timesMs;
    const blocks = this.#blocks;
    const logs = this.#logIndexes;
    const order = new Uint32Array(this.#count);
    for (let index = 0; index < order.length; index++) order[index] = index;
    return order.sort(
      (a, b) =>
        (times[a] as number) - (times[b] as number) ||
        (blocks[a] as number) - (blocks[b] as number) ||
        (logs[a] as number) - (logs[b] as number) ||
        a - b,
    );
  }

  #grow(): void {
    const length = this.#timesMs.length * 2;
    const times = new Float64Array(length);
    const blocks = new Float64Array(length);
    const logs = new Uint32Array(length);
    times.set(this.#timesMs);
    blocks.set(this.#blocks);
    logs.set(this.#logIndexes);
    [this.#timesMs, this.#blocks, this.#logIndexes] = [times, blocks, logs];
  }
}

/** Negative, 0 or positive as `a` goes before, beside or behind `b`. */
export function compareKeys(a: SwapKey, b: SwapKey): number {
  return a.timeMs - b.timeMs || a.block - b.block || a.logIndex - b.logIndex;
}
