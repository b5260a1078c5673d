/**
 * How much clients may hold. The measure is the row: the figures of one token in one window, about a kilobyte with all figures. A token's
 * channel with seven windows has 7 rows, a ranking of 500 tokens has 500. A row costs the owner of the token a computation when it changes,
 * and memory here and there, however few channels it is wrapped in; so channels alone would be the wrong thing to count.
 *
 * What several clients share is counted once in the total. When the total is used up, a client may still hold its equal share of it: one that
 * holds much then cannot shut others out. The sum never passes twice the limit.
 */

/** The shares of those who came when there were fewer clients are larger, so shares alone would be no bound. */
const SHARES_FACTOR = 2;

export class RowBudget {
  readonly #totalMax: number;
  readonly #clients: () => number;
  #total = 0;

  /** `clients`: how many are connected now. */
  constructor(totalMax: number, clients: () => number) {
    this.#totalMax = totalMax;
    this.#clients = clients;
  }

  /** Rows that are held now, those of all clients together. */
  get total(): number {
    return this.#total;
  }

  /** Takes rows for a client that holds `held` rows besides; false: there is no room, and nothing was taken. */
  take(rows: number, held: number): boolean {
    const share = this.#totalMax / Math.max(1, this.#clients());
    const total = this.#total + rows;
    if (total > SHARES_FACTOR * this.#totalMax || (total > this.#totalMax && held + rows > share)) return false;
    this.#total = total;
    return true;
  }

  give(rows: number): void {
    this.#total -= rows;
  }
}

/** How fast one client may open channels: a bucket of rows. Beyond it its requests wait; they are not refused. */
export class OpenRate {
  readonly #burst: number;
  readonly #perMs: number;
  #rows: number;
  #lastMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#rows = burst;
    this.#lastMs = nowMs;
  }

  /** Takes rows from the bucket, which may go below zero by one request; returns after how many ms the request may begin. */
  take(rows: number, nowMs: number): number {
    this.#rows = Math.min(this.#burst, this.#rows + (nowMs - this.#lastMs) * this.#perMs);
    this.#lastMs = nowMs;
    const waitMs = this.#rows >= 0 ? 0 : -this.#rows / this.#perMs;
    this.#rows -= rows;
    return waitMs;
  }
}
