/**
 * The order in which a replay feeds swaps: event time, block number (0 without one), index of the transaction, log index. `file` and
 * `row` are the place of the record.
 */
export type SwapKey = {
  readonly timeMs: number;
  readonly block: number;
  readonly txIndex: number;
  readonly logIndex: number;
  readonly file: number;
  readonly row: number;
};

/** Keys of many records, as columns. Records with equal keys keep the order in which they were added. */
export class SwapKeys {
  #timesMs = new Float64Array(1024);
  #blocks = new Float64Array(1024);
  #txIndexes = new Uint32Array(1024);
  #logIndexes = new Uint32Array(1024);
  #files = new Uint32Array(1024);
  #rows = new Float64Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Bytes that the columns and the index of `sortedOrder` need. */
  get bytes(): number {
    return this.#timesMs.length * 40;
  }

  add({ timeMs, block, txIndex, logIndex, file, row }: SwapKey): void {
    if (this.#count === this.#timesMs.length) this.#grow();
    this.#timesMs[this.#count] = timeMs;
    this.#blocks[this.#count] = block;
    this.#txIndexes[this.#count] = txIndex;
    this.#logIndexes[this.#count] = logIndex;
    this.#files[this.#count] = file;
    this.#rows[this.#count] = row;
    this.#count++;
  }

  clear(): void {
    this.#count = 0;
  }

  key(index: number): SwapKey {
    return {
      timeMs: this.#timesMs[index] as number,
      block: this.#blocks[index] as number,
      txIndex: this.#txIndexes[index] as number,
      logIndex: this.#logIndexes[index] as number,
      file: this.#files[index] as number,
      row: this.#rows[index] as number,
    };
  }

  /** Returns the indexes of the records in order, equal keys by index. */
  sortedOrder(): Uint32Array {
    const times = this.#timesMs;
    const blocks = this.#blocks;
    const txs = this.#txIndexes;
    const logs = this.#logIndexes;
    const order = new Uint32Array(this.#count);
    for (let index = 0; index < order.length; index++) order[index] = index;
    return order.sort(
      (a, b) =>
        (times[a] as number) - (times[b] as number) ||
        (blocks[a] as number) - (blocks[b] as number) ||
        (txs[a] as number) - (txs[b] as number) ||
        (logs[a] as number) - (logs[b] as number) ||
        a - b,
    );
  }

  #grow(): void {
    const length = this.#timesMs.length * 2;
    this.#timesMs = larger(new Float64Array(length), this.#timesMs);
    this.#blocks = larger(new Float64Array(length), this.#blocks);
    this.#txIndexes = larger(new Uint32Array(length), this.#txIndexes);
    this.#logIndexes = larger(new Uint32Array(length), this.#logIndexes);
    this.#files = larger(new Uint32Array(length), this.#files);
    this.#rows = larger(new Float64Array(length), this.#rows);
  }
}

function larger<T extends Float64Array | Uint32Array>(target: T, source: T): T {
  target.set(source);
  return target;
}

/** Returns a negative number, 0 or a positive number when `a` is before, equal to or after `b`. */
export function compareKeys(a: SwapKey, b: SwapKey): number {
  return a.timeMs - b.timeMs || a.block - b.block || a.txIndex - b.txIndex || a.logIndex - b.logIndex;
}
