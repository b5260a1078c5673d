/**
 * How much is being opened at the owners of tokens at the same time. Opening costs the owner's thread a look-up and the whole data of the
 * topic in one piece, and a message may ask for hundreds; so each client has a few rows under way, all clients together have a bounded number, and
 * the rest waits here in the order it came. As no client has more than its few in the queue, all get their turn.
 */

export type GateLimits = {
  /** Rows under way for one client; a single topic of more goes alone. */
  readonly clientRowsMax: number;
  /** Rows under way for all clients. */
  readonly rowsMax: number;
};

type Waiting = { readonly rows: number; readonly begin: () => void };

/** Lets work begin while the rows under way fit; a piece that is larger than the bound goes alone. In the order of asking. */
export class OpeningGate {
  readonly #rowsMax: number;
  readonly #queue: Waiting[] = [];
  #rows = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Rows that are under way. */
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
