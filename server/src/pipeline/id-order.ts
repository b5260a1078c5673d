/**
 * The order of a partition's tokens by id, as a number for each token, so that rankings in which all figures tie compare numbers and no
 * ids. A token's id is compared with about twenty others, once. Numbers are spread, and a token gets one between those of its neighbours; where there
 * is none left, all are spread anew.
 */
import { RankList } from "./rank-list.ts";

/** Between two tokens that are numbered one after the other. */
const SPREAD = 2 ** 30;
const INITIAL_TOKENS = 1024;

export class IdOrder {
  readonly #list: RankList;
  /** By index; NaN: not in the list. */
  #numbers = new Float64Array(INITIAL_TOKENS).fill(Number.NaN);

  /** `compareIds` compares the ids of the tokens of two indexes. */
  constructor(compareIds: (a: number, b: number) => number) {
    this.#list = new RankList(compareIds);
  }

  /** By index, for all that were added: ascending as the ids are. Another array after `add`. */
  get numbers(): Float64Array {
    return this.#numbers;
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
