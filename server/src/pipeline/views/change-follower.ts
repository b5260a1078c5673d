/**
 * Follows the tokens of a partition whose revision has moved, in pieces: first all tokens, then those of the journal of revisions. If more
 * have moved than the journal holds, one pass over all tokens finds them.
 */
import { JOURNAL_REVISIONS } from "./revision-journal.ts";
import type { TokenViews, Work } from "./token-views.ts";

/** Tokens passed over for a unit of work. */
const PASSED_PER_UNIT = 512;

export class ChangeFollower {
  readonly #views: TokenViews;
  readonly #units: number;
  /** All changes up to this revision were taken. */
  #takenRev = 0;
  /** A pass over all tokens for changes up to this revision, and the index that it has reached. */
  #passRev: number | undefined;
  #passAt = 0;

  /** `units`: the cost of taking a token; 0 if `take` uses up the work itself. */
  constructor(views: TokenViews, units: number) {
    this.#views = views;
    this.#units = units;
  }

  /** All changes up to this revision were taken. */
  get takenRev(): number {
    return this.#takenRev;
  }

  /** Whether the next call passes over all tokens. */
  get isFarBehind(): boolean {
    return this.#takenRev === 0 || this.#views.revision - this.#takenRev > JOURNAL_REVISIONS;
  }

  /** Continues behind this revision. */
  skipTo(rev: number): void {
    this.#takenRev = rev;
    this.#passRev = undefined;
  }

  /**
   * Passes tokens that changed to `take`, by their index in the views, until the work is used up. Returns true when none is left. The caller
   * has looked at all tokens.
   */
  takeSome(work: Work, take: (index: number) => void): boolean {
    const views = this.#views;
    for (;;) {
      if (this.isFarBehind && this.#passRev === undefined) this.#beginPass();
      if (!this.#passOn(work, take)) return false;
      if (views.revision - this.#takenRev <= JOURNAL_REVISIONS) break;
    }
    while (this.#takenRev < views.revision) {
      if (work.left <= 0) return false;
      const rev = this.#takenRev + 1;
      const index = views.changedAt(rev);
      if (views.changeAt(index) === rev) {
        take(index);
        work.left -= this.#units;
      }
      this.#takenRev = rev;
    }
    return true;
  }

  #beginPass(): void {
    this.#passRev = this.#views.revision;
    this.#passAt = 0;
  }

  #passOn(work: Work, take: (index: number) => void): boolean {
    const views = this.#views;
    while (this.#passRev !== undefined) {
      const end = Math.min(views.count, this.#passAt + PASSED_PER_UNIT);
      for (; this.#passAt < end; this.#passAt++) {
        if (work.left <= 0) return false;
        if (views.changeAt(this.#passAt) <= this.#takenRev) continue;
        take(this.#passAt);
        work.left -= this.#units;
      }
      work.left -= 1;
      if (end < views.count) continue;
      this.#takenRev = this.#passRev;
      this.#passRev = undefined;
    }
    return true;
  }
}
