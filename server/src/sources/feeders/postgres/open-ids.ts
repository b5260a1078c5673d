/**
 * Knows which ids of a table have been read, and up to which id nothing can appear any more.
 *
 * A row gets its id before its transaction commits, so rows appear out of order: id 7 may be there while 6 is still open, or was rolled
 * back. The ids that were passed over are **holes**. They are looked at in every pass until they are final:
 *
 * 1. An observation reads the newest id N, and then lists the **writers**: all open transactions that may write to the table. An INSERT
 *    locks the table before it draws an id from the sequence, and keeps the lock until its transaction ends. So every transaction that can
 *    still make a row up to N visible is in the list.
 * 2. When none of these writers is open any more, every row up to N that will ever be there is there. The reads after that moment find
 *    it, and then nothing up to N can appear any more: N is **final**.
 * 3. An id that was drawn before the lock (a sequence with CACHE, ids that a program reserves) escapes this rule. The margins are for
 *    these: an id is final only when it lies `margin.ids` behind the newest one, and when it was observed `margin.timeMs` ago.
 *
 * `after` is the final id. A reader continues there, and reads rows above it again, unless it also knows the last id and the holes.
 */

/** Holes that every pass looks at. Beyond it the older half becomes one coarse hole, which is read in full once, when it is final. */
export const HOLES_MAX = 2_000;
const CEILINGS_MAX = 64;
/** New observations are noted this many times within the time margin. */
const NOTES_PER_MARGIN = 32;

/** Holes that `kept` returns; a position has a limited size. */
export const KEPT_HOLES_MAX = 500;
/** Begins the name of a prepared transaction. */
const PREPARED = "-1/";

export type Margin = { readonly ids: number; readonly timeMs: number };

export type Observation = {
  /** Largest id. Undefined: the table is empty. */
  readonly newest: bigint | undefined;
  /** Open transactions that may write to the table. They were listed after `newest` was read. */
  readonly writers: readonly string[];
  /** Set on a standby, which does not know the writers: all transactions below `oldest` have ended, none from `next` on has begun. */
  readonly standby: { readonly oldest: bigint; readonly next: bigint } | undefined;
};

/** Ids from `low` to `high`, both included. */
type IdRange = { readonly low: bigint; readonly high: bigint };

/** What was read above the final id: everything up to `last` but the holes. */
export type ReadIds = { readonly last: bigint; readonly holes: readonly IdRange[] };

/** In a coarse hole some ids have been read already. */
type Hole = IdRange & { readonly isCoarse: boolean };

/** All ids up to `newest` are final when `writers` have ended and the margin has passed. */
type Ceiling = Pick<Observation, "standby"> & {
  readonly newest: bigint;
  writers: readonly string[];
  readonly atMs: number;
};

export class OpenIds {
  readonly #margin: Margin;
  #after: bigint;
  #last: bigint;
  /** Ordered, and between `#after` and `#last`. */
  #holes: Hole[] = [];
  /** Ordered by time. */
  #ceilings: Ceiling[] = [];
  /** Id up to which a complete read finishes everything. */
  #final: bigint;
  #prepared = new Set<string>();

  /** Everything up to `after` is final. `read`: what was read above it. */
  constructor(after: bigint, margin: Margin, read: ReadIds = { last: after, holes: [] }) {
    this.#margin = margin;
    this.#after = after;
    this.#last = read.last;
    this.#holes = read.holes.map((hole) => ({ ...hole, isCoarse: false }));
    this.#final = after;
  }

  /** Largest id up to which nothing can appear any more. */
  get after(): bigint {
    return this.#after;
  }

  /** Largest id that was read. */
  get last(): bigint {
    return this.#last;
  }

