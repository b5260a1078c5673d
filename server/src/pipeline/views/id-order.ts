/**
 * The order of a partition's tokens by id, as a number for each token, so that rankings in which all figures tie compare numbers and no
 * ids. The tokens that are there at first are sorted at once, by the first characters of their ids as numbers; whole ids are compared only
 * where those tie. A token that comes later is compared with about twenty others. Numbers are spread, and a token gets one between those of its neighbours; where there
 * is none left, all are spread anew.
 */
import { MergeSort } from "./merge-sort.ts";
import { BULK_ENTRIES, RankList } from "./rank-list.ts";
import type { Work } from "./token-views.ts";

/** Between two tokens that are numbered one after the other. */
const SPREAD = 2 ** 30;
const INITIAL_TOKENS = 1024;
/** Characters of an id that one double holds, of 7 bits each; greater ones count as the greatest, and so tie. */
const PREFIX_CHARS = 7;
const CHAR_MAX = 127;
/** What the prefixes of an id cost, and a number that is given. */
const PREFIX_UNITS = 2;
const NUMBERED_PER_UNIT = 64;

type Build = {
  readonly count: number;
  /** How many tokens have their prefixes. */
  read: number;
  readonly first: Float64Array;
  /** By index: the characters behind the first. */
  readonly second: Float64Array;
  sort: MergeSort | undefined;
  numbered: number;
};

export class IdOrder {
  readonly #list: RankList;
  readonly #compareIds: (a: number, b: number) => number;
  /** By index; NaN: not in the list. */
  #numbers = new Float64Array(INITIAL_TOKENS).fill(Number.NaN);

  #build: Build | undefined;
  #isBuilt = false;

  /** `compareIds` compares the ids of the tokens of two indexes. */
  constructor(compareIds: (a: number, b: number) => number) {
    this.#compareIds = compareIds;
    this.#list = new RankList(compareIds);
  }

  /** By index, for all that were added: ascending as the ids are. Another array after `add`. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  /**
   * Numbers all tokens with indexes below `count` at its first call, in pieces, before any is added; `count` counts only there. True:
   * they are all there.
   */
  buildSome(count: number, idAt: (index: number) => string, work: Work): boolean {
    if (this.#isBuilt) return true;
    this.#build ??= {
      count,
      read: 0,
      first: new Float64Array(count),
      second: new Float64Array(count),
      sort: undefined,
      numbered: 0,
    };
    const build = this.#build;
    for (; build.read < build.count; build.read++) {
      if (work.left <= 0) return false;
      const id = idAt(build.read);
      build.first[build.read] = prefixOf(id, 0);
      build.second[build.read] = prefixOf(id, PREFIX_CHARS);
      work.left -= PREFIX_UNITS;
    }
    build.sort ??= this.#sortOf(build);
    if (!build.sort.sortSome(work) || !this.#numberSome(build, build.sort.sorted, work)) return false;
    this.#build = undefined;
    this.#isBuilt = true;
    return true;
  }

  /** At most `count` tokens that stand behind the one of this index, in order; from the first on when undefined. */
  *behind(index: number | undefined, count: number): Generator<number, void, void> {
    const numbers = this.#numbers;
    const last = index === undefined ? Number.NEGATIVE_INFINITY : (numbers[index] as number);
    const place = this.#list.seek((other) => (numbers[other] as number) <= last);
    for (let given = 0; given < count; given++) {
      const next = this.#list.at(place);
      if (next === undefined) return;
      yield next;
      this.#list.forward(place);
    }
  }

  #sortOf({ count, first, second }: Build): MergeSort {
    const all = new Uint32Array(count);
    for (let i = 0; i < count; i++) all[i] = i;
    return new MergeSort(all, first, (a, b) => {
      return (second[a] as number) - (second[b] as number) || this.#compareIds(a, b);
    });
  }

  #numberSome(build: Build, sorted: Uint32Array, work: Work): boolean {
    if (build.count > this.#numbers.length) this.#grow(build.count);
    while (build.numbered < build.count) {
      if (work.left <= 0) return false;
      const block = sorted.subarray(build.numbered, build.numbered + BULK_ENTRIES);
      this.#list.append(block);
      for (const index of block) this.#numbers[index] = SPREAD * build.numbered++;
      work.left -= block.length / NUMBERED_PER_UNIT;
    }
    return true;
  }

  add(index: number): void {
    if (index >= this.#numbers.length) this.#grow(index);
    if (!Number.isNaN(this.#numbers[index] as number)) return;
    const list = this.#list;
    const place = list.insert(index);
    const after = list.at(list.next(place));
    const previous = list.previous(place);
    const before = previous === undefined ? undefined : list.at(previous);
    const low = before === undefined ? undefined : (this.#numbers[before] as number);
    const high = after === undefined ? undefined : (this.#numbers[after] as number);
    const number = between(low, high);
    if (number === low || number === high) this.#spread();
    else this.#numbers[index] = number;
  }

  #spread(): void {
    const place = { block: 0, at: 0 };
    let number = 0;
    for (let index = this.#list.at(place); index !== undefined; index = this.#list.at(place)) {
      this.#numbers[index] = number;
      number += SPREAD;
      this.#list.forward(place);
    }
  }

  #grow(index: number): void {
    const next = new Float64Array(Math.max(index + 1, this.#numbers.length * 2)).fill(Number.NaN);
    next.set(this.#numbers);
    this.#numbers = next;
  }
}

function between(low: number | undefined, high: number | undefined): number {
  if (low === undefined) return high === undefined ? 0 : high - SPREAD;
  return high === undefined ? low + SPREAD : low + (high - low) / 2;
}

/**
 * Of the characters from a place on; it orders as the texts do, except that it may tie where they differ. Behind a character that
 * does not fit nothing counts.
 */
function prefixOf(id: string, from: number): number {
  let number = 0;
  let isCut = false;
  for (let at = 0; at < from + PREFIX_CHARS; at++) {
    const code = isCut || at >= id.length ? 0 : Math.min(id.charCodeAt(at), CHAR_MAX);
    if (at >= from) number = number * (CHAR_MAX + 1) + code;
    if (code === CHAR_MAX) isCut = true;
  }
  return number;
}
