/**
 * Limits how many rows clients may hold. A row is the figures of one token in one window, about a kilobyte with all figures. A token's channel with
 * seven windows has 7 rows, a ranking of 500 tokens has 500. A row costs the owner of the token a computation when it changes, and memory
 * on both sides, however few channels it belongs to. So a limit on channels alone would be wrong.
 *
 * Rows that several clients share are counted once in the total. When the total is used up, a client may still hold its equal share of it, so that
 * a client that holds much cannot shut others out. The sum never exceeds twice the limit.
 */

/** Clients that came while there were fewer clients have larger shares, so shares alone would be no bound. */
const SHARES_FACTOR = 2;

export class RowBudget {
  readonly #totalMax: number;
  readonly #clients: () => number;
  #total = 0;

  /** `clients` returns the number of connected clients. */
  constructor(totalMax: number, clients: () => number) {
    this.#totalMax = totalMax;
    this.#clients = clients;
  }

  /** Rows that all clients together hold. */
  get total(): number {
    return this.#total;
  }

  /** Takes rows for a client that already holds `held` rows. Returns false, and takes nothing, if there is no room. */
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

/** Limits how fast one client may open channels, by a token bucket of rows. Beyond the limit its requests wait; they are not refused. */
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

  /** Takes rows from the bucket, which may go below zero by one request. Returns the delay in ms after which the request may begin. */
  take(rows: number, nowMs: number): number {
    this.#rows = Math.min(this.#burst, this.#rows + (nowMs - this.#lastMs) * this.#perMs);
    this.#lastMs = nowMs;
    const waitMs = this.#rows >= 0 ? 0 : -this.#rows / this.#perMs;
    this.#rows -= rows;
    return waitMs;
  }
}
