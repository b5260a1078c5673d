/**
 * Revisions of the tokens of a partition, by the index of the views: each is the next number of one counter. So is the mark of a token whose figures are
 * the same, but not its place in lists.
 */

const INITIAL_TOKENS = 1024;
/** Number of revisions whose token `changedAt` returns: some seconds of a busy stream. */
export const JOURNAL_REVISIONS = 1 << 17;

export class RevisionJournal {
  #revision = 1;
  /** By index. Revision 0: the token was never looked at. */
  #revs = new Float64Array(INITIAL_TOKENS);
  /** By index: the newest revision or mark. */
  #changes = new Float64Array(INITIAL_TOKENS);
  /** By revision or mark, modulo its length: the index that it was given to. Empty until `begin`. */
  #journal = new Uint32Array(0);

  /** The counter: grows with every revision and mark that is given. */
  get revision(): number {
    return this.#revision;
  }

  /** The revision that the token has, or 0. */
  revAt(index: number): number {
    return this.#revs[index] as number;
  }

  /** The newest revision or mark of the token, or 0. */
  changeAt(index: number): number {
    return this.#changes[index] as number;
  }

  /** The index that a revision or mark was given to, of the last JOURNAL_REVISIONS since `begin`. */
  changedAt(revision: number): number {
    return this.#journal[revision % JOURNAL_REVISIONS] as number;
  }

  /** Gives the token the next revision. */
  give(index: number): void {
    this.mark(index);
    this.#revs[index] = this.#revision;
  }

  /** Gives the token the next mark. */
  mark(index: number): void {
    this.#revision += 1;
    this.#changes[index] = this.#revision;
    if (this.#journal.length > 0) this.#journal[this.#revision % JOURNAL_REVISIONS] = index;
  }

  /** Revisions are kept by token from here on. */
  begin(): void {
    if (this.#journal.length === 0) this.#journal = new Uint32Array(JOURNAL_REVISIONS);
  }

  /** Makes room for this index. */
  reserve(index: number): void {
    if (index < this.#revs.length) return;
    this.#revs = grown(this.#revs);
    this.#changes = grown(this.#changes);
  }
}

function grown(old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const next = new Float64Array(old.length * 2);
  next.set(old);
  return next;
}
