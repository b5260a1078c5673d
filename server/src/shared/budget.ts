/**
 * Budgets limit what all requests of a service hold at the same time, in total and for each client. A request holds its part by a lease. A
 * lease is the only way to take from a budget. It can grow, and its end returns everything exactly once.
 *
 * When there is no room, the budget first cuts leases that have made no progress for a while, such as a stalled upload or a response that
 * nobody reads. Refusing new requests alone was rejected: eighteen unfinished uploads would then keep all other clients out.
 */

type BudgetOptions = {
  /** Name in metrics and messages. */
  readonly name: string;
  readonly limit: number;
  /** The most that one client may hold. */
  readonly shareMax: number;
  /** Milliseconds of a monotonic clock. */
  readonly nowMs?: () => number;
};

/** A budget counts as full from this part of its limit on. Requests take large units, so the limit itself is seldom reached. */
const FULL_PART = 0.9;
/** A lease may be cut only after it has made no progress for this long. */
const STALLED_AFTER_MS = 1_000;

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

  /** Number of requests that found no room. */
  get refused(): number {
    return this.#refused;
  }

  /** Leases that were cut to make room. */
  get cut(): number {
    return this.#cut;
  }

  /** Returns the time for which the budget has been full; 0 when it is not full. */
  get fullForMs(): number {
    return this.#fullSinceMs === undefined ? 0 : this.nowMs() - this.#fullSinceMs;
  }

  usedBy(client: string): number {
    return this.#byClient.get(client) ?? 0;
  }

  /**
   * Returns a lease that holds nothing yet.
   * @param cut ends the holder of the lease when it is stalled and others need the room. Undefined: the lease is never cut.
   */
  lease(client: string, cut?: () => void): Lease {
    const lease = new Lease(this, client, cut);
    this.#leases += 1;
    if (cut !== undefined) this.#cuttable.add(lease);
    return lease;
  }

  /** Called by leases only. Returns whether there was room. */
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

  /** Called by leases only. */
  giveBack(client: string, units: number): void {
    this.#change(client, -units);
  }

  /** Called by leases only. */
  ended(lease: Lease): void {
    this.#leases -= 1;
    this.keep(lease);
  }

  /** Called by leases only. */
  keep(lease: Lease): void {
    this.#cuttable.delete(lease);
  }

  #hasRoom(client: string, units: number): boolean {
    return this.#used + units <= this.limit && this.usedBy(client) + units <= this.shareMax;
  }

  /**
   * Returns the lease that has been stalled for the longest. Looks only at the asking client's leases when that client's share is used up.
   */
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

  /** Returns false, and changes nothing, when there is no room or the lease has ended. */
  take(units: number): boolean {
    if (this.#hasEnded || !this.#budget.take(this, units)) return false;
    this.#held += units;
    return true;
  }

  /** Returns a part to the budget. */
  giveBack(units: number): void {
    if (this.#hasEnded) return;
    this.#held -= units;
    this.#budget.giveBack(this.client, units);
  }

  /** Records that the holder makes progress. */
  progress(): void {
    this.#progressMs = this.#budget.nowMs();
  }

  /** Protects the lease from being cut: its data is complete and is being processed. */
  keep(): void {
    this.#budget.keep(this);
  }

  /** Called by the budget only. */
  cutNow(): void {
    this.#cut?.();
    this.end();
  }

  /** Returns everything to the budget. Further calls do nothing. */
  end(): void {
    if (this.#hasEnded) return;
    if (this.#held > 0) this.#budget.giveBack(this.client, this.#held);
    this.#held = 0;
    this.#hasEnded = true;
    this.#budget.ended(this);
  }
}

/** A budget that stays full for this long is reported as a problem. */
export const FULL_PROBLEM_MS = 60_000;

/** Returns a sentence for each budget that has been full for a minute. */
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
