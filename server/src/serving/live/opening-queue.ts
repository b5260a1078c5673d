/**
 * Limits how many rows are being opened at the owners of tokens at the same time. Opening costs the owner's thread a look-up and the whole data of the
 * channel in one piece, and a message may request hundreds of channels. So each client opens a few rows at a time, all clients together open a bounded
 * number, and the rest waits here in order of arrival. No client has more than its few in the queue, so every client gets its turn.
 */

type Waiting = { readonly rows: number; readonly begin: () => void };

/** Starts work in order of arrival while the rows in progress fit. Work that is larger than the bound runs alone. */
export class OpeningQueue {
  readonly #rowsMax: number;
  readonly #queue: Waiting[] = [];
  #rows = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Rows in progress. */
  get rows(): number {
    return this.#rows;
  }

  /** Runs `work` when it is its turn. */
  async run<T>(rows: number, work: () => Promise<T>): Promise<T> {
    if (this.#queue.length > 0 || !this.#fits(rows)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push({ rows, begin: resolve });
      await promise;
    } else {
      this.#rows += rows;
    }
    try {
      return await work();
    } finally {
      this.#rows -= rows;
      this.#next();
    }
  }

  #fits(rows: number): boolean {
    return this.#rows === 0 || this.#rows + rows <= this.#rowsMax;
  }

  #next(): void {
    for (let next = this.#queue[0]; next !== undefined && this.#fits(next.rows); next = this.#queue[0]) {
      this.#queue.shift();
      this.#rows += next.rows;
      next.begin();
    }
  }
}
