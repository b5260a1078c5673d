/**
 * Budgets: what all requests of a service may hold at the same time, in sum and for each client. A part is held by a lease, and a lease is
 * the only way to take from a budget: it grows, and its end gives everything back, once, however often and from wherever it is ended.
 *
 * When there is no room, leases that have made no progress for a while (an upload that stands still, an answer that nobody reads) are cut
 * first. Refusing alone was rejected: eighteen unfinished uploads then keep everybody else out.
 */

export type BudgetOptions = {
  /** In metrics and messages. */
  readonly name: string;
  readonly limit: number;
  /** What one client may hold of it. */
  readonly shareMax: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs?: () => number;
};

/** A budget is full from this part of its limit on: what is asked for comes in lumps, so the limit itself is seldom met. */
const FULL_PART = 0.9;
/** A lease that may be cut is cut only when it has made no progress for so long. */
export const STALLED_AFTER_MS = 1_000;

export class Budget {
  readonly name: string;
  readonly limit: number;
  readonly shareMax: number;
  readonly nowMs: () => number;
  readonly #byClient = new Map<string, number>();
  readonly #cuttable = new Set<Lease>();
  #used = 0;
  #leases = 0;
  #refused = 0;
  #cut = 0;
  #fullSinceMs: number | undefined;

  constructor({ name, limit, shareMax, nowMs = () => performance.now() }: BudgetOptions) {
    this.name = name;
    this.limit = limit;
    this.shareMax = Math.min(shareMax, limit);
    this.nowMs = nowMs;
  }

  get used(): number {
    return this.#used;
  }

  /** Leases that have not ended. */
  get leases(): number {
    return this.#leases;
  }

  /** How often there was no room. */
  get refused(): number {
    return this.#refused;
  }

  /** Leases that were cut to make room. */
  get cut(): number {
    return this.#cut;
  }

  /** For how long the budget has been full; 0: it is not. */
  get fullForMs(): number {
    return this.#fullSinceMs === undefined ? 0 : this.nowMs() - this.#fullSinceMs;
  }

  usedBy(client: string): number {
    return this.#byClient.get(client) ?? 0;
  }

  /**
   * A lease that holds nothing yet.
   * @param cut ends what holds the lease, when it stands still and others need the room; undefined: it is never cut
   */
  lease(client: string, cut?: () => void): Lease {
    const lease = new Lease(this, client, cut);
    this.#leases += 1;
    if (cut !== undefined) this.#cuttable.add(lease);
    return lease;
  }

  /** For leases alone. True: there was room. */
  take(lease: Lease, units: number): boolean {
    while (!this.#hasRoom(lease.client, units)) {
      const stalled = this.#stalled(lease);
      if (stalled === undefined) {
        this.#refused += 1;
        return false;
      }
      this.#cut += 1;
      stalled.cutNow();
    }
    this.#change(lease.client, units);
    return true;
  }

  /** For leases alone. */
  giveBack(client: string, units: number): void {
    this.#change(client, -units);
  }

  /** For leases alone. */
  ended(lease: Lease): void {
    this.#leases -= 1;
    this.keep(lease);
  }

  /** For leases alone. */
  keep(lease: Lease): void {
    this.#cuttable.delete(lease);
  }

  #hasRoom(client: string, units: number): boolean {
    return this.#used + units <= this.limit && this.usedBy(client) + units <= this.shareMax;
  }

  /** Of the leases that stand still the one that does so for the longest; of the same client, where its share is what is used up. */
  #stalled(asking: Lease): Lease | undefined {
    const ofClient = this.#used < this.limit && this.usedBy(asking.client) >= this.shareMax * FULL_PART;
    const before = this.nowMs() - STALLED_AFTER_MS;
    let found: Lease | undefined;
    for (const lease of this.#cuttable) {
      if (lease === asking || lease.held === 0 || lease.progressMs > before) continue;
      if (ofClient && lease.client !== asking.client) continue;
      if (found === undefined || lease.progressMs < found.progressMs) found = lease;
    }
    return found;
  }

  #change(client: string, units: number): void {
    this.#used += units;
    const held = this.usedBy(client) + units;
    if (held === 0) this.#byClient.delete(client);
    else this.#byClient.set(client, held);
    if (this.#used < this.limit * FULL_PART) this.#fullSinceMs = undefined;
    else this.#fullSinceMs ??= this.nowMs();
  }
}

/** A part of a budget. */
export class Lease {
  readonly client: string;
  readonly #budget: Budget;
  readonly #cut: (() => void) | undefined;
  #held = 0;
  #hasEnded = false;
  #progressMs: number;

  constructor(budget: Budget, client: string, cut: (() => void) | undefined) {
    this.#budget = budget;
    this.client = client;
    this.#cut = cut;
    this.#progressMs = budget.nowMs();
  }

  get held(): number {
    return this.#held;
  }

  get progressMs(): number {
    return this.#progressMs;
  }

  /** True: so much more is held. False: there is no room, or the lease has ended; nothing changes. */
  take(units: number): boolean {
    if (this.#hasEnded || !this.#budget.take(this, units)) return false;
    this.#held += units;
    return true;
  }

  /** Gives a part back. */
  giveBack(units: number): void {
    if (this.#hasEnded) return;
    this.#held -= units;
    this.#budget.giveBack(this.client, units);
  }

  /** Says that whoever holds the lease gets on. */
  progress(): void {
    this.#progressMs = this.#budget.nowMs();
  }

  /** From now on it is not cut: what is held is complete, and is worked on. */
  keep(): void {
    this.#budget.keep(this);
  }

  /** For the budget alone. */
  cutNow(): void {
    this.#cut?.();
    this.end();
  }

  /** Gives everything back. Again: nothing. */
  end(): void {
    if (this.#hasEnded) return;
    if (this.#held > 0) this.#budget.giveBack(this.client, this.#held);
    this.#held = 0;
    this.#hasEnded = true;
    this.#budget.ended(this);
  }
}

/** How long a budget may be full before it is a problem for an operator. */
export const FULL_PROBLEM_MS = 60_000;

/** A sentence for each budget that has been full for a minute. */
export function budgetProblems(budgets: Iterable<Budget>): string[] {
  const problems: string[] = [];
  for (const { name, used, limit, fullForMs } of budgets) {
    if (fullForMs < FULL_PROBLEM_MS) continue;
    const seconds = Math.floor(fullForMs / 1_000);
    problems.push(
      `The budget ${name} has been full for ${seconds} s (${used} of ${limit}); new requests that need it get 503.`,
    );
  }
  return problems;
}
