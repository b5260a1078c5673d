/**
 * Tokens that clients have subscribed to and that no swap has named yet. One request every `everyMs` asks for all of them, which costs one hash
 * look-up per id. The next round finds a token whatever partition its first swap is in, whoever owns that partition, and whatever message
 * was lost. While no token waits, no request is sent.
 *
 * Rejected: a feed per id at each thread, which the first swap wakes. It costs the same look-up for every new token, a message to every
 * instance for every subscription, and all of that again whenever a partition moves.
 */

type PendingLimits = {
  /** Ids that may wait, of all clients together. */
  readonly idsMax: number;
  /** Ids in one request; further ids are in the next request. */
  readonly idsAskedMax: number;
  readonly everyMs: number;
};

/** Called once the token is known. */
type Waiter = () => void;

export class PendingTokens {
  readonly #limits: PendingLimits;
  readonly #known: (ids: readonly string[]) => Promise<readonly boolean[]>;
  /** By canonical id, in the order of asking: an id that was in a request goes to the end. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  #isClosed = false;

  /** `known` tells for each id whether a swap has named it. If it rejects, the ids are in a later request again. */
  constructor(limits: PendingLimits, known: (ids: readonly string[]) => Promise<readonly boolean[]>) {
    this.#limits = limits;
    this.#known = known;
  }

  /** Ids that wait. */
  get size(): number {
    return this.#waiters.size;
  }

  /** Calls `onKnown` once, after a swap has named the token. Returns a function that stops waiting, or undefined if too many ids wait. */
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
    for (const [i, id] of ids.entries()) this.#told(id, known[i] === true);
    this.#arm();
  }

  #told(id: string, isKnown: boolean): void {
    const waiters = this.#waiters.get(id);
    if (waiters === undefined) return;
    this.#waiters.delete(id);
    if (isKnown) for (const waiter of waiters) waiter();
    else this.#waiters.set(id, waiters);
  }
}
