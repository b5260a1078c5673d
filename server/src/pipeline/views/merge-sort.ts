/**
 * Sorts indexes by a number for each, in pieces: a bottom-up merge sort on typed arrays that are read in order. It is stable: equal
 * entries keep their order. Rejected: inserting one entry after the other into a list, which costs 3 to 15 µs an entry.
 */
import type { Work } from "./token-views.ts";

/** Entries merged for a unit of work. */
const MERGED_PER_UNIT = 32;

export class MergeSort {
  #from: Uint32Array;
  #to: Uint32Array;
  #fromKeys: Float64Array;
  #toKeys: Float64Array;
  readonly #compareTies: (a: number, b: number) => number;
  readonly #size: number;
  /** Length of a run; two neighbours are merged into one of twice the length. */
  #width = 1;
  /** Start of the two runs, the next entry of each, and the next place in the merged run. */
  #start = 0;
  #left = 0;
  #right: number;
  #out = 0;
  #steps = 0;

  /**
   * `keys` are by place, not by index; none is NaN. `compareTies` orders entries with the same key; 0 keeps their order. The sort owns
   * both arrays from here on.
   */
  constructor(indexes: Uint32Array, keys: Float64Array, compareTies: (a: number, b: number) => number) {
    this.#size = indexes.length;
    this.#right = Math.min(1, this.#size);
    this.#from = indexes;
    this.#fromKeys = keys;
    this.#to = new Uint32Array(indexes.length);
    this.#toKeys = new Float64Array(indexes.length);
    this.#compareTies = compareTies;
  }

  /** Entries merged so far: at most one comparison each. */
  get steps(): number {
    return this.#steps;
  }

  /** The sorted indexes, once `sortSome` has returned true. */
  get sorted(): Uint32Array {
    return this.#from;
  }

  /** Continues until the work is used up. Returns true when all entries are sorted. */
  sortSome(work: Work): boolean {
    while (this.#width < this.#size) {
      if (work.left <= 0) return false;
      const before = this.#out;
      this.#mergeUpTo(Math.min(this.#size, before + Math.ceil(work.left) * MERGED_PER_UNIT));
      this.#steps += this.#out - before;
      work.left -= (this.#out - before) / MERGED_PER_UNIT;
      if (this.#out === this.#size) this.#nextWidth();
    }
    return true;
  }

  #mergeUpTo(end: number): void {
    while (this.#out < end) {
      const middle = Math.min(this.#size, this.#start + this.#width);
      const stop = Math.min(this.#size, middle + this.#width);
      this.#mergeRuns(middle, stop, Math.min(stop, end));
      if (this.#out === stop) this.#beginRuns(stop);
    }
  }

  #mergeRuns(middle: number, stop: number, end: number): void {
    const from = this.#from;
    const fromKeys = this.#fromKeys;
    const to = this.#to;
    const toKeys = this.#toKeys;
    let left = this.#left;
    let right = this.#right;
    for (let out = this.#out; out < end; out++) {
      let at = left;
      if (left >= middle) at = right;
      else if (right < stop) {
        const a = fromKeys[left] as number;
        const b = fromKeys[right] as number;
        if (b < a || (b === a && this.#compareTies(from[right] as number, from[left] as number) < 0)) at = right;
      }
      to[out] = from[at] as number;
      toKeys[out] = fromKeys[at] as number;
      if (at === left && left < middle) left += 1;
      else right += 1;
    }
    this.#left = left;
    this.#right = right;
    this.#out = end;
  }

  #beginRuns(start: number): void {
    this.#start = start;
    this.#left = start;
    this.#right = Math.min(this.#size, start + this.#width);
  }

  #nextWidth(): void {
    [this.#from, this.#to] = [this.#to, this.#from];
    [this.#fromKeys, this.#toKeys] = [this.#toKeys, this.#fromKeys];
    this.#width *= 2;
    this.#out = 0;
    this.#beginRuns(0);
  }
}