  /** Returns what was read above the final id. Undefined when it cannot be told in KEPT_HOLES_MAX holes. */
  get kept(): ReadIds | undefined {
    if (this.#holes.length > KEPT_HOLES_MAX || this.#holes.some(({ isCoarse }) => isCoarse)) return undefined;
    return { last: this.#last, holes: this.#holes.map(({ low, high }) => ({ low, high })) };
  }

  /** Notes an observation. The reads of the pass begin after it was made. `nowMs` is a clock that never goes back. */
  observe(observation: Observation, nowMs: number): void {
    const { newest, writers, standby } = observation;
    if (newest === undefined) return;
    // Before the check: with no writers and no margin an observation finishes itself.
    this.#note({ newest, writers, standby, atMs: nowMs });
    this.#dropEnded(writers);
    const { ids, timeMs } = this.#margin;
    const isFinal = (ceiling: Ceiling): boolean => {
      const haveEnded = ceiling.standby === undefined || (standby?.oldest ?? 0n) >= ceiling.standby.next;
      return haveEnded && ceiling.writers.length === 0 && ceiling.atMs + timeMs <= nowMs;
    };
    const highest = newest - BigInt(ids);
    for (const ceiling of this.#ceilings.filter(isFinal)) {
      const final = ceiling.newest < highest ? ceiling.newest : highest;
      if (final > this.#final) this.#final = final;
    }
    this.#ceilings = this.#ceilings.filter((ceiling) => !isFinal(ceiling) || ceiling.newest > this.#final);
  }

  /** Returns the ranges up to `last` that this pass must read, in order: holes, and the final part of coarse ones. */
  holesToRead(): IdRange[] {
    const final = this.#final;
    return this.#holes.flatMap(({ low, high, isCoarse }) => {
      if (!isCoarse) return [{ low, high }];
      return low > final ? [] : [{ low, high: high < final ? high : final }];
    });
  }

  /**
   * Notes the ids that a pass has read, in order. `readTo`: the pass was cut there, and read everything before it; undefined: it read the
   * holes and everything behind `last`.
   */
  add(ids: readonly bigint[], readTo: bigint | undefined): void {
    this.#holes = this.#withoutIds(ids);
    for (const id of ids) {
      if (id <= this.#last) continue;
      if (id > this.#last + 1n) this.#holes.push({ low: this.#last + 1n, high: id - 1n, isCoarse: false });
      this.#last = id;
    }
    const final = readTo === undefined || readTo > this.#final ? this.#final : readTo;
    if (final > this.#after) this.#after = final;
    if (this.#after > this.#last) this.#last = this.#after;
    this.#holes = this.#holes.flatMap((hole) => {
      if (hole.high <= this.#after) return [];
      return [hole.low > this.#after ? hole : { ...hole, low: this.#after + 1n }];
    });
    this.#limitHoles();
  }

  #note(ceiling: Ceiling): void {
    const { newest, atMs } = ceiling;
    const last = this.#ceilings.at(-1);
    if (newest <= this.#final || (last !== undefined && newest <= last.newest)) return;
    if (last !== undefined && atMs < last.atMs + this.#margin.timeMs / NOTES_PER_MARGIN) return;
    if (this.#ceilings.length >= CEILINGS_MAX) this.#ceilings.pop();
    this.#ceilings.push(ceiling);
  }

  /** PREPARE TRANSACTION gives a writer another name. So whoever is prepared since the last observation may be one that is gone. */
  #dropEnded(writers: readonly string[]): void {
    const open = new Set(writers);
    const prepared = writers.filter((writer) => writer.startsWith(PREPARED));
    const renamed = prepared.filter((writer) => !this.#prepared.has(writer));
    this.#prepared = new Set(prepared);
    for (const ceiling of this.#ceilings) {
      const left = ceiling.writers.filter((writer) => open.has(writer));
      if (left.length < ceiling.writers.length) left.push(...renamed.filter((writer) => !left.includes(writer)));
      ceiling.writers = left;
    }
  }

  /** Splits the holes at ids that were found in them. A coarse hole stays: what is read of it is final. */
  #withoutIds(ids: readonly bigint[]): Hole[] {
    const left: Hole[] = [];
    let next = 0;
    for (const hole of this.#holes) {
      let { low } = hole;
      while (next < ids.length && ids[next]! < low) next++;
      for (; !hole.isCoarse && next < ids.length && ids[next]! <= hole.high; next++) {
        if (ids[next]! > low) left.push({ low, high: ids[next]! - 1n, isCoarse: false });
        low = ids[next]! + 1n;
      }
      if (low <= hole.high) left.push({ ...hole, low });
    }
    return left;
  }

  #limitHoles(): void {
    if (this.#holes.length <= HOLES_MAX) return;
    const merged = this.#holes.splice(0, this.#holes.length - HOLES_MAX / 2);
    this.#holes.unshift({ low: merged[0]!.low, high: merged.at(-1)!.high, isCoarse: true });
  }
}
