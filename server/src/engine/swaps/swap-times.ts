/**
 * Lists of the finest steps in which a wallet has bought or sold, the latest first, each with its number of swaps. When a swap
 * leaves, its step loses one, and the last time of the wallet is known at once. A walk through the wallet's swaps would grow
 * with their number; a list of steps grows only with the steps of the horizon. 0 is the empty list.
 */
import { grown } from "../memory/grown.ts";

const FIRST_CAPACITY = 64;
export const NEVER = Number.NEGATIVE_INFINITY;

export class SwapTimes {
  #timeMs = new Float64Array(FIRST_CAPACITY);
  #swaps = new Uint32Array(FIRST_CAPACITY);
  #next = new Uint32Array(FIRST_CAPACITY);
  /** Nodes that were ever in use; node 0 is none. */
  #used = 1;
  #free = 0;

  clear(): void {
    this.#used = 1;
    this.#free = 0;
  }

  /** The list's latest time, or -Infinity. */
  lastMs(head: number): number {
    return head === 0 ? NEVER : this.#timeMs[head];
  }

  /** The latest time before closeMs, or -Infinity. */
  lastBeforeMs(head: number, closeMs: number): number {
    let node = head;
    while (node !== 0 && this.#timeMs[node] >= closeMs) node = this.#next[node];
    return this.lastMs(node);
  }

  /** Adds a swap, and returns the head of the list. */
  add(head: number, timeMs: number): number {
    let before = 0;
    let node = head;
    while (node !== 0 && this.#timeMs[node] > timeMs) {
      before = node;
      node = this.#next[node];
    }
    if (node !== 0 && this.#timeMs[node] === timeMs) {
      this.#swaps[node] = this.#swaps[node] + 1;
      return head;
    }
    const made = this.#make(timeMs, node);
    if (before === 0) return made;
    this.#next[before] = made;
    return head;
  }

  /** Removes a swap that was added, and returns the head of the list. */
  take(head: number, timeMs: number): number {
    let before = 0;
    let node = head;
    while (node !== 0 && this.#timeMs[node] > timeMs) {
      before = node;
      node = this.#next[node];
    }
    if (node === 0 || this.#timeMs[node] !== timeMs) return head;
    const left = this.#swaps[node] - 1;
    this.#swaps[node] = left;
    if (left > 0) return head;
    const next = this.#next[node];
    this.#next[node] = this.#free;
    this.#free = node;
    if (before === 0) return next;
    this.#next[before] = next;
    return head;
  }

  #make(timeMs: number, next: number): number {
    let node = this.#free;
    if (node !== 0) this.#free = this.#next[node];
    else {
      node = this.#used++;
      if (node === this.#next.length) this.#grow();
    }
    this.#timeMs[node] = timeMs;
    this.#swaps[node] = 1;
    this.#next[node] = next;
    return node;
  }

  #grow(): void {
    const capacity = 2 * this.#next.length;
    this.#timeMs = grown(this.#timeMs, new Float64Array(capacity));
    this.#swaps = grown(this.#swaps, new Uint32Array(capacity));
    this.#next = grown(this.#next, new Uint32Array(capacity));
  }
}
