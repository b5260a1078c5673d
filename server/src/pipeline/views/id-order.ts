/**
 * The order of a partition's tokens by id, as a number for each token. Rankings in which all figures tie compare these numbers and not
 * the ids. The first tokens are sorted together, by the first characters of their ids as numbers; whole ids are compared only if those
 * tie. A later token is compared with about twenty others. Numbers have gaps, and a new token gets one between those of its neighbours.
 * If a gap is used up, all numbers are spread again.
 */
import { MergeSort } from "./merge-sort.ts";
import { BULK_ENTRIES, RankList } from "./rank-list.ts";
import type { Work } from "./token-views.ts";

/** Gap between the numbers of two neighbours. */
const SPREAD = 2 ** 30;
const INITIAL_TOKENS = 1024;
/** Characters of an id that one double holds, at 7 bits each. Greater characters count as the greatest, and so tie. */
const PREFIX_CHARS = 7;
const CHAR_MAX = 127;
/** Work units for the prefixes of an id, and tokens numbered for a unit. */
const PREFIX_UNITS = 2;
const NUMBERED_PER_UNIT = 64;

type Build = {
  readonly count: number;
  /** Number of tokens whose prefixes are read. */
  read: number;
  readonly first: Float64Array;
  /** By index: the prefixes behind those in `first`. */
  readonly second: Float64Array;
  sort: MergeSort | undefined;
  numbered: number;
};

export class IdOrder {
  readonly #list: RankList;
  readonly #compareIds: (a: number, b: number) => number;
  /** By index. NaN: not in the list. */
  #numbers = new Float64Array(INITIAL_TOKENS).fill(Number.NaN);

  #build: Build | undefined;
  #isBuilt = false;

  /** `compareIds` compares the ids of the tokens with two indexes. */
  constructor(compareIds: (a: number, b: number) => number) {
    this.#compareIds = compareIds;
    this.#list = new RankList(compareIds);
  }

  /** Numbers by index, in the order of the ids. `add` may replace the array. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  /**
   * Numbers all tokens with indexes below `count`, in pieces, before any is added. Only the first call reads `count`. Returns true
   * when all are numbered.
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

  /** Gives at most `count` tokens behind the one with this index, in order; from the first token if it is undefined. */
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

  /** Returns the tokens from the first one that `isBefore` does not accept to the last one that `isUntil` accepts. */
  between(isBefore: (index: number) => boolean, isUntil: (index: number) => boolean): number[] {
    const list = this.#list;
    const end = list.at(list.seek(isUntil));
    const found: number[] = [];
    const place = list.seek(isBefore);
    for (let index = list.at(place); index !== undefined && index !== end; index = list.at(place)) {
      found.push(index);
      list.forward(place);
    }
    return found;
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
 * Returns a number for the characters from a place on. It orders as the texts do, but may tie where they differ. Characters behind one
 * that does not fit are ignored.
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
