/**
 * Lists of the finest steps in which a wallet has bought or sold, the latest first, each with its number of swaps. When a swap
 * leaves, its step loses one, and the last time of the wallet is known at once. A walk through the wallet's swaps would grow
 * with their number; a list of steps grows only with the steps of the horizon. 0 is the empty list.
 */
import { layout } from "../memory/layout.ts";

/** A node lies in one line of memory: in three arrays it took three. */
const { TIME_MS, SWAPS, NEXT, BYTES } = layout({
  TIME_MS: { width: 8, count: 1 },
  SWAPS: { width: 4, count: 1 },
  NEXT: { width: 4, count: 1 },
});
const DOUBLES = BYTES / 8;
const WORDS = BYTES / 4;
const FIRST_CAPACITY = 64;
export const NEVER = Number.NEGATIVE_INFINITY;

export class SwapTimes {
  #f64 = new Float64Array(FIRST_CAPACITY * DOUBLES);
  #u32 = new Uint32Array(this.#f64.buffer);
  /** Nodes that were ever in use; node 0 is none. */
  #used = 1;
  #free = 0;

  clear(): void {
    this.#used = 1;
    this.#free = 0;
  }

  /** The list's latest time, or -Infinity. */
  lastMs(head: number): number {
    return head === 0 ? NEVER : this.#f64[DOUBLES * head + TIME_MS];
  }

  /** The latest time before closeMs, or -Infinity. */
  lastBeforeMs(head: number, closeMs: number): number {
    let node = head;
    while (node !== 0 && this.#f64[DOUBLES * node + TIME_MS] >= closeMs) node = this.#u32[WORDS * node + NEXT];
    return this.lastMs(node);
  }

  /** Adds a swap, and returns the head of the list. */
  add(head: number, timeMs: number): number {
    const before = this.#lastAfter(head, timeMs);
    const node = before === 0 ? head : this.#u32[WORDS * before + NEXT];
    if (node !== 0 && this.#f64[DOUBLES * node + TIME_MS] === timeMs) {
      this.#u32[WORDS * node + SWAPS] += 1;
      return head;
    }
    const made = this.#make(timeMs, node);
    if (before === 0) return made;
    this.#u32[WORDS * before + NEXT] = made;
    return head;
  }

  /** Removes a swap that was added, and returns the head of the list. */
  take(head: number, timeMs: number): number {
    const before = this.#lastAfter(head, timeMs);
    const u32 = this.#u32;
    const node = before === 0 ? head : u32[WORDS * before + NEXT];
    if (node === 0 || this.#f64[DOUBLES * node + TIME_MS] !== timeMs) return head;
    const left = u32[WORDS * node + SWAPS] - 1;
    u32[WORDS * node + SWAPS] = left;
    if (left > 0) return head;
    const next = u32[WORDS * node + NEXT];
    u32[WORDS * node + NEXT] = this.#free;
    this.#free = node;
    if (before === 0) return next;
    u32[WORDS * before + NEXT] = next;
    return head;
  }

  /** The last node of a later time than timeMs, or 0. */
  #lastAfter(head: number, timeMs: number): number {
    let before = 0;
    let node = head;
    while (node !== 0 && this.#f64[DOUBLES * node + TIME_MS] > timeMs) {
      before = node;
      node = this.#u32[WORDS * node + NEXT];
    }
    return before;
  }

  #make(timeMs: number, next: number): number {
    let node = this.#free;
    if (node !== 0) this.#free = this.#u32[WORDS * node + NEXT];
    else {
      node = this.#used++;
      if (DOUBLES * node === this.#f64.length) this.#grow();
    }
    this.#f64[DOUBLES * node + TIME_MS] = timeMs;
    this.#u32[WORDS * node + SWAPS] = 1;
    this.#u32[WORDS * node + NEXT] = next;
    return node;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#f64.length);
    // As words: a copy of doubles may change the bit pattern of two words that read as a NaN.
    this.#u32 = new Uint32Array(larger.buffer);
    this.#u32.set(new Uint32Array(this.#f64.buffer));
    this.#f64 = larger;
  }
}
