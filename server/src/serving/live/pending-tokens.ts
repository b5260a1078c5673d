/**
 * Tokens that clients have subscribed to and that no swap has named yet. All of them are asked for in one question every
 * `everyMs`, which is a look-up in a hash table an id: so whatever partition a token's first swap comes to, whoever owns it by then, and
 * whichever message was lost, the next round finds it. While nothing waits, nothing is asked.
 *
 * Rejected: a topic for each id at each thread, which the first swap wakes. It costs the same look-up with every new token, a message to every
 * instance with every subscription, and all of it anew whenever a partition moves.
 */

export type PendingLimits = {
  /** Ids that may wait, those of all clients together. */
  readonly idsMax: number;
  /** Ids of one question; the next ones come with the next question. */
  readonly idsAskedMax: number;
  readonly everyMs: number;
};

/** Called when the token is known. */
type Waiter = () => void;

export class PendingTokens {
  readonly #limits: PendingLimits;
  readonly #known: (ids: readonly string[]) => Promise<readonly boolean[]>;
  /** By canonical id, in the order in which they are asked for: those that were asked for go to the end. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #isClosed = false;

  /** `known` says of each id whether a swap has named it; what it rejects with is no answer, and the ids are asked for again. */
  constructor(limits: PendingLimits, known: (ids: readonly string[]) => Promise<readonly boolean[]>) {
    this.#limits = limits;
    this.#known = known;
  }

  /** Ids that wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Calls `onKnown` once, after a swap has named the token. Returns what ends the waiting; undefined: too many ids wait. */
  add(id: string, onKnown: Waiter): (() => void) | undefined {
    let waiters = this.#waiters.get(id);
    if (waiters === undefined) {
      if (this.#waiters.size >= this.#limits.idsMax) return undefined;
      waiters = new Set();
      this.#waiters.set(id, waiters);
    }
    const set = waiters;
    const waiter: Waiter = () => onKnown();
    set.add(waiter);
    this.#arm();
    return () => {
      if (set.delete(waiter) && set.size === 0 && this.#waiters.get(id) === set) this.#waiters.delete(id);
    };
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#waiters.clear();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isAsking || this.#isClosed || this.#waiters.size === 0) return;
    this.#timer = setTimeout(() => void this.#ask(), this.#limits.everyMs);
    this.#timer.unref();
  }

  async #ask(): Promise<void> {
    this.#timer = undefined;
    this.#isAsking = true;
    const ids = [...this.#waiters.keys().take(this.#limits.idsAskedMax)];
    const known = await this.#known(ids).catch(() => []);
    this.#isAsking = false;
    for (const [i, id] of ids.entries()) this.#answer(id, known[i] === true);
    this.#arm();
  }

  #answer(id: string, isKnown: boolean): void {
    const waiters = this.#waiters.get(id);
    if (waiters === undefined) return;
    this.#waiters.delete(id);
    if (isKnown) for (const waiter of waiters) waiter();
    else this.#waiters.set(id, waiters);
  }
}
