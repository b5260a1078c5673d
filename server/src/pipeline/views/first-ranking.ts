/**
 * The first sorting of all tokens of a ranking, in pieces: reads their keys, reads them in the order of their ids, sorts them by key, and
 * appends them to the list. Changes after its revision are applied afterwards, as at any other time.
 */
import type { IdOrder } from "./id-order.ts";
import { MergeSort } from "./merge-sort.ts";
import type { RankKeys } from "./rank-keys.ts";
import { BULK_ENTRIES, type RankList } from "./rank-list.ts";
import type { TokenViews, Work } from "./token-views.ts";

/** The cost of a token's key; tokens that are passed over, read in their order, or appended, for a unit of work. */
const KEY_UNITS = 2;
const PASSED_PER_UNIT = 512;
const ORDERED_PER_UNIT = 32;
const LISTED_PER_UNIT = 512;

/** The parts of a ranking that the sorting fills. */
type RankingParts = {
  readonly views: TokenViews;
  readonly ids: IdOrder;
  readonly keys: RankKeys;
  readonly list: RankList;
  /** Whether a token is in the list, or will be appended to it. */
  readonly isIn: (index: number) => boolean;
  /** Stores the token's key as of an instant, and marks the token as one of the list. */
  readonly take: (index: number, atMs: number) => void;
};

export class FirstRanking {
  readonly #parts: RankingParts;
  /** The revision and the number of the tokens at the beginning. */
  readonly rev: number;
  readonly #count: number;
  #keyed = 0;
  /** Listed tokens in the order of their ids, with their keys. */
  readonly #indexes: Uint32Array;
  readonly #keys: Float64Array;
  #listed = 0;
  /** The latest token that was read in the order of ids. */
  #lastRead: number | undefined;
  #isRead = false;
  #sort: MergeSort | undefined;
  #placed = 0;

  constructor(parts: RankingParts) {
    const { revision, count } = parts.views;
    this.#parts = parts;
    this.rev = revision;
    this.#count = count;
    this.#indexes = new Uint32Array(count);
    this.#keys = new Float64Array(count);
  }

  /** Comparisons of tokens so far. */
  get steps(): number {
    return this.#sort?.steps ?? 0;
  }

  /** Continues until the work is used up. Returns true when all tokens are in the list. */
  goOn(atMs: number, work: Work): boolean {
    if (!this.#keySome(atMs, work) || !this.#readSome(work)) return false;
    const { keys } = this.#parts;
    // The sort keeps the order of ids where the figures tie.
    this.#sort ??= new MergeSort(
      this.#indexes.subarray(0, this.#listed),
      this.#keys.subarray(0, this.#listed),
      (a, b) => keys.compare(a, b),
    );
    return this.#sort.sortSome(work) && this.#placeSome(this.#sort.sorted, work);
  }

  #keySome(atMs: number, work: Work): boolean {
    const { views, ids, take } = this.#parts;
    for (; this.#keyed < this.#count; this.#keyed++) {
      if (work.left <= 0) return false;
      const index = this.#keyed;
      work.left -= views.isListedAt(index) ? KEY_UNITS : 1 / PASSED_PER_UNIT;
      if (!views.isListedAt(index)) continue;
      take(index, atMs);
      ids.add(index);
    }
    return true;
  }

  /** Other rankings may add tokens to the order of ids between two pieces. Reading continues behind the latest token. */
  #readSome(work: Work): boolean {
    const { ids, keys, isIn } = this.#parts;
    while (!this.#isRead) {
      if (work.left <= 0) return false;
      const count = Math.ceil(work.left) * ORDERED_PER_UNIT;
      let read = 0;
      for (const index of ids.behind(this.#lastRead, count)) {
        read += 1;
        this.#lastRead = index;
        if (!isIn(index)) continue;
        this.#indexes[this.#listed] = index;
        this.#keys[this.#listed++] = keys.isPresent(index) ? keys.first(index) : Number.POSITIVE_INFINITY;
      }
      this.#isRead = read < count;
      work.left -= read / ORDERED_PER_UNIT;
    }
    return true;
  }

  #placeSome(sorted: Uint32Array, work: Work): boolean {
    const { list } = this.#parts;
    while (this.#placed < this.#listed) {
      if (work.left <= 0) return false;
      const block = sorted.subarray(this.#placed, this.#placed + BULK_ENTRIES);
      list.append(block);
      this.#placed += block.length;
      work.left -= block.length / LISTED_PER_UNIT;
    }
    return true;
  }
}
